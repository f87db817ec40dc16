//! Promises that hold in any world, tried in many small ones.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::Strategy as _;
use roundelay_routing::{
    AttemptKind, BreakerState, Conversation, DeadReason, Demand, DeploymentHealth, Fault, FaultKind, Hour, Instant,
    Outcome, Rate, Router, Settings, Strategy, TokenRates, Tokens,
};

use crate::traffic::{Answer, Traffic};
use crate::world::{demand, pooled};

/// Sees every deployment before and after each step, and from where on the dispatches are new.
type Check<'a> = dyn FnMut(&Traffic, &[DeploymentHealth], &[DeploymentHealth], usize) + 'a;

/// A world and what happens in it.
#[derive(Clone, Debug)]
struct Script {
    seed: u64,
    strategy: Strategy,
    weights: Vec<f64>,
    prices: Vec<f64>,
    adapt: bool,
    wait: Option<Duration>,
    events: Vec<Event>,
}

/// A request, and from then on what one of the deployments does.
#[derive(Clone, Debug)]
struct Event {
    pause: Duration,
    deployment: usize,
    mood: Option<Fault>,
    took: Duration,
    conversation: u64,
}

fn scripts() -> impl proptest::strategy::Strategy<Value = Script> {
    let member = (0.05..1.0f64, 1.0..100.0f64);
    let members = prop::collection::vec(member, 1..5);
    let wait = prop::option::of((0u64..60).prop_map(Duration::from_secs));
    let world = (any::<u64>(), 0..Strategy::ALL.len(), members, any::<bool>(), wait);
    (world, prop::collection::vec(events(), 1..80)).prop_map(|((seed, strategy, members, adapt, wait), events)| {
        let (weights, prices) = members.into_iter().unzip();
        Script { seed, strategy: Strategy::ALL[strategy], weights, prices, adapt, wait, events }
    })
}

fn events() -> impl proptest::strategy::Strategy<Value = Event> {
    let told = prop::option::of((0u64..20_000).prop_map(Duration::from_millis));
    let fault = (0..FAULTS.len(), told, any::<bool>()).prop_map(|(kind, retry_after, same_target_forbidden)| Fault {
        kind: FAULTS[kind],
        retry_after,
        same_target_forbidden,
    });
    let pause = prop_oneof![0u64..50, 0u64..5_000, 0u64..60_000].prop_map(Duration::from_millis);
    let took = prop_oneof![1u64..10, 1u64..4_000].prop_map(Duration::from_millis);
    (pause, 0usize..4, prop::option::of(fault), took, 0u64..6)
        .prop_map(|(pause, deployment, mood, took, conversation)| Event { pause, deployment, mood, took, conversation })
}

const FAULTS: [FaultKind; 12] = [
    FaultKind::RateLimited,
    FaultKind::Ramp,
    FaultKind::Overloaded,
    FaultKind::ServerError { at_endpoint: false },
    FaultKind::ServerError { at_endpoint: true },
    FaultKind::NotReady { missing: true },
    FaultKind::NotReady { missing: false },
    FaultKind::ConnectFailed { reused_connection: false },
    FaultKind::FirstContentTimeout,
    FaultKind::Reset,
    FaultKind::KeyRejected,
    FaultKind::QuotaWindow,
];

impl Script {
    fn traffic(&self) -> Traffic {
        let mut catalog = pooled(&self.weights, self.strategy, u32::try_from(self.weights.len()).unwrap());
        (catalog.pools[0].adapt, catalog.pools[0].wait) = (self.adapt, self.wait);
        Traffic::new(Router::new(Settings::default(), self.seed), catalog)
    }

    fn demand(&self, conversation: u64, now: Instant) -> Demand {
        // A request in six begins no conversation.
        let conversation = Conversation { id: conversation, is_first_turn: false, is_explicit: false };
        let conversation = (conversation.id > 0).then_some(conversation);
        Demand { hour: hour(&self.prices), conversation, ..demand(now) }
    }

    /// Plays all events.
    fn play(&self, check: &mut Check<'_>) -> Traffic {
        let mut traffic = self.traffic();
        let mut moods = vec![(None, Duration::from_secs(1)); self.weights.len()];
        for event in &self.events {
            let count = moods.len();
            moods[event.deployment % count] = (event.mood.clone(), event.took);
            let now = traffic.now + event.pause;
            traffic.arrive(self.demand(event.conversation, now), now);
            live(&mut traffic, now, &moods, check);
        }
        let later = traffic.now + Duration::from_secs(400);
        live(&mut traffic, later, &moods, check);
        traffic
    }
}

fn live(traffic: &mut Traffic, until: Instant, moods: &[(Option<Fault>, Duration)], check: &mut Check<'_>) {
    let catalog = traffic.catalog.clone();
    while let Some(due) = traffic.next_due().filter(|due| *due <= until) {
        let (before, sent) = (traffic.router.health(&catalog, due), traffic.sent.len());
        traffic.run_one(&mut |attempt, _| {
            let (mood, took) = &moods[attempt.deployment.0 as usize];
            answer(mood.as_ref(), *took)
        });
        let after = traffic.router.health(&catalog, due);
        check(traffic, &before, &after, sent);
    }
    traffic.now = until;
}

pub(crate) fn answer(mood: Option<&Fault>, took: Duration) -> Answer {
    let tokens = Tokens { input: 100, cached: 20, output: 10 };
    let whole = Outcome::Success { total: took, tokens };
    Answer { after: took, outcome: mood.map_or(whole, |fault| Outcome::Failure(fault.clone())) }
}

pub(crate) fn hour(prices: &[f64]) -> Arc<Hour> {
    let rate = |&input: &f64| {
        let base = TokenRates { input, cache_read: input / 10.0, cache_write: input, output: 4.0 * input };
        Some(Rate { base, tiers: Vec::new(), units: [0.0; 4] })
    };
    Arc::new(Hour { rates: prices.iter().map(rate).collect(), weights: Vec::new() })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn every_plan_ends_and_nothing_that_is_shut_is_asked(script in scripts()) {
        let traffic = script.play(&mut |traffic, before, _, sent| {
            for sent in &traffic.sent[sent..] {
                let health = &before[sent.deployment];
                assert!(health.cooldown_until.is_none(), "asked while it cools: {health:?}");
                let others = || before.iter().filter(|other| other.deployment != health.deployment);
                // Whether a key is being tested does not show; while nothing is in flight, none is.
                let is_left = |other: &DeploymentHealth| is_well(other) && other.in_flight == 0;
                if let Some((_, why)) = health.dead_until {
                    assert!(why == DeadReason::Missing && sent.is_probe, "asked while it is dead: {health:?}");
                }
                if health.dead_until.is_some() || health.open_until.is_some() {
                    assert!(sent.is_probe, "a last resort is a probe: {health:?}");
                    let is_needless = sent.kind == AttemptKind::First && others().any(is_left);
                    assert!(!is_needless, "asked early though another is well: {before:?}");
                }
            }
        });
        prop_assert_eq!(traffic.ended.len(), script.events.len(), "a plan did not end");
        prop_assert_eq!(traffic.waiting, 0);
    }

    #[test]
    fn no_cooldown_and_no_open_period_gets_shorter(script in scripts()) {
        script.play(&mut |traffic, before, after, _| {
            let now = traffic.now;
            for (before, after) in before.iter().zip(after) {
                let shorter = |old: Option<Instant>, new: Option<Instant>| old.is_some_and(|old| old > now && new < Some(old));
                assert!(!shorter(before.cooldown_until, after.cooldown_until), "{before:?} then {after:?}");
                // An answer of one that is missing proves that it is there.
                let dead = |health: &DeploymentHealth| health.dead_until.filter(|(_, why)| *why != DeadReason::Missing);
                let until = |health: &DeploymentHealth| dead(health).map(|(until, _)| until);
                assert!(until(before).is_none() || !shorter(until(before), after.dead_until.map(|(until, _)| until)), "{before:?} then {after:?}");
                // A probe that went well moves a breaker on.
                let stays = before.breaker == after.breaker && before.endpoint_breaker == after.endpoint_breaker;
                assert!(!stays || !shorter(before.open_until, after.open_until), "{before:?} then {after:?}");
            }
        });
    }

    #[test]
    fn no_probe_is_lost_and_everyone_is_back_when_all_is_well(script in scripts()) {
        let mut traffic = script.play(&mut |_, _, _, _| {});
        let well = vec![(None, Duration::from_millis(100)); script.weights.len()];
        // The longest that anything rests is a day.
        traffic.now = traffic.now + Duration::from_secs(25 * 3600);
        for number in 0..400 {
            let now = traffic.now + Duration::from_secs(20);
            traffic.arrive(script.demand(0, now), now);
            let ended = traffic.ended.len();
            live(&mut traffic, now + Duration::from_secs(1), &well, &mut |_, _, _, _| {});
            let is_answered = traffic.ended.len() > ended && traffic.ended[ended].is_none();
            prop_assert!(number < 200 || is_answered, "unanswered long after all was well");
        }
        let (now, catalog) = (traffic.now, traffic.catalog.clone());
        for health in traffic.router.health(&catalog, now) {
            prop_assert_eq!(health.in_flight, 0);
            // Where order or a measure decides, one that nobody would choose need not be asked.
            let rotates = matches!(script.strategy, Strategy::Weighted | Strategy::RoundRobin);
            prop_assert!(!rotates || is_well(&health), "{health:?}");
        }
    }

    #[test]
    fn every_draw_can_be_made_again_to_the_bit(script in scripts()) {
        let traffic = script.play(&mut |_, _, _, _| {});
        for draw in &traffic.draws {
            let (chosen, scores) = draw.replay();
            prop_assert_eq!(chosen, draw.chosen);
            let kept = draw.options.iter().map(|option| option.offer.score.to_bits());
            prop_assert!(scores.iter().map(|score| score.to_bits()).eq(kept), "{draw:?}");
        }
        let many = script.weights.len() > 1 && script.events[0].mood.is_none();
        prop_assert!(!many || !traffic.draws.is_empty(), "nothing was kept");
    }
}

fn is_well(health: &DeploymentHealth) -> bool {
    health.breaker == BreakerState::Closed
        && health.endpoint_breaker == BreakerState::Closed
        && health.cooldown_until.is_none()
        && health.dead_until.is_none()
}
