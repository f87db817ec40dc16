//! Golden amounts, worked out by hand: usage at a frozen price, times a multiplier, in a currency, rounded once.

use proptest::{
    array::{uniform2, uniform5, uniform7},
    prelude::*,
};
use roundelay_calendar::{UnixTime, Window, Zone};
use roundelay_ledger::{
    ChargeTooLarge, Conversion, Currency, Effect, Factor, Factors, ListCost, Money, Price, PriceList, Quote, Rate,
    Tariff, TokenPrices, Tokens,
};

use crate::price::tiered;
use crate::world::{at, nano};

fn conversion(multiplier: u64, rate: u64) -> Conversion {
    let rate = Rate::from_millionths(rate).expect("a rate of a test");
    Conversion::new(Factor::from_millionths(multiplier), rate).expect("a small multiplier")
}

fn quote(price: Price) -> Quote {
    PriceList::constant(price).at(at(0).unix())
}

/// Three dollars in, fifteen out, a tenth for what a cache holds, a quarter more for what it takes; dearer above
/// 200,000 tokens of input (see `price::tiered`).
fn sonnet() -> Price {
    let write = |prices: TokenPrices| TokenPrices { cache_write: Some(prices.input * 5 / 4), ..prices };
    let tiers = tiered().tiers().iter().map(|&(above, prices)| (above, write(prices))).collect();
    Price::tiered(write(*tiered().base()), tiers).expect("one tier")
}

#[track_caller]
fn check(tokens: Tokens, multiplier: u64, usd: &str, cny: &str) {
    let cost = quote(sonnet()).cost(&tokens).expect("an amount");
    let conversion = conversion(multiplier, 7_100_000); // 7.1 yuan for a dollar
    let amounts = Currency::ALL.map(|currency| cost.nearest(conversion, currency).to_string());
    assert_eq!(amounts, [usd, cny]);
}

#[test]
fn amounts_are_those_that_were_worked_out_by_hand() {
    let tokens =
        |input, cache_read, cache_write, output| Tokens { input, cache_read, cache_write, output, ..Tokens::default() };
    // 1000 × 3 + 200 × 15 = 6000 millionths of a dollar; × 7.1 = 42,600.
    check(tokens(1_000, 0, 0, 200), 1_000_000, "0.006", "0.0426");
    // 0.8 × 6000 = 4800; × 7.1 = 34,080.
    check(tokens(1_000, 0, 0, 200), 800_000, "0.0048", "0.03408");
    // A cache read: 100 × 3 + 10,000 × 0.3 + 200 × 15 = 300 + 3000 + 3000 = 6300; × 7.1 = 44,730.
    check(tokens(100, 10_000, 0, 200), 1_000_000, "0.0063", "0.04473");
    // A cache write: 100 × 3 + 10,000 × 3.75 + 200 × 15 = 300 + 37,500 + 3000 = 40,800; × 7.1 = 289,680.
    check(tokens(100, 0, 10_000, 200), 1_000_000, "0.0408", "0.28968");
    // At 200,000 tokens of input, read ones included, the base holds:
    // 100,000 × 3 + 100,000 × 0.3 + 1000 × 15 = 300,000 + 30,000 + 15,000 = 345,000; × 7.1 = 2,449,500.
    check(tokens(100_000, 100_000, 0, 1_000), 1_000_000, "0.345", "2.4495");
    // One more and the tier holds for all of it:
    // 100,001 × 6 + 100,000 × 0.6 + 1000 × 22.5 = 600,006 + 60,000 + 22,500 = 682,506; × 7.1 = 4,845,792.6.
    check(tokens(100_001, 100_000, 0, 1_000), 1_000_000, "0.682506", "4.8457926");
    // One token of input at a third: 3000 nano-dollars × 0.333333 = 999.999, up to 1000; × 7.1 = 7099.9929, to 7100.
    check(tokens(1, 0, 0, 0), 333_333, "0.000001", "0.0000071");
    // Half a nano-dollar goes up: 3000 × 0.0005 = 1.5 to 2. In yuan 10.65 goes to 11, and not twice 7.1 to 14.
    check(tokens(1, 0, 0, 0), 500, "0.000000002", "0.000000011");
    // A free team.
    check(tokens(1_000, 0, 0, 200), 0, "0.00", "0.00");
    // Reasoning is output: 60 shown and 140 thought are 200; 15 × 200 = 3000.
    check(tokens(0, 0, 0, 60 + 140), 1_000_000, "0.003", "0.0213");
}

#[test]
fn a_tariff_that_ends_within_an_answer_changes_nothing_for_it() {
    // Half price from 22:00 to 24:00 UTC; the answer begins at 23:59:59 and ends on the next day.
    let (days, hours) = ("daily".parse().expect("days"), "22:00-24:00".parse().expect("hours"));
    let window = Window { days, hours, zone: Zone::utc(), from: None, until: None };
    let effect = Effect::Multiply(Factors::all(Factor::from_millionths(500_000)));
    let list = PriceList::new(sonnet(), vec![Tariff { window, effect }]).expect("half can be written");
    let day = 86_400;
    let (begun, ended) = (list.at(at(day - 1).unix()), list.at(at(day).unix()));
    let tokens = Tokens { input: 1_000, output: 200, ..Tokens::default() };
    assert_eq!(begun.until, Some(UnixTime(ended.at.0)));
    assert_eq!(begun.cost(&tokens).expect("an amount").usd().to_string(), "0.003");
    assert_eq!(ended.cost(&tokens).expect("an amount").usd().to_string(), "0.006");
}

#[test]
fn what_no_answer_costs_is_refused_at_the_edge() {
    let dear = TokenPrices {
        input: u64::MAX,
        output: u64::MAX,
        cache_read: None,
        cache_write: None,
        audio_input: None,
        audio_output: None,
        ..TokenPrices::default()
    };
    let most = Tokens { input: u64::MAX, output: u64::MAX, image: u64::MAX, ..Tokens::default() };
    assert_eq!(quote(Price::flat(dear)).cost(&most), Err(ChargeTooLarge));
    assert_eq!(quote(sonnet()).cost(&most), Err(ChargeTooLarge));
    assert_eq!(ListCost::from_usd(nano(-1)), Err(ChargeTooLarge));
    let hundred_thousand = Money::from_dollars(100_000).expect("it can be written");
    assert_eq!(ListCost::from_usd(hundred_thousand), Ok(ListCost::MAX));
    assert!(ListCost::from_usd(hundred_thousand.checked_add(nano(1)).expect("small")).is_err());
    // The most of everything can still be written.
    let most = Conversion::new(Conversion::MULTIPLIER_MAX, Rate::MAX).expect("at the bound");
    assert_eq!(ListCost::MAX.ceiling(most, Currency::Cny), Money::from_dollars(1_000_000_000).expect("written"));
    assert_eq!(Conversion::new(Factor::from_millionths(100_000_001), Rate::ONE), None);
    assert_eq!((Rate::from_millionths(0), Rate::from_millionths(100_000_001)), (None, None));
}

#[test]
fn an_answer_may_have_as_many_tokens_as_are_affordable() {
    let quote = quote(sonnet());
    let input = Tokens { input: 1_000, ..Tokens::default() };
    let spendable = |micro_usd: i64| ListCost::from_usd(nano(micro_usd * 1_000)).expect("small");
    // The input costs 3000 millionths of a dollar, each token of output 15.
    assert_eq!(quote.output_affordable(&input, spendable(2_999), false), None);
    assert_eq!(quote.output_affordable(&input, spendable(3_000), false), Some(0));
    assert_eq!(quote.output_affordable(&input, spendable(3_014), false), Some(0));
    assert_eq!(quote.output_affordable(&input, spendable(3_015), false), Some(1));
    assert_eq!(quote.output_affordable(&input, spendable(6_000), false), Some(200));
    // Above the tier 200,001 × 6 = 1,200,006 for the input, and 22.5 a token.
    let long = Tokens { input: 200_001, ..Tokens::default() };
    assert_eq!(quote.output_affordable(&long, spendable(1_200_050), false), Some(1));
    let free = Price::flat(TokenPrices { output: 0, ..*sonnet().base() });
    let free = PriceList::constant(free).at(at(0).unix());
    assert_eq!(free.output_affordable(&input, spendable(3_000), false), Some(u64::MAX));
}

proptest! {
    /// What is held for a bound covers the charge of anything within it, and by less than one nano-unit too much.
    #[test]
    fn what_is_held_covers_what_is_charged(
        parts in 0u128..100_000_000_000_000_000_000, less in 0u128..1_000_000_000, multiplier in 0u64..100_000_000,
        rate in 1u64..100_000_000,
    ) {
        let bound = ListCost::from_parts(parts).expect("in range");
        let actual = ListCost::from_parts(parts.saturating_sub(less)).expect("in range");
        let conversion = conversion(multiplier, rate);
        for currency in Currency::ALL {
            let (held, charged) = (bound.ceiling(conversion, currency), bound.nearest(conversion, currency));
            prop_assert!(actual.nearest(conversion, currency) <= charged && charged <= held);
            prop_assert!(held.nano() - charged.nano() <= 1);
        }
    }

    /// No way of counting so much input and output costs more than the bound.
    #[test]
    fn the_dearest_classes_bound_every_count(
        prices in uniform7(0u64..1_000), parts in uniform5(0u64..1_000), output in uniform2(0u64..1_000), has_audio: bool,
    ) {
        let [input, out, cache_read, cache_write, audio_input, audio_output, image_input] = prices;
        let written = |price| (price > 100).then_some(price);
        let quote = quote(Price::flat(TokenPrices {
            input,
            output: out,
            cache_read: written(cache_read),
            cache_write: written(cache_write),
            audio_input: written(audio_input),
            audio_output: written(audio_output),
            image_input: written(image_input),
            ..TokenPrices::default()
        }));
        let heard = |count| if has_audio { count } else { 0 };
        let counted = Tokens {
            input: parts[0],
            cache_read: parts[1],
            cache_write: parts[2],
            cache_write_long: 0,
            image: parts[3],
            audio_input: heard(parts[4]),
            output: output[0],
            audio_output: heard(output[1]),
            ..Tokens::default()
        };
        let bound = quote.dearest(counted.total_input(), counted.total_output(), has_audio);
        prop_assert_eq!((bound.total_input(), bound.total_output()), (counted.total_input(), counted.total_output()));
        prop_assert!(quote.cost(&counted).expect("small") <= quote.cost(&bound).expect("small"));
        let long = Tokens { cache_write: 0, cache_write_long: parts[2], ..counted };
        let (kept, bound) = (quote.cost(&long).expect("small"), quote.kept_long(&bound));
        prop_assert_eq!(bound.total_input(), counted.total_input());
        prop_assert!(kept <= quote.cost(&bound).expect("small"));
    }

    /// One token more than is affordable is not.
    #[test]
    fn affordable_is_exact(spendable in 0u128..1_000_000_000_000_000, input in 0u64..300_000) {
        let (quote, spendable) = (quote(sonnet()), ListCost::from_parts(spendable).expect("in range"));
        let tokens = |output| Tokens { input, output, ..Tokens::default() };
        let cost = |output| quote.cost(&tokens(output)).expect("small");
        match quote.output_affordable(&tokens(0), spendable, false) {
            None => prop_assert!(cost(0) > spendable),
            Some(count) => prop_assert!(cost(count) <= spendable && cost(count + 1) > spendable),
        }
    }
}
