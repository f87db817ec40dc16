//! Small catalogs and demands for the tests.

use std::sync::Arc;
use std::time::Duration;

use roundelay_routing::{
    Attempt, Capabilities, Catalog, Demand, Deployment, DeploymentId, EndpointId, Fault, FaultKind, Importance,
    Instant, KeyId, Least, Limits, Member, Model, ModelId, Outcome, Plan, Pool, PoolId, Router, Settings, Step,
    Strategy, Target, Tokens,
};

pub(crate) fn at(seconds: f64) -> Instant {
    Instant::from_start(Duration::from_secs_f64(seconds))
}

/// Deployment `index` serves a model of the same index, with its own key and endpoint.
pub(crate) fn deployment(index: u32, model: u32) -> Deployment {
    Deployment {
        name: format!("deployment-{index}").into(),
        model: ModelId(model),
        key: KeyId(index),
        key_name: format!("key-{index}").into(),
        endpoint: EndpointId(index),
        endpoint_name: format!("endpoint-{index}").into(),
        weight: 1.0,
        concurrency_max: 256,
        region: None,
        stops_on_cancel: true,
    }
}

pub(crate) fn model(index: u32, deployments: &[u32]) -> Model {
    Model {
        name: format!("model-{index}").into(),
        deployments: deployments.iter().map(|&id| DeploymentId(id)).collect(),
        strategy: None,
        context_window: Some(1000 * u64::from(index + 1)),
        capabilities: Capabilities::ALL,
        attempts: 3,
        deadline: Duration::from_secs(120),
        wait: None,
    }
}

pub(crate) fn pool(weights: &[f64], strategy: Strategy, fallback: Vec<Target>) -> Pool {
    let members = (0u32..).zip(weights).map(|(index, &weight)| Member { model: ModelId(index), weight }).collect();
    let name = Arc::from("pool");
    Pool {
        name,
        members,
        strategy,
        fallback,
        attempts: 3,
        deadline: Duration::from_secs(120),
        wait: None,
        hedge: false,
        adapt: false,
        importance: Importance::default(),
        limits: Limits::default(),
        cheaper_below: None,
    }
}

/// `models` single-deployment models; the first ones are the members of one pool, the others its fallbacks.
pub(crate) fn pooled(weights: &[f64], strategy: Strategy, models: u32) -> Catalog {
    let members = u32::try_from(weights.len()).unwrap();
    let fallback = (members..models).map(|index| Target::Model(ModelId(index))).collect();
    Catalog::new(
        (0..models).map(|index| deployment(index, index)).collect(),
        (0..models).map(|index| model(index, &[index])).collect(),
        vec![pool(weights, strategy, fallback)],
    )
    .unwrap()
}

pub(crate) fn demand(now: Instant) -> Demand {
    Demand {
        target: Target::Pool(PoolId(0)),
        needs: Capabilities::NONE,
        input_tokens: 100,
        together: None,
        units: [0.0; 4],
        output_tokens: 0,
        allowed: None,
        conversation: None,
        payer: 1,
        spendable: None,
        unpriced_held: 0.0,
        hour: Arc::default(),
        deadline: now + Duration::from_secs(120),
        retries_allowed: true,
        may_hand_over: false,
    }
}

pub(crate) fn router() -> Router {
    Router::new(Settings::default(), 7)
}

pub(crate) fn success() -> Outcome {
    Outcome::Success { total: Duration::from_secs(1), tokens: Tokens { input: 100, cached: 0, output: 10 } }
}

pub(crate) fn failure(kind: FaultKind) -> Outcome {
    Outcome::Failure(Fault::new(kind))
}

#[track_caller]
pub(crate) fn attempt(step: Step) -> Attempt {
    match step {
        Step::Attempt(attempt) => attempt,
        Step::Wait(_) | Step::HandOver | Step::Stop(_) => panic!("expected an attempt, got {step:?}"),
    }
}

/// One exchange whose attempts all end as `outcome` says, at once; waits pass. Answers where it went and how it ended.
pub(crate) fn run(
    router: &mut Router,
    catalog: &Arc<Catalog>,
    demand: Demand,
    now: &mut Instant,
    outcome: impl FnMut(&Attempt) -> Outcome,
) -> (Vec<Attempt>, Step) {
    let mut plan = router.plan(catalog, demand, *now);
    pursue(&mut plan, router, now, |_| panic!("nobody allowed it"), outcome)
}

/// The same, of a plan that is there; `least` says what can be handed over.
pub(crate) fn pursue(
    plan: &mut Plan,
    router: &mut Router,
    now: &mut Instant,
    mut least: impl FnMut(&Plan) -> Option<Least>,
    mut outcome: impl FnMut(&Attempt) -> Outcome,
) -> (Vec<Attempt>, Step) {
    let mut attempts = Vec::new();
    let mut was_asked = false;
    loop {
        match plan.next(router, *now) {
            Step::Wait(until) => *now = until,
            Step::HandOver => {
                assert!(!was_asked, "asked twice what it can be cut to");
                was_asked = true;
                let least = least(plan);
                plan.hand_over(least);
            }
            Step::Attempt(attempt) => {
                attempts.push(attempt);
                let outcome = outcome(&attempt);
                if matches!(outcome, Outcome::Success { .. } | Outcome::MidStream) {
                    router.commit(&attempt, Some(Duration::from_millis(300)), *now);
                }
                plan.report(router, &attempt, &outcome, *now);
                if matches!(outcome, Outcome::Success { .. }) {
                    return (attempts, Step::Attempt(attempt));
                }
            }
            stop @ Step::Stop(_) => return (attempts, stop),
        }
    }
}
