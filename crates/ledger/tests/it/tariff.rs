//! The clock chooses the price; a quote keeps what it chose.

use proptest::prelude::*;
use roundelay_calendar::{UnixTime, Window, Zone};
use roundelay_ledger::{BadPrice, Effect, Factor, Factors, Price, PriceList, Tariff, TokenPrices, Tokens};

use super::price::{prices, tiered};

/// 2026-06-01T00:00:00Z, a Monday.
const MONDAY: i64 = 1_780_272_000;

fn at(day: i64, hour: i64, minute: i64) -> UnixTime {
    UnixTime(MONDAY + day * 86_400 + hour * 3_600 + minute * 60)
}

fn window(days: &str, hours: &str, offset_hours: i32) -> Window {
    let zone = Zone::fixed("test", offset_hours * 3_600).expect("a small offset");
    let (days, hours) = (days.parse().expect("days"), hours.parse().expect("hours"));
    Window { days, hours, zone, from: None, until: None }
}

fn times(days: &str, hours: &str, offset_hours: i32, millionths: u64) -> Tariff {
    let effect = Effect::Multiply(Factors::all(Factor::from_millionths(millionths)));
    Tariff { window: window(days, hours, offset_hours), effect }
}

/// Half the price on weekday nights in Shanghai (14:00 to 24:00 UTC), a quarter on Sundays UTC.
fn list() -> PriceList {
    let tariffs = vec![times("mon-fri", "22:00-08:00", 8, 500_000), times("sun", "00:00-24:00", 0, 250_000)];
    PriceList::new(tiered(), tariffs).expect("smaller prices can be written")
}

/// At `now` the tariff of that place counts, until `until`, and a million tokens of input cost `micro_usd`.
#[track_caller]
fn check(now: UnixTime, tariff: Option<usize>, until: UnixTime, micro_usd: u64) {
    let quote = list().at(now);
    assert_eq!((quote.at, quote.tariff, quote.until), (now, tariff, Some(until)));
    assert_eq!(quote.price.base().input, micro_usd * 1000);
    assert_eq!(quote.id, quote.price.id());
}

#[test]
fn the_first_tariff_that_holds_counts_until_another_does() {
    check(at(0, 13, 59), None, at(0, 14, 0), 3_000_000);
    check(at(0, 14, 0), Some(0), at(1, 0, 0), 1_500_000);
    check(at(0, 23, 59), Some(0), at(1, 0, 0), 1_500_000);
    check(at(1, 0, 0), None, at(1, 14, 0), 3_000_000);
    check(at(5, 0, 0), None, at(6, 0, 0), 3_000_000); // Saturday 08:00 in Shanghai: over until Sunday UTC
    check(at(6, 12, 0), Some(1), at(7, 0, 0), 750_000);
    let fixed = PriceList::constant(tiered()).at(at(0, 0, 0));
    assert_eq!((fixed.tariff, fixed.until), (None, None));
}

#[test]
fn an_earlier_tariff_takes_over_and_a_later_one_does_not() {
    let tariffs = vec![times("daily", "10:00-12:00", 0, 1), times("daily", "09:00-18:00", 0, 2)];
    let list = PriceList::new(tiered(), tariffs).expect("small");
    let quote = |hour| list.at(at(0, hour, 0));
    let found: Vec<_> = [9, 10, 12].into_iter().map(|hour| (quote(hour).tariff, quote(hour).until)).collect();
    assert_eq!(found, [(Some(1), Some(at(0, 10, 0))), (Some(0), Some(at(0, 12, 0))), (Some(1), Some(at(0, 18, 0)))]);
}

#[test]
fn a_price_that_changes_between_plan_and_settlement_charges_what_was_quoted() {
    let tokens = Tokens { input: 10_000, cache_read: 1_000, output: 2_000, ..Tokens::default() };
    let usd = |quoted: UnixTime| list().at(quoted).charge(&tokens).expect("an amount").to_string();
    let (full, half, quarter) = ("0.0603", "0.03015", "0.015075");
    for (planned, settled, expected, by_the_later_clock) in [
        (at(0, 13, 59), at(0, 14, 0), full, half),
        (at(0, 23, 59), at(1, 0, 0), half, full),
        (at(5, 23, 59), at(6, 0, 0), full, quarter),
        (at(6, 23, 59), at(7, 0, 1), quarter, full),
        (at(0, 14, 0), at(0, 14, 1), half, half),
    ] {
        let quote = list().at(planned);
        assert_eq!(quote.charge(&tokens).expect("an amount").to_string(), expected, "planned at {planned:?}");
        assert_eq!(usd(settled), by_the_later_clock, "a quote of {settled:?}");
        let is_same = list().at(settled).id == quote.id;
        assert_eq!(is_same, expected == by_the_later_clock, "the names of the prices tell them apart");
    }
}

#[test]
fn a_factor_of_its_own_goes_before_that_of_its_side() {
    let all_classes = TokenPrices {
        cache_write: Some(400),
        cache_write_long: Some(800),
        audio_input: Some(500),
        audio_output: Some(600),
        cache_read: Some(300),
        input: 100,
        output: 200,
        ..TokenPrices::default()
    };
    let factors = Factors {
        cache_read: Some(Factor::ONE),
        output: Factor::from_millionths(2_000_000),
        ..Factors::all(Factor::from_millionths(250_000))
    };
    let priced = |price| {
        let window = window("daily", "00:00-24:00", 0);
        let list = PriceList::new(price, vec![Tariff { window, effect: Effect::Multiply(factors) }]);
        list.expect("small").at(UnixTime(0)).price
    };
    let expected = TokenPrices {
        input: 25,
        output: 400,
        cache_read: Some(300),
        cache_write: Some(100),
        cache_write_long: Some(200),
        audio_input: Some(125),
        audio_output: Some(1200),
        ..TokenPrices::default()
    };
    assert_eq!(*priced(Price::flat(all_classes)).base(), expected);
    let sparse = TokenPrices { input: 100, output: 200, ..prices(0, 0, None) };
    // Its factor alone was written, so it becomes a price: once what the input cost.
    let expected = TokenPrices { input: 25, output: 400, cache_read: Some(100), ..sparse };
    assert_eq!(*priced(Price::flat(sparse)).base(), expected);
}

#[test]
fn a_tariff_changes_every_tier() {
    let quote = list().at(at(0, 14, 0));
    assert_eq!(quote.price.of(200_001).output, 11_250_000_000);
    assert_eq!(quote.price.of(200_001).cache_read, Some(300_000_000));
}

#[test]
fn a_factor_is_exact_to_the_nearest_unit() {
    for (millionths, price, expected) in [(333_333, 3, 1), (500_000, 1, 1), (499_999, 1, 0), (1, 1_000_000, 1)] {
        let effect = Effect::Multiply(Factors::all(Factor::from_millionths(millionths)));
        let tariffs = vec![Tariff { window: window("daily", "00:00-24:00", 0), effect }];
        let price = Price::flat(TokenPrices { input: price, ..prices(0, 0, None) });
        let quote = PriceList::new(price, tariffs).expect("small").at(UnixTime(0));
        assert_eq!(quote.price.base().input, expected, "{millionths}");
    }
    let doubled = vec![times("daily", "00:00-24:00", 0, 2_000_000)];
    let dear = Price::flat(TokenPrices { input: u64::MAX, ..prices(0, 0, None) });
    assert_eq!(PriceList::new(dear, doubled), Err(BadPrice::TooLarge));
}

#[test]
fn another_price_takes_the_place_of_the_whole() {
    let night = Price::flat(prices(1, 2, None));
    let tariffs = vec![Tariff { window: window("daily", "22:00-06:00", 0), effect: Effect::Replace(night.clone()) }];
    let list = PriceList::new(tiered(), tariffs).expect("written as it is");
    assert_eq!(*list.at(at(0, 23, 0)).price, night);
    assert_eq!(*list.at(at(0, 6, 0)).price, tiered());
    assert_eq!(*list.standard(), tiered());
}

fn any_tariff() -> impl Strategy<Value = Tariff> {
    let days = prop::sample::select(vec!["daily", "mon-fri", "sat,sun", "wed"]);
    (days, 0u32..24, 1u32..24, -11i32..12, 0u64..2_000_000).prop_map(|(days, start, length, offset, millionths)| {
        let hours = format!("{start:02}:00-{:02}:00", (start + length) % 24);
        times(days, &hours, offset, millionths)
    })
}

proptest! {
    #[test]
    fn until_is_the_first_instant_with_another_tariff(
        tariffs in prop::collection::vec(any_tariff(), 0..4), hour in 0i64..200, second in 0i64..3600,
    ) {
        let list = PriceList::new(tiered(), tariffs.clone()).expect("small");
        // What the rule says, hour by hour: all windows here begin and end on one.
        let counts = |hour: i64| tariffs.iter().position(|tariff| tariff.window.contains(at(0, hour, 0)));
        let quote = list.at(UnixTime(at(0, hour, 0).0 + second));
        prop_assert_eq!(quote.tariff, counts(hour));
        let change = (hour + 1..hour + 200).find(|&later| counts(later) != counts(hour));
        prop_assert_eq!(quote.until, change.map(|later| at(0, later, 0)));
    }
}
