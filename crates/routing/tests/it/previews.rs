//! What a preview says is what plans then do.

use std::sync::Arc;
use std::time::Duration;

use roundelay_routing::{Demand, FaultKind, Hour, ModelId, Outcome, Rate, Strategy, Target, TokenRates, Tokens};

use crate::world::{at, demand, deployment, failure, model, pool, pooled, router, run};

#[test]
fn every_strategy_has_the_name_that_is_written() {
    let names = ["weighted", "round_robin", "priority", "fastest", "cheapest", "balanced"];
    assert_eq!(Strategy::ALL.map(Strategy::name), names);
    assert_eq!(Strategy::ALL.map(Strategy::measures), [false, false, false, true, true, true]);
}

/// The shares, in percent, of three deployments that take so many tenths of a second and cost so much, the last of which
/// rests where asked for.
#[track_caller]
fn check(strategy: Strategy, tenths: [u64; 3], prices: [f64; 3], rests: bool, expected: [f64; 3]) {
    let mut router = router();
    let catalog = router.adopt(pooled(&[6.0, 3.0, 1.0], strategy, 3));
    for (index, tenths) in (0..).zip(tenths) {
        let mut now = at(1.0);
        let by_name = Demand { target: Target::Model(ModelId(index)), retries_allowed: false, ..demand(now) };
        let total = Duration::from_millis(300 + 100 * tenths);
        let answered = Outcome::Success { total, tokens: Tokens { input: 100, cached: 0, output: 1 } };
        run(&mut router, &catalog, by_name.clone(), &mut now, |_| answered.clone());
        if rests && index == 2 {
            run(&mut router, &catalog, by_name, &mut now, |_| failure(FaultKind::Ramp));
        }
    }
    let rate = |input| {
        let base = TokenRates { input, cache_read: input, cache_write: input, output: input };
        Some(Rate { base, tiers: Vec::new(), units: [0.0; 4] })
    };
    let hour = Hour { rates: prices.map(rate).to_vec(), weights: Vec::new() };
    let preview = router.preview(&catalog, &Demand { hour: hour.into(), output_tokens: 1, ..demand(at(2.0)) }, at(2.0));
    assert_eq!(preview.strategy, strategy);
    let mut shares = [0.0; 3];
    for line in &preview.candidates {
        shares[line.deployment.0 as usize] = 100.0 * line.share;
    }
    let is_near = |(one, other): (&f64, &f64)| (one - other).abs() < 1e-6;
    assert!(shares.iter().zip(&expected).all(is_near), "{strategy:?}: {shares:?} instead of {expected:?}");
    assert!(preview.candidates.is_sorted_by(|one, other| one.share >= other.share), "{preview:?}");
}

#[test]
fn shares_are_those_of_the_strategy() {
    let (slow, dear) = ([7, 7, 7], [1.0; 3]);
    check(Strategy::Weighted, slow, dear, false, [60.0, 30.0, 10.0]);
    check(Strategy::Weighted, slow, dear, true, [600.0 / 9.0, 300.0 / 9.0, 0.0]);
    check(Strategy::RoundRobin, slow, dear, false, [100.0 / 3.0; 3]);
    check(Strategy::RoundRobin, slow, dear, true, [50.0, 50.0, 0.0]);
    check(Strategy::Priority, slow, dear, false, [100.0, 0.0, 0.0]);
    check(Strategy::Cheapest, slow, [3.0, 2.0, 1.0], false, [0.0, 0.0, 100.0]);
    check(Strategy::Cheapest, slow, [3.0, 2.0, 1.0], true, [0.0, 100.0, 0.0]);
    check(Strategy::Cheapest, slow, dear, false, [60.0, 30.0, 10.0]);
    check(Strategy::Balanced, [7, 1, 7], [1.0; 3], false, [0.0, 100.0, 0.0]);
    check(Strategy::Fastest, [17, 7, 27], dear, false, [0.0, 100.0, 0.0]);
    // Two drawn by weight, the better of them: the second wins whenever it is drawn, which it is not when the other two are.
    let without = 0.6 * 0.1 / 0.4 + 0.1 * 0.6 / 0.9;
    let (one, three) = (0.0, 100.0 * without);
    check(Strategy::Fastest, [9, 7, 8], dear, false, [one, 100.0 - three, three]);
    // Of two alike, whichever is drawn first.
    check(Strategy::Fastest, [7, 7, 7], dear, true, [600.0 / 9.0, 300.0 / 9.0, 0.0]);
}

#[test]
fn a_model_shares_out_its_own_part() {
    let mut router = router();
    let deployments = vec![deployment(0, 0), deployment(1, 0), deployment(2, 1)];
    let models = vec![model(0, &[0, 1]), model(1, &[2])];
    let pools = vec![pool(&[3.0, 1.0], Strategy::Weighted, vec![])];
    let catalog = router.adopt(roundelay_routing::Catalog::new(deployments, models, pools).unwrap());
    let preview = router.preview(&catalog, &demand(at(1.0)), at(1.0));
    let shares: Vec<_> = preview.candidates.iter().map(|line| (line.deployment.0, line.share)).collect();
    assert_eq!(shares, [(0, 0.375), (1, 0.375), (2, 0.25)]);
    let unpriced = Demand { hour: Arc::default(), target: Target::Model(ModelId(0)), ..demand(at(1.0)) };
    let preview = router.preview(&catalog, &unpriced, at(1.0));
    let shares: Vec<_> = preview.candidates.iter().map(|line| (line.deployment.0, line.share, line.cost)).collect();
    assert_eq!(shares, [(0, 0.5, None), (1, 0.5, None)]);
}
