//! Exact money: whole nano-dollars, and arithmetic that says when it does not fit.

use std::fmt;
use std::str::FromStr;

/// An amount in nano-units (10⁻⁹) of a currency, of dollars where nothing else is said: from about −9.2 to +9.2
/// thousand million.
///
/// One nano-dollar is small enough for any published price: 0.01 USD for a million tokens is 10 nano-USD a token.
/// There are no operators, only checked methods, so that an overflow is always somebody's decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(i64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount that can be written.
    pub const MAX: Self = Self(i64::MAX);

    /// An amount of nano-USD.
    pub const fn from_nano(nano: i64) -> Self {
        Self(nano)
    }

    /// An amount of whole dollars, or `None` when it cannot be written.
    pub const fn from_dollars(dollars: i64) -> Option<Self> {
        match dollars.checked_mul(NANO_PER_DOLLAR) {
            Some(nano) => Some(Self(nano)),
            None => None,
        }
    }

    /// The amount in nano-USD.
    pub const fn nano(self) -> i64 {
        self.0
    }

    /// Whether the amount is below zero.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// The sum, or `None` when it cannot be written.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(nano) => Some(Self(nano)),
            None => None,
        }
    }

    /// The difference, or `None` when it cannot be written.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(nano) => Some(Self(nano)),
            None => None,
        }
    }

    /// This amount for each of `count` units, or `None` when it cannot be written.
    pub fn checked_mul(self, count: u64) -> Option<Self> {
        self.0.checked_mul(i64::try_from(count).ok()?).map(Self)
    }
}

/// In dollars, with as many of the nine places as are needed, and at least two: `0.00`, `-1.50`, `0.000000001`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_negative() { "-" } else { "" };
        let nano = self.0.unsigned_abs();
        let (whole, mut rest) = (nano / NANO_PER_DOLLAR.unsigned_abs(), nano % NANO_PER_DOLLAR.unsigned_abs());
        let mut places = [b'0'; PLACES];
        for place in places.iter_mut().rev() {
            *place += u8::try_from(rest % 10).expect("a digit");
            rest /= 10;
        }
        let needed = places.iter().rposition(|&place| place != b'0').map_or(0, |last| last + 1).max(2);
        let places = str::from_utf8(&places[..needed]).expect("digits are ASCII");
        write!(f, "{sign}{whole}.{places}")
    }
}

/// Reads dollars with at most nine decimal places: `12`, `-0.5`, `0.000000001`. No exponent, no sign but `-`, no spaces.
impl FromStr for Money {
    type Err = BadMoney;

    fn from_str(text: &str) -> Result<Self, BadMoney> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, places) = digits.split_once('.').unwrap_or((digits, "0"));
        let decimal = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !decimal(whole) || !decimal(places) {
            return Err(BadMoney::NotADecimal);
        }
        if places.len() > PLACES {
            return Err(BadMoney::TooFine);
        }
        // Read as one integer with its sign, so that the most negative amount can be read as well.
        let sign = if negative { "-" } else { "" };
        format!("{sign}{whole}{places:0<PLACES$}").parse().map(Self).map_err(|_| BadMoney::TooLarge)
    }
}

/// Why a text is not an amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadMoney {
    /// It is not a plain decimal number.
    NotADecimal,
    /// It has more than nine decimal places.
    TooFine,
    /// It does not fit 64 bits of nano-USD.
    TooLarge,
}

impl fmt::Display for BadMoney {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotADecimal => "not a plain decimal number of dollars",
            Self::TooFine => "more than nine decimal places of a dollar",
            Self::TooLarge => "more dollars than can be written",
        })
    }
}

impl std::error::Error for BadMoney {}

const NANO_PER_DOLLAR: i64 = 1_000_000_000;
const PLACES: usize = 9;
