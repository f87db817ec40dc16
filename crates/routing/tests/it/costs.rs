//! What a request is expected to cost: its cache, its tier and the length of its answer.

use std::sync::Arc;
use std::time::Duration;

use roundelay_routing::{Conversation, Demand, DeploymentId, Exclusion, Hour, Outcome, Strategy, Tokens};

use crate::exclusions::hour;
use crate::world::{at, attempt, demand, pooled, router, run};

/// The expected cost of a request at the first deployment, as the preview shows it and as a choice sees it.
#[track_caller]
fn check_cost(input_tokens: u64, output_tokens: u64, before: &[Tokens], is_bound: bool, expected: f64) {
    let mut catalog = pooled(&[1.0, 1.0], Strategy::Cheapest, 2);
    catalog.models[0].context_window = None;
    catalog.models[1].context_window = None;
    let mut router = router();
    let catalog = router.adopt(catalog);
    let conversation = is_bound.then_some(Conversation { id: 9, is_first_turn: false, is_explicit: true });
    let mut now = at(1.0);
    for &tokens in before {
        let outcome = Outcome::Success { total: Duration::from_secs(1), tokens };
        // How long answers are is learnt for the pool, so the pool is asked.
        let wants = Demand { conversation, hour: only_first(), ..demand(now) };
        let (went, _) = run(&mut router, &catalog, wants, &mut now, |_| outcome.clone());
        assert_eq!(went[0].deployment, DeploymentId(0));
    }
    let wants = Demand { input_tokens, output_tokens, conversation, hour: hour(), ..demand(now) };
    if !is_bound {
        let cost =
            router.preview(&catalog, &wants, now).candidates.iter().find(|line| line.deployment.0 == 0).unwrap().cost;
        assert!((cost.unwrap() - expected).abs() < 1e-6, "previewed {cost:?}");
    }
    let mut plan = router.plan(&catalog, wants, now);
    attempt(plan.next(&mut router, now));
    let cost = plan.decision().draws[0].options[0].offer.cost.unwrap();
    assert!((cost - expected).abs() < 1e-6, "chosen by {cost}");
}

/// The price of the second is not known, so that the cheapest is the first.
fn only_first() -> Arc<Hour> {
    Arc::new(Hour { rates: vec![hour().rates[0].clone()], weights: Vec::new() })
}

#[test]
fn what_is_no_token_costs_too_and_has_to_be_affordable() {
    let catalog = pooled(&[1.0, 1.0], Strategy::Cheapest, 2);
    let mut router = router();
    let catalog = router.adopt(catalog);
    // The first is cheaper by its tokens, the second by its images.
    let mut rates: Vec<_> = [0, 0].map(|place| hour().rates[place].clone()).to_vec();
    rates[0].as_mut().unwrap().units = [1e6, 0.0, 0.0, 0.0];
    rates[1].as_mut().unwrap().base.input *= 2.0;
    let hour = Arc::new(Hour { rates, weights: Vec::new() });
    let asked = |images: f64, spendable| {
        let units = [images, 0.0, 0.0, 0.0];
        Demand { units, spendable, output_tokens: 1, hour: Arc::clone(&hour), ..demand(at(1.0)) }
    };
    let first = |router: &mut roundelay_routing::Router, wants: Demand| {
        let mut plan = router.plan(&catalog, wants, at(1.0));
        attempt(plan.next(router, at(1.0))).deployment
    };
    assert_eq!(first(&mut router, asked(0.0, None)), DeploymentId(0));
    assert_eq!(first(&mut router, asked(1.0, None)), DeploymentId(1));
    let preview = router.preview(&catalog, &asked(1.0, Some(500_000.0)), at(1.0));
    let excluded = |place: u32| preview.candidates.iter().find(|line| line.deployment.0 == place).unwrap().exclusion;
    assert_eq!((excluded(0), excluded(1)), (Some(Exclusion::Unaffordable), None));
}

#[test]
fn what_it_is_expected_to_cost() {
    let tokens = |cached, output| Tokens { input: 100, cached, output };
    // Nothing is known: no cache, and as long an answer as the average one has.
    check_cost(100, 0, &[], false, 100.0 * 100.0 + 211.0 * 500.0);
    check_cost(100, 10, &[], false, 100.0 * 100.0 + 10.0 * 500.0);
    check_cost(1_001, 10, &[], false, 1_001.0 * 200.0 + 10.0 * 1_000.0);
    // Half was cached, and twenty tokens came.
    check_cost(100, 0, &[tokens(50, 20)], false, 50.0 * 100.0 + 50.0 * 10.0 + 20.0 * 500.0);
    check_cost(100, 5, &[tokens(50, 20)], false, 50.0 * 100.0 + 50.0 * 10.0 + 5.0 * 500.0);
    check_cost(100, 0, &[tokens(0, 20), tokens(100, 40)], false, 50.0 * 100.0 + 50.0 * 10.0 + 30.0 * 500.0);
    // A conversation's own place: half until it is measured, then what was.
    check_cost(100, 0, &[tokens(0, 20)], true, 50.0 * 100.0 + 50.0 * 10.0 + 20.0 * 500.0);
    check_cost(100, 0, &[tokens(0, 20), tokens(100, 20)], true, 100.0 * 10.0 + 20.0 * 500.0);
}
