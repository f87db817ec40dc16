//! Rates are exact and say when to come back; periods are those of a calendar.

use proptest::prelude::*;
use roundelay_calendar::{UnixTime, Zone};
use roundelay_ledger::{
    AccountKind, Ask, Currency, Extension, Ledger, Limits, NodeId, Rate, Settings, Shortage, Span, SpendLimit, Terms,
    Timestamp, invariants,
};

use crate::world::{ask, at, bill, cost, named, nano, with_terms};

fn limited(limits: Limits) -> (Ledger, NodeId, NodeId) {
    with_terms(&Terms::new(AccountKind::Postpaid), limits, 0)
}

/// Seconds from `at(0)` until a refused ask is told to come back.
fn wait(ledger: &mut Ledger, key: NodeId, ask: &Ask, now: Timestamp) -> Option<i64> {
    let refused = ledger.authorise(key, ask, now).expect_err("it is too much");
    let (Shortage::Requests { retry_at, .. } | Shortage::Tokens { retry_at, .. }) = refused.shortage else {
        panic!("{refused}")
    };
    assert_eq!(refused.shortage.retry_at(), retry_at);
    let retry_at = retry_at?;
    let early = ledger.clone().authorise(key, ask, retry_at.plus(-1));
    assert!(early.is_err(), "a microsecond earlier is too early");
    assert!(ledger.clone().authorise(key, ask, retry_at).is_ok(), "told to come back for nothing");
    Some(retry_at.since(at(0)) / 1_000_000)
}

#[test]
fn requests_a_minute_come_back_one_by_one() {
    let (mut ledger, _, key) = limited(Limits { requests_per_minute: Some(6), ..Limits::default() });
    for exchange in 0..6 {
        ledger.authorise(key, &ask(exchange, 0), at(0)).expect("six at once after a quiet minute");
    }
    assert_eq!(wait(&mut ledger, key, &ask(6, 0), at(0)), Some(10));
    ledger.authorise(key, &ask(6, 0), at(10)).expect("one every ten seconds");
    assert_eq!(wait(&mut ledger, key, &ask(7, 0), at(10)), Some(20));
    let fallback = Ask { attempt: 2, is_first: false, ..ask(6, 0) };
    ledger.authorise(key, &fallback, at(10)).expect("the exchange was counted");
    assert_eq!(ledger.rates_left(key, at(69)), (Some(5), None));
    assert_eq!(ledger.rates_left(key, at(70)), (Some(6), None));
    let (mut ledger, _, key) = limited(Limits { requests_per_minute: Some(0), ..Limits::default() });
    assert_eq!(wait(&mut ledger, key, &ask(1, 0), at(0)), None);
}

#[test]
fn tokens_that_were_not_used_are_given_back() {
    let (mut ledger, _, key) = limited(Limits { tokens_per_minute: Some(600), ..Limits::default() });
    let of = |exchange, tokens| Ask { tokens, ..ask(exchange, 0) };
    let left = |ledger: &Ledger| ledger.rates_left(key, at(0)).1;
    let hold = ledger.authorise(key, &of(1, 600), at(0)).expect("a minute's worth");
    assert_eq!(wait(&mut ledger, key, &of(2, 100), at(0)), Some(10));
    let used = |tokens| roundelay_ledger::Bill { tokens, ..bill(0) };
    ledger.settle(hold, &used(250), at(0)).expect("it is open");
    assert_eq!(left(&ledger), Some(350));
    let hold = ledger.authorise(key, &of(2, 300), at(0)).expect("there are 350");
    ledger.release(hold, at(0)).expect("it is open");
    assert_eq!(left(&ledger), Some(350));
    let forgotten = Ask { expires_at: at(0), ..of(7, 300) };
    ledger.authorise(key, &forgotten, at(0)).expect("there are 350");
    ledger.expire(at(0)).expect("it is overdue");
    assert_eq!(left(&ledger), Some(350));
    let hold = ledger.authorise(key, &of(2, 300), at(0)).expect("there are 350");
    ledger.settle(hold, &used(500), at(0)).expect("it is open");
    assert_eq!(left(&ledger), Some(0), "150 are owed");
    assert_eq!(wait(&mut ledger, key, &of(3, 0), at(0)), Some(15));
    assert_eq!(wait(&mut ledger, key, &of(3, 601), at(0)), None, "more than a minute's is never allowed");
    // Whatever is said to have been used, the next minute but one is open.
    let hold = ledger.authorise(key, &of(3, 0), at(15)).expect("nothing is owed any more");
    ledger.settle(hold, &used(u64::MAX), at(15)).expect("it is open");
    assert_eq!(wait(&mut ledger, key, &of(4, 0), at(15)), Some(75));
}

#[test]
fn a_clock_that_is_set_back_neither_gives_nor_locks_out() {
    let (mut ledger, _, key) = limited(Limits { requests_per_minute: Some(1), ..Limits::default() });
    ledger.authorise(key, &ask(1, 0), at(10_000)).expect("the first");
    assert_eq!(wait(&mut ledger, key, &ask(2, 0), at(100)), Some(160));
    ledger.authorise(key, &ask(2, 0), at(160)).expect("a minute later by the new clock");
    assert_eq!(wait(&mut ledger, key, &ask(3, 0), at(160).plus(-500_000)), Some(220), "only out of order");
}

#[test]
fn a_rate_that_is_changed_keeps_what_was_used() {
    let (mut ledger, _, key) = limited(Limits { requests_per_minute: Some(2), ..Limits::default() });
    for exchange in 0..2 {
        ledger.authorise(key, &ask(exchange, 0), at(0)).expect("two");
    }
    let five = Limits { requests_per_minute: Some(5), ..Limits::default() };
    ledger.change_key(key, five, false, at(0)).expect("good limits");
    assert_eq!(ledger.rates_left(key, at(0)).0, Some(3));
    assert_eq!(ledger.rates_left(key, at(12)).0, Some(4));
    // By 12 one of the two has leaked at the old rate; at the new one both would have.
    let many = Limits { requests_per_minute: Some(600), ..Limits::default() };
    ledger.change_key(key, many, false, at(12)).expect("good limits");
    assert_eq!(ledger.rates_left(key, at(12)).0, Some(599));
    for exchange in 2..601 {
        ledger.authorise(key, &ask(exchange, 0), at(12)).expect("599 more");
    }
    // Of 600 that were used, a limit of one a minute is owed no more than two.
    let one = Limits { requests_per_minute: Some(1), ..Limits::default() };
    ledger.change_key(key, one, false, at(12)).expect("good limits");
    assert_eq!(wait(&mut ledger, key, &ask(601, 0), at(12)), Some(132));
}

#[test]
fn a_stream_takes_tokens_on_its_way_and_is_never_refused_them() {
    let (mut ledger, _, key) = limited(Limits { tokens_per_minute: Some(600), ..Limits::default() });
    let hold = ledger.authorise(key, &Ask { tokens: 500, ..ask(1, 0) }, at(0)).expect("a minute's worth");
    let more = Extension { tokens: 300, ..Extension::default() };
    ledger.extend(hold, &more, at(0)).expect("it was let in");
    assert_eq!(ledger.rates_left(key, at(0)).1, Some(0), "200 are owed");
    ledger.release(hold, at(0)).expect("it is open");
    assert_eq!(ledger.rates_left(key, at(0)).1, Some(600), "800 are given back");
}

/// A limit of 10,000 tokens a minute; a stream that holds so many and has used so many ten seconds later: how many may be
/// used then.
#[track_caller]
fn check_over_held(held: u64, used: u64, left: u64) {
    let (mut ledger, _, key) = limited(Limits { tokens_per_minute: Some(10_000), ..Limits::default() });
    let hold = ledger.authorise(key, &Ask { tokens: 5_000, ..ask(1, 0) }, at(0)).expect("half a minute's worth");
    let more = Extension { tokens: held - 5_000, ..Extension::default() };
    ledger.extend(hold, &more, at(0)).expect("it was let in");
    ledger.settle(hold, &roundelay_ledger::Bill { tokens: used, ..bill(0) }, at(10)).expect("it is open");
    assert_eq!(ledger.rates_left(key, at(10)).1, Some(left), "{used} of {held}");
    // Nothing of it stays behind: what another gives back is there.
    let now = at(1_000);
    let other = ledger.authorise(key, &Ask { tokens: 10_000, ..ask(2, 0) }, now).expect("all is there again");
    ledger.release(other, now).expect("it is open");
    assert_eq!(ledger.rates_left(key, now).1, Some(10_000));
}

#[test]
fn what_was_over_held_is_not_given_back_twice() {
    // In ten seconds 1,666 and two thirds leak.
    check_over_held(18_000, 9_000, 2_666);
    check_over_held(120_000, 60_000, 0);
    check_over_held(120_000, 9_000, 2_666);
    check_over_held(120_000, 0, 10_000);
    check_over_held(120_000, 120_000, 0);
}

#[test]
fn what_is_in_doubt_takes_nothing_from_what_others_give_back() {
    let (mut ledger, _, key) = limited(Limits { tokens_per_minute: Some(600), ..Limits::default() });
    let lost = Ask { tokens: 600, expires_at: at(0), ..ask(1, 0) };
    let hold = ledger.authorise(key, &lost, at(0)).expect("a minute's worth");
    ledger.extend(hold, &Extension { tokens: 6_000, ..Extension::default() }, at(0)).expect("it was let in");
    ledger.dispatched(hold).expect("it is open");
    ledger.expire(at(1)).expect("it is overdue");
    let other = ledger.authorise(key, &Ask { tokens: 600, ..ask(2, 0) }, at(1_000)).expect("all has leaked");
    ledger.release(other, at(1_000)).expect("it is open");
    assert_eq!(ledger.rates_left(key, at(1_000)).1, Some(600));
}

/// Berlin in 2026: an hour ahead, two from 29 March 01:00 UTC to 25 October 01:00 UTC.
fn berlin() -> Zone {
    let turns = vec![(UnixTime(1_774_746_000), 7_200), (UnixTime(1_792_890_000), 3_600)];
    Zone::new("Europe/Berlin", 3_600, turns).expect("in order")
}

/// A zone that leaves its midnight of 2026-06-02 out: at 00:00 the clock goes on to 01:00.
fn without_midnight() -> Zone {
    Zone::new("gap", 0, vec![(UnixTime(1_780_358_400), 3_600)]).expect("in order")
}

/// A zone whose midnight of 2026-06-02 comes twice: at 00:30 the clock goes back to 23:30.
fn with_two_midnights() -> Zone {
    Zone::new("fold", 0, vec![(UnixTime(1_780_358_400 + 1_800), -3_600)]).expect("in order")
}

/// The period of that instant (seconds since 1970) ends at that one.
#[track_caller]
fn check(span: Span, zone: Zone, now: i64, end: Option<i64>) {
    let spend = vec![SpendLimit { span, zone, amount: nano(100) }];
    let (ledger, _, key) = limited(Limits { spend, ..Limits::default() });
    let left = ledger.spend_left(key, Timestamp::from_unix(UnixTime(now))).next().expect("one limit");
    assert_eq!(left.resets_at.map(|at| at.unix().0), end, "{span:?}");
}

#[test]
fn a_period_ends_by_the_calendar_of_its_zone() {
    let monday = at(0).unix().0; // 2026-06-01T00:00:00Z
    let (hour, day) = (3_600, 86_400);
    check(Span::Hour, Zone::utc(), monday + 10, Some(monday + hour));
    check(Span::Day, Zone::utc(), monday + day - 1, Some(monday + day));
    check(Span::Day, Zone::utc(), monday + day, Some(monday + 2 * day));
    check(Span::Week, Zone::utc(), monday + 10, Some(monday + 7 * day));
    check(Span::Week, Zone::utc(), monday - 1, Some(monday));
    check(Span::Month, Zone::utc(), monday + 10, Some(monday + 30 * day));
    check(Span::Month, Zone::utc(), monday - 1, Some(monday));
    check(Span::Total, Zone::utc(), monday, None);
    // Shanghai is eight hours ahead, so its day ends at 16:00 UTC; in Nepal an hour ends at a quarter past.
    let shanghai = Zone::fixed("Asia/Shanghai", 8 * hour as i32).expect("small");
    check(Span::Day, shanghai.clone(), monday + 10, Some(monday + 16 * hour));
    check(Span::Month, shanghai, monday - 9 * hour, Some(monday - 8 * hour));
    check(Span::Hour, Zone::fixed("Asia/Kathmandu", 20_700).expect("small"), monday, Some(monday + 900));
    // Leap years: 2024 had a 29 February, 2100 will not. 2024-02-10 and 2100-02-10, and the first of March.
    check(Span::Month, Zone::utc(), 1_707_523_200, Some(1_709_251_200));
    check(Span::Month, Zone::utc(), 4_105_987_200, Some(4_107_542_400));
    // Before 1970: 1969-12-31T23:00Z, and December ends with the year.
    check(Span::Month, Zone::utc(), -3_600, Some(0));
}

#[test]
fn a_day_of_23_or_25_hours_ends_at_its_own_midnight() {
    // 2026-03-29T00:30Z is 01:30 in Berlin; the day has 23 hours and ends at 22:00 UTC.
    check(Span::Day, berlin(), 1_774_746_000 - 1_800, Some(1_774_746_000 + 21 * 3_600));
    // 2026-10-25T00:30Z is 02:30 there; the day has 25 hours and ends at 23:00 UTC.
    check(Span::Day, berlin(), 1_792_890_000 - 1_800, Some(1_792_890_000 + 22 * 3_600));
    // March in Berlin ends at 22:00 UTC, in summer time, though it began in winter time.
    check(Span::Month, berlin(), 1_774_746_000 - 20 * 86_400, Some(1_774_994_400));
    let midnight = 1_780_358_400; // 2026-06-02T00:00:00Z
    check(Span::Day, without_midnight(), midnight - 10, Some(midnight));
    check(Span::Day, without_midnight(), midnight, Some(midnight + 23 * 3_600));
    check(Span::Day, with_two_midnights(), midnight - 10, Some(midnight));
}

#[test]
fn a_new_period_is_empty_but_for_what_is_held() {
    let spend = vec![SpendLimit { span: Span::Day, zone: Zone::utc(), amount: nano(1_000) }];
    let (mut ledger, _, key) = limited(Limits { spend, ..Limits::default() });
    let left = |ledger: &Ledger, now| {
        let left = ledger.spend_left(key, now).next().expect("one limit");
        (left.spent.nano(), left.left.nano())
    };
    let day = 86_400;
    let first = ledger.authorise(key, &ask(1, 300), at(0)).expect("within 1,000");
    ledger.settle(first, &bill(300), at(10)).expect("it is open");
    let pending = ledger.authorise(key, &ask(2, 600), at(day - 1)).expect("within 700");
    assert_eq!(left(&ledger, at(day - 1)), (300, 100));
    assert_eq!(left(&ledger, at(day)), (0, 400), "600 are still held");
    assert!(ledger.authorise(key, &ask(3, 401), at(day)).is_err());
    let third = ledger.authorise(key, &ask(3, 400), at(day)).expect("400 are left");
    ledger.settle(pending, &bill(500), at(day + 1)).expect("it is open");
    assert_eq!(left(&ledger, at(day + 1)), (500, 100), "charged to the day in which it ended, and freed once");
    ledger.release(third, at(day + 1)).expect("it is open");
    assert_eq!(left(&ledger, at(day + 1)), (500, 500));
    assert_eq!(left(&ledger, at(2 * day)), (0, 1_000));
    invariants::state(&ledger).expect("nothing is held");
}

#[test]
fn a_clock_that_is_set_back_finds_what_was_spent() {
    let spend = vec![SpendLimit { span: Span::Day, zone: Zone::utc(), amount: nano(1_000) }];
    let (mut ledger, _, key) = limited(Limits { spend, ..Limits::default() });
    let spent = |ledger: &Ledger, now| ledger.spend_left(key, now).next().expect("one limit").spent.nano();
    let mut charge = |exchange, now| {
        let hold = ledger.authorise(key, &ask(exchange, 300), now).expect("within the limit");
        ledger.settle(hold, &bill(300), now).expect("it is open");
        ledger.clone()
    };
    let day = 86_400;
    charge(1, at(day));
    let ledger = charge(2, at(0)); // yesterday by now
    assert_eq!(spent(&ledger, at(1)), 600, "no allowance twice");
    assert_eq!(spent(&ledger, at(day)), 0, "nor locked out longer than a day");
}

#[test]
fn spend_limits_count_in_the_currency_of_their_account() {
    let spend = vec![SpendLimit { span: Span::Total, zone: Zone::utc(), amount: nano(7_100) }];
    let limits = Limits { spend, ..Limits::default() };
    let terms = Terms { currency: Currency::Cny, limits, ..Terms::new(AccountKind::Postpaid) };
    let (ledger, team, key) = with_terms(&terms, Limits::default(), 0);
    let rate = Rate::from_millionths(7_100_000).expect("a rate");
    assert_eq!(ledger.spendable(key, rate, at(0)), Some(cost(1_000)));
    let left = ledger.spend_left(team, at(0)).next().expect("one limit");
    assert_eq!((left.left, left.currency), (nano(7_100), Currency::Cny));
}

/// A team that pays in one currency below an organisation that limits spending in the other: what a charge of 5 USD-nano
/// counts at both.
#[track_caller]
fn check_mixed(above: Currency, below: Currency, counted_above: i64, counted_below: i64) {
    let spend = |amount| vec![SpendLimit { span: Span::Total, zone: Zone::utc(), amount: nano(amount) }];
    let terms = |kind, currency| Terms {
        currency,
        limits: Limits { spend: spend(1_000), ..Limits::default() },
        ..Terms::new(kind)
    };
    let mut ledger = Ledger::new(Settings::default());
    let top = terms(AccountKind::Inherits, above);
    let top = ledger.open_account(named("top"), None, &top, at(0)).expect("good terms");
    let team = terms(AccountKind::Postpaid, below);
    let team = ledger.open_account(named("team"), Some(top), &team, at(0)).expect("good terms");
    let rate = Rate::from_millionths(7_100_000).expect("a rate");
    let hold = ledger.authorise(team, &Ask { rate, ..ask(1, 5) }, at(0)).expect("within both");
    invariants::state(&ledger).expect("each node holds its own currency");
    ledger.settle(hold, &bill(5), at(0)).expect("it is open");
    let spent = [top, team].map(|node| ledger.spend_left(node, at(0)).next().expect("one limit").spent.nano());
    assert_eq!(spent, [counted_above, counted_below]);
    assert_eq!([top, team].map(|node| ledger.standing(node).spent.nano()), spent, "all there ever was");
}

#[test]
fn every_node_of_a_path_counts_in_its_own_currency() {
    // 5 × 7.1 = 35.5, and half a nano-yuan goes up.
    check_mixed(Currency::Usd, Currency::Cny, 5, 36);
    check_mixed(Currency::Cny, Currency::Usd, 36, 5);
    check_mixed(Currency::Cny, Currency::Cny, 36, 36);
}

proptest! {
    /// In no minute are more requests let in than two minutes' allowance, and in none that begins empty less than one's.
    #[test]
    fn a_rate_lets_in_what_it_says(per_minute in 1u32..100, gaps in prop::collection::vec(0i64..5_000_000, 1..200)) {
        let (mut ledger, _, key) = limited(Limits { requests_per_minute: Some(per_minute), ..Limits::default() });
        let (mut now, mut allowed) = (at(0), Vec::new());
        for (exchange, gap) in (0..).zip(gaps) {
            now = now.plus(gap);
            let before = allowed.iter().filter(|&&then: &&Timestamp| now.since(then) < 60_000_000).count();
            match ledger.authorise(key, &ask(exchange, 0), now) {
                Ok(_) => allowed.push(now),
                Err(_) => prop_assert!(before >= per_minute as usize / 2, "refused with {before} of {per_minute}"),
            }
            prop_assert!(before < 2 * per_minute as usize + 1);
        }
        // Over the whole time exactly the burst and what leaked can have come.
        let most = i128::from(per_minute) * (60_000_000 + i128::from(now.since(at(0)))) / 60_000_000;
        prop_assert!(allowed.len() as i128 <= most, "{} of {most}", allowed.len());
    }
}
