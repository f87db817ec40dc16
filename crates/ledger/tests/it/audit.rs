//! An audit tells the first entry that is wrong, and a fold takes none that is.

use std::sync::Arc;

use roundelay_ledger::{
    Audit, BadCheckpoint, Currency, Entry, ExchangeId, Fault, Found, Ledger, NodeId, OverrunCause, Party, Sequence,
    Settings, System, Wrong,
    invariants::{self, Promise},
};

use crate::world::{ask, at, bill, nano, posting, prepaid};

/// A top-up of 1,000; charges of 100, of 150 with 120 held, and of 50; and an adjustment by 7.
fn story() -> (Ledger, NodeId, Vec<Entry>) {
    let (mut ledger, team, key) = prepaid(1_000);
    let first = ledger.top_up(&posting(team, 1_000, "first"), at(0)).expect("it was made before").entry;
    let mut entries = vec![first];
    for (exchange, charged) in [(1, 100), (2, 150), (3, 50)] {
        let hold = ledger.authorise(key, &ask(exchange, 120), at(0)).expect("there is enough");
        entries.push(ledger.settle(hold, &bill(charged), at(0)).expect("it is open").charge);
    }
    entries.push(ledger.adjust(&posting(team, -7, "correction"), at(1)).expect("it is free").entry);
    (ledger, team, entries)
}

/// Changes one entry of the story; both the audit and the fold stop there, or at a later one, and say why.
#[track_caller]
fn check(
    index: usize,
    change: impl Fn(&mut Entry),
    at_sequence: u64,
    found: fn(Found) -> bool,
    wrong: fn(Wrong) -> bool,
) {
    let (_, team, mut entries) = story();
    change(&mut entries[index]);
    let mut audit = Audit::new();
    let difference = entries.iter().find_map(|entry| audit.entry(entry).err()).expect("it is wrong");
    assert_eq!((difference.sequence, difference.account), (Sequence(at_sequence), Party::Account(team)));
    assert!(found(difference.found), "{difference}");
    let (mut ledger, _, _) = prepaid(0);
    let fault: Fault = entries.iter().find_map(|entry| ledger.apply(entry).err()).expect("it is wrong");
    assert_eq!((fault.sequence, fault.account), (Sequence(at_sequence), Some(team)));
    assert!(wrong(fault.wrong), "{fault}");
    let before = ledger.sequence();
    assert!(ledger.apply(&entries[index]).is_err() || ledger.sequence() > before);
}

#[test]
fn the_first_entry_that_is_wrong_is_told() {
    use Found::{Balance, Broken, Gap, Twice};
    let is_balance = |found| matches!(found, Balance { .. });
    let is_wrong_balance = |wrong| matches!(wrong, Wrong::Balance { .. });
    check(1, |entry| entry.amount = nano(99), 2, is_balance, is_wrong_balance);
    check(2, |entry| entry.balance = nano(749), 3, is_balance, is_wrong_balance);
    check(0, |entry| entry.amount = nano(1_001), 1, is_balance, is_wrong_balance);
    check(
        3,
        |entry| entry.sequence.0 = 9,
        9,
        |found| matches!(found, Gap { .. }),
        |wrong| wrong == Wrong::Order { expected: Sequence(4) },
    );
    check(
        3,
        |entry| entry.exchange = Some(ExchangeId::from_u64(1)),
        4,
        |found| found == Twice,
        |wrong| wrong == Wrong::Twice,
    );
    check(
        4,
        |entry| entry.idempotency = Some(Arc::from("first")),
        5,
        |found| found == Twice,
        |wrong| wrong == Wrong::Twice,
    );
    check(
        2,
        |entry| entry.overrun = None,
        3,
        |found| found == Broken(Promise::OverrunHasCause),
        |wrong| wrong == Wrong::Shape(Promise::OverrunHasCause),
    );
    let cause = Some(OverrunCause::InDoubt);
    check(
        3,
        move |entry| entry.overrun = cause,
        4,
        |found| found == Broken(Promise::OverrunHasCause),
        |wrong| wrong == Wrong::Shape(Promise::OverrunHasCause),
    );
    check(
        3,
        |entry| entry.usd = nano(-1),
        4,
        |found| found == Broken(Promise::Amount),
        |wrong| wrong == Wrong::Shape(Promise::Amount),
    );
    check(
        3,
        |entry| entry.credit = Party::System(System::Treasury),
        4,
        |found| found == Broken(Promise::Parties),
        |wrong| wrong == Wrong::Shape(Promise::Parties),
    );
}

#[test]
fn any_beginning_of_the_entries_is_a_state() {
    let (ledger, _, entries) = story();
    for length in 0..=entries.len() {
        let (mut refolded, _, _) = prepaid(0);
        for entry in &entries[..length] {
            refolded.apply(entry).expect("it is right");
        }
        invariants::state(&refolded).expect("a beginning is a state");
        assert_eq!(refolded.sequence(), Sequence(length as u64));
        assert_eq!(invariants::same_books(&ledger, &refolded).is_ok(), length == entries.len());
    }
}

#[test]
fn a_claimed_balance_is_compared() {
    let (ledger, team, entries) = story();
    let mut audit = Audit::new();
    for entry in &entries {
        audit.entry(entry).expect("it is right");
    }
    let balance = ledger.standing(team).balance;
    assert_eq!(balance, nano(1_000 - 100 - 150 - 50 - 7));
    assert_eq!(audit.claim(Party::Account(team), Currency::Usd, balance), Ok(()));
    let difference = audit.claim(Party::Account(team), Currency::Usd, nano(692)).expect_err("one less");
    assert_eq!(difference.found, Found::Balance { counted_nano: 693, claimed: nano(692) });
    assert_eq!((difference.sequence, audit.house_nano(System::Revenue, Currency::Usd)), (Sequence(5), 300));
}

#[test]
fn a_checkpoint_stands_for_the_entries_before_it() {
    let (ledger, team, entries) = story();
    for length in 0..=entries.len() {
        let (mut begun, _, key) = prepaid(0);
        entries[..length].iter().for_each(|entry| begun.apply(entry).expect("it is right"));
        let (mut resumed, _, _) = prepaid(0);
        resumed.resume(&begun.checkpoint()).expect("it has no entries");
        entries[..length].iter().for_each(|entry| resumed.remember(entry));
        for entry in &entries[length..] {
            resumed.remember(entry); // which is not counted yet, and so is nothing to be remembered
            resumed.apply(entry).expect("it is the next");
        }
        invariants::same_books(&ledger, &resumed).expect("the same books");
        assert!(!resumed.top_up(&posting(team, 1_000, "first"), at(9)).expect("it was made").is_new);
        assert!(resumed.authorise(key, &ask(1, 1), at(9)).is_err(), "it was charged");
        assert_eq!(resumed.resume(&begun.checkpoint()), Err(BadCheckpoint::HasEntries));
    }
    assert_eq!(Ledger::new(Settings::default()).resume(&ledger.checkpoint()), Err(BadCheckpoint::Unknown));
}
