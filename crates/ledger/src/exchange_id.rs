//! Names of exchanges: numbers in order of time, and a text that survives being read aloud.

use std::fmt;
use std::str::FromStr;

/// The name of one exchange, in order of time.
///
/// The upper bits are milliseconds since 2020-01-01 UTC; the lower 22 tell apart what began within one of them. Below
/// 2⁶³ until the year 2089, so that it is a positive SQL integer.
///
/// Written `x_` and 13 characters of Crockford's base 32 (<https://www.crockford.com/base32.html>) in lower case,
/// which sort as the numbers do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeId(u64);

impl ExchangeId {
    /// How many of the lower bits are not time.
    pub const SERIAL_BITS: u32 = 22;

    /// The exchange of that number.
    pub const fn from_u64(number: u64) -> Self {
        Self(number)
    }

    /// Joins a time (milliseconds since 1970-01-01 UTC; earlier than 2020 counts as 2020) and a serial of which the
    /// lowest 22 bits are used.
    pub const fn from_parts(unix_ms: u64, serial: u64) -> Self {
        let ms = unix_ms.saturating_sub(EPOCH_MS) & (u64::MAX >> (Self::SERIAL_BITS + 1));
        Self((ms << Self::SERIAL_BITS) | (serial & ((1 << Self::SERIAL_BITS) - 1)))
    }

    /// The number.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// When the exchange began, in milliseconds since 1970-01-01 UTC, by the clock that named it.
    pub const fn unix_ms(self) -> u64 {
        (self.0 >> Self::SERIAL_BITS) + EPOCH_MS
    }
}

impl fmt::Display for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = *b"x_0000000000000";
        let mut rest = self.0;
        for place in text[PREFIX.len()..].iter_mut().rev() {
            *place = ALPHABET[(rest & 31) as usize];
            rest >>= 5;
        }
        f.pad(str::from_utf8(&text).expect("the alphabet is ASCII"))
    }
}

/// Reads what `Display` writes; capitals are taken as small letters, `o` as `0`, `i` and `l` as `1`.
impl FromStr for ExchangeId {
    type Err = BadExchangeId;

    fn from_str(text: &str) -> Result<Self, BadExchangeId> {
        let digits = text.strip_prefix(PREFIX).ok_or(BadExchangeId)?;
        if digits.len() != DIGITS {
            return Err(BadExchangeId);
        }
        let mut number = 0u64;
        for byte in digits.bytes() {
            if number >> (u64::BITS - 5) != 0 {
                return Err(BadExchangeId); // the 13th digit would push bits out at the top
            }
            number = (number << 5) | digit(byte).ok_or(BadExchangeId)?;
        }
        Ok(Self(number))
    }
}

fn digit(byte: u8) -> Option<u64> {
    let byte = match byte.to_ascii_lowercase() {
        b'o' => b'0',
        b'i' | b'l' => b'1',
        other => other,
    };
    ALPHABET.iter().position(|&one| one == byte).map(|value| value as u64)
}

/// A text that names no exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadExchangeId;

impl fmt::Display for BadExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an exchange is named by `x_` and 13 letters or digits")
    }
}

impl std::error::Error for BadExchangeId {}

/// 2020-01-01T00:00:00Z in milliseconds since 1970.
const EPOCH_MS: u64 = 1_577_836_800_000;
const PREFIX: &str = "x_";
const DIGITS: usize = 13;
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
