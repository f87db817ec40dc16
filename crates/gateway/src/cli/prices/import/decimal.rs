//! Decimal numbers of other people's lists, digit by digit.

use std::fmt;

/// Why a number is no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadPrice {
    /// It is no decimal number.
    NotANumber,
    /// It is below zero.
    Negative,
    /// It is more than a dollar a token.
    Absurd,
}

impl fmt::Display for BadPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotANumber => "this is not a decimal number",
            Self::Negative => "a price below zero",
            Self::Absurd => "a price of more than a dollar a token",
        })
    }
}

/// What a number is of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    /// USD for a token.
    Token,
    /// USD for a million tokens.
    Million,
}

/// Reads `0.0000025`, `2.5e-06` and the like as nano-USD for a million tokens: exactly the digits, and what lies below
/// a nano-USD (10⁻¹⁵ USD a token) rounded to the nearest, half a one up.
pub(super) fn nano_usd(text: &str, unit: Unit) -> Result<u64, BadPrice> {
    let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| BadPrice::NotANumber)?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) || mantissa.len() > DIGITS_MAX {
        return Err(BadPrice::NotANumber);
    }
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Ok(0);
    }
    if negative {
        return Err(BadPrice::Negative);
    }
    let nano_exponent = match unit {
        Unit::Token => 15,
        Unit::Million => 9,
    };
    let fraction = i32::try_from(fraction.len()).expect("few digits");
    let shift = exponent.checked_add(nano_exponent - fraction).ok_or(BadPrice::NotANumber)?;
    scaled(digits, shift).filter(|nano| *nano <= NANO_MAX).ok_or(BadPrice::Absurd)
}

/// The digits times ten to the power of `shift`.
fn scaled(digits: &str, shift: i32) -> Option<u64> {
    let length = i32::try_from(digits.len()).expect("few digits");
    if length.saturating_add(shift) > 20 {
        return None;
    }
    if shift >= 0 {
        let zeros = usize::try_from(shift).expect("not negative");
        return format!("{digits}{}", "0".repeat(zeros)).parse().ok();
    }
    let kept = usize::try_from(length.saturating_add(shift)).unwrap_or(0);
    let whole: u64 = if kept == 0 { 0 } else { digits[..kept].parse().ok()? };
    // Below the first digit everything is less than a half.
    let is_half = length.saturating_add(shift) >= 0 && digits.as_bytes()[kept] >= b'5';
    whole.checked_add(u64::from(is_half))
}

/// A dollar a token, in nano-USD for a million.
const NANO_MAX: u64 = 1_000_000_000_000_000;
/// More than any list has; far from what a parser could be made to suffer from.
const DIGITS_MAX: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, unit: Unit, expected: Result<u64, BadPrice>) {
        assert_eq!(nano_usd(text, unit), expected, "{text}");
    }

    #[test]
    fn digits_are_kept_exactly() {
        check("2.5e-06", Unit::Token, Ok(2_500_000_000));
        check("0.0000025", Unit::Token, Ok(2_500_000_000));
        check("1e-15", Unit::Token, Ok(1));
        check("4E-16", Unit::Token, Ok(0));
        check("5e-16", Unit::Token, Ok(1));
        check("9.99e-17", Unit::Token, Ok(0));
        check("1.3200000000000002e-07", Unit::Token, Ok(132_000_000));
        check("1.1428571428571428e-06", Unit::Token, Ok(1_142_857_143));
        check("0.28", Unit::Million, Ok(280_000_000));
        check("15", Unit::Million, Ok(15_000_000_000));
        check("1e6", Unit::Million, Ok(1_000_000_000_000_000));
        check("0.000", Unit::Million, Ok(0));
        check("-0.0", Unit::Million, Ok(0));
        check("0e999", Unit::Token, Ok(0));
    }

    #[test]
    fn what_no_vendor_asks_is_refused() {
        for text in ["", "NaN", "inf", "1e", "1.2.3", ".5", "0x10", "1_000", " 1", "+1", "1e99999999999"] {
            check(text, Unit::Million, Err(BadPrice::NotANumber));
        }
        check("-1", Unit::Token, Err(BadPrice::Negative));
        check("-1e-30", Unit::Token, Err(BadPrice::Negative));
        check("1e308", Unit::Token, Err(BadPrice::Absurd));
        check("1.000001", Unit::Token, Err(BadPrice::Absurd));
        check("1e2147483647", Unit::Million, Err(BadPrice::NotANumber));
        check("1e-999", Unit::Token, Ok(0));
        check("1e-2147483648", Unit::Token, Ok(0));
        check("99999999999999999999999999", Unit::Million, Err(BadPrice::Absurd));
    }
}
