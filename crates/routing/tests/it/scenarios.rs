//! What each kind of fault leads to.

use std::sync::Arc;
use std::time::Duration;

use roundelay_routing::FaultKind::{self, *};
use roundelay_routing::{
    AffinityUse, AttemptKind, BreakerState, Capabilities, Catalog, CatalogFault, Conversation, DeadReason, Ending,
    Exclusion, Fault, ModelId, MovedOn, Outcome, PoolId, Step, StopReason, Strategy, Target,
};

use crate::world::{at, attempt, demand, deployment, failure, model, pool, pooled, router, run, success};

/// Every attempt in a priority pool of `members` fails this way: where they went, the milliseconds it took, why it stopped.
#[track_caller]
fn check(fault: Fault, members: usize, expected: &[u32], took_ms: std::ops::RangeInclusive<u128>, reason: StopReason) {
    let mut router = router();
    let count = u32::try_from(members).unwrap();
    let catalog = router.adopt(pooled(&vec![1.0; members], Strategy::Priority, count));
    let mut now = at(1.0);
    let (attempts, end) = run(&mut router, &catalog, demand(now), &mut now, |_| Outcome::Failure(fault.clone()));
    let went: Vec<u32> = attempts.iter().map(|attempt| attempt.deployment.0).collect();
    assert_eq!(went, expected, "{fault:?}");
    let took = now.saturating_duration_since(at(1.0)).as_millis();
    assert!(took_ms.contains(&took), "{fault:?} took {took} ms");
    let Step::Stop(stop) = end else { panic!("{end:?}") };
    assert_eq!(stop.reason, reason, "{fault:?}");
}

fn told(kind: FaultKind, seconds: u64) -> Fault {
    Fault { retry_after: Some(Duration::from_secs(seconds)), ..Fault::new(kind) }
}

#[test]
fn each_kind_of_fault_moves_as_the_table_says() {
    let fault = Fault::new;
    check(fault(CallerBad), 3, &[0], 0..=0, StopReason::CallerAtFault);
    check(fault(ContentPolicy), 3, &[0], 0..=0, StopReason::CallerAtFault);
    check(fault(CallerTooLong), 2, &[0, 1], 0..=0, StopReason::TooLong);
    check(fault(KeyRejected), 2, &[0, 1], 0..=0, StopReason::AllDead);
    check(fault(KeyEmpty), 2, &[0, 1], 0..=0, StopReason::AllDead);
    check(fault(NotReady { missing: true }), 2, &[0, 1], 0..=0, StopReason::AllDead);
    check(fault(NotReady { missing: false }), 2, &[0, 1], 0..=0, StopReason::AllCooling);
    check(fault(QuotaWindow), 2, &[0, 1], 0..=0, StopReason::AllCooling);
    check(fault(RateLimited), 2, &[0, 1], 0..=0, StopReason::AllCooling);
    check(told(RateLimited, 2), 1, &[0, 0], 2000..=2000, StopReason::AllCooling);
    check(told(RateLimited, 3), 1, &[0], 0..=0, StopReason::AllCooling);
    check(fault(Ramp), 2, &[0, 1], 0..=0, StopReason::AllCooling);
    check(fault(Overloaded), 2, &[0, 1, 1], 500..=1000, StopReason::AttemptsSpent);
    check(fault(Overloaded), 1, &[0, 0], 500..=1000, StopReason::AttemptsSpent);
    check(fault(ServerError { at_endpoint: false }), 3, &[0, 0, 1], 0..=500, StopReason::AttemptsSpent);
    check(fault(Empty), 3, &[0, 0, 1], 0..=500, StopReason::AttemptsSpent);
    check(told(Empty, 3), 3, &[0, 1, 2], 0..=0, StopReason::AttemptsSpent);
    let broken = ServerError { at_endpoint: false };
    check(told(broken, 1), 3, &[0, 0, 1], 1000..=1000, StopReason::AttemptsSpent);
    check(told(broken, 3), 2, &[0, 1, 1], 3000..=3000, StopReason::AttemptsSpent);
    check(told(broken, 3), 1, &[0, 0], 3000..=3000, StopReason::AttemptsSpent);
    check(fault(NoToken), 3, &[0, 1, 2], 0..=0, StopReason::AttemptsSpent);
    check(told(NoToken, 1), 1, &[0, 0], 1000..=1000, StopReason::AttemptsSpent);
    check(fault(ConnectFailed { reused_connection: true }), 3, &[0, 0, 1, 2], 0..=0, StopReason::AttemptsSpent);
    check(fault(ConnectFailed { reused_connection: false }), 3, &[0, 1, 2], 0..=0, StopReason::AttemptsSpent);
    check(fault(ConnectFailed { reused_connection: false }), 1, &[0, 0], 0..=500, StopReason::AttemptsSpent);
    check(fault(FirstContentTimeout), 3, &[0, 1], 0..=0, StopReason::AttemptsSpent);
    check(fault(Reset), 3, &[0, 1], 0..=0, StopReason::AttemptsSpent);
    let forbidden = Fault { same_target_forbidden: true, ..fault(ServerError { at_endpoint: false }) };
    check(forbidden, 2, &[0, 1], 0..=0, StopReason::AttemptsSpent);
}

#[test]
fn a_dead_key_leaves_its_siblings_alone_and_is_tried_again_after_ten_minutes() {
    let mut router = router();
    let catalog = Catalog::new(vec![deployment(0, 0), deployment(1, 0)], vec![model(0, &[0, 1])], vec![]).unwrap();
    let catalog = router.adopt(catalog);
    let ask = |now| roundelay_routing::Demand { target: Target::Model(ModelId(0)), ..demand(now) };
    let mut now = at(1.0);
    let reject = |attempt: &roundelay_routing::Attempt| {
        if attempt.deployment.0 == 0 { failure(KeyRejected) } else { success() }
    };
    let (attempts, _) = run(&mut router, &catalog, ask(now), &mut now, reject);
    assert_eq!(
        attempts.iter().map(|attempt| (attempt.deployment.0, attempt.kind)).collect::<Vec<_>>(),
        [(0, AttemptKind::First), (1, AttemptKind::Fallback)]
    );
    for second in 2..600 {
        let mut now = at(f64::from(second));
        let (attempts, _) = run(&mut router, &catalog, ask(now), &mut now, reject);
        assert_eq!(attempts.len(), 1, "the dead key was asked at {second} s");
    }
    let health = router.health(&catalog, at(600.0));
    assert_eq!(health[0].dead_until, Some((at(601.0), DeadReason::KeyRejected)));
    let mut plan = router.plan(&catalog, ask(at(601.0)), at(601.0));
    assert!(attempt(plan.next(&mut router, at(601.0))).is_probe);
}

#[test]
fn a_breaker_opens_after_five_in_a_row_probes_once_at_a_time_and_returns_slowly() {
    let mut router = router();
    let catalog = router.adopt(pooled(&[1.0, 1.0], Strategy::Weighted, 2));
    let mut now = at(1.0);
    while router.health(&catalog, now)[0].breaker == BreakerState::Closed {
        run(&mut router, &catalog, demand(now), &mut now, |attempt| {
            if attempt.deployment.0 == 0 { failure(Overloaded) } else { success() }
        });
        now = now + Duration::from_millis(100);
    }
    let until = router.health(&catalog, now)[0].open_until.unwrap();
    for _ in 0..20 {
        let (attempts, _) = run(&mut router, &catalog, demand(now), &mut now, |_| success());
        assert_eq!(attempts[0].deployment.0, 1);
    }
    for number in 0..2 {
        let mut plan = router.plan(&catalog, demand(until), until);
        let probe = attempt(plan.next(&mut router, until));
        assert!(probe.is_probe && probe.deployment.0 == 0, "probe {number} goes at once");
        let mut other = router.plan(&catalog, demand(until), until);
        let beside = attempt(other.next(&mut router, until));
        assert_eq!(beside.deployment.0, 1, "one probe at a time");
        other.report(&mut router, &beside, &success(), until);
        plan.report(&mut router, &probe, &success(), until);
    }
    let health = router.health(&catalog, until);
    assert_eq!(health[0].breaker, BreakerState::Closed);
    assert!((health[0].effective_weight - 0.1).abs() < 1e-9);
    let later = until + Duration::from_secs(60);
    assert!((router.health(&catalog, later)[0].effective_weight - 1.0).abs() < 1e-9);
}

#[test]
fn a_lone_deployment_with_an_open_breaker_gets_one_request_in_each_open_period() {
    let mut router = router();
    let catalog = router.adopt(pooled(&[1.0], Strategy::Weighted, 1));
    let mut now = at(1.0);
    while router.health(&catalog, now)[0].breaker == BreakerState::Closed {
        run(&mut router, &catalog, demand(now), &mut now, |_| failure(Overloaded));
    }
    let (attempts, _) = run(&mut router, &catalog, demand(now), &mut now, |_| failure(Overloaded));
    assert_eq!(attempts.len(), 1);
    assert!(attempts[0].is_probe);
    let (attempts, end) = run(&mut router, &catalog, demand(now), &mut now, |_| failure(Overloaded));
    assert_eq!(attempts.len(), 0);
    let Step::Stop(stop) = end else { panic!("{end:?}") };
    assert_eq!(stop.reason, StopReason::AllCooling);
    let retry_at = stop.retry_at.unwrap();
    assert!(retry_at > now && Some(retry_at) <= router.health(&catalog, now)[0].open_until);
}

#[test]
fn a_lone_deployment_is_back_soon_after_an_outage_however_long_it_was() {
    let mut router = router();
    let catalog = router.adopt(pooled(&[1.0], Strategy::Weighted, 1));
    let mut now = at(1.0);
    let end = at(3600.0);
    while now < end {
        run(&mut router, &catalog, demand(now), &mut now, |_| failure(Overloaded));
        now = now + Duration::from_secs(4);
    }
    let mut answered = None;
    while answered.is_none() {
        let (attempts, _) = run(&mut router, &catalog, demand(now), &mut now, |_| success());
        answered = attempts.first().map(|_| now);
        now = now + Duration::from_secs(4);
        assert!(now < end + Duration::from_secs(40), "shut out after the outage");
    }
}

/// Once it answers again, however slowly, a lone deployment serves everybody as soon as one answer is there.
#[test]
fn a_lone_deployment_serves_all_within_one_answer_time_after_an_outage() {
    const ANSWER: u32 = 60;
    let mut router = router();
    let catalog = router.adopt(pooled(&[1.0], Strategy::Weighted, 1));
    let mut now = at(1.0);
    while now < at(300.0) {
        run(&mut router, &catalog, demand(now), &mut now, |_| failure(Reset));
        now = now + Duration::from_secs(4);
    }
    let mut running = Vec::new();
    let (mut first, mut refused_after) = (None, 0);
    for second in 0..4 * ANSWER {
        let now = now + Duration::from_secs(second.into());
        running.retain_mut(|(due, plan, attempt): &mut (u32, roundelay_routing::Plan, _)| {
            if *due == second {
                router.commit(attempt, Some(Duration::from_secs(ANSWER.into())), now);
                plan.report(&mut router, attempt, &success(), now);
            }
            *due > second
        });
        let mut plan = router.plan(&catalog, demand(now), now);
        if let Step::Attempt(attempt) = plan.next(&mut router, now) {
            first = first.or(Some(second));
            running.push((second + ANSWER, plan, attempt));
        } else if first.is_some_and(|first| second > first + ANSWER) {
            refused_after += 1;
        }
    }
    assert!(first.is_some_and(|first| first <= 20), "first asked after {first:?} s");
    assert_eq!(refused_after, 0, "refused though an answer had come");
}

/// A pool of these weights and two models, the rest fallbacks; the first is back after its breaker opened.
#[track_caller]
fn check_needs_two_probes(weights: &[f64]) {
    let mut router = router();
    let catalog = router.adopt(pooled(weights, Strategy::Weighted, 2));
    let mut now = at(1.0);
    while router.health(&catalog, now)[0].breaker == BreakerState::Closed {
        run(&mut router, &catalog, demand(now), &mut now, |attempt| {
            if attempt.deployment.0 == 0 { failure(Overloaded) } else { success() }
        });
    }
    let mut until = router.health(&catalog, now)[0].open_until.unwrap();
    let (attempts, _) = run(&mut router, &catalog, demand(until), &mut until, |_| success());
    assert_eq!((attempts.len(), attempts[0].deployment.0), (1, 0));
    assert_eq!(router.health(&catalog, until)[0].breaker, BreakerState::HalfOpen);
}

#[test]
fn a_deployment_with_alternatives_still_needs_two_probes() {
    check_needs_two_probes(&[1.0, 1.0]);
    check_needs_two_probes(&[1.0]);
}

#[test]
fn an_abandoned_early_probe_leaves_its_place_to_the_next_request() {
    let mut router = router();
    let catalog = router.adopt(pooled(&[1.0], Strategy::Weighted, 1));
    let mut now = at(1.0);
    while router.health(&catalog, now)[0].breaker == BreakerState::Closed {
        run(&mut router, &catalog, demand(now), &mut now, |_| failure(Overloaded));
    }
    for _ in 0..3 {
        let mut plan = router.plan(&catalog, demand(now), now);
        let probe = attempt(plan.next(&mut router, now));
        plan.report(&mut router, &probe, &Outcome::Abandoned, now);
    }
    let (attempts, _) = run(&mut router, &catalog, demand(now), &mut now, |_| success());
    assert_eq!(attempts.len(), 1);
}

#[test]
fn a_missing_deployment_is_left_alone_five_seconds_and_twice_as_long_each_time() {
    let mut router = router();
    let catalog = router.adopt(pooled(&[1.0, 1.0], Strategy::Priority, 2));
    let gone = |attempt: &roundelay_routing::Attempt| {
        if attempt.deployment.0 == 0 { failure(NotReady { missing: true }) } else { success() }
    };
    let mut now = at(1.0);
    for length in [5, 10, 20, 40, 80, 160, 320, 600, 600] {
        let (attempts, _) = run(&mut router, &catalog, demand(now), &mut now, gone);
        assert_eq!(attempts.len(), 2, "asked again after its rest");
        let until = now + Duration::from_secs(length);
        let health = router.health(&catalog, now);
        assert_eq!(health[0].dead_until, Some((until, DeadReason::Missing)));
        let mut later = now + Duration::from_secs(length - 1);
        let (attempts, _) = run(&mut router, &catalog, demand(later), &mut later, gone);
        assert_eq!(attempts.len(), 1, "asked while it rests");
        now = until;
    }
    run(&mut router, &catalog, demand(now), &mut now, |_| success());
    run(&mut router, &catalog, demand(now), &mut now, gone);
    let again = Some((now + Duration::from_secs(5), DeadReason::Missing));
    assert_eq!(router.health(&catalog, now)[0].dead_until, again, "an answer makes it new");
}

#[test]
fn a_missing_deployment_is_asked_when_nothing_else_is_left() {
    let mut router = router();
    let catalog = router.adopt(pooled(&[1.0], Strategy::Weighted, 1));
    let mut now = at(1.0);
    let gone = || failure(NotReady { missing: true });
    for _ in 0..3 {
        let (attempts, end) = run(&mut router, &catalog, demand(now), &mut now, |_| gone());
        assert_eq!(attempts.len(), 1);
        assert!(matches!(end, Step::Stop(stop) if stop.reason == StopReason::AllDead));
    }
    assert!(router.health(&catalog, now)[0].dead_until.is_some());
    let (attempts, _) = run(&mut router, &catalog, demand(now), &mut now, |_| success());
    assert!(attempts[0].is_probe);
    assert_eq!(router.health(&catalog, now)[0].dead_until, None, "it is there");
}

#[test]
fn whatever_an_endpoint_says_proves_that_it_can_be_reached() {
    #[track_caller]
    fn check(kind: FaultKind, expected: BreakerState) {
        let mut router = router();
        let mut deployments: Vec<_> = (0..6).map(|index| deployment(index, index)).collect();
        for deployment in &mut deployments {
            deployment.endpoint_name = Arc::from("shared");
            deployment.endpoint.0 = 0;
        }
        let models = (0..6).map(|index| model(index, &[index])).collect();
        let catalog = router.adopt(Catalog::new(deployments, models, vec![]).unwrap());
        let unreachable = ConnectFailed { reused_connection: false };
        for (index, kind) in (0..).zip([unreachable, unreachable, kind, unreachable]) {
            let target = Target::Model(ModelId(index));
            let wants = roundelay_routing::Demand { target, retries_allowed: false, ..demand(at(1.0)) };
            run(&mut router, &catalog, wants, &mut at(1.0), |_| failure(kind));
        }
        let health = router.health(&catalog, at(1.0));
        assert_eq!(health[0].endpoint_breaker, expected, "{kind:?}");
    }
    for kind in [
        CallerBad,
        CallerTooLong,
        ContentPolicy,
        KeyRejected,
        KeyEmpty,
        QuotaWindow,
        RateLimited,
        Ramp,
        Overloaded,
        ServerError { at_endpoint: false },
        NotReady { missing: true },
        NotReady { missing: false },
        Reset,
        Empty,
    ] {
        check(kind, BreakerState::Closed);
    }
    for kind in [
        NoToken,
        ConnectFailed { reused_connection: true },
        ConnectFailed { reused_connection: false },
        ServerError { at_endpoint: true },
        FirstContentTimeout,
    ] {
        check(kind, BreakerState::Open);
    }
}

#[test]
fn an_answer_longer_than_the_deadline_stays_in_flight_and_its_end_counts() {
    let mut router = router();
    let catalog = router.adopt(pooled(&[1.0], Strategy::Weighted, 1));
    let mut plan = router.plan(&catalog, demand(at(1.0)), at(1.0));
    let stream = attempt(plan.next(&mut router, at(1.0)));
    router.commit(&stream, Some(Duration::from_secs(1)), at(2.0));
    let late = at(1000.0);
    run(&mut router, &catalog, demand(late), &mut at(1000.0), |_| success());
    assert_eq!(router.health(&catalog, late)[0].in_flight, 1);
    plan.report(&mut router, &stream, &Outcome::MidStream, late);
    let health = &router.health(&catalog, late)[0];
    assert_eq!((health.in_flight, health.mid_stream_ratio), (0, Some(0.5)));
}

#[test]
fn an_endpoint_opens_for_all_its_deployments_after_three_failed_connections() {
    let mut router = router();
    let mut deployments = vec![deployment(0, 0), deployment(1, 1)];
    deployments[1].endpoint_name = deployments[0].endpoint_name.clone();
    deployments[1].endpoint = deployments[0].endpoint;
    let models = vec![model(0, &[0]), model(1, &[1])];
    let pools = vec![pool(&[1.0, 1.0], Strategy::Priority, vec![])];
    let catalog = router.adopt(Catalog::new(deployments, models, pools).unwrap());
    let mut now = at(1.0);
    let refused = || failure(ConnectFailed { reused_connection: false });
    run(&mut router, &catalog, demand(now), &mut now, |_| refused());
    let health = router.health(&catalog, now);
    assert_eq!((health[0].endpoint_breaker, health[1].endpoint_breaker), (BreakerState::Open, BreakerState::Open));
    assert_eq!(health[1].breaker, BreakerState::Closed);
}

#[test]
fn a_later_turn_follows_the_deployment_that_answered_unless_it_is_unwell() {
    let mut router = router();
    let catalog = router.adopt(pooled(&[1.0, 1.0, 1.0], Strategy::RoundRobin, 3));
    let mut now = at(1.0);
    let turn = |is_first_turn, now| roundelay_routing::Demand {
        conversation: Some(Conversation { id: 42, is_first_turn, is_explicit: false }),
        ..demand(now)
    };
    run(&mut router, &catalog, demand(now), &mut now, |_| success());
    let (first, _) = run(&mut router, &catalog, turn(true, now), &mut now, |_| success());
    for _ in 0..3 {
        let (next, _) = run(&mut router, &catalog, turn(false, now), &mut now, |_| success());
        assert_eq!(next[0].deployment, first[0].deployment);
    }
    run(&mut router, &catalog, turn(false, now), &mut now, |attempt| {
        if attempt.deployment == first[0].deployment { failure(KeyEmpty) } else { Outcome::Abandoned }
    });
    let mut plan = router.plan(&catalog, turn(false, now), now);
    assert_ne!(attempt(plan.next(&mut router, now)).deployment, first[0].deployment);
    assert!(
        matches!(plan.decision().affinity, AffinityUse::Unusable(id, Exclusion::Dead { .. }) if id == first[0].deployment)
    );
    let late = now + Duration::from_secs(3601);
    let mut plan = router.plan(&catalog, turn(false, late), late);
    attempt(plan.next(&mut router, late));
    assert_eq!(plan.decision().affinity, AffinityUse::Unbound);
}

#[test]
fn what_a_demand_rules_out_is_named() {
    let mut router = router();
    let mut catalog = pooled(&[1.0, 1.0, 0.0], Strategy::Weighted, 4);
    catalog.models[0].capabilities.vision = false;
    let catalog = router.adopt(catalog);
    let mut wants = demand(at(1.0));
    wants.needs = Capabilities { vision: true, ..Capabilities::NONE };
    wants.input_tokens = 2500;
    wants.allowed = Some(Arc::from([0, 1, 2].map(|id| Target::Model(ModelId(id)))));
    let preview = router.preview(&catalog, &wants, at(1.0));
    let mut reasons: Vec<_> = preview.candidates.iter().map(|line| (line.deployment.0, line.exclusion)).collect();
    reasons.sort_by_key(|&(id, _)| id);
    assert_eq!(
        reasons,
        [
            (0, Some(Exclusion::Capability("vision"))),
            (1, Some(Exclusion::Window)),
            (2, Some(Exclusion::NoWeight)),
            (3, Some(Exclusion::NotAllowed)),
        ]
    );
    let mut now = at(1.0);
    let (attempts, end) = run(&mut router, &catalog, wants, &mut now, |_| success());
    assert!(attempts.is_empty());
    assert!(matches!(end, Step::Stop(stop) if stop.reason == StopReason::NoneEligible && stop.retry_at.is_none()));
}

#[test]
fn a_full_deployment_is_waited_for_and_then_given_up() {
    let mut router = router();
    let mut catalog = pooled(&[1.0], Strategy::Weighted, 1);
    catalog.deployments[0].concurrency_max = 1;
    let catalog = router.adopt(catalog);
    let mut plan = router.plan(&catalog, demand(at(1.0)), at(1.0));
    let out = attempt(plan.next(&mut router, at(1.0)));
    let mut now = at(1.0);
    let (attempts, end) = run(&mut router, &catalog, demand(now), &mut now, |_| success());
    assert!(attempts.is_empty() && matches!(end, Step::Stop(stop) if stop.reason == StopReason::Busy));
    assert!(now > at(5.5) && now <= at(6.0), "waited until {now:?}");
    plan.report(&mut router, &out, &success(), now);
    router.report(&out, &success(), now);
    assert_eq!(router.health(&catalog, now)[0].in_flight, 0, "a second report is ignored");
    assert_eq!(run(&mut router, &catalog, demand(now), &mut now, |_| success()).0.len(), 1);
}

#[test]
fn a_fallback_is_not_refused_for_want_of_retries() {
    let mut router = router();
    let catalog = router.adopt(pooled(&[1.0], Strategy::Weighted, 2));
    let mut now = at(1.0);
    for _ in 0..40 {
        let (attempts, _) = run(&mut router, &catalog, demand(now), &mut now, |attempt| {
            if attempt.deployment.0 == 0 { failure(ServerError { at_endpoint: false }) } else { success() }
        });
        assert_eq!(attempts.last().unwrap().deployment.0, 1);
    }
}

#[test]
fn no_retry_means_no_second_attempt() {
    let mut router = router();
    let catalog = router.adopt(pooled(&[1.0, 1.0], Strategy::Weighted, 2));
    let mut wants = demand(at(1.0));
    wants.retries_allowed = false;
    let (attempts, end) = run(&mut router, &catalog, wants, &mut at(1.0), |_| failure(Overloaded));
    assert_eq!(attempts.len(), 1);
    assert!(matches!(end, Step::Stop(stop) if stop.reason == StopReason::RetriesRefused));
}

#[test]
fn a_catalog_names_its_faults() {
    let build = |change: &dyn Fn(&mut Catalog)| {
        let mut catalog = pooled(&[1.0], Strategy::Weighted, 1);
        change(&mut catalog);
        Catalog::new(catalog.deployments, catalog.models, catalog.pools).map(|_| ())
    };
    let name = || Arc::from("pool");
    assert_eq!(build(&|_| ()), Ok(()));
    let to_itself = Target::Pool(PoolId(0));
    assert_eq!(build(&|c| c.pools[0].fallback.push(to_itself)), Err(CatalogFault::FallbackCycle { name: name() }));
    assert_eq!(build(&|c| c.pools[0].members[0].weight = f64::NAN), Err(CatalogFault::BadWeight { name: name() }));
    assert_eq!(build(&|c| c.pools[0].members[0].weight = 0.0), Err(CatalogFault::NoWeight { name: name() }));
    assert_eq!(build(&|c| c.pools[0].members.clear()), Err(CatalogFault::Empty { name: name() }));
    assert_eq!(build(&|c| c.pools[0].members[0].model = ModelId(9)), Err(CatalogFault::UnknownIndex { name: name() }));
    assert_eq!(build(&|c| c.models[0].name = name()), Err(CatalogFault::DuplicateName { name: name() }));
    assert_eq!(
        build(&|c| c.deployments.push(c.deployments[0].clone())),
        Err(CatalogFault::DuplicateName { name: Arc::from("deployment-0") })
    );
}

#[test]
fn an_outage_of_a_minute_is_not_noticed_and_is_over_soon_after_its_end() {
    let mut router = router();
    let catalog = router.adopt(pooled(&[0.6, 0.4], Strategy::Weighted, 2));
    let (mut asked_while_down, mut back_after) = (0, None);
    for call in 0..60 {
        let began = 4.0 * f64::from(call);
        let is_down = (20.0..80.0).contains(&began);
        let (attempts, end) = run(&mut router, &catalog, demand(at(began)), &mut at(began), |attempt| {
            if is_down && attempt.deployment.0 == 0 { failure(Reset) } else { success() }
        });
        assert!(matches!(end, Step::Attempt(_)), "unanswered at {began} s: {end:?}");
        let asked = attempts.iter().filter(|attempt| attempt.deployment.0 == 0).count();
        asked_while_down += if is_down { asked } else { 0 };
        if began >= 80.0 && asked > 0 {
            back_after = back_after.or(Some(began - 80.0));
        }
    }
    assert!(asked_while_down <= 9, "five to open, then probes: {asked_while_down}");
    assert!(back_after.is_some_and(|seconds| seconds <= 30.0), "back after {back_after:?} s");
}

#[test]
fn the_decision_record_tells_why_it_moved_on() {
    let mut router = router();
    let catalog = router.adopt(pooled(&[1.0], Strategy::Weighted, 2));
    let mut plan = router.plan(&catalog, demand(at(1.0)), at(1.0));
    let first = attempt(plan.next(&mut router, at(1.0)));
    plan.report(&mut router, &first, &failure(RateLimited), at(1.0));
    let second = attempt(plan.next(&mut router, at(1.0)));
    plan.report(&mut router, &second, &success(), at(2.0));
    let decision = plan.into_decision();
    let told: Vec<_> =
        decision.attempts.iter().map(|attempt| (attempt.kind, attempt.ending, attempt.moved_on)).collect();
    assert_eq!(
        told,
        [
            (AttemptKind::First, Some(Ending::Failure(RateLimited)), Some(MovedOn::Next)),
            (AttemptKind::Fallback, Some(Ending::Success), None),
        ]
    );
    let stages: Vec<_> = decision.candidates.iter().map(|line| (line.stage, line.exclusion)).collect();
    assert_eq!(stages, [(0, Some(Exclusion::Tried)), (1, None)]);
}

/// A conversation whose place is the best stays there, though its model would rotate over its own deployments.
#[test]
fn a_conversation_stays_where_its_cache_is_also_within_its_model() {
    let mut router = router();
    let mut model = model(0, &[0, 1]);
    model.strategy = Some(Strategy::RoundRobin);
    let deployments = vec![deployment(0, 0), deployment(1, 0)];
    let built = Catalog::new(deployments, vec![model], vec![pool(&[1.0], Strategy::Cheapest, vec![])]);
    let catalog = router.adopt(built.unwrap());
    let mut places = Vec::new();
    for turn in 0..6 {
        let now = at(1.0 + f64::from(turn));
        let conversation = Some(Conversation { id: 42, is_first_turn: turn == 0, is_explicit: false });
        let mut plan = router.plan(&catalog, roundelay_routing::Demand { conversation, ..demand(now) }, now);
        let attempt = attempt(plan.next(&mut router, now));
        places.push(attempt.deployment);
        router.commit(&attempt, Some(Duration::from_millis(300)), now);
        plan.report(&mut router, &attempt, &success(), now);
        if turn > 0 {
            assert_eq!(plan.decision().affinity, AffinityUse::Followed(places[0]));
        }
    }
    assert!(places.iter().all(|place| *place == places[0]), "{places:?}");
}
