//! Where an answer that broke off is carried on.

use std::time::Duration;

use roundelay_routing::AttemptKind::{Fallback, First, Retry};
use roundelay_routing::FaultKind::{self, *};
use roundelay_routing::Outcome::MidStream;
use roundelay_routing::{
    Attempt, AttemptKind, Capabilities, Catalog, Conversation, Demand, DeploymentId, Ending, Exclusion, Fault, Instant,
    ModelId, MovedOn, Outcome, Plan, Router, Step, StopReason, Strategy, Target,
};

use crate::world::{at, attempt, demand, failure, pooled, router, run, success};

const PREFILL: Capabilities = Capabilities { prefill: true, ..Capabilities::NONE };

/// A pool of two in this order and a fallback, and what each attempt in turn ends with.
struct Row<'a> {
    shape: &'a dyn Fn(&mut Catalog),
    wants: &'a dyn Fn(&mut Demand),
    prefers: Capabilities,
    ends: &'a [Outcome],
}

impl Default for Row<'_> {
    fn default() -> Self {
        Self { shape: &|_| (), wants: &|_| (), prefers: Capabilities::NONE, ends: &[MidStream] }
    }
}

/// Ends one attempt, and asks to carry on where it broke off.
fn end(
    plan: &mut Plan,
    router: &mut Router,
    attempt: &Attempt,
    outcome: &Outcome,
    prefers: Capabilities,
    now: Instant,
) {
    if matches!(outcome, Outcome::Success { .. } | MidStream) {
        router.commit(attempt, Some(Duration::from_millis(300)), now);
    }
    plan.report(router, attempt, outcome, now);
    plan.carry_on(prefers, now + Duration::from_secs(60));
}

/// Where it goes; attempts after those that `ends` tells of are answered.
#[track_caller]
fn check(row: &Row<'_>, expected: &[(u32, AttemptKind)], reason: Option<StopReason>) {
    let mut catalog = pooled(&[1.0, 1.0], Strategy::Priority, 3);
    catalog.pools[0].attempts = 4;
    for model in &mut catalog.models {
        model.capabilities.prefill = false;
    }
    (row.shape)(&mut catalog);
    let mut router = router();
    let catalog = router.adopt(catalog);
    let mut now = at(1.0);
    let mut wants = demand(now);
    (row.wants)(&mut wants);
    let mut plan = router.plan(&catalog, wants, now);
    let mut went = Vec::new();
    let stopped = loop {
        match plan.next(&mut router, now) {
            Step::Attempt(attempt) => {
                let outcome = row.ends.get(went.len()).cloned().unwrap_or_else(success);
                went.push((attempt.deployment.0, attempt.kind));
                end(&mut plan, &mut router, &attempt, &outcome, row.prefers, now);
                if matches!(outcome, Outcome::Success { .. }) {
                    assert!(matches!(plan.next(&mut router, now), Step::Stop(_)), "asked for more than an answer");
                    break None;
                }
            }
            Step::Wait(until) => now = until,
            Step::HandOver => panic!("nobody allowed it"),
            Step::Stop(stop) => break Some(stop.reason),
        }
    };
    assert_eq!((&went[..], stopped), (expected, reason));
}

#[test]
fn those_not_asked_yet_come_first_and_of_these_the_preferred() {
    let row = Row::default;
    check(&row(), &[(0, First), (1, Fallback)], None);
    let prefilling = |which: usize| move |catalog: &mut Catalog| catalog.models[which].capabilities.prefill = true;
    check(&Row { shape: &prefilling(2), ..row() }, &[(0, First), (1, Fallback)], None);
    check(&Row { shape: &prefilling(2), prefers: PREFILL, ..row() }, &[(0, First), (2, Fallback)], None);
    check(&Row { shape: &prefilling(0), prefers: PREFILL, ..row() }, &[(0, First), (1, Fallback)], None);
    check(&Row { prefers: PREFILL, ..row() }, &[(0, First), (1, Fallback)], None);
    let ends = [MidStream, failure(RateLimited)];
    let went = [(0, First), (2, Fallback), (1, Fallback)];
    check(&Row { shape: &prefilling(2), prefers: PREFILL, ends: &ends, ..row() }, &went, None);
}

#[test]
fn whoever_broke_off_is_asked_again_when_nobody_else_is_left() {
    let row = |ends| Row { ends, ..Row::default() };
    let ends = [MidStream, failure(RateLimited), failure(RateLimited)];
    check(&row(&ends), &[(0, First), (1, Fallback), (2, Fallback), (0, Retry)], None);
    let ends = [MidStream, MidStream, failure(KeyRejected)];
    check(&row(&ends), &[(0, First), (1, Fallback), (2, Fallback), (0, Retry)], None);
    let lone = |wants: &mut Demand| wants.target = Target::Model(ModelId(0));
    let ends = [MidStream, MidStream];
    check(&Row { wants: &lone, ..row(&ends[..1]) }, &[(0, First), (0, Retry)], None);
    // Who broke off twice is not asked a third time.
    check(&Row { wants: &lone, ..row(&ends) }, &[(0, First), (0, Retry)], Some(StopReason::AttemptsSpent));
    // What failed before content is not.
    let ends = [failure(KeyRejected), MidStream, failure(KeyRejected)];
    check(&row(&ends), &[(0, First), (1, Fallback), (2, Fallback), (1, Retry)], None);
}

#[test]
fn the_attempts_of_the_exchange_hold() {
    let ends = [MidStream, MidStream, MidStream, MidStream];
    let went = [(0, First), (1, Fallback), (2, Fallback), (0, Retry)];
    check(&Row { ends: &ends, ..Row::default() }, &went, Some(StopReason::AttemptsSpent));
    let two = |catalog: &mut Catalog| catalog.pools[0].attempts = 2;
    check(&Row { shape: &two, ends: &ends, ..Row::default() }, &went[..2], Some(StopReason::AttemptsSpent));
    let once = |wants: &mut Demand| wants.retries_allowed = false;
    check(&Row { wants: &once, ..Row::default() }, &went[..1], Some(StopReason::RetriesRefused));
}

/// One replay of what may have been done is allowed for each beginning of an answer, not for all of it.
#[test]
fn who_answered_after_an_uncertain_replay_may_be_followed_by_another() {
    for uncertain in [Reset, FirstContentTimeout] {
        let ends = [failure(uncertain), MidStream, failure(uncertain)];
        let went = [(0, First), (1, Fallback), (2, Fallback), (1, Retry)];
        check(&Row { ends: &ends, ..Row::default() }, &went, None);
    }
    let ends = [MidStream, failure(Reset), failure(Reset)];
    check(
        &Row { ends: &ends, ..Row::default() },
        &[(0, First), (1, Fallback), (2, Fallback)],
        Some(StopReason::AttemptsSpent),
    );
}

#[test]
fn what_is_asked_on_the_way_is_not_the_callers_fault() {
    let row = |ends| Row { ends, ..Row::default() };
    let bad = failure(CallerBad);
    let ends = [MidStream, bad.clone()];
    check(&row(&ends), &[(0, First), (1, Fallback), (1, Retry)], None);
    let ends = [MidStream, bad.clone(), bad.clone()];
    check(&row(&ends), &[(0, First), (1, Fallback), (1, Retry), (2, Fallback)], None);
    let final_word = Outcome::Failure(Fault { same_target_forbidden: true, ..Fault::new(CallerBad) });
    let ends = [MidStream, final_word];
    check(&row(&ends), &[(0, First), (1, Fallback), (2, Fallback)], None);
    let ends = [MidStream, failure(ContentPolicy)];
    check(&row(&ends), &[(0, First), (1, Fallback)], Some(StopReason::CallerAtFault));
    let ends = [bad];
    check(&row(&ends), &[(0, First)], Some(StopReason::CallerAtFault));
}

#[test]
fn nothing_else_is_carried_on() {
    #[track_caller]
    fn check(outcome: &Outcome, is_carried_on: bool) {
        let mut router = router();
        let catalog = router.adopt(pooled(&[1.0, 1.0], Strategy::Priority, 2));
        let now = at(1.0);
        let mut plan = router.plan(&catalog, demand(now), now);
        plan.carry_on(PREFILL, at(200.0));
        let first = attempt(plan.next(&mut router, now));
        plan.carry_on(PREFILL, at(200.0));
        end(&mut plan, &mut router, &first, outcome, PREFILL, now);
        let step = plan.next(&mut router, now);
        assert_eq!(matches!(step, Step::Attempt(_)), is_carried_on, "{outcome:?} {step:?}");
        if let Step::Attempt(second) = step {
            assert_eq!(plan.decision().attempts[0].moved_on, Some(MovedOn::Next));
            plan.report(&mut router, &second, &Outcome::Abandoned, now);
            plan.carry_on(PREFILL, at(200.0));
            assert!(matches!(plan.next(&mut router, now), Step::Stop(_)), "carried on twice for one break");
        }
    }
    check(&success(), false);
    check(&Outcome::Abandoned, false);
    check(&failure(CallerBad), false);
    check(&MidStream, true);
}

#[test]
fn the_new_deadline_holds_and_the_old_one_does_not() {
    #[track_caller]
    fn check(until: f64, is_carried_on: bool) {
        let mut router = router();
        let catalog = router.adopt(pooled(&[1.0, 1.0], Strategy::Priority, 2));
        let mut plan = router.plan(&catalog, demand(at(1.0)), at(1.0));
        let first = attempt(plan.next(&mut router, at(1.0)));
        router.commit(&first, Some(Duration::from_secs(1)), at(2.0));
        plan.report(&mut router, &first, &MidStream, at(500.0));
        plan.carry_on(Capabilities::NONE, at(until));
        let step = plan.next(&mut router, at(500.0));
        assert_eq!(matches!(step, Step::Attempt(_)), is_carried_on, "{step:?}");
        let passed = matches!(step, Step::Stop(stop) if stop.reason == StopReason::DeadlinePassed);
        assert_eq!(passed, !is_carried_on, "{step:?}");
    }
    check(500.001, true);
    check(500.0, false);
}

#[test]
fn a_stop_that_was_told_already_is_lifted() {
    let mut router = router();
    let catalog = router.adopt(pooled(&[1.0, 1.0], Strategy::Priority, 2));
    let now = at(1.0);
    let mut plan = router.plan(&catalog, demand(now), now);
    let first = attempt(plan.next(&mut router, now));
    router.commit(&first, None, now);
    plan.report(&mut router, &first, &failure(Reset), now);
    assert_eq!(plan.decision().attempts[0].ending, Some(Ending::MidStream), "content had reached the caller");
    assert!(matches!(plan.next(&mut router, now), Step::Stop(_)));
    plan.carry_on(Capabilities::NONE, at(60.0));
    assert_eq!(attempt(plan.next(&mut router, now)).deployment, DeploymentId(1));
    assert_eq!(plan.decision().stop, None);
}

#[test]
fn who_cannot_carry_on_is_passed_over_for_good() {
    let mut router = router();
    let catalog = router.adopt(pooled(&[1.0, 1.0], Strategy::Priority, 3));
    let now = at(1.0);
    let mut plan = router.plan(&catalog, demand(now), now);
    let first = attempt(plan.next(&mut router, now));
    end(&mut plan, &mut router, &first, &MidStream, Capabilities::NONE, now);
    for expected in [1, 2, 0] {
        let next = attempt(plan.next(&mut router, now));
        assert_eq!((next.deployment, next.number), (DeploymentId(expected), 2));
        plan.pass_over(&mut router, &next, Exclusion::Continuation, now);
    }
    let Step::Stop(stop) = plan.next(&mut router, now) else { panic!("went on") };
    assert_eq!(stop.reason, StopReason::NoneEligible);
    let told: Vec<_> = plan.decision().candidates.iter().map(|line| line.exclusion).collect();
    assert_eq!(told, [Some(Exclusion::Continuation); 3]);
}

/// At an endpoint that is in trouble nothing is asked for that could be left out.
#[test]
fn asking_again_needs_the_retry_budget() {
    #[track_caller]
    fn check(failures: u32, expected: Option<StopReason>) {
        let mut router = router();
        let catalog = router.adopt(pooled(&[1.0], Strategy::Weighted, 1));
        let lived = |router: &mut Router, kind: FaultKind, at: Instant| {
            let once = Demand { retries_allowed: false, ..demand(at) };
            run(router, &catalog, once, &mut at.clone(), |_| failure(kind));
        };
        for _ in 0..failures {
            lived(&mut router, ServerError { at_endpoint: false }, at(1.0));
            // In between an answer, so that the breaker stays closed.
            run(&mut router, &catalog, demand(at(1.0)), &mut at(1.0), |_| success());
        }
        let now = at(2.0);
        let mut plan = router.plan(&catalog, demand(now), now);
        let first = attempt(plan.next(&mut router, now));
        end(&mut plan, &mut router, &first, &MidStream, Capabilities::NONE, now);
        let stopped = match plan.next(&mut router, now) {
            Step::Stop(stop) => Some(stop.reason),
            Step::Attempt(_) | Step::Wait(_) | Step::HandOver => None,
        };
        assert_eq!(stopped, expected, "after {failures} failures");
    }
    check(0, None);
    check(4, None);
    check(7, Some(StopReason::RetriesRefused));
}

#[test]
fn the_conversation_does_not_follow_one_that_began_another_answer() {
    for outcome in [Outcome::Abandoned, MidStream] {
        let mut router = router();
        let catalog = router.adopt(pooled(&[1.0, 1.0], Strategy::Priority, 2));
        let now = at(1.0);
        let turn = |is_first_turn| Demand {
            conversation: Some(Conversation { id: 42, is_first_turn, is_explicit: false }),
            ..demand(now)
        };
        let mut plan = router.plan(&catalog, turn(true), now);
        let first = attempt(plan.next(&mut router, now));
        end(&mut plan, &mut router, &first, &MidStream, Capabilities::NONE, now);
        let second = attempt(plan.next(&mut router, now));
        router.commit(&second, Some(Duration::from_millis(300)), now);
        plan.report(&mut router, &second, &outcome, now);
        let later = router.plan(&catalog, turn(false), now);
        assert_eq!(later.bound_model(&router, now), Some(ModelId(0)), "{outcome:?}");
    }
}

#[test]
fn the_conversation_follows_and_the_rest_of_an_answer_is_no_measure_of_answers() {
    let mut router = router();
    let catalog = router.adopt(pooled(&[1.0, 1.0], Strategy::Priority, 2));
    let now = at(1.0);
    let turn = |is_first_turn| Demand {
        conversation: Some(Conversation { id: 42, is_first_turn, is_explicit: false }),
        ..demand(now)
    };
    let mut plan = router.plan(&catalog, turn(true), now);
    let first = attempt(plan.next(&mut router, now));
    end(&mut plan, &mut router, &first, &MidStream, Capabilities::NONE, now);
    let bound = |router: &mut Router| router.plan(&catalog, turn(false), now).bound_model(router, now);
    let second = attempt(plan.next(&mut router, now));
    router.commit(&second, Some(Duration::from_millis(300)), now);
    assert_eq!(bound(&mut router), Some(ModelId(0)), "it may still begin another answer");
    end(&mut plan, &mut router, &second, &success(), Capabilities::NONE, now);
    assert!((router.preview(&catalog, &turn(false), now).output_tokens - 211.0).abs() < 1e-9);
    let later = router.plan(&catalog, turn(false), now);
    assert_eq!(later.bound_model(&router, now), Some(ModelId(1)));
    assert_eq!(later.bound_model(&router, at(3_602.0)), None, "it is forgotten after an hour");
    assert_eq!(router.plan(&catalog, turn(true), now).bound_model(&router, now), None);
    assert_eq!(router.plan(&catalog, demand(now), now).bound_model(&router, now), None);
    let fewer = router.adopt(pooled(&[1.0], Strategy::Priority, 1));
    assert_eq!(router.plan(&fewer, turn(false), now).bound_model(&router, now), None);
}
