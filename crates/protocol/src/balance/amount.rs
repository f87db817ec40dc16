//! Decimal amounts, exactly, whether vendors write them as numbers or as strings.

use serde_json::value::RawValue;

/// Decimal places of a billionth.
const NANO_PLACES: i32 = 9;
/// No amount of money has more characters; vendors send doubles of up to 24.
const LENGTH_MAX: usize = 64;

/// Billionths of an amount; `None` when it is neither a number nor a string that holds one, or is out of range.
pub(super) fn nano(raw: &RawValue) -> Option<i64> {
    let text = raw.get();
    let text = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    parse(text.trim())
}

/// Digits below a billionth are cut off.
fn parse(text: &str) -> Option<i64> {
    if text.len() > LENGTH_MAX {
        return None;
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (is_negative, digits) = match mantissa.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let all = format!("{whole}{fraction}");
    let all = all.trim_start_matches('0');
    if all.is_empty() {
        return Some(0);
    }
    // How many of the digits stand for billionths and more.
    let kept = i64::from(all.len() as i32) - fraction.len() as i64 + i64::from(exponent) + i64::from(NANO_PLACES);
    if kept <= 0 {
        return Some(0);
    }
    let kept = usize::try_from(kept).ok().filter(|&kept| kept <= 19)?;
    let amount: i64 = format!("{:0<kept$}", &all[..all.len().min(kept)]).parse().ok()?;
    Some(if is_negative { -amount } else { amount })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn amounts_are_exact_to_a_billionth_however_they_are_written() {
        let rows = [
            ("110.00", Some(110_000_000_000)),
            ("49.58894", Some(49_588_940_000)),
            ("4.8984355238", Some(4_898_435_523)),
            ("0.1015644762", Some(101_564_476)),
            ("-3.5", Some(-3_500_000_000)),
            ("+1", Some(1_000_000_000)),
            ("0", Some(0)),
            ("-0.00", Some(0)),
            ("000.5", Some(500_000_000)),
            ("7.", Some(7_000_000_000)),
            ("1e-7", Some(100)),
            ("1.5E3", Some(1_500_000_000_000)),
            ("12.34e-1", Some(1_234_000_000)),
            ("9e-10", Some(0)),
            ("0.0000000009", Some(0)),
            ("9223372036.854775807", Some(i64::MAX)),
            ("9223372036.854775808", None),
            ("1e30", None),
            ("1e99999999999", None),
            ("", None),
            ("-", None),
            (".5", None),
            ("1,000.00", None),
            ("NaN", None),
            ("¥5", None),
            ("0x10", None),
            ("1.2.3", None),
            ("null", None),
        ];
        for (text, expected) in rows {
            assert_eq!(parse(text), expected, "{text:?}");
        }
        assert_eq!(parse(&"0".repeat(65)), None);
    }
}
