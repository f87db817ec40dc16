//! What must be measured is asked once, and not by everybody.

use std::time::Duration;

use roundelay_routing::{Demand, DeploymentId, ModelId, Outcome, Plan, Router, Strategy, Target, Tokens};

use crate::world::{at, attempt, demand, pooled, router, run, success};

const FIRST: DeploymentId = DeploymentId(0);

fn by_name(model: u32) -> Demand {
    Demand { target: Target::Model(ModelId(model)), ..demand(at(1.0)) }
}

#[test]
fn what_was_too_slow_is_measured_again_by_one_request_while_others_are_spared() {
    let mut router = router();
    let mut catalog = pooled(&[1.0, 1.0], Strategy::Weighted, 2);
    catalog.pools[0].limits.first_content = Some(Duration::from_millis(299));
    let catalog = router.adopt(catalog);
    // Its first content comes after 300 ms.
    run(&mut router, &catalog, by_name(0), &mut at(1.0), |_| success());
    let begin = |router: &mut Router, now: f64| -> (Plan, bool) {
        let mut plan = router.plan(&catalog, demand(at(now)), at(now));
        let went = attempt(plan.next(router, at(now))).deployment;
        (plan, went == FIRST)
    };
    let mut crowd = |now: f64| (0..50).filter(|_| begin(&mut router, now).1).count();
    assert_eq!([30.9, 31.0, 60.9, 61.0].map(&mut crowd), [0, 1, 0, 1]);
}

/// Of a hundred requests, one after the other, how many are sent where each is given up in silence.
#[track_caller]
fn check(strategy: Strategy) {
    let mut router = router();
    let catalog = router.adopt(pooled(&[1.0, 1.0], strategy, 2));
    let mut now = at(1.0);
    run(&mut router, &catalog, by_name(1), &mut now, |_| success());
    let given_up = (0..100).filter(|_| {
        now = now + Duration::from_secs(1);
        let mut plan = router.plan(&catalog, demand(now), now);
        let sent = attempt(plan.next(&mut router, now));
        let is_silent = sent.deployment == FIRST;
        let outcome = if is_silent { Outcome::Abandoned } else { success() };
        plan.report(&mut router, &sent, &outcome, now);
        is_silent
    });
    let given_up = given_up.count();
    assert!((1..=65).contains(&given_up), "{given_up} under {strategy:?}");
}

#[test]
fn a_silent_deployment_does_not_get_every_request_for_never_having_answered() {
    check(Strategy::Fastest);
    check(Strategy::Balanced);
}

/// Of a hundred requests, one after the other, how many go to the quicker of two once it shows nothing and its callers
/// leave after ten seconds.
#[track_caller]
fn check_left(strategy: Strategy) {
    let mut router = router();
    let catalog = router.adopt(pooled(&[1.0, 1.0], strategy, 2));
    let mut now = at(1.0);
    let mut ask = |router: &mut Router, is_silent: bool| {
        now = now + Duration::from_secs(1);
        let mut plan = router.plan(&catalog, demand(now), now);
        let sent = attempt(plan.next(router, now));
        let is_first = sent.deployment == FIRST;
        if is_first && is_silent {
            now = now + Duration::from_secs(10);
            plan.report(router, &sent, &Outcome::Abandoned, now);
        } else {
            let took = Duration::from_millis(if is_first { 300 } else { 900 });
            router.commit(&sent, Some(took), now);
            let tokens = Tokens { input: 100, cached: 0, output: 10 };
            plan.report(router, &sent, &Outcome::Success { total: took + Duration::from_millis(100), tokens }, now);
        }
        is_first
    };
    let before = (0..100).filter(|_| ask(&mut router, false)).count();
    let after = (0..100).filter(|_| ask(&mut router, true)).count();
    assert!(before > 90 && after < 10, "{before}, then {after} under {strategy:?}");
}

#[test]
fn whoever_leaves_after_longer_than_a_whole_answer_takes_has_seen_that_it_is_slow() {
    check_left(Strategy::Fastest);
    check_left(Strategy::Balanced);
}

/// Of a hundred requests, one after the other, how many go to a member whose callers all leave after `patience` seconds of
/// silence, where whole answers of its usually take one second.
#[track_caller]
fn check_silent(strategy: Strategy, patience: u64, expected: std::ops::RangeInclusive<usize>) {
    let mut router = router();
    let catalog = router.adopt(pooled(&[1.0, 1.0], strategy, 2));
    let mut now = at(1.0);
    run(&mut router, &catalog, by_name(0), &mut now, |_| success());
    let went = (0..100).filter(|_| {
        now = now + Duration::from_secs(1);
        let mut plan = router.plan(&catalog, demand(now), now);
        let attempt = attempt(plan.next(&mut router, now));
        let is_first = attempt.deployment == FIRST;
        if is_first {
            now = now + Duration::from_secs(patience);
        }
        let outcome = if is_first { Outcome::Abandoned } else { success() };
        plan.report(&mut router, &attempt, &outcome, now);
        is_first
    });
    let went = went.count();
    assert!(expected.contains(&went), "{strategy:?}: {went}");
}

#[test]
fn a_member_whose_callers_leave_in_long_silence_loses_its_share_and_its_probes() {
    for strategy in [Strategy::Weighted, Strategy::RoundRobin] {
        check_silent(strategy, 11, 5..=35);
    }
    // Who leaves at once says nothing.
    check_silent(Strategy::RoundRobin, 1, 45..=55);
    check_silent(Strategy::Priority, 1, 100..=100);
}
