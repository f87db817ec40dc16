//! Nobody is forgotten: shares, adapted shares and the floor of traffic under which nothing goes unmeasured.
#![expect(clippy::cast_precision_loss, reason = "counts of a few thousand fit a double")]

use std::time::Duration;

use proptest::prelude::*;
use roundelay_routing::{Attempt, Catalog, Demand, Router, Settings, Strategy};

use crate::properties::{answer, hour};
use crate::traffic::Traffic;
use crate::world::{at, demand, pooled};

/// Requests one after the other, each answered in the time its deployment takes; answers which were asked, in order.
fn asked(catalog: Catalog, seed: u64, pace: Duration, count: u32, seconds: &[f64], prices: &[f64]) -> Vec<usize> {
    let mut traffic = Traffic::new(Router::new(Settings::default(), seed), catalog);
    let hour = hour(prices);
    for number in 1..=count {
        let now = at(1.0) + pace * number;
        traffic.arrive(Demand { hour: hour.clone(), ..demand(now) }, now);
        traffic.run(now, |attempt: &Attempt, _| {
            let took = Duration::from_secs_f64(seconds[attempt.deployment.0 as usize]);
            answer(None, took)
        });
    }
    traffic.sent.iter().map(|sent| sent.deployment).collect()
}

/// The most requests in a row that all went elsewhere.
fn longest_absence(asked: &[usize], deployment: usize) -> usize {
    let (mut longest, mut now) = (0, 0);
    for &other in asked {
        now = if other == deployment { 0 } else { now + 1 };
        longest = longest.max(now);
    }
    longest
}

fn members() -> impl proptest::strategy::Strategy<Value = Vec<(f64, f64, f64)>> {
    prop::collection::vec((0.05..1.0f64, 0.01..8.0f64, 1.0..100.0f64), 2..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn rotation_starves_nobody(members in members(), seed: u64) {
        let weights: Vec<f64> = members.iter().map(|member| member.0).collect();
        let seconds: Vec<f64> = members.iter().map(|member| member.1).collect();
        let (total, pace) = (weights.iter().sum::<f64>(), Duration::from_secs(10));
        let check = |strategy, adapt: bool, slots: &dyn Fn(f64) -> f64| {
            let mut catalog = pooled(&weights, strategy, u32::try_from(weights.len()).unwrap());
            catalog.pools[0].adapt = adapt;
            let asked = asked(catalog, seed, pace, 1_000, &seconds, &[]);
            for (deployment, weight) in weights.iter().enumerate() {
                let absence = longest_absence(&asked, deployment);
                assert!(absence as f64 <= slots(*weight), "{strategy:?} {deployment} of {weights:?}: {absence}");
            }
        };
        // Never more than one slot late, nor one early: no longer apart than two slots.
        check(Strategy::Weighted, false, &|weight| 2.0 * total / weight);
        check(Strategy::RoundRobin, false, &|_| weights.len() as f64 - 1.0);
        // Its weight at a quarter and all others fourfold.
        check(Strategy::Weighted, true, &|weight| 2.0 * (0.25 * weight + 4.0 * (total - weight)) / (0.25 * weight) + 2.0);
    }

    #[test]
    fn what_is_measured_is_measured_again(
        seconds in prop::collection::vec(0.01..8.0f64, 2..4),
        prices in prop::collection::vec(1.0..100.0f64, 3),
        seed: u64,
    ) {
        for strategy in [Strategy::Fastest, Strategy::Balanced] {
            let count = seconds.len();
            let catalog = pooled(&vec![1.0; count], strategy, u32::try_from(count).unwrap());
            let pace = Duration::from_millis(500);
            let asked = asked(catalog, seed, pace, 4_000, &seconds, &prices);
            for deployment in 0..count {
                // Sixty requests until it is stale, a hundred to save up for a try. The try falls on one of those that
                // are stale: on the same of two for the thirtieth time less often than once in 10^9.
                let turns = if count == 2 { 1 } else { 30 };
                let absence = longest_absence(&asked, deployment);
                prop_assert!(absence <= 60 + 100 * turns, "{strategy:?} {deployment} of {seconds:?}: {absence}");
            }
            let best = (0..count).max_by_key(|&which| asked.iter().filter(|&&one| one == which).count()).unwrap();
            let others = asked.iter().filter(|&&one| one != best).count();
            prop_assert!(others >= 30, "a floor of traffic: {others} of 4000");
        }
    }

    #[test]
    fn adapted_weights_stay_within_their_bounds(members in members(), seed: u64) {
        let weights: Vec<f64> = members.iter().map(|member| member.0).collect();
        let seconds: Vec<f64> = members.iter().map(|member| member.1).collect();
        let total: f64 = weights.iter().sum();
        let mut catalog = pooled(&weights, Strategy::Weighted, u32::try_from(weights.len()).unwrap());
        catalog.pools[0].adapt = true;
        let asked = asked(catalog, seed, Duration::from_secs(10), 2_200, &seconds, &[]);
        for (deployment, weight) in weights.iter().enumerate() {
            let count = asked[200..].iter().filter(|&&one| one == deployment).count() as f64;
            let share = |own: f64, others: f64| own * weight / (own * weight + others * (total - weight));
            // A few slots for the rotation's own inexactness while weights move.
            let (least, most) = (2_000.0 * share(0.25, 4.0) - 6.0, 2_000.0 * share(4.0, 0.25) + 6.0);
            prop_assert!((least..=most).contains(&count), "{deployment}: {count} not in {least}..{most}");
        }
    }
}

#[test]
fn adapted_weights_bend_by_speed_and_bend_back() {
    let mut catalog = pooled(&[1.0, 1.0], Strategy::Weighted, 2);
    catalog.pools[0].adapt = true;
    let mut traffic = Traffic::new(Router::new(Settings::default(), 7), catalog);
    let mut share = |slow: f64| {
        for _ in 0..2 {
            traffic.sent.clear();
            for _ in 0..1_000 {
                let now = traffic.now + Duration::from_secs(20);
                traffic.arrive(demand(now), now);
                traffic.run(now, |attempt: &Attempt, _| {
                    answer(None, Duration::from_secs_f64(if attempt.deployment.0 == 0 { slow } else { 0.1 }))
                });
            }
        }
        traffic.firsts(0, 0)
    };
    assert_eq!(share(0.1), 500);
    // The mean of 1 and 4 is 2: half the weight against twice the weight.
    assert!(share(0.4).abs_diff(200) <= 2);
    // Beyond the bounds, a quarter against four times.
    assert!(share(10.0).abs_diff(59) <= 2);
    assert!(share(0.1).abs_diff(500) <= 2, "bends back");
}
