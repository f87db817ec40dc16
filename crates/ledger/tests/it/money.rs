//! Money is exact, or says that it cannot be.

use proptest::prelude::*;
use roundelay_ledger::{BadMoney, Money};

#[track_caller]
fn check(text: &str, nano: i64, shown: &str) {
    let money: Money = text.parse().expect("a row is an amount");
    assert_eq!(money.nano(), nano);
    assert_eq!(money.to_string(), shown);
}

#[test]
fn dollars_are_read_and_shown_to_the_last_place() {
    check("0", 0, "0.00");
    check("12", 12_000_000_000, "12.00");
    check("1.5", 1_500_000_000, "1.50");
    check("-0.5", -500_000_000, "-0.50");
    check("0.000000001", 1, "0.000000001");
    check("007.10", 7_100_000_000, "7.10");
    check("9223372036.854775807", i64::MAX, "9223372036.854775807");
    check("-9223372036.854775808", i64::MIN, "-9223372036.854775808");
}

#[test]
fn what_is_no_exact_amount_is_refused() {
    for text in ["", "-", ".", "1.", ".5", "+1", "1e3", "NaN", "inf", " 1", "1 ", "1,5", "--1", "1.-5", "1.2.3", "١"] {
        assert_eq!(text.parse::<Money>(), Err(BadMoney::NotADecimal), "{text:?}");
    }
    assert_eq!("0.0000000001".parse::<Money>(), Err(BadMoney::TooFine));
    for text in ["9223372036.854775808", "-9223372036.854775809", "99999999999999999999999"] {
        assert_eq!(text.parse::<Money>(), Err(BadMoney::TooLarge), "{text:?}");
    }
}

#[test]
fn arithmetic_ends_where_the_range_ends() {
    let cent = Money::from_nano(10_000_000);
    assert_eq!(Money::MAX.checked_add(Money::from_nano(1)), None);
    assert_eq!(Money::from_nano(i64::MIN).checked_sub(Money::from_nano(1)), None);
    assert_eq!(cent.checked_mul(100), Money::from_dollars(1));
    assert_eq!(cent.checked_mul(u64::MAX), None);
    assert_eq!(Money::from_nano(-1).checked_mul(u64::MAX), None);
    assert_eq!(Money::ZERO.checked_mul(i64::MAX.unsigned_abs()), Some(Money::ZERO));
    assert_eq!(Money::from_dollars(i64::MAX), None);
}

proptest! {
    #[test]
    fn what_is_shown_is_read_as_the_same(nano: i64) {
        let money = Money::from_nano(nano);
        prop_assert_eq!(money.to_string().parse(), Ok(money));
    }

    #[test]
    fn no_text_is_a_panic(text in "[-0-9.e ]{0,30}") {
        let _either = text.parse::<Money>();
    }
}
