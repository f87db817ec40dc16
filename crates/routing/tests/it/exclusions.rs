//! Why a deployment may not be chosen: one row each, with the value at which it may.

use std::sync::Arc;
use std::time::Duration;

use roundelay_routing::{
    Capabilities, Catalog, DeadReason, Demand, DeploymentId, Exclusion, FaultKind, Hour, Instant, KeyId, ModelId,
    Outcome, Rate, Router, Step, Strategy, Target, TokenRates,
};

use crate::world::{at, attempt, demand, failure, pooled, router, run, success};

/// A pool of two of which the first is in question: what is told of it, and what was lived through with it before.
struct Row<'a> {
    shape: &'a dyn Fn(&mut Catalog),
    before: &'a dyn Fn(&mut Router, &Arc<Catalog>),
    wants: &'a dyn Fn(&mut Demand),
    now: Instant,
}

impl Default for Row<'_> {
    fn default() -> Self {
        Self { shape: &|_| (), before: &|_, _| (), wants: &|_| (), now: at(2.0) }
    }
}

#[track_caller]
fn check(row: &Row<'_>, expected: Option<Exclusion>) {
    let mut catalog = pooled(&[1.0, 1.0], Strategy::Priority, 2);
    (row.shape)(&mut catalog);
    let mut router = router();
    let catalog = router.adopt(catalog);
    (row.before)(&mut router, &catalog);
    let mut wants = demand(row.now);
    (row.wants)(&mut wants);
    let first = DeploymentId(0);
    let preview = router.preview(&catalog, &wants, row.now);
    let previewed = preview.candidates.iter().find(|line| line.deployment == first).unwrap();
    let mut plan = router.plan(&catalog, wants, row.now);
    let step = plan.next(&mut router, row.now);
    let decided = plan.decision().candidates.iter().find(|line| line.deployment == first).unwrap();
    assert_eq!((previewed.exclusion, decided.exclusion), (expected, expected));
    let went = matches!(step, Step::Attempt(attempt) if attempt.deployment == first);
    assert_eq!(went, expected.is_none(), "{step:?}");
    assert!((previewed.share > 0.0) == expected.is_none(), "{previewed:?}");
}

/// One exchange with the first deployment that ends like this.
fn lived(router: &mut Router, catalog: &Arc<Catalog>, outcome: &Outcome) {
    let mut now = at(1.0);
    let by_name = Demand { target: Target::Model(ModelId(0)), retries_allowed: false, ..demand(now) };
    run(router, catalog, by_name, &mut now, |_| outcome.clone());
}

pub(crate) fn rates(input: f64) -> TokenRates {
    TokenRates { input, cache_read: input / 10.0, cache_write: input * 1.25, output: input * 5.0 }
}

/// Both cost 100 nano-USD a token of input, twice that above 1,000 tokens.
pub(crate) fn hour() -> Arc<Hour> {
    let rate = Some(Rate { base: rates(100.0), tiers: vec![(1_000, rates(200.0))], units: [0.0; 4] });
    Arc::new(Hour { rates: vec![rate.clone(), rate], weights: Vec::new() })
}

#[test]
fn what_the_demand_asks_for() {
    let row = Row::default;
    check(&row(), None);
    let allow = |model| move |wants: &mut Demand| wants.allowed = Some(Arc::from([Target::Model(ModelId(model))]));
    check(&Row { wants: &allow(0), ..row() }, None);
    check(&Row { wants: &allow(1), ..row() }, Some(Exclusion::NotAllowed));
    let blind = |catalog: &mut Catalog| catalog.models[0].capabilities.vision = false;
    let sees = |wants: &mut Demand| wants.needs = Capabilities { vision: true, ..Capabilities::NONE };
    check(&Row { shape: &blind, ..row() }, None);
    check(&Row { wants: &sees, ..row() }, None);
    check(&Row { shape: &blind, wants: &sees, ..row() }, Some(Exclusion::Capability("vision")));
    let tokens = |input, output| move |wants: &mut Demand| (wants.input_tokens, wants.output_tokens) = (input, output);
    check(&Row { wants: &tokens(900, 100), ..row() }, None);
    check(&Row { wants: &tokens(900, 101), ..row() }, Some(Exclusion::Window));
}

#[test]
fn who_is_on_duty() {
    let on_duty = |weights: [f64; 2]| {
        move |wants: &mut Demand| {
            wants.hour = Arc::new(Hour { rates: Vec::new(), weights: vec![Some(weights.to_vec())] });
        }
    };
    let unscheduled = |wants: &mut Demand| wants.hour = Arc::new(Hour { rates: Vec::new(), weights: vec![None] });
    let weightless = |catalog: &mut Catalog| catalog.pools[0].members[0].weight = 0.0;
    let row = Row::default;
    check(&Row { shape: &weightless, ..row() }, Some(Exclusion::NoWeight));
    check(&Row { shape: &weightless, wants: &unscheduled, ..row() }, Some(Exclusion::NoWeight));
    check(&Row { shape: &weightless, wants: &on_duty([1.0, 1.0]), ..row() }, None);
    check(&Row { wants: &on_duty([0.0, 1.0]), ..row() }, Some(Exclusion::OffDuty));
    let no_weight = |catalog: &mut Catalog| catalog.deployments[0].weight = 0.0;
    check(&Row { shape: &no_weight, ..row() }, Some(Exclusion::NoWeight));
}

#[test]
fn where_it_computes() {
    let place = |regions: &'static [&'static str], region: Option<&'static str>| {
        move |catalog: &mut Catalog| {
            catalog.pools[0].limits.regions = regions.iter().map(|&region| region.into()).collect();
            catalog.deployments[0].region = region.map(Into::into);
        }
    };
    let row = Row::default;
    check(&Row { shape: &place(&[], Some("us")), ..row() }, None);
    check(&Row { shape: &place(&["eu", "us"], Some("us")), ..row() }, None);
    check(&Row { shape: &place(&["eu"], Some("us")), ..row() }, Some(Exclusion::Region));
    check(&Row { shape: &place(&["eu"], None), ..row() }, Some(Exclusion::Region));
}

#[test]
fn limits_bind_the_whole_fallback_chain() {
    let mut router = router();
    let mut catalog = pooled(&[1.0], Strategy::Weighted, 3);
    catalog.pools[0].limits.regions = vec!["eu".into()];
    catalog.deployments[0].region = Some("eu".into());
    catalog.deployments[2].region = Some("eu".into());
    let catalog = router.adopt(catalog);
    let mut now = at(2.0);
    let (attempts, _) = run(&mut router, &catalog, demand(now), &mut now, |_| failure(FaultKind::RateLimited));
    let went: Vec<u32> = attempts.iter().map(|attempt| attempt.deployment.0).collect();
    assert_eq!(went, [0, 2], "the second is elsewhere");
}

#[test]
fn what_it_charges() {
    let limit = |input: f64, output: f64| {
        move |catalog: &mut Catalog| {
            let limits = &mut catalog.pools[0].limits;
            (limits.input_price, limits.output_price) = (Some(input), Some(output));
            catalog.models[0].context_window = None;
        }
    };
    let only_output = |catalog: &mut Catalog| catalog.pools[0].limits.output_price = Some(499.0);
    let only_input = |catalog: &mut Catalog| catalog.pools[0].limits.input_price = Some(99.0);
    let priced = |wants: &mut Demand| wants.hour = hour();
    let long = |tokens| move |wants: &mut Demand| (wants.hour, wants.input_tokens) = (hour(), tokens);
    let row = Row::default;
    check(&Row { shape: &limit(100.0, 500.0), wants: &priced, ..row() }, None);
    check(&Row { shape: &limit(99.9, 500.0), wants: &priced, ..row() }, Some(Exclusion::Price));
    check(&Row { shape: &limit(100.0, 499.9), wants: &priced, ..row() }, Some(Exclusion::Price));
    check(&Row { shape: &only_output, wants: &priced, ..row() }, Some(Exclusion::Price));
    check(&Row { shape: &only_input, wants: &priced, ..row() }, Some(Exclusion::Price));
    // A price that is not known exceeds nothing.
    check(&Row { shape: &limit(0.0, 0.0), ..row() }, None);
    check(&Row { shape: &limit(100.0, 500.0), wants: &long(1_000), ..row() }, None);
    check(&Row { shape: &limit(100.0, 500.0), wants: &long(1_001), ..row() }, Some(Exclusion::Price));
}

#[test]
fn what_the_payer_can_spend() {
    let spend = |spendable: f64, output: u64| {
        move |wants: &mut Demand| {
            (wants.hour, wants.spendable, wants.output_tokens) = (hour(), Some(spendable), output);
        }
    };
    let unpriced = |spendable: f64| move |wants: &mut Demand| wants.spendable = Some(spendable);
    let row = Row::default;
    // 100 tokens of input, at worst written to the cache, and 10 of output.
    check(&Row { wants: &spend(17_500.0, 10), ..row() }, None);
    check(&Row { wants: &spend(17_499.0, 10), ..row() }, Some(Exclusion::Unaffordable));
    // There has to be money for 256 tokens of output, whether more were asked for or nobody said.
    for output in [0, 256, 900] {
        check(&Row { wants: &spend(140_500.0, output), ..row() }, None);
        check(&Row { wants: &spend(140_499.0, output), ..row() }, Some(Exclusion::Unaffordable));
    }
    check(&Row { wants: &unpriced(0.0), ..row() }, None);
    check(&Row { wants: &unpriced(-1.0), ..row() }, Some(Exclusion::Unaffordable));
}

#[test]
fn how_soon_it_begins() {
    let limit = |milliseconds| {
        move |catalog: &mut Catalog| {
            catalog.pools[0].limits.first_content = Some(Duration::from_millis(milliseconds));
        }
    };
    // Its first content comes after 300 ms.
    let measured = |router: &mut Router, catalog: &Arc<Catalog>| lived(router, catalog, &success());
    let row = Row::default;
    check(&Row { shape: &limit(1), ..row() }, None);
    check(&Row { shape: &limit(300), before: &measured, ..row() }, None);
    check(&Row { shape: &limit(299), before: &measured, ..row() }, Some(Exclusion::TooSlow));
    check(&Row { shape: &limit(299), before: &measured, now: at(30.9), ..row() }, Some(Exclusion::TooSlow));
    check(&Row { shape: &limit(299), before: &measured, now: at(31.0), ..row() }, None);
}

#[test]
fn what_is_left_at_the_upstream() {
    let balance = |spendable: Option<f64>| {
        move |router: &mut Router, catalog: &Arc<Catalog>| router.learn_balance(catalog, KeyId(0), spendable)
    };
    let row = Row::default;
    check(&Row { before: &balance(None), ..row() }, None);
    check(&Row { before: &balance(Some(1.0)), ..row() }, None);
    check(&Row { before: &balance(Some(0.0)), ..row() }, Some(Exclusion::UpstreamBalance));
    check(&Row { before: &balance(Some(-1.0)), ..row() }, Some(Exclusion::UpstreamBalance));
    let paid_in = |router: &mut Router, catalog: &Arc<Catalog>| {
        router.learn_balance(catalog, KeyId(0), Some(0.0));
        router.learn_balance(catalog, KeyId(0), None);
        router.learn_balance(catalog, KeyId(1), Some(0.0));
    };
    check(&Row { before: &paid_in, ..row() }, None);
}

/// A failure at 1 s excludes until then, and not from then on.
#[track_caller]
fn check_rest(kind: FaultKind, seconds: f64, expected: impl Fn(Instant) -> Exclusion) {
    let before = |router: &mut Router, catalog: &Arc<Catalog>| lived(router, catalog, &failure(kind));
    let until = at(1.0 + seconds);
    check(&Row { before: &before, now: at(0.999 + seconds), ..Row::default() }, Some(expected(until)));
    check(&Row { before: &before, now: until, ..Row::default() }, None);
}

#[test]
fn what_rests() {
    let dead = |why| move |until| Exclusion::Dead { why, until };
    let cooling = |until| Exclusion::Cooling { until };
    check_rest(FaultKind::RateLimited, 5.0, cooling);
    check_rest(FaultKind::Ramp, 30.0, cooling);
    check_rest(FaultKind::NotReady { missing: false }, 5.0, cooling);
    check_rest(FaultKind::NotReady { missing: true }, 5.0, dead(DeadReason::Missing));
    check_rest(FaultKind::KeyRejected, 600.0, dead(DeadReason::KeyRejected));
    check_rest(FaultKind::KeyEmpty, 3_600.0, dead(DeadReason::KeyEmpty));
    check_rest(FaultKind::QuotaWindow, 3_600.0, dead(DeadReason::QuotaWindow));
}

/// As many failures at 1 s as it takes open a breaker: of the deployment, or of its endpoint.
#[track_caller]
fn check_breaker(kind: FaultKind, count: usize, expected: impl Fn(Instant) -> Exclusion) {
    let fail = |count: usize| {
        move |router: &mut Router, catalog: &Arc<Catalog>| {
            (0..count).for_each(|_| lived(router, catalog, &failure(kind)));
        }
    };
    check(&Row { before: &fail(count - 1), ..Row::default() }, None);
    let mut router = router();
    let catalog = router.adopt(pooled(&[1.0, 1.0], Strategy::Priority, 2));
    fail(count)(&mut router, &catalog);
    let until = router.health(&catalog, at(1.0))[0].open_until.unwrap();
    check(&Row { before: &fail(count), now: at(8.9), ..Row::default() }, Some(expected(until)));
    // Then the first who asks is the probe, and everybody else waits for its verdict.
    check(&Row { before: &fail(count), now: until, ..Row::default() }, None);
    let probing = |router: &mut Router, catalog: &Arc<Catalog>| {
        fail(count)(router, catalog);
        assert!(attempt(router.plan(catalog, demand(until), until).next(router, until)).is_probe);
    };
    check(&Row { before: &probing, now: until, ..Row::default() }, Some(Exclusion::Probing));
}

#[test]
fn what_a_breaker_holds_back() {
    check_breaker(FaultKind::Overloaded, 5, |until| Exclusion::BreakerOpen { until });
    check_breaker(FaultKind::ConnectFailed { reused_connection: false }, 3, |until| Exclusion::EndpointOpen { until });
}

#[test]
fn what_is_full_and_what_was_tried() {
    let narrow = |places| move |catalog: &mut Catalog| catalog.deployments[0].concurrency_max = places;
    let one_out = |router: &mut Router, catalog: &Arc<Catalog>| {
        attempt(router.plan(catalog, demand(at(1.0)), at(1.0)).next(router, at(1.0)));
    };
    check(&Row { shape: &narrow(2), before: &one_out, ..Row::default() }, None);
    check(&Row { shape: &narrow(1), before: &one_out, ..Row::default() }, Some(Exclusion::Busy));
    let mut router = router();
    let catalog = router.adopt(pooled(&[1.0, 1.0], Strategy::Priority, 2));
    let mut plan = router.plan(&catalog, demand(at(1.0)), at(1.0));
    let first = attempt(plan.next(&mut router, at(1.0)));
    plan.report(&mut router, &first, &failure(FaultKind::FirstContentTimeout), at(1.0));
    assert_eq!(attempt(plan.next(&mut router, at(1.0))).deployment, DeploymentId(1));
    assert_eq!(plan.decision().candidates[0].exclusion, Some(Exclusion::Tried));
}

#[test]
fn a_pool_turns_to_the_cheapest_below_a_level() {
    #[track_caller]
    fn check(spendable: Option<f64>, cheaper_below: Option<f64>, expected: Strategy) {
        let mut catalog = pooled(&[1.0, 1.0], Strategy::Priority, 2);
        catalog.pools[0].cheaper_below = cheaper_below;
        let mut router = router();
        let catalog = router.adopt(catalog);
        let rate = |input| Some(Rate { base: rates(input), tiers: Vec::new(), units: [0.0; 4] });
        let hour = Arc::new(Hour { rates: vec![rate(2.0), rate(1.0)], weights: Vec::new() });
        let wants = Demand { spendable, hour, ..demand(at(1.0)) };
        assert_eq!(router.preview(&catalog, &wants, at(1.0)).strategy, expected);
        let mut plan = router.plan(&catalog, wants, at(1.0));
        let went = attempt(plan.next(&mut router, at(1.0))).deployment;
        assert_eq!(went, DeploymentId(u32::from(expected == Strategy::Cheapest)));
        assert_eq!(plan.decision().strategy, expected);
    }
    check(None, None, Strategy::Priority);
    check(None, Some(1e6), Strategy::Priority);
    check(Some(1e6), None, Strategy::Priority);
    check(Some(1e6), Some(1e6), Strategy::Priority);
    check(Some(1e6 - 1.0), Some(1e6), Strategy::Cheapest);
}
