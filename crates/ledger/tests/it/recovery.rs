//! What was under way at a crash is told by the journal, held again, and settled once.

use roundelay_ledger::{Ask, Bill, Expiry, Held, Ledger, OverrunCause, Recovery, Shortage, Stage, invariants};

use crate::world::{ask, at, bill, cost, nano, posting, prepaid};

/// Four attempts of 100: one settled, one released, one sent, one only held; and what a journal has of them, read again
/// after a crash.
fn crashed() -> (Ledger, Vec<Held>) {
    let (mut ledger, team, key) = prepaid(1_000);
    let holds = [1, 2, 3, 4].map(|exchange| ledger.authorise(key, &ask(exchange, 100), at(0)).expect("enough"));
    let sent = [0, 1, 2].map(|index| ledger.dispatched(holds[index]).expect("it is open"));
    let charge = ledger.settle(holds[0], &bill(60), at(1)).expect("it is open").charge;
    ledger.release(holds[1], at(1)).expect("it is open");
    let mut recovery = Recovery::new();
    // Out of order, and twice: the journal is only lines.
    recovery.progress(sent[2].exchange, 1, cost(70));
    recovery.released(sent[1].exchange, 1);
    for held in sent.into_iter().chain([sent[2]]) {
        recovery.dispatched(held);
    }
    recovery.entry(&charge);
    recovery.progress(sent[2].exchange, 1, cost(40));
    let first = ledger.top_up(&posting(team, 1_000, "first"), at(0)).expect("it was made before").entry;
    let (mut after, _, _) = prepaid(0);
    for entry in [first, charge] {
        after.apply(&entry).expect("in order");
    }
    (after, recovery.in_doubt().collect())
}

#[test]
fn only_what_was_sent_and_has_no_end_is_in_doubt() {
    let (_, in_doubt) = crashed();
    let told: Vec<_> = in_doubt.iter().map(|held| (held.exchange.as_u64(), held.delivered)).collect();
    assert_eq!(told, [(3, cost(70))]);
}

#[test]
fn the_line_that_held_most_counts() {
    let (_, in_doubt) = crashed();
    let of = |amount| Held { cost: cost(amount), ..in_doubt[0] };
    let mut recovery = Recovery::new();
    [100, 150, 120].into_iter().for_each(|amount| recovery.dispatched(of(amount)));
    assert_eq!(recovery.in_doubt().map(|held| held.cost).collect::<Vec<_>>(), [cost(150)]);
}

/// Settles what is in doubt by a bill, or by waiting.
#[track_caller]
fn check(told: Option<Bill>, amount: i64, is_estimated: bool) {
    let (mut ledger, in_doubt) = crashed();
    let team = in_doubt[0].payer;
    assert_eq!(ledger.standing(team).left, Some(nano(940)));
    let hold = ledger.reinstate(&in_doubt[0], at(5)).expect("it has no end");
    assert_eq!(ledger.reinstate(&in_doubt[0], at(5)), Err(Shortage::Duplicate));
    assert_eq!(ledger.standing(team).left, Some(nano(840)), "it cannot be spent meanwhile");
    assert_eq!(ledger.held(hold).map(|held| held.stage), Some(Stage::InDoubt));
    let settlement = match told {
        Some(bill) => ledger.settle(hold, &bill, at(6)).expect("it is open"),
        None => match ledger.expire(at(5 + 24 * 3_600)) {
            Some(Expiry::Estimated(_, settlement)) => *settlement,
            other => panic!("{other:?}"),
        },
    };
    assert_eq!((settlement.charge.amount, settlement.charge.is_estimated), (nano(amount), is_estimated));
    let is_over = amount > 100;
    assert_eq!(settlement.charge.overrun, is_over.then_some(OverrunCause::InDoubt));
    assert_eq!(ledger.standing(team).left, Some(nano(940 - amount)));
    assert_eq!(ledger.reinstate(&in_doubt[0], at(7)), Err(Shortage::Duplicate));
    invariants::state(&ledger).expect("nothing is held");
}

#[test]
fn what_the_provider_tells_is_charged_and_else_what_was_delivered() {
    check(Some(bill(85)), 85, false);
    check(Some(bill(130)), 130, false);
    check(None, 70, true);
}

#[test]
fn starting_again_does_not_lengthen_a_doubt() {
    let (mut ledger, in_doubt) = crashed();
    let lost = Held { expires_at: at(2), ..in_doubt[0] };
    // Restarted shortly before the day is over that began when it was overdue.
    ledger.reinstate(&lost, at(24 * 3_600)).expect("it has no end");
    assert_eq!(ledger.expire(at(24 * 3_600 + 1)), None);
    assert!(matches!(ledger.expire(at(24 * 3_600 + 2)), Some(Expiry::Estimated(..))));
}

#[test]
fn what_is_in_doubt_is_held_even_where_nothing_is_left() {
    let (mut ledger, in_doubt) = crashed();
    let (team, key) = (in_doubt[0].payer, in_doubt[0].node);
    let all = Ask { attempt: 1, ..ask(9, 940) };
    ledger.authorise(key, &all, at(2)).expect("all that is left");
    ledger.reinstate(&in_doubt[0], at(5)).expect("somebody bills it");
    assert_eq!(ledger.standing(team).left, Some(nano(-100)));
    invariants::state(&ledger).expect("it is excused");
    assert!(ledger.authorise(key, &ask(10, 1), at(5)).is_err());
}
