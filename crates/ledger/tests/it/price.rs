//! Tokens become money exactly, by the tier of their input.

use proptest::prelude::*;
use roundelay_ledger::{BadPrice, ChargeTooLarge, Money, Price, TokenPrices, Tokens, UnitPrices, Units};

/// Prices in micro-USD a million tokens, so that rows are short.
pub(crate) fn prices(input: u64, output: u64, cache_read: Option<u64>) -> TokenPrices {
    TokenPrices {
        input: input * 1000,
        output: output * 1000,
        cache_read: cache_read.map(|price| price * 1000),
        cache_write: None,
        audio_input: None,
        audio_output: None,
        ..TokenPrices::default()
    }
}

/// Three and fifteen dollars, a tenth for what a cache holds; twice and one and a half times as much above 200,000.
pub(crate) fn tiered() -> Price {
    let above = prices(6_000_000, 22_500_000, Some(600_000));
    Price::tiered(prices(3_000_000, 15_000_000, Some(300_000)), vec![(200_000, above)]).expect("one tier is in order")
}

fn tokens(input: u64, cache_read: u64, output: u64) -> Tokens {
    Tokens { input, cache_read, output, ..Tokens::default() }
}

#[track_caller]
fn check(price: &Price, tokens: Tokens, dollars: &str) {
    assert_eq!(price.charge(&tokens).expect("an amount").to_string(), dollars);
}

#[test]
fn each_class_is_charged_at_its_price() {
    check(&tiered(), tokens(0, 0, 0), "0.00");
    check(&tiered(), tokens(1_000, 0, 0), "0.003");
    check(&tiered(), tokens(0, 1_000, 0), "0.0003");
    check(&tiered(), tokens(0, 0, 1_000), "0.015");
    check(&tiered(), tokens(1_000, 2_000, 300), "0.0081");
    let each = Price::flat(TokenPrices {
        input: 1_000_000_000_000,
        output: 10_000_000_000_000,
        cache_read: Some(100_000_000_000_000),
        cache_write: Some(1_000_000_000_000_000),
        audio_input: Some(10_000_000_000_000_000),
        audio_output: Some(100_000_000_000_000_000),
        ..TokenPrices::default()
    });
    let none = Tokens::default();
    let counts = Tokens {
        input: 1,
        output: 2,
        cache_read: 3,
        cache_write: 4,
        audio_input: 5,
        audio_output: 6,
        image: 7,
        ..none
    };
    check(&each, counts, "654.328"); // an image token is an input token: 1 + 7 of them, at a thousandth
}

#[test]
fn what_is_no_token_is_charged_by_its_unit() {
    // Four cents an image, a hundredth of a cent a second, fifteen dollars a million characters, two tenths of a cent
    // a search.
    let units = UnitPrices { image: 40_000_000, second: 100_000, characters: 15_000_000_000, search: 2_000_000 };
    let price = Price::flat(TokenPrices { units, ..prices(0, 0, None) });
    let of = |units| Tokens { units, ..Tokens::default() };
    check(&price, of(Units { images: 3, ..Units::default() }), "0.12");
    check(&price, of(Units { audio_ms: 8_470, ..Units::default() }), "0.000847");
    check(&price, of(Units { audio_ms: 1, ..Units::default() }), "0.0000001");
    check(&price, of(Units { characters: 101, ..Units::default() }), "0.001515");
    check(&price, of(Units { searches: 7, ..Units::default() }), "0.014");
    let all = Units { images: 1, audio_ms: 1_000, characters: 1, searches: 1 };
    check(&price, Tokens { input: 1_000_000, ..of(all) }, "0.042115");
    let most = Units { images: u64::MAX, audio_ms: u64::MAX, characters: u64::MAX, searches: u64::MAX };
    assert_eq!(price.charge(&of(most)), Err(ChargeTooLarge));
    // Nobody's unit, nobody's price: a model priced by tokens charges for tokens alone.
    check(&Price::flat(prices(3_000_000, 0, None)), of(all), "0.00");
}

#[test]
fn images_that_are_read_have_a_price_of_their_own() {
    let price = Price::flat(TokenPrices { image_input: Some(10_000_000_000), ..prices(5_000_000, 0, None) });
    check(&price, Tokens { input: 1_000, image: 1_000, ..Tokens::default() }, "0.015");
}

#[test]
fn a_class_without_a_price_costs_what_its_side_costs() {
    let price = Price::flat(prices(3_000_000, 15_000_000, None));
    check(&price, Tokens { cache_read: 1_000, ..Tokens::default() }, "0.003");
    check(&price, Tokens { cache_write: 1_000, ..Tokens::default() }, "0.003");
    check(&price, Tokens { audio_input: 1_000, ..Tokens::default() }, "0.003");
    check(&price, Tokens { audio_output: 1_000, ..Tokens::default() }, "0.015");
}

#[test]
fn what_is_kept_for_longer_costs_twice_the_input_or_what_any_write_costs() {
    let long = Tokens { cache_write_long: 1_000, ..Tokens::default() };
    for (cache_write, dollars) in [(None, "0.006"), (Some(3_750_000_000), "0.006"), (Some(9_000_000_000), "0.009")] {
        check(&Price::flat(TokenPrices { cache_write, ..prices(3_000_000, 15_000_000, None) }), long, dollars);
    }
    for (cache_write_long, dollars) in [(0, "0.00"), (4_000_000_000, "0.004"), (7_500_000_000, "0.0075")] {
        let cache_write_long = Some(cache_write_long);
        check(&Price::flat(TokenPrices { cache_write_long, ..prices(3_000_000, 15_000_000, None) }), long, dollars);
    }
    // It is input like any other for the tiers.
    check(&tiered(), Tokens { cache_write_long: 200_001, ..Tokens::default() }, "2.400012");
}

#[test]
fn a_tier_is_for_all_tokens_and_goes_by_all_input() {
    check(&tiered(), tokens(200_000, 0, 1_000), "0.615");
    check(&tiered(), tokens(200_001, 0, 0), "1.200006");
    check(&tiered(), tokens(1, 200_000, 1_000), "0.142506"); // what the cache holds is input too
    let image = Tokens { input: 1, image: 200_000, ..Tokens::default() };
    check(&tiered(), image, "1.200006");
    let three = Price::tiered(prices(1, 1, None), vec![(10, prices(2, 2, None)), (20, prices(3, 3, None))]);
    let three = three.expect("in order");
    let inputs = [0, 10, 11, 20, 21, u64::MAX].map(|total| three.of(total).input);
    assert_eq!(inputs, [1_000, 1_000, 2_000, 2_000, 3_000, 3_000]);
    let twice = Price::tiered(prices(1, 1, None), vec![(10, prices(2, 2, None)), (10, prices(3, 3, None))]);
    assert_eq!(twice, Err(BadPrice::TiersOutOfOrder));
}

#[test]
fn a_charge_is_rounded_once_and_half_a_nano_dollar_up() {
    let third = |input| Price::flat(TokenPrices { input, output: 300_000, ..prices(0, 0, None) });
    check(&third(499_999), tokens(1, 0, 0), "0.00");
    check(&third(500_000), tokens(1, 0, 0), "0.000000001");
    check(&third(200_000), tokens(1, 0, 1), "0.000000001"); // each alone would be nothing
    check(&third(400_000), tokens(3, 0, 0), "0.000000001"); // 1.2, not three times 0.4
}

#[test]
fn a_charge_that_cannot_be_written_is_told() {
    let dear = Price::flat(TokenPrices { input: u64::MAX, output: u64::MAX, ..prices(0, 0, None) });
    assert_eq!(dear.charge(&tokens(u64::MAX, u64::MAX, u64::MAX)), Err(ChargeTooLarge));
    assert_eq!(dear.charge(&tokens(500_001, 0, 0)), Err(ChargeTooLarge));
    assert!(dear.charge(&tokens(499_999, 0, 0)).is_ok());
}

#[test]
fn prices_that_charge_the_same_have_the_same_name() {
    // FNV-1a over the twenty-four numbers, computed apart from this code.
    assert_eq!(tiered().id().to_string(), "1fd472395601c34a");
    let short = Price::flat(prices(3, 15, None));
    let long = Price::flat(TokenPrices {
        cache_read: Some(3_000),
        cache_write: Some(3_000),
        audio_input: Some(3_000),
        audio_output: Some(15_000),
        ..prices(3, 15, None)
    });
    assert_eq!(short.id(), long.id());
    // Twice the input is what it is without a word.
    let kept = |cache_write_long| Price::flat(TokenPrices { cache_write_long, ..*short.base() }).id();
    assert_eq!((kept(Some(6_000)), kept(Some(6_001)) == short.id()), (short.id(), false));
    let pictures = UnitPrices { image: 1, ..UnitPrices::default() };
    assert_ne!(short.id(), Price::flat(TokenPrices { units: pictures, ..*short.base() }).id());
    for other in [prices(15, 3, None), prices(3, 15, Some(2)), prices(3, 16, None)] {
        assert_ne!(short.id(), Price::flat(other).id(), "{other:?}");
    }
    assert_ne!(tiered().id(), Price::flat(*tiered().base()).id());
}

proptest! {
    /// The model: a fraction of a dollar as two big numbers, compared with the rounded amount.
    #[test]
    fn a_charge_is_within_half_a_nano_dollar_of_the_exact_sum(
        counts in prop::array::uniform3(0u64..1_000_000_000), each in prop::array::uniform3(0u64..1_000_000_000_000),
    ) {
        let price = Price::flat(TokenPrices { output: each[1], cache_read: Some(each[2]), ..prices(0, 0, None) });
        let price = Price::flat(TokenPrices { input: each[0], ..*price.base() });
        let exact: i128 = (0..3).map(|class| i128::from(counts[class]) * i128::from(each[class])).sum();
        match price.charge(&tokens(counts[0], counts[2], counts[1])) {
            Ok(charge) => {
                let difference = i128::from(charge.nano()) * 1_000_000 - exact;
                prop_assert!((-499_999..=500_000).contains(&difference), "{difference}");
            }
            Err(ChargeTooLarge) => prop_assert!(exact / 1_000_000 >= i128::from(Money::MAX.nano())),
        }
    }
}
