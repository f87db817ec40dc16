//! Names of exchanges keep their order, and survive being written down by hand.

use proptest::prelude::*;
use roundelay_ledger::{BadExchangeId, ExchangeId};

#[track_caller]
fn check(number: u64, text: &str) {
    let id = ExchangeId::from_u64(number);
    assert_eq!(id.to_string(), text);
    assert_eq!(text.parse(), Ok(id));
}

#[test]
fn a_name_is_thirteen_digits_of_base_32() {
    check(0, "x_0000000000000");
    check(31, "x_000000000000z");
    check(32, "x_0000000000010");
    check(u64::MAX, "x_fzzzzzzzzzzzz");
}

#[test]
fn what_looks_alike_is_read_alike() {
    let id: ExchangeId = "x_0000000001az0".parse().unwrap();
    for text in ["x_0000000001AZ0", "x_OoOo000001azO", "x_000000000laz0", "x_000000000IAZ0"] {
        assert_eq!(text.parse(), Ok(id), "{text}");
    }
}

#[test]
fn what_names_no_exchange_is_refused() {
    for text in ["", "x_", "x_000000000000", "x_00000000000000", "y_0000000000000", "x_000000000000u", "x_00000000000é"]
    {
        assert_eq!(text.parse::<ExchangeId>(), Err(BadExchangeId), "{text}");
    }
    assert_eq!("x_g000000000000".parse::<ExchangeId>(), Err(BadExchangeId), "more than 64 bits");
}

#[test]
fn a_name_knows_its_time_and_is_a_positive_sql_integer() {
    let year_2026 = 1_767_225_600_000;
    let id = ExchangeId::from_parts(year_2026, u64::MAX);
    assert_eq!(id.unix_ms(), year_2026);
    assert!(ExchangeId::from_parts(year_2026 + 1, 0) > id);
    assert_eq!(ExchangeId::from_parts(0, 7).as_u64(), 7, "a clock before 2020 counts as 2020");
    assert!(i64::try_from(ExchangeId::from_parts(u64::MAX, u64::MAX).as_u64()).is_ok());
}

proptest! {
    #[test]
    fn texts_sort_as_numbers_do(a: u64, b: u64) {
        let [a, b] = [a, b].map(ExchangeId::from_u64);
        prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        prop_assert_eq!(a.to_string().parse(), Ok(a));
    }

    #[test]
    fn no_text_is_a_panic(text in "(x_)?\\PC{0,16}") {
        let _either = text.parse::<ExchangeId>();
    }
}
