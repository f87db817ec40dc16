//! Every hold ends exactly once, and no two holds take the same money.

use std::sync::Arc;

use proptest::prelude::*;
use roundelay_ledger::{AccountId, AccountKind, Hold, HoldRefusal, Money, Purse};

fn purse(kind: AccountKind, balance: i64) -> Arc<Purse> {
    Purse::new(AccountId::default_account(), kind, Money::from_nano(balance))
}

/// Holds 100 of a balance of 1,000 and ends it.
#[track_caller]
fn check(end: impl FnOnce(Hold), available: i64) {
    let purse = purse(AccountKind::Prepaid, 1_000);
    let hold = purse.hold(Money::from_nano(100)).expect("the purse has more");
    assert_eq!((purse.available().nano(), purse.open_holds()), (900, 1));
    end(hold);
    assert_eq!((purse.available().nano(), purse.open_holds()), (available, 0));
}

#[test]
fn a_hold_ends_once_however_it_ends() {
    check(|hold| drop(hold.settle(Money::from_nano(30))), 970);
    check(|hold| drop(hold.settle(Money::from_nano(100))), 900);
    check(|hold| drop(hold.settle(Money::from_nano(130))), 870);
    check(|hold| drop(hold.settle(Money::ZERO)), 1_000);
    check(|hold| drop(hold.settle(Money::from_nano(-5))), 1_000);
    check(|hold| drop(hold.release()), 1_000);
    check(drop, 1_000);
}

#[test]
fn a_settlement_says_what_was_given_back_and_what_was_over() {
    let purse = purse(AccountKind::Postpaid, 0);
    for (charged, released, overrun) in [(30, 70, 0), (100, 0, 0), (130, 0, 30)] {
        let settlement = purse.hold(Money::from_nano(100)).unwrap().settle(Money::from_nano(charged));
        let parts = (settlement.charged.nano(), settlement.released.nano(), settlement.overrun.nano());
        assert_eq!(parts, (charged, released, overrun));
        assert_eq!(settlement.account, AccountId::default_account());
    }
    assert_eq!(purse.available(), Money::from_nano(-260));
}

#[test]
fn a_prepaid_account_refuses_what_it_does_not_have() {
    let purse = purse(AccountKind::Prepaid, 100);
    let wanted = Money::from_nano(101);
    let available = Money::from_nano(100);
    assert_eq!(purse.hold(wanted).err(), Some(HoldRefusal::Insufficient { available, wanted }));
    let all = purse.hold(available).unwrap();
    assert!(purse.hold(Money::ZERO).is_err(), "nothing is left, so not even a hold of zero");
    drop(all);
    assert!(purse.hold(Money::ZERO).is_ok());
}

#[test]
fn a_postpaid_account_refuses_only_what_cannot_be_written() {
    let purse = purse(AccountKind::Postpaid, 0);
    let most = purse.hold(Money::MAX).unwrap();
    assert!(matches!(purse.hold(Money::MAX), Err(HoldRefusal::Insufficient { .. })));
    assert_eq!(purse.open_holds(), 1);
    assert_eq!(most.release().released, Money::MAX);
    assert_eq!(purse.hold(Money::from_nano(-1)).err(), Some(HoldRefusal::Negative));
}

#[test]
fn threads_never_hold_more_than_there_is() {
    let purse = purse(AccountKind::Prepaid, 400);
    let held: usize = std::thread::scope(|scope| {
        let take = || (0..250).filter_map(|_| purse.hold(Money::from_nano(1)).ok()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
        let holds: Vec<Hold> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(purse.available(), Money::ZERO);
        holds.len()
    });
    assert_eq!(held, 400);
    assert_eq!((purse.available().nano(), purse.open_holds()), (400, 0));
}

proptest! {
    /// What is available is always the balance, less what is held, less what was charged.
    #[test]
    fn money_is_conserved(steps in proptest::collection::vec((0u8..4, 0i64..500), 0..60)) {
        let purse = purse(AccountKind::Prepaid, 1_000);
        let (mut open, mut charged) = (Vec::<Hold>::new(), 0);
        for (step, amount) in steps {
            match (step, open.pop()) {
                (0, Some(hold)) => charged += hold.settle(Money::from_nano(amount)).charged.nano(),
                (1, Some(hold)) => drop(hold.release()),
                (2, Some(hold)) => drop(hold),
                (_, last) => {
                    open.extend(last);
                    open.extend(purse.hold(Money::from_nano(amount)));
                }
            }
            let held: i64 = open.iter().map(|hold| hold.amount().nano()).sum();
            prop_assert_eq!(purse.available().nano(), 1_000 - held - charged);
            prop_assert_eq!(purse.open_holds(), open.len() as u64);
        }
    }
}
