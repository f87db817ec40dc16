//! Gateways that share a balance by leases lose nothing and spend nothing twice, wherever one crashes.

use proptest::prelude::*;
use roundelay_ledger::{Lease, LeaseFault, LeaseId, Money, Pot};

use crate::world::nano;

/// All money there is: free, granted and spent.
fn total(pot: &Pot) -> i128 {
    i128::from(pot.free().nano()) + pot.outstanding_nano() + i128::from(pot.spent().nano())
}

#[track_caller]
fn check(pot: &Pot, free: i64, outstanding: i128, spent: i64) {
    assert_eq!((pot.free(), pot.outstanding_nano(), pot.spent()), (nano(free), outstanding, nano(spent)));
}

#[test]
fn a_lease_is_spent_from_and_given_back() {
    let mut pot = Pot::new(nano(1_000));
    let mut lease = pot.take(nano(300)).expect("there is enough");
    check(&pot, 700, 300, 0);
    assert!(lease.hold(nano(200)) && !lease.hold(nano(101)) && lease.hold(nano(100)));
    lease.settle(nano(200), nano(150)).expect("small");
    assert_eq!((lease.left(), lease.spent()), (nano(50), nano(150)));
    pot.report(lease.id(), lease.spent()).expect("it is not over");
    pot.report(lease.id(), nano(90)).expect("an old report is no fault");
    check(&pot, 700, 150, 150);
    lease.grow(pot.take_more(lease.id(), lease.granted(), nano(100)).expect("it is not over"));
    assert_eq!(pot.take_more(lease.id(), nano(300), nano(100)), Ok(nano(400)), "asked again: nothing more");
    check(&pot, 600, 250, 150);
    assert_eq!(lease.left(), nano(150));
    lease.settle(nano(100), nano(0)).expect("small");
    assert_eq!(pot.give_back(lease.id(), lease.spent()), Ok(nano(250)));
    assert_eq!(pot.give_back(lease.id(), lease.spent()), Err(LeaseFault::Over));
    check(&pot, 850, 0, 150);
}

#[test]
fn nothing_is_granted_that_is_not_free() {
    let mut pot = Pot::new(nano(100));
    let all = pot.take(nano(500)).expect("what there is");
    assert_eq!((all.granted(), pot.take(nano(1))), (nano(100), None));
    assert_eq!(pot.add(nano(-1)), Err(LeaseFault::NotFree));
    assert_eq!(pot.take_more(all.id(), nano(100), nano(5)), Ok(nano(100)));
    pot.add(nano(7)).expect("a top-up");
    assert_eq!(pot.take_more(all.id(), nano(100), nano(5)), Ok(nano(105)));
    // It overran its grant: the rest is taken from what is free.
    assert_eq!(pot.give_back(all.id(), nano(106)), Ok(nano(-1)));
    check(&pot, 1, 0, 106);
    assert_eq!(Pot::new(nano(-5)).take(nano(1)), None);
}

/// A gateway: a lease in memory, and what its entries on the disk say it has spent.
struct Gateway {
    lease: Option<Lease>,
    held: Vec<Money>,
    /// The lease it took last, and its charges: both are on its disk before anybody is told.
    on_disk: (LeaseId, i64),
}

proptest! {
    #[test]
    fn money_is_conserved_wherever_a_gateway_crashes(
        steps in prop::collection::vec((0usize..3, 0u8..8, 0i64..400), 0..200),
    ) {
        let mut pot = Pot::new(nano(2_000));
        let mut gateways = [0, 1, 2].map(|_| Gateway { lease: None, held: Vec::new(), on_disk: (LeaseId(0), 0) });
        let (mut charged, mut added) = (0, 2_000);
        for (which, step, amount) in steps {
            let gateway = &mut gateways[which];
            match (step, gateway.lease.as_mut()) {
                (0 | 1, None) => {
                    gateway.lease = pot.take(nano(amount));
                    if let Some(lease) = &gateway.lease {
                        gateway.on_disk = (lease.id(), 0);
                    }
                }
                (0, Some(lease)) => {
                    let granted = pot.take_more(lease.id(), lease.granted(), nano(amount)).unwrap();
                    lease.grow(granted);
                }
                (1 | 2, Some(lease)) => {
                    let is_held = lease.hold(nano(amount));
                    gateway.held.extend(is_held.then_some(nano(amount)));
                }
                (3 | 4, Some(lease)) => {
                    if let Some(held) = gateway.held.pop() {
                        let charge = nano(amount.min(held.nano()));
                        lease.settle(held, charge).unwrap();
                        gateway.on_disk.1 += charge.nano();
                        charged += charge.nano();
                    }
                }
                (5, Some(lease)) => pot.report(lease.id(), lease.spent()).unwrap(),
                // A crash, or a crash after giving back: memory is gone, and the disk says what was spent.
                (6, _) => {
                    gateway.lease = None;
                    gateway.held.clear();
                    let (lease, spent) = gateway.on_disk;
                    let is_open = pot.leases().any(|open| open == lease);
                    prop_assert_eq!(pot.give_back(lease, nano(spent)).is_ok(), is_open);
                    prop_assert_eq!(pot.give_back(lease, nano(spent)), Err(LeaseFault::Over));
                }
                (7, None) => {
                    pot.add(nano(amount)).unwrap();
                    added += amount;
                }
                _ => {}
            }
            prop_assert_eq!(total(&pot), i128::from(added), "conserved");
            prop_assert!(pot.free() >= Money::ZERO && pot.outstanding_nano() >= 0);
            for lease in gateways.iter().filter_map(|gateway| gateway.lease.as_ref()) {
                prop_assert!(lease.left() >= Money::ZERO);
            }
        }
        for gateway in &gateways {
            let (lease, spent) = gateway.on_disk;
            let _over_already = pot.give_back(lease, nano(spent));
        }
        prop_assert_eq!((pot.spent().nano(), pot.free().nano()), (charged, added - charged));
    }
}
