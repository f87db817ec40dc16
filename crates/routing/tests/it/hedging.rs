//! A second attempt beside a slow first one: when it is made, where it goes, what it may cost, and what follows when
//! one of the two fails, or both do.

use std::sync::Arc;
use std::time::Duration;

use roundelay_routing::FaultKind::{self, *};
use roundelay_routing::{
    Attempt, AttemptKind, BreakerState, Catalog, Demand, Ending, Hour, Instant, MovedOn, Outcome, Plan, Rate, Router,
    Settings, Step, Stop, StopReason, Strategy, Target, TokenRates,
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
fn the_quicker_of_two_answers_and_the_other_is_lost_without_a_verdict() {
    for is_hedge_won in [true, false] {
        let mut slow = Slow::new(hedging(3));
        let (first, hedge) = (slow.first, slow.hedge().unwrap());
        let (winner, loser) = if is_hedge_won { (hedge, first) } else { (first, hedge) };
        let ratio = slow.router.health(&slow.catalog, slow.began)[loser.deployment.0 as usize].success_ratio;
        let now = slow.after(2.5);
        slow.router.commit(&winner, Some(Duration::from_millis(500)), now);
        slow.report(&loser, &Outcome::Abandoned);
        assert_eq!(slow.in_flight().iter().sum::<u32>(), 1);
        slow.report(&winner, &success());
        assert_eq!(slow.in_flight(), [0, 0, 0]);
        let health = &slow.router.health(&slow.catalog, now)[loser.deployment.0 as usize];
        assert_eq!((health.success_ratio, health.breaker), (ratio, BreakerState::Closed));
        assert!(matches!(slow.next(), Step::Stop(_)));
        let endings: Vec<_> = slow.plan.decision().attempts.iter().map(|attempt| attempt.ending.unwrap()).collect();
        let (won, lost) = (Ending::Success, Ending::Lost);
        assert_eq!(endings, if is_hedge_won { [lost, won] } else { [won, lost] });
    }
}

#[test]
fn while_one_of_two_has_failed_the_other_is_awaited() {
    for is_first in [true, false] {
        let mut slow = Slow::new(hedging(3));
        let (first, hedge) = (slow.first, slow.hedge().unwrap());
        let (failed, other) = if is_first { (first, hedge) } else { (hedge, first) };
        slow.report(&failed, &failure(Overloaded));
        let record = slow.plan.decision().attempts[failed.number as usize - 1];
        assert_eq!((record.ending, record.moved_on), (Some(Ending::Failure(Overloaded)), Some(MovedOn::Other)));
        assert_eq!(slow.plan.hedge_at(&slow.router, true), None, "one hedge an exchange");
        let now = slow.after(2.5);
        slow.router.commit(&other, Some(Duration::from_millis(500)), now);
        slow.report(&other, &success());
        assert!(matches!(slow.next(), Step::Stop(_)), "it was answered");
    }
}

/// Both of two fail, the first attempt before its hedge or after it: the same follows.
#[track_caller]
fn check_both(first: FaultKind, hedge: FaultKind, expected: Result<(u32, AttemptKind), StopReason>) {
    for is_hedge_last in [true, false] {
        let mut slow = Slow::new(hedging(4));
        let mut faults = [(slow.first, first), (slow.hedge().unwrap(), hedge)];
        if !is_hedge_last {
            faults.reverse();
        }
        for (attempt, fault) in faults {
            slow.report(&attempt, &failure(fault));
        }
        let found = match slow.next() {
            Step::Attempt(attempt) => {
                assert_eq!(attempt.number, 3, "both count");
                Ok((attempt.deployment.0, attempt.kind))
            }
            Step::Stop(Stop { reason, .. }) => Err(reason),
            Step::Wait(_) => Err(StopReason::Busy),
        };
        assert_eq!(found, expected, "{first:?} and {hedge:?}, the hedge last: {is_hedge_last}");
        assert!(slow.plan.decision().attempts.iter().take(2).all(|attempt| attempt.moved_on.is_some()));
    }
}

#[test]
fn what_follows_two_failures_follows_from_both() {
    let next = Ok((2, AttemptKind::Fallback));
    check_both(Overloaded, Overloaded, next);
    check_both(KeyRejected, RateLimited, next);
    check_both(Reset, Overloaded, next);
    check_both(Overloaded, FirstContentTimeout, next);
    check_both(FirstContentTimeout, Reset, Err(StopReason::AttemptsSpent));
    check_both(Reset, Reset, Err(StopReason::AttemptsSpent));
    check_both(CallerBad, Overloaded, Err(StopReason::CallerAtFault));
    check_both(Reset, ContentPolicy, Err(StopReason::CallerAtFault));
    // The window of the hedge, 2,000, is the largest that refused; the next has 3,000.
    check_both(RateLimited, CallerTooLong, next);
    check_both(CallerTooLong, CallerTooLong, next);
}

#[test]
fn a_window_that_was_too_small_for_the_first_is_not_tried_again_by_the_hedge() {
    let mut catalog = hedging(2);
    catalog.models[0].context_window = Some(3_000);
    let mut slow = Slow::new(catalog);
    let (first, hedge) = (slow.first, slow.hedge().unwrap());
    slow.report(&first, &failure(CallerTooLong));
    slow.report(&hedge, &failure(Empty));
    assert!(matches!(slow.next(), Step::Stop(_)), "the hedge's window is smaller than the one that refused");
}

#[test]
fn a_hedge_counts_among_the_attempts() {
    let mut catalog = hedging(3);
    catalog.pools[0].attempts = 2;
    let mut slow = Slow::new(catalog);
    let (first, hedge) = (slow.first, slow.hedge().unwrap());
    slow.report(&first, &failure(Overloaded));
    slow.report(&hedge, &failure(Overloaded));
    assert!(matches!(slow.next(), Step::Stop(Stop { reason: StopReason::AttemptsSpent, .. })));
}

#[test]
fn whoever_leaves_releases_both() {
    let mut slow = Slow::new(hedging(2));
    let (first, hedge) = (slow.first, slow.hedge().unwrap());
    slow.report(&first, &Outcome::Abandoned);
    slow.report(&hedge, &Outcome::Abandoned);
    assert_eq!(slow.in_flight(), [0, 0]);
    assert!(matches!(slow.next(), Step::Stop(_)), "nothing is asked for nobody");
    let endings = slow.plan.decision().attempts.iter().map(|attempt| attempt.ending);
    assert!(endings.eq([Some(Ending::Abandoned); 2]), "neither was quicker");

    // The task died, so that nobody could tell the plan.
    let mut slow = Slow::new(hedging(2));
    let (first, hedge) = (slow.first, slow.hedge().unwrap());
    let now = slow.after(2.5);
    slow.router.report(&first, &Outcome::Abandoned, now);
    slow.router.report(&hedge, &Outcome::Abandoned, now);
    assert_eq!(slow.in_flight(), [0, 0]);
}

#[test]
fn whoever_asks_on_without_a_report_gives_both_up_as_uncertain() {
    let mut slow = Slow::new(hedging(4));
    slow.hedge().unwrap();
    assert!(matches!(slow.next(), Step::Stop(Stop { reason: StopReason::AttemptsSpent, .. })));
}

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
    Some(Rate { base, tiers: Vec::new() })
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
