//! A hold is on its whole path or nowhere, and ends once.

use proptest::prelude::*;
use roundelay_calendar::Zone;
use roundelay_ledger::{
    AccountKind, Ask, Audit, Bill, Currency, Ended, Expiry, Extension, Factor, KeyId, Ledger, Limits, ListCost,
    NotExtended, OverrunCause, Rate, Refused, Settings, Shortage, Span, SpendLimit, Stage, Terms, invariants,
};

use crate::world::{ask, at, bill, cost, named, nano, posting, prepaid, with_terms};

/// Holds 100 of a balance of 1,000 and ends it; the balance, and what is left of it, are then these.
#[track_caller]
fn check(end: impl FnOnce(&mut Ledger, roundelay_ledger::HoldId), balance: i64, left: i64) {
    let (mut ledger, team, key) = prepaid(1_000);
    let hold = ledger.authorise(key, &ask(1, 100), at(0)).expect("there is enough");
    assert_eq!(ledger.standing(team).left, Some(nano(900)));
    end(&mut ledger, hold);
    let standing = ledger.standing(team);
    assert_eq!((standing.balance, standing.left), (nano(balance), Some(nano(left))));
    invariants::state(&ledger).expect("nothing is held");
    let before = ledger.clone();
    assert_eq!(ledger.settle(hold, &bill(1), at(0)), Err(Ended));
    assert_eq!(ledger.release(hold, at(0)), Err(Ended));
    assert_eq!(ledger.extend(hold, &Extension::default(), at(0)), Err(NotExtended::Ended(Ended)));
    invariants::twice_is_once(&before, &ledger).expect("nothing happens twice");
}

#[test]
fn a_hold_ends_once_however_it_ends() {
    check(|ledger, hold| drop(ledger.settle(hold, &bill(30), at(0))), 970, 970);
    check(|ledger, hold| drop(ledger.settle(hold, &bill(100), at(0))), 900, 900);
    check(|ledger, hold| drop(ledger.settle(hold, &bill(130), at(0))), 870, 870);
    check(|ledger, hold| drop(ledger.settle(hold, &bill(0), at(0))), 1_000, 1_000);
    check(|ledger, hold| assert!(ledger.release(hold, at(0)).is_ok()), 1_000, 1_000);
    check(|ledger, _| drop(ledger.expire(at(1_000_000))), 1_000, 1_000);
}

#[test]
fn a_slot_that_is_used_again_has_another_name() {
    let (mut ledger, _, key) = prepaid(1_000);
    let first = ledger.authorise(key, &ask(1, 100), at(0)).expect("there is enough");
    ledger.release(first, at(0)).expect("it is open");
    let second = ledger.authorise(key, &ask(2, 100), at(0)).expect("there is enough");
    assert_ne!(first, second);
    assert_eq!(ledger.settle(first, &bill(100), at(0)), Err(Ended));
    assert!(ledger.held(first).is_none() && ledger.held(second).is_some());
}

#[test]
fn a_hold_that_one_node_refuses_is_on_none() {
    let limit = SpendLimit { span: Span::Day, zone: Zone::utc(), amount: nano(50) };
    let limits = Limits { requests_per_minute: Some(5), spend: vec![limit], ..Limits::default() };
    let above = Terms { limits, ..Terms::new(AccountKind::Prepaid) };
    let key_limits = Limits { requests_per_minute: Some(1), tokens_per_minute: Some(10), ..Limits::default() };
    let (mut ledger, team, key) = with_terms(&above, key_limits, 1_000);
    let asked = Ask { tokens: 10, ..ask(1, 51) };
    let shortage = Shortage::Spend {
        span: Span::Day,
        needed: nano(51),
        left: nano(50),
        currency: Currency::Usd,
        resets_at: Some(at(86_400)),
    };
    assert_eq!(ledger.authorise(key, &asked, at(0)), Err(Refused { node: team, shortage }));
    invariants::state(&ledger).expect("nothing is held");
    assert_eq!(ledger.rates_left(key, at(0)), (Some(1), Some(10)), "the key had been asked first");
    assert_eq!(ledger.rates_left(team, at(0)).0, Some(5));
    assert!(ledger.authorise(key, &Ask { tokens: 10, ..ask(1, 50) }, at(0)).is_ok());
}

#[test]
fn an_extension_is_all_or_nothing_and_an_overrun_names_its_cause() {
    let (mut ledger, team, key) = prepaid(1_000);
    let hold = ledger.authorise(key, &ask(1, 600), at(0)).expect("there is enough");
    let more = |amount| Extension { cost: cost(amount), ..Extension::default() };
    ledger.extend(hold, &more(300), at(0)).expect("there is enough");
    let shortage = Shortage::Balance { needed: nano(101), left: nano(100), currency: Currency::Usd };
    let refused = Refused { node: team, shortage };
    assert_eq!(ledger.extend(hold, &more(101), at(0)), Err(NotExtended::Refused(refused)));
    assert_eq!(ledger.held(hold).map(|held| held.usd), Some(nano(900)));
    let settlement = ledger.settle(hold, &bill(905), at(0)).expect("it is open");
    assert_eq!((settlement.overrun, settlement.released), (nano(5), nano(0)));
    assert_eq!(settlement.charge.overrun, Some(OverrunCause::ExtensionRefused));
    let hold = ledger.authorise(key, &ask(2, 10), at(0)).expect("there is enough");
    let settlement = ledger.settle(hold, &bill(500), at(0)).expect("it is open");
    assert_eq!(settlement.charge.overrun, Some(OverrunCause::UsageAboveBound));
    assert_eq!(ledger.standing(team).left, Some(nano(95 - 500)));
    assert!(ledger.authorise(key, &ask(3, 1), at(0)).is_err());
    assert!(ledger.authorise(key, &ask(3, 0), at(0)).is_ok(), "what is free needs no money");
    invariants::state(&ledger).expect("an overrun is excused");
}

#[test]
fn an_extension_moves_the_deadline() {
    let (mut ledger, _, key) = prepaid(1_000);
    let hold = ledger.authorise(key, &Ask { expires_at: at(10), ..ask(1, 1) }, at(0)).expect("there is enough");
    assert_eq!(ledger.next_deadline(), Some(at(10)));
    let later = Extension { expires_at: Some(at(20)), ..Extension::default() };
    ledger.extend(hold, &later, at(5)).expect("it costs nothing");
    assert_eq!((ledger.next_deadline(), ledger.expire(at(19))), (Some(at(20)), None));
    assert!(matches!(ledger.expire(at(20)), Some(Expiry::Expired(_))));
}

#[test]
fn what_was_sent_and_not_heard_of_stays_held_and_is_settled_by_its_progress() {
    let settings = Settings { in_doubt_micros: 60_000_000, ..Settings::default() };
    let mut ledger = Ledger::new(settings);
    let terms = Terms::new(AccountKind::Prepaid);
    let team = ledger.open_account(named("team"), None, &terms, at(0)).expect("good terms");
    let one = Limits { concurrency: Some(1), ..Limits::default() };
    let key = ledger.open_key(KeyId::new("key"), team, one, at(0)).expect("good limits");
    ledger.top_up(&posting(team, 1_000, "one"), at(0)).expect("it is prepaid");
    let hold = ledger.authorise(key, &Ask { expires_at: at(10), ..ask(1, 400) }, at(0)).expect("there is enough");
    assert_eq!(ledger.dispatched(hold).map(|held| held.stage), Ok(Stage::Dispatched));
    ledger.progress(hold, cost(120)).expect("it is open");
    ledger.progress(hold, cost(80)).expect("an old report is no fault");
    let blocked = Refused { node: key, shortage: Shortage::Concurrency { limit: 1 } };
    assert_eq!(ledger.authorise(key, &ask(2, 1), at(9)), Err(blocked));
    assert!(matches!(ledger.expire(at(10)), Some(Expiry::InDoubt(doubted, _)) if doubted == hold));
    assert_eq!(ledger.standing(team).left, Some(nano(600)), "somebody may bill it");
    assert_eq!(ledger.standing(key).running, 0, "it keeps nobody else waiting");
    assert_eq!(ledger.dispatched(hold), Err(Ended), "nor is it sent again");
    assert!(matches!(ledger.extend(hold, &Extension::default(), at(10)), Err(NotExtended::Ended(_))));
    assert_eq!(ledger.expire(at(69)), None);
    let Some(Expiry::Estimated(_, settlement)) = ledger.expire(at(70)) else { panic!("it is overdue again") };
    assert_eq!((settlement.charge.amount, settlement.charge.is_estimated), (nano(120), true));
    assert_eq!(ledger.standing(team).left, Some(nano(880)));
    let again = ledger.authorise(key, &ask(1, 1), at(70));
    assert_eq!(again, Err(Refused { node: key, shortage: Shortage::Duplicate }));
}

#[test]
fn an_attempt_is_held_and_charged_once() {
    let (mut ledger, _, key) = prepaid(1_000);
    let hold = ledger.authorise(key, &ask(1, 10), at(0)).expect("there is enough");
    let twice = Refused { node: key, shortage: Shortage::Duplicate };
    assert_eq!(ledger.authorise(key, &ask(1, 10), at(0)), Err(twice));
    ledger.release(hold, at(0)).expect("it is open");
    let hold = ledger.authorise(key, &ask(1, 10), at(0)).expect("it was released");
    ledger.settle(hold, &bill(10), at(0)).expect("it is open");
    assert_eq!(ledger.authorise(key, &ask(1, 10), at(0)), Err(twice));
    let next = Ask { attempt: 2, is_first: false, ..ask(1, 10) };
    let hold = ledger.authorise(key, &next, at(0)).expect("another attempt of the exchange");
    ledger.dispatched(hold).expect("it is open");
    ledger.release(hold, at(0)).expect("it is open");
    assert_eq!(ledger.authorise(key, &next, at(0)), Err(twice), "what was sent is not sent again under its number");
}

#[test]
fn what_is_remembered_of_charges_has_a_bound() {
    let mut ledger = Ledger::new(Settings { remembered_max: 2, ..Settings::default() });
    let terms = Terms::new(AccountKind::Postpaid);
    let account = ledger.open_account(named("all"), None, &terms, at(0)).expect("good terms");
    for exchange in 1..=3 {
        let hold = ledger.authorise(account, &ask(exchange, 1), at(0)).expect("it pays later");
        ledger.settle(hold, &bill(1), at(0)).expect("it is open");
    }
    let is_known = [1, 2, 3].map(|exchange| ledger.clone().authorise(account, &ask(exchange, 1), at(0)).is_err());
    assert_eq!(is_known, [false, true, true]);
}

#[test]
fn tokens_of_what_is_in_doubt_are_not_given_back_late() {
    let limits = Limits { tokens_per_minute: Some(600), ..Limits::default() };
    let (mut ledger, _, key) = with_terms(&Terms::new(AccountKind::Postpaid), limits, 0);
    let asked = Ask { tokens: 500, expires_at: at(10), ..ask(1, 1) };
    let hold = ledger.authorise(key, &asked, at(0)).expect("a minute's worth");
    ledger.dispatched(hold).expect("it is open");
    assert!(matches!(ledger.expire(at(10)), Some(Expiry::InDoubt(..))));
    ledger.settle(hold, &bill(1), at(10)).expect("it is open");
    assert_eq!(ledger.rates_left(key, at(10)).1, Some(200), "100, and those of ten seconds");
}

#[test]
fn holds_have_a_bound() {
    let mut ledger = Ledger::new(Settings { holds_max: 2, ..Settings::default() });
    let terms = Terms::new(AccountKind::Postpaid);
    let account = ledger.open_account(named("all"), None, &terms, at(0)).expect("good terms");
    let hold = ledger.authorise(account, &ask(1, 1), at(0)).expect("the first");
    ledger.authorise(account, &ask(2, 1), at(0)).expect("the second");
    let full = Refused { node: account, shortage: Shortage::HoldsFull };
    assert_eq!(ledger.authorise(account, &ask(3, 1), at(0)), Err(full));
    ledger.release(hold, at(0)).expect("it is open");
    assert!(ledger.authorise(account, &ask(3, 1), at(0)).is_ok());
}

#[test]
fn the_house_pays_what_the_caller_does_not() {
    let (mut ledger, team, key) = prepaid(1_000);
    let hold = ledger.authorise(key, &ask(1, 500), at(0)).expect("there is enough");
    let blank = Bill { caller: cost(0), upstream: cost(300), tokens: 0, is_estimated: false };
    let settlement = ledger.settle(hold, &blank, at(0)).expect("it is open");
    assert_eq!(settlement.charge.amount, nano(0), "a row that says that nothing was paid");
    assert_eq!(settlement.loss.map(|loss| loss.amount), Some(nano(300)));
    assert_eq!(ledger.standing(team).balance, nano(1_000));
}

#[test]
fn yuan_are_held_and_charged_at_the_rate_of_the_beginning() {
    let terms = Terms { currency: Currency::Cny, ..Terms::new(AccountKind::Prepaid) };
    let (mut ledger, team, key) = with_terms(&terms, Limits::default(), 7_100);
    let rate = Rate::from_millionths(7_100_000).expect("a rate");
    assert_eq!(ledger.spendable(key, rate, at(0)), Some(cost(1_000)));
    let hold = ledger.authorise(key, &Ask { rate, ..ask(1, 1_000) }, at(0)).expect("there is just enough");
    let charge = ledger.settle(hold, &bill(999), at(0)).expect("it is open").charge;
    // 999 × 7.1 = 7092.9
    assert_eq!((charge.amount, charge.usd, charge.rate), (nano(7_093), nano(999), rate));
    assert_eq!(ledger.standing(team).balance, nano(7));
}

/// A thousand streams against a balance that affords four hundred, each with input of 100 and output of up to 900 of
/// which half is held at first and the rest on the way.
#[test]
fn a_thousand_streams_spend_what_four_hundred_can() {
    let (mut ledger, team, key) = prepaid(400 * 1_000);
    let mut audit = Audit::new();
    let mut charges = Vec::new();
    let mut streams = Vec::new();
    for exchange in 0..1_000 {
        match ledger.authorise(key, &ask(exchange, 550), at(0)) {
            Ok(hold) => streams.push((hold, 550)),
            Err(refused) => {
                let Shortage::Balance { needed, left, .. } = refused.shortage else { panic!("{refused}") };
                assert!(refused.node == team && needed == nano(550) && left < needed, "{refused}");
            }
        }
        invariants::within_balance(&ledger).expect("no hold is beyond the balance");
    }
    assert_eq!(streams.len(), 727); // 400,000 / 550
    for (index, (hold, held)) in streams.iter_mut().enumerate() {
        ledger.dispatched(*hold).expect("it is open");
        let stops_early = index % 3 == 0;
        while *held < 1_000 && !stops_early {
            let more = Extension { cost: cost(90), ..Extension::default() };
            match ledger.extend(*hold, &more, at(1)) {
                Ok(()) => *held += 90,
                Err(refused) => {
                    assert!(matches!(refused, NotExtended::Refused(_)), "{refused}");
                    break; // ends with what it has
                }
            }
        }
        let settlement = ledger.settle(*hold, &bill(*held), at(2)).expect("it is open");
        assert_eq!(settlement.overrun, nano(0));
        charges.push(settlement.charge);
        assert!(ledger.standing(team).left >= Some(nano(0)));
        invariants::state(&ledger).expect("exact at every entry");
    }
    let spent: i64 = charges.iter().map(|charge| charge.amount.nano()).sum();
    assert!(spent <= 400_000, "{spent}");
    assert_eq!(ledger.standing(team).balance, nano(400_000 - spent));
    assert_eq!((ledger.open_holds(), ledger.standing(team).held), (0, nano(0)));
    // The top-up is entry 1.
    let top_up = ledger.top_up(&posting(team, 400_000, "first"), at(9)).expect("it was made before");
    assert!(!top_up.is_new);
    for entry in [top_up.entry].iter().chain(&charges) {
        audit.entry(entry).expect("every balance follows");
    }
}

proptest! {
    /// What is said to be spendable is authorised, and the least bit more is not.
    #[test]
    fn spendable_is_exact(
        balance in 1i64..1_000_000_000_000, multiplier in 1u64..10_000_000, rate in 1u64..100_000_000, yuan: bool,
    ) {
        let currency = if yuan { Currency::Cny } else { Currency::Usd };
        let multiplier = Factor::from_millionths(multiplier);
        let terms = Terms { currency, multiplier, ..Terms::new(AccountKind::Prepaid) };
        let (ledger, _, key) = with_terms(&terms, Limits::default(), balance);
        let rate = Rate::from_millionths(rate).expect("in range");
        let most = ledger.spendable(key, rate, at(0)).expect("it has an end");
        let authorise = |cost| ledger.clone().authorise(key, &Ask { rate, cost, ..ask(1, 0) }, at(0));
        prop_assert!(authorise(most).is_ok());
        if let Ok(more) = ListCost::from_parts(most.parts() + 1) {
            prop_assert!(authorise(more).is_err());
        }
    }
}
