//! Two attempts side by side: what follows when one answers, when one or both fail, and when nobody waits any more.

use std::time::Duration;

use roundelay_routing::FaultKind::{self, *};
use roundelay_routing::{AttemptKind, BreakerState, Ending, MovedOn, Outcome, Step, Stop, StopReason};

use super::{Slow, hedging};
use crate::world::{failure, success};

#[test]
fn the_quicker_of_two_answers_and_the_other_is_lost_without_a_verdict() {
    for is_hedge_won in [true, false] {
        let mut slow = Slow::new(hedging(3));
        let (first, hedge) = (slow.first, slow.hedge().unwrap());
        let (winner, loser) = if is_hedge_won { (hedge, first) } else { (first, hedge) };
        let ratio = slow.router.health(&slow.catalog, slow.began)[loser.deployment.0 as usize].success_ratio;
        let now = slow.after(2.5);
        slow.router.commit(&winner, Some(Duration::from_millis(500)), now);
        slow.report(&loser, &Outcome::Abandoned);
        assert_eq!(slow.in_flight().iter().sum::<u32>(), 1);
        slow.report(&winner, &success());
        assert_eq!(slow.in_flight(), [0, 0, 0]);
        let health = &slow.router.health(&slow.catalog, now)[loser.deployment.0 as usize];
        assert_eq!((health.success_ratio, health.breaker), (ratio, BreakerState::Closed));
        assert!(matches!(slow.next(), Step::Stop(_)));
        let endings: Vec<_> = slow.plan.decision().attempts.iter().map(|attempt| attempt.ending.unwrap()).collect();
        let (won, lost) = (Ending::Success, Ending::Lost);
        assert_eq!(endings, if is_hedge_won { [lost, won] } else { [won, lost] });
    }
}

#[test]
fn while_one_of_two_has_failed_the_other_is_awaited() {
    for is_first in [true, false] {
        let mut slow = Slow::new(hedging(3));
        let (first, hedge) = (slow.first, slow.hedge().unwrap());
        let (failed, other) = if is_first { (first, hedge) } else { (hedge, first) };
        slow.report(&failed, &failure(Overloaded));
        let record = slow.plan.decision().attempts[failed.number as usize - 1];
        assert_eq!((record.ending, record.moved_on), (Some(Ending::Failure(Overloaded)), Some(MovedOn::Other)));
        assert_eq!(slow.plan.hedge_at(&slow.router, true), None, "one hedge an exchange");
        let now = slow.after(2.5);
        slow.router.commit(&other, Some(Duration::from_millis(500)), now);
        slow.report(&other, &success());
        assert!(matches!(slow.next(), Step::Stop(_)), "it was answered");
    }
}

/// Both of two fail, the first attempt before its hedge or after it: the same follows.
#[track_caller]
fn check_both(first: FaultKind, hedge: FaultKind, expected: Result<(u32, AttemptKind), StopReason>) {
    for is_hedge_last in [true, false] {
        let mut slow = Slow::new(hedging(4));
        let mut faults = [(slow.first, first), (slow.hedge().unwrap(), hedge)];
        if !is_hedge_last {
            faults.reverse();
        }
        for (attempt, fault) in faults {
            slow.report(&attempt, &failure(fault));
        }
        let found = match slow.next() {
            Step::Attempt(attempt) => {
                assert_eq!(attempt.number, 3, "both count");
                Ok((attempt.deployment.0, attempt.kind))
            }
            Step::Stop(Stop { reason, .. }) => Err(reason),
            Step::Wait(_) | Step::HandOver => Err(StopReason::Busy),
        };
        assert_eq!(found, expected, "{first:?} and {hedge:?}, the hedge last: {is_hedge_last}");
        assert!(slow.plan.decision().attempts.iter().take(2).all(|attempt| attempt.moved_on.is_some()));
    }
}

#[test]
fn what_follows_two_failures_follows_from_both() {
    let next = Ok((2, AttemptKind::Fallback));
    check_both(Overloaded, Overloaded, next);
    check_both(KeyRejected, RateLimited, next);
    check_both(Reset, Overloaded, next);
    check_both(Overloaded, FirstContentTimeout, next);
    check_both(FirstContentTimeout, Reset, Err(StopReason::AttemptsSpent));
    check_both(Reset, Reset, Err(StopReason::AttemptsSpent));
    check_both(CallerBad, Overloaded, Err(StopReason::CallerAtFault));
    check_both(Reset, ContentPolicy, Err(StopReason::CallerAtFault));
    // The window of the hedge, 2,000, is the largest that refused; the next has 3,000.
    check_both(RateLimited, CallerTooLong, next);
    check_both(CallerTooLong, CallerTooLong, next);
}

#[test]
fn a_window_that_was_too_small_for_the_first_is_not_tried_again_by_the_hedge() {
    let mut catalog = hedging(2);
    catalog.models[0].context_window = Some(3_000);
    let mut slow = Slow::new(catalog);
    let (first, hedge) = (slow.first, slow.hedge().unwrap());
    slow.report(&first, &failure(CallerTooLong));
    slow.report(&hedge, &failure(Empty));
    assert!(matches!(slow.next(), Step::Stop(_)), "the hedge's window is smaller than the one that refused");
}

#[test]
fn a_hedge_counts_among_the_attempts() {
    let mut catalog = hedging(3);
    catalog.pools[0].attempts = 2;
    let mut slow = Slow::new(catalog);
    let (first, hedge) = (slow.first, slow.hedge().unwrap());
    slow.report(&first, &failure(Overloaded));
    slow.report(&hedge, &failure(Overloaded));
    assert!(matches!(slow.next(), Step::Stop(Stop { reason: StopReason::AttemptsSpent, .. })));
}

#[test]
fn whoever_leaves_releases_both() {
    let mut slow = Slow::new(hedging(2));
    let (first, hedge) = (slow.first, slow.hedge().unwrap());
    slow.report(&first, &Outcome::Abandoned);
    slow.report(&hedge, &Outcome::Abandoned);
    assert_eq!(slow.in_flight(), [0, 0]);
    assert!(matches!(slow.next(), Step::Stop(_)), "nothing is asked for nobody");
    let endings = slow.plan.decision().attempts.iter().map(|attempt| attempt.ending);
    assert!(endings.eq([Some(Ending::Abandoned); 2]), "neither was quicker");

    // The task died, so that nobody could tell the plan.
    let mut slow = Slow::new(hedging(2));
    let (first, hedge) = (slow.first, slow.hedge().unwrap());
    let now = slow.after(2.5);
    slow.router.report(&first, &Outcome::Abandoned, now);
    slow.router.report(&hedge, &Outcome::Abandoned, now);
    assert_eq!(slow.in_flight(), [0, 0]);
}

#[test]
fn whoever_asks_on_without_a_report_gives_both_up_as_uncertain() {
    let mut slow = Slow::new(hedging(4));
    slow.hedge().unwrap();
    assert!(matches!(slow.next(), Step::Stop(Stop { reason: StopReason::AttemptsSpent, .. })));
}
