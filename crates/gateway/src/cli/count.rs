//! Whole numbers on the command line, with words for those that are none.

use std::ops::RangeInclusive;

/// A number from 0.
pub(super) fn zero_or_more(text: &str) -> Result<u64, String> {
    within(text, 0..=u64::MAX)
}

/// A number from 1.
pub(super) fn one_or_more(text: &str) -> Result<u64, String> {
    within(text, 1..=u64::MAX)
}

/// A number of that range.
pub(super) fn within(text: &str, range: RangeInclusive<u64>) -> Result<u64, String> {
    text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| match range.into_inner() {
        (least, u64::MAX) => format!("write a whole number, {least} or more"),
        (least, most) => format!("write a whole number from {least} to {most}"),
    })
}

#[cfg(test)]
mod tests {
    use super::{one_or_more, within, zero_or_more};

    #[test]
    fn what_is_no_count_is_told_what_to_write() {
        assert_eq!((zero_or_more("0"), one_or_more("1"), within("9", 1..=9)), (Ok(0), Ok(1), Ok(9)));
        assert_eq!(zero_or_more("-5").unwrap_err(), "write a whole number, 0 or more");
        assert_eq!(one_or_more("0").unwrap_err(), "write a whole number, 1 or more");
        assert_eq!(within("10", 1..=9).unwrap_err(), "write a whole number from 1 to 9");
        assert!(zero_or_more("1.5").is_err() && zero_or_more("").is_err());
    }
}
