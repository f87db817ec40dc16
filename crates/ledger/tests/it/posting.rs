//! What operators do to balances is done once, and never takes what is held.

use roundelay_ledger::{
    AccountKind, Currency, EntryKind, Limits, Money, Party, PostRefused, Posting, Rate, System, Terms, invariants,
};

use crate::world::{ask, at, bill, nano, posting, prepaid, with_terms};

/// Adjusts a balance of 1,000 of which 400 are held.
#[track_caller]
fn check(amount: i64, expected: Result<i64, PostRefused>) {
    let (mut ledger, team, key) = prepaid(1_000);
    ledger.authorise(key, &ask(1, 400), at(0)).expect("there is enough");
    let posted = ledger.adjust(&posting(team, amount, "correction"), at(0));
    assert_eq!(posted.map(|posted| posted.entry.balance.nano()), expected);
    invariants::state(&ledger).expect("nothing is broken");
}

#[test]
fn an_adjustment_takes_no_more_than_is_free() {
    check(50, Ok(1_050));
    check(-600, Ok(400));
    check(-601, Err(PostRefused::Short { left: nano(600) }));
    check(0, Err(PostRefused::BadAmount));
    check(i64::MIN, Err(PostRefused::BadAmount));
    check(i64::MAX, Err(PostRefused::TooLarge));
}

#[test]
fn the_same_act_under_the_same_name_is_done_once() {
    let (mut ledger, team, _) = prepaid(0);
    let first = ledger.top_up(&posting(team, 500, "invoice-7"), at(0)).expect("it is prepaid");
    let dearer = Posting { rate: Rate::from_millionths(2_000_000).expect("a rate"), ..posting(team, 500, "invoice-7") };
    for again in [posting(team, 500, "invoice-7"), dearer] {
        let again = ledger.top_up(&again, at(9)).expect("it is the same");
        assert_eq!((again.entry, again.is_new), (first.entry.clone(), false));
    }
    assert_eq!(ledger.top_up(&posting(team, 501, "invoice-7"), at(9)), Err(PostRefused::KeyReused));
    assert_eq!(ledger.adjust(&posting(team, 500, "invoice-7"), at(9)), Err(PostRefused::KeyReused));
    let other = Posting { reason: "another".into(), ..posting(team, 500, "invoice-7") };
    assert_eq!(ledger.top_up(&other, at(9)), Err(PostRefused::KeyReused));
    assert_eq!(ledger.standing(team).balance, nano(500));
}

#[test]
fn only_an_account_with_a_balance_is_topped_up() {
    let (mut ledger, team, key) = prepaid(0);
    assert_eq!(ledger.top_up(&posting(key, 5, "a"), at(0)), Err(PostRefused::NoBalance));
    assert_eq!(ledger.top_up(&posting(team, 0, "b"), at(0)), Err(PostRefused::BadAmount));
    assert_eq!(ledger.top_up(&posting(team, -5, "c"), at(0)), Err(PostRefused::BadAmount));
    ledger.top_up(&posting(team, i64::MAX, "d"), at(0)).expect("it can be written");
    assert_eq!(ledger.top_up(&posting(team, 1, "e"), at(0)), Err(PostRefused::TooLarge));
    let (mut ledger, team, _) = with_terms(&Terms::new(AccountKind::Inherits), Limits::default(), 0);
    assert_eq!(ledger.top_up(&posting(team, 5, "a"), at(0)), Err(PostRefused::NoBalance));
}

#[test]
fn a_charge_is_given_back_once() {
    let (mut ledger, team, key) = prepaid(1_000);
    let hold = ledger.authorise(key, &ask(1, 400), at(0)).expect("there is enough");
    let charge = ledger.settle(hold, &bill(300), at(0)).expect("it is open").charge;
    let back = ledger.reverse(&charge, "complaint".into(), "case-1".into(), at(1)).expect("it is a charge");
    assert_eq!((back.entry.kind, back.entry.amount), (EntryKind::Reversal, nano(300)));
    assert_eq!(back.entry.debit, Party::System(System::Revenue));
    assert_eq!(ledger.standing(team).balance, nano(1_000));
    let again = ledger.reverse(&charge, "complaint".into(), "case-1".into(), at(2)).expect("it is the same");
    assert!(!again.is_new);
    let twice = ledger.reverse(&charge, "complaint".into(), "case-2".into(), at(2));
    assert_eq!(twice, Err(PostRefused::NoCharge));
    let of_act = ledger.reverse(&back.entry, "complaint".into(), "case-3".into(), at(2));
    assert_eq!(of_act, Err(PostRefused::NoCharge));
}

#[test]
fn money_that_comes_in_yuan_is_also_counted_in_dollars() {
    let terms = Terms { currency: Currency::Cny, ..Terms::new(AccountKind::Prepaid) };
    let (mut ledger, team, _) = with_terms(&terms, Limits::default(), 0);
    let rate = Rate::from_millionths(7_100_000).expect("a rate");
    let posted = ledger.top_up(&Posting { rate, ..posting(team, 71_000_000_000, "wire") }, at(0)).expect("prepaid");
    assert_eq!(posted.entry.usd, Money::from_dollars(10).expect("small"));
    assert_eq!(ledger.house_nano(System::Treasury, Currency::Cny), -71_000_000_000);
    // 53 / 7.1 = 7.46, and 54 / 7.1 = 7.61.
    for (amount, usd) in [(53, 7), (54, 8)] {
        let name = format!("wire-{amount}");
        let posted = ledger.top_up(&Posting { rate, ..posting(team, amount, &name) }, at(0)).expect("prepaid");
        assert_eq!(posted.entry.usd, nano(usd));
    }
    assert_eq!(ledger.house_nano(System::Treasury, Currency::Usd), 0);
}
