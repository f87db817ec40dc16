//! Shares keep to the weights.

use proptest::prelude::*;
use roundelay_routing::{DeploymentId, Strategy};

use crate::world::{at, attempt, demand, pooled, router, success};

/// Plans `count` calls; answers how far any deployment ever was from its exact share, in slots.
fn farthest(weights: &[f64], count: u32) -> f64 {
    let mut router = router();
    let catalog = router.adopt(pooled(weights, Strategy::Weighted, u32::try_from(weights.len()).unwrap()));
    let total: f64 = weights.iter().sum();
    let mut counts = vec![0u32; weights.len()];
    let mut farthest = 0f64;
    for number in 1..=count {
        let now = at(f64::from(number) / 100.0);
        let mut plan = router.plan(&catalog, demand(now), now);
        let attempt = attempt(plan.next(&mut router, now));
        plan.report(&mut router, &attempt, &success(), now);
        counts[attempt.deployment.0 as usize] += 1;
        for (&count, weight) in counts.iter().zip(weights) {
            farthest = farthest.max((f64::from(count) - f64::from(number) * weight / total).abs());
        }
    }
    farthest
}

#[test]
fn six_to_four_stays_within_one_slot_at_every_prefix() {
    assert!(farthest(&[0.6, 0.4], 10_000) <= 1.0);
}

#[test]
fn nine_members_that_trip_plain_smooth_rotation_stay_within_one_slot() {
    assert!(farthest(&[10.0, 10.0, 10.0, 1.0, 1.0, 1.0, 10.0, 1.0, 1.0], 5_000) <= 1.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_weights_stay_within_one_slot_at_every_prefix(weights in prop::collection::vec(0.01..20.0f64, 1..10)) {
        let farthest = farthest(&weights, 400);
        prop_assert!(farthest <= 1.0 + 1e-6, "{farthest} slots");
    }
}

#[track_caller]
fn check(strategy: Strategy, expected: &[u32]) {
    let mut router = router();
    let catalog = router.adopt(pooled(&[1.0, 5.0, 1.0], strategy, 3));
    for &expected in expected {
        let mut plan = router.plan(&catalog, demand(at(1.0)), at(1.0));
        let attempt = attempt(plan.next(&mut router, at(1.0)));
        assert_eq!(attempt.deployment, DeploymentId(expected));
        plan.report(&mut router, &attempt, &success(), at(1.0));
    }
}

#[test]
fn each_strategy_keeps_its_order() {
    check(Strategy::Priority, &[0, 0, 0]);
    check(Strategy::RoundRobin, &[0, 1, 2, 0, 1, 2]);
}

#[test]
fn a_replaced_catalog_spreads_its_last_requests() {
    let mut router = router();
    let replaced = router.adopt(pooled(&[1.0, 5.0, 1.0], Strategy::RoundRobin, 3));
    router.adopt(pooled(&[1.0, 5.0, 1.0], Strategy::RoundRobin, 3));
    let mut seen = [0u32; 3];
    for _ in 0..300 {
        let mut plan = router.plan(&replaced, demand(at(1.0)), at(1.0));
        let attempt = attempt(plan.next(&mut router, at(1.0)));
        seen[attempt.deployment.0 as usize] += 1;
        plan.report(&mut router, &attempt, &success(), at(1.0));
    }
    assert!(seen.iter().all(|&count| (70..130).contains(&count)), "{seen:?}");
}

#[test]
fn rotation_and_health_survive_a_reload_by_name() {
    let mut router = router();
    let mut seen = [0u32; 2];
    for number in 0..100 {
        let catalog = router.adopt(pooled(&[0.6, 0.4], Strategy::Weighted, 2));
        let mut plan = router.plan(&catalog, demand(at(1.0)), at(1.0));
        let attempt = attempt(plan.next(&mut router, at(1.0)));
        seen[attempt.deployment.0 as usize] += 1;
        if number > 0 {
            plan.report(&mut router, &attempt, &success(), at(1.0));
        }
    }
    assert_eq!(seen, [60, 40]);
    let catalog = router.adopt(pooled(&[0.6, 0.4], Strategy::Weighted, 2));
    let in_flight: u32 = router.health(&catalog, at(2.0)).iter().map(|health| health.in_flight).sum();
    assert_eq!(in_flight, 1, "the attempt of the first catalog is still out");
}
