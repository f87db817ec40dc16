//! Amounts of money and factors in bodies: decimal texts, since a JSON number is a float to most who read it.

use roundelay_ledger::{BadMoney, Factor, Money, Rate};
use serde_json::{Map, Value};

use super::Fault;

/// Reads a decimal text of at most nine places; `name` is what it is called in the complaint.
pub(super) fn read(name: &str, text: &str) -> Result<Money, Fault> {
    text.parse().map_err(|fault| complain(name, text, fault, "a decimal number with at most nine places, like 12.50"))
}

/// Reads a factor of at most six places, zero or more.
pub(super) fn read_factor(name: &str, text: &str) -> Result<Factor, Fault> {
    let advice = "a decimal number from 0 with at most six places, like 0.8";
    let nano = text.parse::<Money>().map_err(|fault| complain(name, text, fault, advice))?.nano();
    if nano % NANO_PER_MILLIONTH != 0 {
        return Err(complain(name, text, BadMoney::TooFine, advice));
    }
    let millionths = u64::try_from(nano / NANO_PER_MILLIONTH)
        .map_err(|_| Fault::bad_request(format!("the {name} `{text}` is below zero: write {advice}")))?;
    Ok(Factor::from_millionths(millionths))
}

/// What is wrong with a text that is no amount.
fn complain(name: &str, text: &str, fault: BadMoney, advice: &str) -> Fault {
    let shown: String = text.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS).collect();
    Fault::bad_request(match fault {
        _ if text.is_empty() => format!("the {name} is missing: write {advice}"),
        BadMoney::TooLarge => format!("the {name} `{shown}` is too large: the most is {}", Money::MAX),
        BadMoney::TooFine => format!("the {name} `{shown}` has too many decimal places: write {advice}"),
        BadMoney::NotADecimal => format!("the {name} `{shown}` {}: write {advice}", slip(text)),
    })
}

/// What people mistype.
fn slip(text: &str) -> &'static str {
    match text.strip_prefix('-').unwrap_or(text) {
        text if text.contains(char::is_whitespace) => "has a blank in it",
        text if text.starts_with('.') => "has no digit before its point",
        text if text.ends_with('.') => "has no digit after its point",
        text if text.contains(',') => "has a comma in it",
        _ => "is no decimal number",
    }
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

/// So much of a text is repeated in a complaint.
const SHOWN_CHARS: usize = 60;
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
        for (text, words) in [
            ("1e3", "`1e3` is no decimal number: write a decimal number with at most nine places, like 12.50"),
            ("", "the amount is missing: write"),
            (" 5", "has a blank in it"),
            (".5", "no digit before its point"),
            ("-5.", "no digit after its point"),
            ("1,5", "has a comma in it"),
            ("99999999999", "is too large: the most is 9223372036.854775807"),
            ("0.0000000001", "too many decimal places"),
        ] {
            let told = read("amount", text).unwrap_err().to_string();
            assert!(told.contains(words), "{text}: {told}");
        }
        for (text, words) in [("-1", "is below zero"), ("0.0000001", "at most six places"), ("x", "like 0.8")] {
            let told = read_factor("multiplier", text).unwrap_err().to_string();
            assert!(told.contains(words), "{text}: {told}");
        }
    }
}
