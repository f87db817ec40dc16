//! A deployment that refuses at once attracts nobody, and gets its share back when it stops.

use std::sync::Arc;
use std::time::Duration;

use roundelay_routing::{Attempt, Demand, Fault, FaultKind, Hour, Instant, Outcome, Rate, Strategy, TokenRates};

use crate::traffic::{Answer, Traffic};
use crate::world::{at, demand, pooled, router, success};

/// The one that storms: the first, the fastest and the cheapest while it is well, so that every strategy would like it.
const BAD: usize = 0;

fn storming(fault: &Fault) -> impl Fn(&Attempt, Instant) -> Answer {
    move |attempt, _| {
        if attempt.deployment.0 as usize == BAD {
            Answer { after: Duration::from_millis(2), outcome: Outcome::Failure(fault.clone()) }
        } else {
            well(attempt, Instant::default())
        }
    }
}

fn well(attempt: &Attempt, _: Instant) -> Answer {
    let after = Duration::from_millis(if attempt.deployment.0 as usize == BAD { 500 } else { 1_000 });
    Answer { after, outcome: success() }
}

fn prices(members: usize) -> Arc<Hour> {
    let rate = |index| {
        let input = if index == BAD { 50.0 } else { 100.0 };
        let base = TokenRates { input, cache_read: input, cache_write: input, output: 5.0 * input };
        Some(Rate { base, tiers: Vec::new(), units: [0.0; 4] })
    };
    Arc::new(Hour { rates: (0..members).map(rate).collect(), weights: Vec::new() })
}

/// Sends `count` requests at this rate, one after the other.
fn send(traffic: &mut Traffic, rate: f64, count: u32, answer: impl Fn(&Attempt, Instant) -> Answer) {
    let (began, hour) = (traffic.now, prices(traffic.catalog.deployments.len()));
    for number in 1..=count {
        let now = began + Duration::from_secs_f64(f64::from(number) / rate);
        traffic.arrive(Demand { hour: hour.clone(), ..demand(now) }, now);
        traffic.run(now, &answer);
    }
}

#[track_caller]
fn check(strategy: Strategy, members: usize, rate: f64, fault: &Fault) {
    let told = fault.retry_after;
    let case = format!("{}, {members} members, {rate}/s, {:?} told {told:?}", strategy.name(), fault.kind);
    let models = u32::try_from(members).unwrap();
    let mut traffic = Traffic::new(router(), pooled(&vec![1.0; members], strategy, models));
    traffic.run(at(1.0), well);
    // It was well before, so that what was learnt then speaks for it.
    send(&mut traffic, rate, 60, well);
    assert!(traffic.firsts(BAD, 0) >= 60 / members / 3, "{case}: had its share before the storm");

    // Answers that were on their way before speak for it as well; those are in first.
    traffic.run(traffic.now + Duration::from_secs(1), well);
    traffic.sent.clear();
    send(&mut traffic, rate, 20, storming(fault));
    let from = traffic.sent.len();
    send(&mut traffic, rate, 200, storming(fault));
    let asked = traffic.firsts(BAD, from);
    assert!(asked < 10, "{case}: {asked} of 200");

    traffic.run(traffic.now + Duration::from_secs(360), well);
    send(&mut traffic, 1.0, 120, well);
    let from = traffic.sent.len();
    send(&mut traffic, 1.0, 100, well);
    let back = traffic.firsts(BAD, from);
    assert!(back >= 100 / members / 2, "{case}: only {back} of 100 after the storm");
    assert!(traffic.ended.iter().all(|ended| ended.is_none()), "{case}: somebody went without an answer");
}

fn check_all(fault: &Fault) {
    for strategy in Strategy::ALL {
        for members in 2..=4 {
            for rate in [1.0, 10.0, 100.0] {
                check(strategy, members, rate, fault);
            }
        }
    }
}

#[test]
fn a_deployment_that_rate_limits_at_once_is_left_alone_until_it_stops() {
    check_all(&Fault::new(FaultKind::RateLimited));
}

#[test]
fn what_it_says_to_wait_does_not_attract_requests() {
    for seconds in [0, 1, 3, 30] {
        let told = Some(Duration::from_secs(seconds));
        check_all(&Fault { retry_after: told, ..Fault::new(FaultKind::RateLimited) });
    }
}

#[test]
fn a_deployment_that_fails_at_once_is_left_alone_until_it_stops() {
    check_all(&Fault::new(FaultKind::ServerError { at_endpoint: false }));
    check_all(&Fault::new(FaultKind::Overloaded));
    check_all(&Fault::new(FaultKind::ConnectFailed { reused_connection: false }));
}
