//! Whoever comes back is not run over by those who waited.

use std::time::Duration;

use roundelay_routing::{
    Attempt, BreakerState, Catalog, Demand, Fault, FaultKind, Hour, Instant, ModelId, Outcome, Rate, Router, Settings,
    StopReason, Strategy, Target, TokenRates,
};

use crate::traffic::{Answer, Traffic};
use crate::world::{at, demand, pooled, router, success};

/// Exchanges that wait, or arrive, when it is over.
const CROWD: usize = 500;

/// How long an answer takes; longer than the second that is looked at.
const ANSWER: Duration = Duration::from_millis(1_100);

fn well(_: &Attempt, _: Instant) -> Answer {
    Answer { after: ANSWER, outcome: success() }
}

/// Deployment 0 fails this way within 2 ms.
fn failing(fault: &Fault) -> impl Fn(&Attempt, Instant) -> Answer {
    move |attempt, now| {
        if attempt.deployment.0 == 0 {
            Answer { after: Duration::from_millis(2), outcome: Outcome::Failure(fault.clone()) }
        } else {
            well(attempt, now)
        }
    }
}

fn told(kind: FaultKind, seconds: u64) -> Fault {
    Fault { retry_after: Some(Duration::from_secs(seconds)), ..Fault::new(kind) }
}

/// A pool with this many members, whose first one is alone or is preferred.
fn catalog(strategy: Strategy, members: usize, wait: Option<Duration>) -> Catalog {
    let mut catalog = pooled(&vec![1.0; members], strategy, u32::try_from(members).unwrap());
    catalog.pools[0].wait = wait;
    catalog
}

/// Asks the first deployment by name, again and again, until it may not be asked; answers when it may.
fn fail_until_shut(traffic: &mut Traffic, fault: &Fault) -> Instant {
    for _ in 0..60 {
        let now = traffic.now + Duration::from_millis(20);
        let by_name = Demand { target: Target::Model(ModelId(0)), retries_allowed: false, ..demand(now) };
        traffic.arrive(by_name, now);
        traffic.run(now + Duration::from_millis(10), failing(fault));
        let health = &traffic.router.health(&traffic.catalog, traffic.now)[0];
        let dead = health.dead_until.map(|(until, _)| until);
        if let Some(until) = health.open_until.max(health.cooldown_until).max(dead) {
            return until;
        }
    }
    panic!("{fault:?} shuts nobody out");
}

/// How many were sent to the first deployment in the first second after it was asked again at `from` or later.
fn first_second(traffic: &Traffic, from: Instant) -> usize {
    let to_it = || traffic.sent.iter().filter(|sent| sent.deployment == 0 && sent.at >= from);
    let Some(began) = to_it().map(|sent| sent.at).next() else { return 0 };
    to_it().filter(|sent| sent.at < began + Duration::from_secs(1)).count()
}

/// The same, counted from when it was asked as a matter of course rather than to see whether it is back. Those who wait
/// look four times a second, so that is up to a quarter of a second after its limit began to rise.
fn first_free_second(traffic: &Traffic, from: Instant) -> usize {
    let to_it = || traffic.sent.iter().filter(|sent| sent.deployment == 0 && sent.at >= from && !sent.is_probe);
    let Some(began) = to_it().map(|sent| sent.at).next() else { return 0 };
    to_it().filter(|sent| sent.at < began + Duration::from_millis(750)).count()
}

#[track_caller]
fn check(strategy: Strategy, members: usize, fault: &Fault, arrives_at_the_end: bool) {
    let case = format!("{}, {members} members, {fault:?}, crowd at the end: {arrives_at_the_end}", strategy.name());
    let wait = Some(Duration::from_secs(100));
    let mut traffic = Traffic::new(router(), catalog(strategy, members, wait));
    traffic.run(at(100.0), well);
    let reopens = fail_until_shut(&mut traffic, fault);
    let before = traffic.ended.len();
    let crowd_at = if arrives_at_the_end { reopens } else { traffic.now + Duration::from_millis(1) };
    for number in 0..CROWD {
        let now = crowd_at + Duration::from_micros(number as u64);
        traffic.arrive(demand(now), now);
    }
    traffic.run(reopens + Duration::from_secs(120), well);
    let (dispatched, free) = (first_second(&traffic, reopens), first_free_second(&traffic, reopens));
    assert!(dispatched <= 8 && free <= 8, "{case}: {dispatched} in the first second, {free} in the first free one");
    let unanswered: Vec<_> = traffic.ended[before..].iter().filter(|ended| ended.is_some()).collect();
    assert!(
        unanswered.is_empty(),
        "{case}: {} of {CROWD} went without an answer: {:?}",
        unanswered.len(),
        unanswered[0]
    );
    assert_eq!(traffic.ended.len() - before, CROWD, "{case}: not all were over in time");
}

fn check_all(fault: &Fault) {
    for strategy in Strategy::ALL {
        for members in [1, 2] {
            for arrives_at_the_end in [true, false] {
                check(strategy, members, fault, arrives_at_the_end);
            }
        }
    }
}

#[test]
fn a_closing_breaker_lets_eight_in_at_first() {
    check_all(&Fault::new(FaultKind::ServerError { at_endpoint: false }));
    check_all(&Fault::new(FaultKind::Overloaded));
}

#[test]
fn an_endpoint_that_is_back_gets_eight_at_first() {
    check_all(&Fault::new(FaultKind::ConnectFailed { reused_connection: false }));
}

#[test]
fn a_cooldown_that_ends_lets_eight_in_at_first() {
    for fault in [Fault::new(FaultKind::RateLimited), told(FaultKind::Overloaded, 7)] {
        check_all(&fault);
    }
    check_all(&Fault::new(FaultKind::Ramp));
    check_all(&Fault::new(FaultKind::NotReady { missing: false }));
}

#[test]
fn a_key_or_a_deployment_that_is_back_gets_eight_at_first() {
    check_all(&told(FaultKind::QuotaWindow, 20));
    // One that is missing is asked as a last resort, so nobody waits for it.
    for strategy in Strategy::ALL {
        check(strategy, 1, &Fault::new(FaultKind::NotReady { missing: true }), true);
        check(strategy, 2, &Fault::new(FaultKind::NotReady { missing: true }), true);
    }
}

#[test]
fn a_rate_limit_leaves_half_of_those_in_flight_for_when_it_is_over() {
    let mut traffic = Traffic::new(router(), catalog(Strategy::Weighted, 1, Some(Duration::from_secs(100))));
    for number in 0..100 {
        let now = at(1.0 + f64::from(number) / 1_000.0);
        traffic.arrive(demand(now), now);
    }
    let fault = Fault::new(FaultKind::RateLimited);
    // The hundredth of the burst is one too many.
    let one_too_many = |now| now >= at(1.099);
    traffic.run(
        at(2.0),
        |attempt, now| if one_too_many(now) { failing(&fault)(attempt, now) } else { well(attempt, now) },
    );
    let reopens = traffic.router.health(&traffic.catalog, traffic.now)[0].cooldown_until.unwrap();
    for _ in 0..CROWD {
        traffic.arrive(demand(at(2.5)), at(2.5));
    }
    traffic.run(reopens + Duration::from_secs(60), well);
    assert_eq!(first_second(&traffic, reopens), 51, "half, and one more for the round that was answered meanwhile");
}

#[test]
fn no_more_wait_than_may() {
    #[track_caller]
    fn check(waiting_max: usize, expected: usize) {
        let mut settings = Settings::default();
        settings.concurrency.waiting_max = waiting_max;
        let catalog = catalog(Strategy::Weighted, 1, Some(Duration::from_secs(100)));
        let mut traffic = Traffic::new(Router::new(settings, 7), catalog);
        traffic.run(at(100.0), well);
        fail_until_shut(&mut traffic, &told(FaultKind::RateLimited, 7));
        let before = traffic.ended.len();
        let now = traffic.now + Duration::from_millis(1);
        for _ in 0..CROWD {
            traffic.arrive(demand(now), now);
        }
        traffic.run(now, well);
        assert_eq!(traffic.waiting_most, expected);
        let refused = &traffic.ended[before..];
        assert_eq!(refused.len(), CROWD - expected);
        assert!(refused.iter().all(|ended| *ended == Some(StopReason::AllCooling)), "{:?}", refused.first());
        traffic.run(now + Duration::from_secs(100), well);
        let answered = traffic.ended[before..].iter().filter(|ended| ended.is_none()).count();
        assert!(traffic.waiting_most <= waiting_max && answered == expected, "{answered} of {expected}");
    }
    check(0, 0);
    check(100, 100);
    check(1_000, CROWD);
}

#[test]
fn who_may_not_wait_long_enough_is_told_at_once() {
    let mut traffic = Traffic::new(router(), catalog(Strategy::Weighted, 1, Some(Duration::from_secs(5))));
    traffic.run(at(100.0), well);
    fail_until_shut(&mut traffic, &told(FaultKind::RateLimited, 7));
    let now = traffic.now;
    traffic.arrive(demand(now), now);
    let soon = Demand { deadline: now + Duration::from_secs(3), ..demand(now) };
    traffic.arrive(soon, now);
    traffic.run(now, well);
    assert_eq!((traffic.waiting_most, *traffic.ended.last().unwrap()), (0, Some(StopReason::AllCooling)));
}

/// The share of first attempts, in percent, that one whose breaker closed gets in each ten seconds after.
fn shares_after_closing(strategy: Strategy) -> Vec<usize> {
    let mut traffic = Traffic::new(router(), catalog(strategy, 2, None));
    traffic.run(at(100.0), well);
    fail_until_shut(&mut traffic, &Fault::new(FaultKind::Overloaded));
    let send = |traffic: &mut Traffic| {
        let now = traffic.now + Duration::from_millis(100);
        // The first is the cheapest as well as the first in order.
        let rate = |input: f64| {
            let base = TokenRates { input, cache_read: input, cache_write: input, output: input };
            Some(Rate { base, tiers: Vec::new(), units: [0.0; 4] })
        };
        let hour = Hour { rates: vec![rate(10.0), rate(100.0)], weights: Vec::new() };
        traffic.arrive(Demand { hour: hour.into(), ..demand(now) }, now);
        traffic.run(now, well);
    };
    while traffic.router.health(&traffic.catalog, traffic.now)[0].breaker != BreakerState::Closed {
        send(&mut traffic);
    }
    let ten_seconds = |_| {
        let from = traffic.sent.len();
        (0..100).for_each(|_| send(&mut traffic));
        traffic.firsts(0, from)
    };
    (0..8).map(ten_seconds).collect()
}

#[test]
fn shares_come_back_over_a_minute_under_every_strategy() {
    for strategy in Strategy::ALL {
        let shares = shares_after_closing(strategy);
        let most = match strategy {
            Strategy::Weighted | Strategy::RoundRobin => 50,
            Strategy::Priority | Strategy::Fastest | Strategy::Cheapest | Strategy::Balanced => 100,
        };
        assert!(shares[0] * 10 <= most * 4, "{}: {shares:?}", strategy.name());
        assert!(shares[7] * 10 >= most * 4, "{}: {shares:?}", strategy.name());
    }
}
