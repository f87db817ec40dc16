//! What second attempts may cost, in all and to one payer, and that a provider in trouble is spared them.

use std::sync::Arc;
use std::time::Duration;

use roundelay_routing::FaultKind::Overloaded;
use roundelay_routing::{BreakerState, Demand, Hour, Outcome, Rate, Target, TokenRates};

use super::{Slow, answer, hedging};
use crate::world::{at, attempt, demand, failure, router, success};

/// Hedges whatever may be, of a thousand requests after the first sixty: how many were, where the second costs so many
/// times what the first does.
#[track_caller]
fn check_budget(times: f64, expected: std::ops::RangeInclusive<usize>) {
    let (mut router, mut now) = (router(), at(1.0));
    let catalog = router.adopt(hedging(2));
    let hour = Arc::new(Hour { rates: vec![rate(100.0), rate(100.0 * times)], weights: Vec::new() });
    let asked = Demand { deadline: at(1e6), hour, ..demand(now) };
    answer(&mut router, &catalog, &asked, 60, &mut now);
    let mut hedged = 0;
    for _ in 0..940 {
        let mut plan = router.plan(&catalog, asked.clone(), now);
        let first = attempt(plan.next(&mut router, now));
        let late = now + Duration::from_secs(2);
        let hedge = plan.hedge(&mut router, true, late);
        hedged += usize::from(hedge.is_some());
        router.commit(&first, Some(Duration::from_millis(300)), late);
        if let Some(attempt) = hedge {
            plan.report(&mut router, &attempt, &Outcome::Abandoned, late);
        }
        plan.report(&mut router, &first, &success(), late);
    }
    assert!(expected.contains(&hedged), "{hedged} hedged, where one costs {times} times the first");
}

#[test]
fn hedges_are_two_in_a_hundred_requests_and_of_spend() {
    check_budget(1.0, 18..=20);
    check_budget(0.1, 18..=20);
    check_budget(10.0, 1..=2);
    check_budget(1_000.0, 0..=0);
}

/// What any deployment charges for any token.
fn rate(nano: f64) -> Option<Rate> {
    let base = TokenRates { input: nano, cache_read: nano, cache_write: nano, output: nano };
    Some(Rate { base, tiers: Vec::new(), units: [0.0; 4] })
}

/// Whether somebody who can spend so much is hedged, where an attempt holds 100 for its input and 50 for its output.
#[track_caller]
fn check_payer(spendable: Option<f64>, is_hedged: bool) {
    let hour = Arc::new(Hour { rates: vec![rate(1.0), rate(1.0)], weights: Vec::new() });
    let mut slow = Slow::of(hedging(2), |demand| {
        *demand = Demand { spendable, output_tokens: 50, hour: hour.clone(), ..demand.clone() };
    });
    assert_eq!(slow.hedge().is_some(), is_hedged, "{spendable:?}");
}

#[test]
fn a_payer_must_be_able_to_pay_both() {
    check_payer(None, true);
    check_payer(Some(300.0), true);
    check_payer(Some(299.0), false);
    check_payer(Some(150.0), false);
}

#[test]
fn a_provider_in_trouble_is_not_asked_for_what_could_be_left_out() {
    for (failures, is_hedged) in [(3, true), (9, false)] {
        let (mut router, mut now) = (router(), at(1.0));
        let catalog = router.adopt(hedging(2));
        let asked = Demand { deadline: at(1e6), ..demand(now) };
        answer(&mut router, &catalog, &asked, 60, &mut now);
        // Two successes to each failure: no breaker opens.
        let other = Demand { target: Target::Model(catalog.pools[0].members[1].model), ..asked.clone() };
        for _ in 0..failures {
            let mut plan = router.plan(&catalog, other.clone(), now);
            let failing = attempt(plan.next(&mut router, now));
            plan.report(&mut router, &failing, &failure(Overloaded), now);
            answer(&mut router, &catalog, &other, 2, &mut now);
        }
        assert_eq!(router.health(&catalog, now)[1].breaker, BreakerState::Closed);
        let mut plan = router.plan(&catalog, asked, now);
        attempt(plan.next(&mut router, now));
        let hedge = plan.hedge(&mut router, true, now + Duration::from_secs(2));
        assert_eq!(hedge.is_some(), is_hedged, "{failures} failures");
    }
}

#[test]
fn a_hedge_that_the_budget_forbids_leaves_no_trace() {
    let (mut router, mut now) = (router(), at(1.0));
    let catalog = router.adopt(hedging(3));
    let asked = Demand { deadline: at(1e6), ..demand(now) };
    answer(&mut router, &catalog, &asked, 60, &mut now);
    let mut forbidden = 0;
    for _ in 0..10 {
        let mut plan = router.plan(&catalog, asked.clone(), now);
        attempt(plan.next(&mut router, now));
        let before = plan.decision().clone();
        if plan.hedge(&mut router, true, now + Duration::from_secs(2)).is_none() {
            forbidden += 1;
            assert_eq!(*plan.decision(), before);
        }
    }
    assert_eq!(forbidden, 9, "sixty requests have room for one");
}
