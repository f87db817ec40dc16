//! Amounts of money and factors in bodies: decimal texts, since a JSON number is a float to most who read it.

use roundelay_ledger::{Factor, Money, Rate};
use serde_json::{Map, Value};

use super::Fault;

/// Reads a decimal text of at most nine places; `name` is what it is called in the complaint.
pub(super) fn read(name: &str, text: &str) -> Result<Money, Fault> {
    text.parse().map_err(|_| {
        let advice = "a decimal number with at most nine places, in quotes, like \"12.50\"";
        Fault::bad_request(format!("the {name} `{text}` is none: write {advice}"))
    })
}

/// Reads a factor of at most six places, zero or more.
pub(super) fn read_factor(name: &str, text: &str) -> Result<Factor, Fault> {
    let millionths = text.parse::<Money>().ok().map(Money::nano).filter(|nano| nano % NANO_PER_MILLIONTH == 0);
    let millionths = millionths.and_then(|nano| u64::try_from(nano / NANO_PER_MILLIONTH).ok());
    millionths.map(Factor::from_millionths).ok_or_else(|| {
        let advice = "a decimal number from 0 with at most six places, in quotes, like \"0.8\"";
        Fault::bad_request(format!("the {name} `{text}` is none: write {advice}"))
    })
}

/// A factor as it would be written.
pub(super) fn factor(factor: Factor) -> String {
    let nano =
        i64::try_from(factor.millionths()).ok().and_then(|millionths| millionths.checked_mul(NANO_PER_MILLIONTH));
    Money::from_nano(nano.unwrap_or(i64::MAX)).to_string()
}

/// Yuan for a dollar.
pub(super) fn rate(rate: Rate) -> String {
    factor(Factor::from_millionths(rate.millionths()))
}

/// Shows an amount twice: as `name`, a decimal text, and as `name_nano`, a whole number of nano-units.
pub(super) fn show(object: &mut Map<String, Value>, name: &str, amount: Option<Money>) {
    object.insert(name.to_owned(), amount.map(|amount| amount.to_string()).into());
    object.insert(format!("{name}_nano"), amount.map(Money::nano).into());
}

const NANO_PER_MILLIONTH: i64 = 1_000;

#[cfg(test)]
mod tests {
    use super::{factor, read, read_factor};

    #[test]
    fn a_factor_is_shown_as_it_was_read() {
        for (text, millionths, shown) in
            [("0.8", 800_000, "0.80"), ("1", 1_000_000, "1.00"), ("0", 0, "0.00"), ("1.000001", 1_000_001, "1.000001")]
        {
            let read = read_factor("multiplier", text).unwrap();
            assert_eq!((read.millionths(), factor(read).as_str()), (millionths, shown), "{text}");
        }
        for text in ["", "-1", "1.0000001", "1e2", "two", " 1"] {
            assert!(read_factor("multiplier", text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_told_what_to_write() {
        let told = read("amount", "1e3").unwrap_err().to_string();
        assert_eq!(
            told,
            "the amount `1e3` is none: write a decimal number with at most nine places, in quotes, like \"12.50\""
        );
    }
}
