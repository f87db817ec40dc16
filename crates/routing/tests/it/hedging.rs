//! A second attempt beside a slow first one: when it is made, and where it goes.

mod both;
mod limits;

use std::sync::Arc;
use std::time::Duration;

use roundelay_routing::FaultKind::Overloaded;
use roundelay_routing::{
    Attempt, AttemptKind, BreakerState, Catalog, Demand, DrawnOption, Instant, Outcome, Plan, Router, Settings, Step,
    Strategy, Target,
};

use crate::world::{at, attempt, demand, failure, pooled, router, success};

/// A priority pool of this many models at as many endpoints, which hedges.
fn hedging(models: u32) -> Catalog {
    let mut catalog = pooled(&vec![1.0; models as usize], Strategy::Priority, models);
    catalog.pools[0].hedge = true;
    catalog
}

/// Answers `count` streams of the first candidate, one a second: first content after 300 ms, the last token at 1 s.
fn answer(router: &mut Router, catalog: &Arc<Catalog>, asked: &Demand, count: usize, now: &mut Instant) {
    for _ in 0..count {
        let mut plan = router.plan(catalog, asked.clone(), *now);
        let attempt = attempt(plan.next(router, *now));
        router.commit(&attempt, Some(Duration::from_millis(300)), *now);
        plan.report(router, &attempt, &success(), *now);
        *now = *now + Duration::from_secs(1);
    }
}

/// What a first attempt that shows nothing is part of, once sixty were answered.
struct Slow {
    router: Router,
    catalog: Arc<Catalog>,
    plan: Plan,
    first: Attempt,
    began: Instant,
}

impl Slow {
    fn new(catalog: Catalog) -> Self {
        Self::of(catalog, |_| {})
    }

    fn of(catalog: Catalog, change: impl Fn(&mut Demand)) -> Self {
        let (mut router, mut now) = (router(), at(1.0));
        let catalog = router.adopt(catalog);
        let mut asked = Demand { deadline: at(1e6), ..demand(now) };
        answer(&mut router, &catalog, &asked, 60, &mut now);
        change(&mut asked);
        answer(&mut router, &catalog, &Demand { retries_allowed: true, ..asked.clone() }, 60, &mut now);
        let mut plan = router.plan(&catalog, asked, now);
        let first = attempt(plan.next(&mut router, now));
        Self { router, catalog, plan, first, began: now }
    }

    fn after(&self, seconds: f64) -> Instant {
        self.began + Duration::from_secs_f64(seconds)
    }

    fn hedge(&mut self) -> Option<Attempt> {
        let now = self.after(2.0);
        self.plan.hedge(&mut self.router, true, now)
    }

    fn report(&mut self, attempt: &Attempt, outcome: &Outcome) {
        let now = self.after(2.5);
        self.plan.report(&mut self.router, attempt, outcome, now);
    }

    fn next(&mut self) -> Step {
        let now = self.after(2.5);
        self.plan.next(&mut self.router, now)
    }

    fn in_flight(&mut self) -> Vec<u32> {
        let now = self.after(2.5);
        self.router.health(&self.catalog, now).iter().map(|health| health.in_flight).collect()
    }
}

/// When a request so changed is hedged, in seconds after its first attempt began.
#[track_caller]
fn check_when(what: &str, change: impl Fn(&mut Catalog, &mut Demand), expected: Option<f64>) {
    let mut catalog = hedging(3);
    catalog.models.iter_mut().for_each(|model| model.context_window = None);
    change(&mut catalog, &mut demand(at(0.0)));
    let kept = catalog.clone();
    let slow = Slow::of(catalog, |demand| change(&mut kept.clone(), demand));
    assert_eq!(slow.plan.hedge_at(&slow.router, true), expected.map(|seconds| slow.after(seconds)), "{what}");
}

#[test]
fn only_what_may_lose_a_race_is_raced() {
    check_when("a plain one", |_, _| {}, Some(2.0));
    check_when("nobody asked for it", |catalog, _| catalog.pools[0].hedge = false, None);
    check_when("one attempt is allowed", |catalog, _| catalog.pools[0].attempts = 1, None);
    check_when("it is billed to its end", |catalog, _| catalog.deployments[0].stops_on_cancel = false, None);
    check_when(
        "a model and no pool",
        |catalog, demand| demand.target = Target::Model(catalog.pools[0].members[0].model),
        None,
    );
    check_when("tools", |_, demand| demand.needs.tools = true, None);
    check_when("as large as may be", |_, demand| demand.input_tokens = 8_192, Some(2.0));
    check_when("too large", |_, demand| demand.input_tokens = 8_193, None);
    check_when("no second attempt is wanted", |_, demand| demand.retries_allowed = false, None);
    check_when("the deadline comes first", |_, demand| demand.deadline = at(122.5), None);
}

/// Waits of a stream and of a whole answer where a second attempt may come this early.
#[track_caller]
fn check_waits(after_min: f64, streamed: f64, whole: f64) {
    let mut settings = Settings::default();
    settings.hedge.after_min = Duration::from_secs_f64(after_min);
    let (mut router, mut now) = (Router::new(settings, 7), at(1.0));
    let catalog = router.adopt(hedging(2));
    let asked = Demand { deadline: at(1e6), ..demand(now) };
    answer(&mut router, &catalog, &asked, 60, &mut now);
    let mut plan = router.plan(&catalog, asked, now);
    attempt(plan.next(&mut router, now));
    for (is_streamed, expected) in [(true, streamed), (false, whole)] {
        let wait = plan.hedge_at(&router, is_streamed).unwrap().saturating_duration_since(now).as_secs_f64();
        assert!((wait - expected).abs() < 1e-3, "{wait} and not {expected}, streamed: {is_streamed}");
    }
}

#[test]
fn a_whole_answer_is_given_the_time_to_be_written_too() {
    check_waits(0.0, 0.3, 1.0);
    check_waits(0.5, 0.5, 1.0);
    check_waits(2.0, 2.0, 2.0);
}

#[test]
fn fewer_than_fifty_samples_say_nothing() {
    let (mut router, mut now) = (router(), at(1.0));
    let catalog = router.adopt(hedging(2));
    let asked = Demand { deadline: at(1e6), ..demand(now) };
    for (samples, is_hedged) in [(49, false), (50, true)] {
        answer(&mut router, &catalog, &asked, samples, &mut now);
        let mut plan = router.plan(&catalog, asked.clone(), now);
        let first = attempt(plan.next(&mut router, now));
        assert_eq!(plan.hedge_at(&router, true).is_some(), is_hedged, "{samples} more");
        plan.report(&mut router, &first, &Outcome::Abandoned, now);
    }
}

#[test]
fn a_hedge_goes_elsewhere_once_and_not_before_its_time() {
    let mut slow = Slow::new(hedging(3));
    let early = slow.after(1.999);
    assert_eq!(slow.plan.hedge(&mut slow.router, true, early), None);
    let hedge = slow.hedge().unwrap();
    assert_eq!((hedge.deployment.0, hedge.number, hedge.kind, hedge.is_probe), (1, 2, AttemptKind::Hedge, false));
    assert_eq!(slow.in_flight(), [1, 1, 0]);
    assert_eq!((slow.plan.hedge_at(&slow.router, true), slow.hedge()), (None, None), "two are enough");
}

/// Where a hedge goes in a pool of three so changed.
#[track_caller]
fn check_where(what: &str, change: impl Fn(&mut Catalog), expected: Option<u32>) {
    let mut catalog = hedging(3);
    change(&mut catalog);
    let hedge = Slow::new(catalog).hedge();
    assert_eq!(hedge.map(|hedge| hedge.deployment.0), expected, "{what}");
}

#[test]
fn a_hedge_goes_where_its_loss_costs_little() {
    let share = |catalog: &mut Catalog, of: usize| {
        catalog.deployments[of].endpoint = catalog.deployments[0].endpoint;
        catalog.deployments[of].endpoint_name = catalog.deployments[0].endpoint_name.clone();
    };
    check_where("the next in order", |_| {}, Some(1));
    check_where("not to the same endpoint", |catalog| share(catalog, 1), Some(2));
    check_where("not where it is billed to its end", |catalog| catalog.deployments[1].stops_on_cancel = false, Some(2));
    check_where("nowhere", |catalog| (1..3).for_each(|of| share(catalog, of)), None);
    check_where(
        "not to a fallback",
        |catalog| {
            catalog.pools[0].fallback =
                catalog.pools[0].members.drain(1..).map(|member| Target::Model(member.model)).collect();
        },
        None,
    );
}

#[test]
fn a_hedge_is_never_a_probe() {
    let (mut router, mut now) = (router(), at(1.0));
    let catalog = router.adopt(hedging(2));
    let asked = Demand { deadline: at(1e6), ..demand(now) };
    answer(&mut router, &catalog, &asked, 60, &mut now);
    // The second fails as a fallback until its breaker opens; then its probe is due.
    while router.health(&catalog, now)[1].breaker == BreakerState::Closed {
        crate::world::run(&mut router, &catalog, asked.clone(), &mut now, |_| failure(Overloaded));
        answer(&mut router, &catalog, &asked, 1, &mut now);
    }
    now = router.health(&catalog, now)[1].open_until.unwrap();
    answer(&mut router, &catalog, &asked, 60, &mut now);
    let mut plan = router.plan(&catalog, asked, now);
    let first = attempt(plan.next(&mut router, now));
    let late = now + Duration::from_secs(3);
    assert!(first.deployment.0 == 0 && plan.hedge_at(&router, true) < Some(late), "{first:?}");
    assert_eq!(plan.hedge(&mut router, true, late), None);
}

#[test]
fn the_choice_of_a_hedge_can_be_made_again() {
    for strategy in Strategy::ALL {
        let mut catalog = hedging(4);
        catalog.pools[0].strategy = strategy;
        let (mut router, mut now) = (router(), at(1.0));
        let catalog = router.adopt(catalog);
        let asked = Demand { deadline: at(1e6), ..demand(now) };
        answer(&mut router, &catalog, &asked, 400, &mut now);
        let mut plan = router.plan(&catalog, asked, now);
        let first = attempt(plan.next(&mut router, now));
        let before = plan.decision().draws.len();
        let hedge = plan.hedge(&mut router, true, now + Duration::from_secs(2)).unwrap();
        assert_ne!(first.deployment, hedge.deployment, "{strategy:?}");
        let [draw] = &plan.decision().draws[before..] else { panic!("one choice: {:?}", plan.decision().draws) };
        let (chosen, scores) = draw.replay();
        let kept: Vec<f64> = draw.options.iter().map(|option| option.offer.score).collect();
        assert_eq!((chosen, scores), (draw.chosen, kept), "{strategy:?}");
        assert_eq!(draw.options[chosen.unwrap()].what, DrawnOption::Deployment(hedge.deployment), "{strategy:?}");
    }
}
