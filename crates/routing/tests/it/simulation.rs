//! Seeded worlds: deployments that fail in every way, overlapping exchanges, reloads, lost reports; checked after every step.
//!
//! `SEED=n` replays one seed, `SEEDS=n` runs the first n.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use roundelay_routing::{
    AffinityUse, Attempt, AttemptKind, BreakerState, Capabilities, Catalog, Conversation, DeadReason, Demand,
    DeploymentHealth, DeploymentId, Ending, Exclusion, Fault, FaultKind, HedgeSettings, Instant, Least, Member,
    ModelId, MovedOn, Outcome, Plan, PoolId, Router, Settings, Step, StopReason, Strategy, Target,
};

use crate::world::{at, deployment, model, pool, success};

#[test]
fn every_seed_keeps_the_promises_and_together_they_see_everything() {
    let seeds = match (number("SEED"), number("SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, Some(count)) => 0..count,
        (None, None) => 0..200,
    };
    let is_set = seeds.end - seeds.start >= 200;
    let mut seen = BTreeMap::new();
    for seed in seeds {
        let _shown = Shown(seed);
        World::new(seed).run(&mut seen);
    }
    let unseen: Vec<_> = SOMETIMES.iter().filter(|name| !seen.contains_key(*name)).collect();
    assert!(!is_set || unseen.is_empty(), "never happened: {unseen:?}; happened: {seen:?}");
}

/// Prints its seed when a promise is broken.
struct Shown(u64);

impl Drop for Shown {
    #[expect(clippy::print_stderr, reason = "the seed is what a person needs to replay a failure")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("replay with SEED={} cargo test -p roundelay-routing simulation", self.0);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a person chooses the seeds")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

const SOMETIMES: &[&str] = &[
    "retry",
    "fallback",
    "second stage",
    "wait",
    "probe",
    "early probe",
    "early probe without a verdict",
    "missing asked as a last resort",
    "opened",
    "closed again",
    "endpoint opened",
    "lost report",
    "lost probe",
    "uncertain replay",
    "reload",
    "affinity followed",
    "affinity unusable",
    "key dead",
    "missing",
    "mid stream",
    "hedge",
    "hedge won",
    "hedge lost",
    "hedge failed",
    "first failed beside its hedge",
    "both failed",
    "both abandoned",
    "both struck",
    "hand-over",
    "hand-over refused",
    "hand-over for what it holds",
    "asked with less",
    "asked with less once the whole was refused",
    "less refused",
    "carried on",
    "carried on by the preferred",
    "carried on where it broke",
    "asked another way",
    "carried on with less",
    "stop CallerAtFault",
    "stop TooLong",
    "stop AttemptsSpent",
    "stop DeadlinePassed",
    "stop RetriesRefused",
    "stop AllCooling",
    "stop AllDead",
    "stop NoneEligible",
    "stop Busy",
];

struct World {
    dice: Dice,
    router: Router,
    catalog: Arc<Catalog>,
    now: Instant,
    /// What each deployment does now; `None` = answers.
    moods: Vec<Option<FaultKind>>,
    exchanges: Vec<Exchange>,
    /// Attempts nobody will report: where, whether a test of its breaker, until when they count.
    lost: Vec<(usize, bool, Instant)>,
    before: Vec<DeploymentHealth>,
    /// Open periods in which a probe was let through.
    probed: BTreeMap<(usize, Instant), Instant>,
    /// Attempts that test a breaker; others test a key, an endpoint, or whether a deployment is there.
    breaker_probes: BTreeSet<u64>,
    is_calm: bool,
    answered: u32,
}

struct Exchange {
    plan: Plan,
    demand: Demand,
    /// When something happens to it next.
    due: Instant,
    /// One attempt, or two where one is a hedge.
    running: Vec<Running>,
    trail: Vec<(Attempt, Option<FaultKind>)>,
    /// Whether it was asked what the conversation can be cut to, and what was said.
    handed_over: Option<Option<Least>>,
    /// Attempts that broke off and were to be carried on, and by whom rather.
    broken: Vec<u64>,
    prefers: Capabilities,
    is_over: bool,
    steps: u32,
}

/// An attempt under way, and how it is going to end.
struct Running {
    attempt: Attempt,
    outcome: Outcome,
    ends: Instant,
}

type Seen = BTreeMap<&'static str, u32>;

fn note(seen: &mut Seen, name: &'static str) {
    *seen.entry(name).or_default() += 1;
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let mut router = Router::new(settings(&mut dice), seed);
        let built = build(&mut dice);
        let moods = vec![None; built.deployments.len()];
        let catalog = router.adopt(built);
        Self {
            dice,
            router,
            catalog,
            now: at(1.0),
            moods,
            exchanges: Vec::new(),
            lost: Vec::new(),
            before: Vec::new(),
            probed: BTreeMap::new(),
            breaker_probes: BTreeSet::new(),
            is_calm: false,
            answered: 0,
        }
    }

    fn run(mut self, seen: &mut Seen) {
        let pace = Duration::from_millis([20, 200, 2000][self.dice.below(3)]);
        for _ in 0..150 {
            if self.dice.below(8) == 0 {
                let which = self.dice.below(self.moods.len());
                self.moods[which] = self.dice.fault();
            }
            if self.dice.below(60) == 0 {
                note(seen, "reload");
                self.catalog = self.router.adopt((*self.catalog).clone());
            }
            self.arrive();
            let until = self.now + pace.mul_f64(2.0 * self.dice.unit());
            self.live_until(until, seen);
        }
        // Faults stop: everything must come back, and nothing may stay in flight.
        self.is_calm = true;
        self.moods.fill(None);
        self.live_until(self.now + Duration::from_secs(25 * 3600), seen);
        for _ in 0..60 {
            self.arrive();
            self.live_until(self.now + Duration::from_secs(2), seen);
        }
        self.live_until(self.now + Duration::from_secs(60), seen);
        self.answered = 0;
        for _ in 0..20 {
            self.arrive();
            self.live_until(self.now + Duration::from_secs(30), seen);
        }
        assert_eq!(self.answered, 20, "calm, and yet not all are answered");
        for health in self.router.health(&self.catalog, self.now) {
            assert_eq!(health.in_flight, 0, "{health:?}");
        }
    }

    fn arrive(&mut self) {
        let patience = if self.is_calm { 120 } else { [1, 10, 120][self.dice.below(3)] };
        let pick = self.dice.below(10);
        let is_odd = !self.is_calm;
        let demand = Demand {
            target: if pick == 0 { Target::Model(ModelId(0)) } else { Target::Pool(PoolId(0)) },
            needs: Capabilities { vision: is_odd && self.dice.below(10) == 0, ..Capabilities::NONE },
            input_tokens: if is_odd && self.dice.below(5) == 0 { 1500 } else { 100 },
            together: None,
            units: [0.0; 4],
            output_tokens: 0,
            allowed: (is_odd && self.dice.below(20) == 0).then(|| Arc::from([Target::Model(ModelId(1))])),
            conversation: (self.dice.below(2) == 0).then(|| Conversation {
                id: self.dice.below(20) as u64,
                is_first_turn: self.dice.below(4) == 0,
                is_explicit: self.dice.below(4) == 0,
            }),
            payer: self.dice.below(3) as u64,
            spendable: None,
            unpriced_held: 0.0,
            hour: Arc::default(),
            deadline: self.now + Duration::from_secs(patience),
            retries_allowed: self.is_calm || self.dice.below(20) > 0,
            may_hand_over: self.dice.below(4) > 0,
        };
        let plan = self.router.plan(&self.catalog, demand.clone(), self.now);
        let due = self.now;
        self.exchanges.push(Exchange {
            plan,
            demand,
            due,
            running: vec![],
            trail: vec![],
            handed_over: None,
            broken: vec![],
            prefers: Capabilities::NONE,
            is_over: false,
            steps: 0,
        });
    }

    fn live_until(&mut self, until: Instant, seen: &mut Seen) {
        loop {
            let next = (0..self.exchanges.len()).min_by_key(|&index| self.exchanges[index].due);
            let Some(index) = next.filter(|&index| self.exchanges[index].due <= until) else {
                break;
            };
            self.now = self.exchanges[index].due;
            self.before = self.router.health(&self.catalog, self.now);
            let mut exchange = self.exchanges.swap_remove(index);
            self.step(&mut exchange, seen);
            self.check_health(&exchange, seen);
            if !exchange.is_over {
                self.exchanges.push(exchange);
            }
        }
        self.now = until;
    }

    fn step(&mut self, exchange: &mut Exchange, seen: &mut Seen) {
        exchange.steps += 1;
        assert!(exchange.steps < 2000, "a plan does not end");
        if let Some(ended) = exchange.running.iter().position(|running| running.ends <= self.now) {
            let Running { attempt, outcome, .. } = exchange.running.swap_remove(ended);
            return self.finish(exchange, attempt, outcome, seen);
        }
        if !exchange.running.is_empty() {
            return self.hedge(exchange, seen);
        }
        match exchange.plan.next(&mut self.router, self.now) {
            Step::Attempt(attempt) => self.start(exchange, attempt, seen),
            Step::Wait(look) => {
                note(seen, "wait");
                assert!(look > self.now && look < exchange.demand.deadline, "waits past the deadline, or not at all");
                exchange.due = look;
            }
            Step::HandOver => self.hand_over(exchange, seen),
            Step::Stop(stop) => {
                note(seen, name(stop.reason));
                let is_early = stop.reason == StopReason::DeadlinePassed && self.now < exchange.demand.deadline;
                assert!(!is_early, "{stop:?} at {:?}", self.now);
                assert!(stop.retry_at.is_none_or(|retry_at| retry_at > self.now), "{stop:?} at {:?}", self.now);
                assert_eq!(exchange.plan.next(&mut self.router, self.now), Step::Stop(stop));
                exchange.is_over = true;
            }
        }
    }

    fn hand_over(&mut self, exchange: &mut Exchange, seen: &mut Seen) {
        assert!(exchange.demand.may_hand_over && exchange.handed_over.is_none(), "asked twice, or not allowed");
        assert!(self.untried_open(exchange).is_empty(), "cut, and yet somebody could take it whole");
        let could = self.takers(exchange);
        assert!(!could.is_empty(), "cut, and yet nobody could have taken it whole at any time");
        let needs = if self.dice.below(3) == 0 { exchange.demand.needs } else { Capabilities::NONE };
        let least = Least { tokens: [50, 700, 1400, 5000][self.dice.below(4)], needs };
        let least = (self.dice.below(4) > 0).then_some(least);
        note(seen, if least.is_some() { "hand-over" } else { "hand-over refused" });
        exchange.plan.hand_over(least);
        exchange.handed_over = Some(least);
        exchange.due = self.now;
    }

    /// Who could take the whole at some time: allowed, able, large enough, and no window as large has refused it.
    fn takers(&self, exchange: &Exchange) -> Vec<DeploymentId> {
        let window = |id: DeploymentId| {
            let model = self.catalog.deployment(id).model;
            self.catalog.model(model).context_window.unwrap()
        };
        let too_long = |(_, fault): &&(Attempt, Option<FaultKind>)| *fault == Some(FaultKind::CallerTooLong);
        let refused = exchange.trail.iter().filter(too_long).map(|(attempt, _)| window(attempt.deployment)).max();
        let listed = self.catalog.candidates(&exchange.demand).into_iter().flatten();
        listed.filter(|&id| refused.is_none_or(|refused| window(id) > refused)).collect()
    }

    /// Those of them who were not asked and can be asked now.
    fn untried_open(&self, exchange: &Exchange) -> Vec<DeploymentId> {
        // Of a key that is being tested, health says nothing.
        let preview = self.router.preview(&self.catalog, &exchange.demand, self.now);
        let probing = |id| {
            preview.candidates.iter().any(|line| line.deployment == id && line.exclusion == Some(Exclusion::Probing))
        };
        let is_open = |id: &DeploymentId| {
            let health = &self.before[id.0 as usize];
            let closed = [health.breaker, health.endpoint_breaker] == [BreakerState::Closed; 2];
            let is_tried = exchange.trail.iter().any(|(attempt, _)| attempt.deployment == *id);
            !is_tried
                && !probing(*id)
                && closed
                && health.cooldown_until.is_none()
                && health.dead_until.is_none()
                && health.in_flight < health.concurrency_limit
        };
        self.takers(exchange).into_iter().filter(is_open).collect()
    }

    fn start(&mut self, exchange: &mut Exchange, attempt: Attempt, seen: &mut Seen) {
        self.check_attempt(exchange, &attempt, seen);
        let which = attempt.deployment.0 as usize;
        exchange.trail.push((attempt, None));
        let tests_breaker = attempt.is_probe && self.before[which].breaker != BreakerState::Closed;
        if tests_breaker {
            self.breaker_probes.insert(attempt.id);
        }
        if !self.is_calm && self.dice.below(60) == 0 {
            note(seen, "lost report");
            if attempt.is_probe {
                note(seen, "lost probe");
            }
            for attempt in exchange.running.drain(..).map(|running| running.attempt).chain([attempt]) {
                let tests_breaker = self.breaker_probes.contains(&attempt.id);
                let until = exchange.demand.deadline + Duration::from_secs(60);
                self.lost.push((attempt.deployment.0 as usize, tests_breaker, until));
            }
            exchange.is_over = true;
            return;
        }
        let ends = self.now + Duration::from_millis(self.dice.below(3000) as u64);
        let outcome = match self.moods[which] {
            Some(kind) => Outcome::Failure(Fault {
                kind,
                retry_after: (self.dice.below(3) == 0).then(|| Duration::from_millis(self.dice.below(5000) as u64)),
                same_target_forbidden: self.dice.below(10) == 0,
            }),
            None if !self.is_calm && self.dice.below(30) == 0 => Outcome::Abandoned,
            None if !self.is_calm && self.dice.below(30) == 0 => Outcome::MidStream,
            None => success(),
        };
        exchange.running.push(Running { attempt, outcome, ends });
        self.await_next(exchange);
    }

    /// The exchange goes on when an attempt ends, or when it is time for another beside it.
    fn await_next(&self, exchange: &mut Exchange) {
        let ends = exchange.running.iter().map(|running| running.ends).min().unwrap();
        let hedge_at = exchange.plan.hedge_at(&self.router, true).filter(|&at| at > self.now);
        exchange.due = hedge_at.map_or(ends, |at| at.min(ends));
    }

    fn hedge(&mut self, exchange: &mut Exchange, seen: &mut Seen) {
        match exchange.plan.hedge(&mut self.router, true, self.now) {
            Some(attempt) => {
                note(seen, "hedge");
                self.start(exchange, attempt, seen);
                self.strike_both(exchange, seen);
            }
            None => exchange.due = exchange.running[0].ends,
        }
    }

    /// What ends two attempts at once: the network, or the request itself.
    fn strike_both(&mut self, exchange: &mut Exchange, seen: &mut Seen) {
        if exchange.running.len() < 2 || self.is_calm || self.dice.below(4) > 0 {
            return;
        }
        note(seen, "both struck");
        for running in &mut exchange.running {
            let kinds = [FaultKind::Reset, FaultKind::FirstContentTimeout, FaultKind::CallerBad, FaultKind::Empty];
            running.outcome = Outcome::Failure(Fault::new(kinds[self.dice.below(kinds.len())]));
        }
    }

    fn finish(&mut self, exchange: &mut Exchange, attempt: Attempt, outcome: Outcome, seen: &mut Seen) {
        let is_content = matches!(outcome, Outcome::Success { .. } | Outcome::MidStream);
        if is_content {
            self.router.commit(&attempt, Some(Duration::from_millis(500)), self.now);
        }
        let other = exchange.running.pop();
        if let Some(other) = other.as_ref().filter(|_| is_content || outcome == Outcome::Abandoned) {
            let is_won = attempt.kind == AttemptKind::Hedge;
            note(
                seen,
                if !is_content {
                    "both abandoned"
                } else if is_won {
                    "hedge won"
                } else {
                    "hedge lost"
                },
            );
            self.report(exchange, &other.attempt, &Outcome::Abandoned, seen);
            let ending = exchange.plan.decision().attempts[other.attempt.number as usize - 1].ending;
            assert_eq!(ending, Some(if is_content { Ending::Lost } else { Ending::Abandoned }));
        }
        self.report(exchange, &attempt, &outcome, seen);
        match outcome {
            Outcome::Failure(fault) => {
                exchange.trail[attempt.number as usize - 1].1 = Some(fault.kind);
                if attempt.is_reduced && fault.kind == FaultKind::CallerTooLong {
                    note(seen, "less refused");
                }
                return self.go_on_after_failure(exchange, &attempt, other, seen);
            }
            Outcome::Success { .. } => self.answered += 1,
            Outcome::MidStream => {
                note(seen, "mid stream");
                if self.dice.below(3) > 0 {
                    return self.carry_on(exchange, &attempt);
                }
            }
            Outcome::Abandoned => {}
        }
        let after = exchange.plan.next(&mut self.router, self.now);
        assert!(matches!(after, Step::Stop(_)), "an attempt after content or without a caller: {after:?}");
        exchange.is_over = true;
    }

    fn carry_on(&mut self, exchange: &mut Exchange, broken: &Attempt) {
        exchange.prefers = Capabilities { prefill: self.dice.below(2) == 0, ..Capabilities::NONE };
        exchange.demand.deadline = self.now + Duration::from_secs([1, 30][self.dice.below(2)]);
        exchange.broken.push(broken.id);
        exchange.plan.carry_on(exchange.prefers, exchange.demand.deadline);
        // Once for each that broke: this would end the exchange.
        exchange.plan.carry_on(Capabilities::NONE, self.now);
        exchange.due = self.now;
    }

    fn check_reduced(&self, exchange: &Exchange, attempt: &Attempt, seen: &mut Seen) {
        let model = self.catalog.model(attempt.model);
        let window = model.context_window.unwrap();
        let is_taker = self.takers(exchange).contains(&attempt.deployment);
        assert_eq!(attempt.is_reduced, !is_taker, "{attempt:?}");
        if !attempt.is_reduced {
            return;
        }
        note(seen, "asked with less");
        let least = exchange.handed_over.flatten().expect("nobody has said what it can be cut to");
        assert!(least.tokens <= window - window / 4 && model.capabilities.covers(least.needs), "{least:?}");
        let open = self.untried_open(exchange);
        assert!(
            open.is_empty(),
            "cut, and yet {open:?} could take it whole: {attempt:?} {:?}",
            exchange.plan.decision()
        );
        let too_long = Some(FaultKind::CallerTooLong);
        let is_there = |earlier: &Attempt| earlier.deployment == attempt.deployment;
        let refused = exchange.trail.iter().filter(|(earlier, fault)| is_there(earlier) && *fault == too_long);
        assert!(refused.clone().all(|(earlier, _)| !earlier.is_reduced), "even less was refused there");
        if refused.count() > 0 {
            note(seen, "asked with less once the whole was refused");
        }
        if !model.capabilities.covers(exchange.demand.needs) {
            note(seen, "hand-over for what it holds");
        }
        if !exchange.broken.is_empty() {
            note(seen, "carried on with less");
        }
    }

    fn check_carried_on(&self, exchange: &Exchange, attempt: &Attempt, seen: &mut Seen) {
        note(seen, "carried on");
        assert!(
            exchange.demand.retries_allowed && attempt.kind != AttemptKind::First && attempt.kind != AttemptKind::Hedge
        );
        let can = |id: DeploymentId| {
            let model = self.catalog.deployment(id).model;
            self.catalog.model(model).capabilities.covers(exchange.prefers)
        };
        let open = self.untried_open(exchange);
        let last = exchange.trail.last().unwrap();
        let follows_break = exchange.broken.last() == Some(&last.0.id);
        if attempt.kind == AttemptKind::Fallback && !attempt.is_reduced {
            let is_better = |&id: &DeploymentId| can(id) && !can(attempt.deployment);
            assert!(!open.iter().any(is_better), "another is preferred");
            if exchange.prefers != Capabilities::NONE && can(attempt.deployment) {
                note(seen, "carried on by the preferred");
            }
        }
        if attempt.kind == AttemptKind::Retry && follows_break {
            assert!(open.is_empty(), "asked again before another");
            note(seen, "carried on where it broke");
        }
        if last.1 == Some(FaultKind::CallerBad) && last.0.deployment == attempt.deployment {
            note(seen, "asked another way");
        }
    }

    /// Where two ran, the other is awaited.
    fn go_on_after_failure(
        &mut self,
        exchange: &mut Exchange,
        failed: &Attempt,
        other: Option<Running>,
        seen: &mut Seen,
    ) {
        let is_hedge = failed.kind == AttemptKind::Hedge;
        let moved_on = exchange.plan.decision().attempts[failed.number as usize - 1].moved_on;
        assert_eq!(moved_on == Some(MovedOn::Other), other.is_some(), "{moved_on:?}");
        if let Some(other) = other {
            note(seen, if is_hedge { "hedge failed" } else { "first failed beside its hedge" });
            exchange.running.push(other);
            self.await_next(exchange);
        } else if exchange.trail.len() == 2 && exchange.trail.iter().all(|(_, fault)| fault.is_some()) {
            let had_hedge = exchange.trail.iter().any(|(attempt, _)| attempt.kind == AttemptKind::Hedge);
            note(seen, if had_hedge { "both failed" } else { "two failed" });
        }
    }

    fn report(&mut self, exchange: &mut Exchange, attempt: &Attempt, outcome: &Outcome, seen: &mut Seen) {
        exchange.plan.report(&mut self.router, attempt, outcome, self.now);
        if attempt.is_probe && is_no_verdict(outcome) {
            let probes = self.probed.len();
            self.probed.retain(|&(which, _), _| which != attempt.deployment.0 as usize);
            if self.probed.len() < probes {
                note(seen, "early probe without a verdict");
            }
        }
        // A second report and a late commit change nothing.
        let is_checked = self.dice.below(4) == 0;
        let once = is_checked.then(|| self.router.health(&self.catalog, self.now));
        exchange.plan.report(&mut self.router, attempt, &Outcome::Abandoned, self.now);
        self.router.commit(attempt, Some(Duration::ZERO), self.now);
        assert!(once.is_none_or(|once| once == self.router.health(&self.catalog, self.now)));
    }

    fn check_attempt(&mut self, exchange: &Exchange, attempt: &Attempt, seen: &mut Seen) {
        let trail = &exchange.trail;
        let stale = Some(FaultKind::ConnectFailed { reused_connection: true });
        let counted = trail.iter().filter(|(_, fault)| *fault != stale).count();
        assert!(counted < 3 && attempt.number as usize == trail.len() + 1, "{trail:?}");
        assert!(self.now < exchange.demand.deadline, "begun after the deadline");
        // Asking again what broke off, or with less what was too long, is no retry of the same.
        let is_same = |attempt: &Attempt| {
            let there = trail
                .iter()
                .filter(|(earlier, _)| earlier.deployment == attempt.deployment && earlier.number < attempt.number);
            !there.clone().all(|(earlier, fault)| {
                (fault.is_none() && !exchange.broken.is_empty())
                    || (*fault == Some(FaultKind::CallerTooLong) && attempt.is_reduced && !earlier.is_reduced)
            })
        };
        let is_retry = |attempt: &Attempt| attempt.kind == AttemptKind::Retry && is_same(attempt);
        let retries = trail.iter().filter(|(attempt, _)| is_retry(attempt)).count();
        let was_there = trail.iter().any(|(earlier, _)| earlier.deployment == attempt.deployment);
        match attempt.kind {
            AttemptKind::First => assert!(trail.is_empty()),
            AttemptKind::Retry => assert!(was_there && (retries == 0 || !is_same(attempt)), "{trail:?}"),
            AttemptKind::Fallback => {
                assert!(!was_there && !trail.is_empty(), "drawn twice: {trail:?}");
            }
            AttemptKind::Hedge => self.check_hedge(exchange, attempt),
        }
        let uncertain = trail.iter().filter(|(_, fault)| fault.is_some_and(FaultKind::is_uncertain)).count();
        assert!(uncertain <= 1, "work that may be done is asked for a third time");
        let is_refused = trail.iter().any(|(_, fault)| *fault == Some(FaultKind::CallerBad));
        assert!(!is_refused || !exchange.broken.is_empty(), "a bad request is asked for again: {trail:?}");
        self.check_reduced(exchange, attempt, seen);
        if !exchange.broken.is_empty() {
            self.check_carried_on(exchange, attempt, seen);
        }
        let slow = [Some(FaultKind::Reset), Some(FaultKind::FirstContentTimeout)];
        let again = trail.iter().any(|(a, fault)| a.deployment == attempt.deployment && slow.contains(fault));
        assert!(!again, "a silent deployment is asked again");

        let which = attempt.deployment.0 as usize;
        let health = &self.before[which];
        assert!(health.cooldown_until.is_none(), "{health:?}");
        if let Some((_, why)) = health.dead_until {
            assert!(why == DeadReason::Missing && attempt.is_probe, "{health:?}");
            note(seen, "missing asked as a last resort");
        }
        assert!(health.in_flight < health.concurrency_limit, "{health:?}");
        if health.breaker == BreakerState::HalfOpen {
            assert!(attempt.is_probe && !self.is_probed(which), "two probes at once");
        }
        if let Some(until) = health.open_until {
            let earlier = self.probed.insert((which, until), self.now);
            let is_spaced = earlier.is_none_or(|at| self.now >= at + Settings::default().breaker.open);
            assert!(attempt.is_probe && is_spaced, "two early probes within the first open period's length");
            note(seen, "early probe");
        }
        let names = [
            (attempt.kind == AttemptKind::Retry, "retry"),
            (attempt.kind == AttemptKind::Fallback, "fallback"),
            (attempt.is_probe, "probe"),
            (uncertain == 1, "uncertain replay"),
            (exchange.plan.decision().candidates.iter().any(|candidate| candidate.stage > 0), "second stage"),
            (matches!(exchange.plan.decision().affinity, AffinityUse::Followed(_)), "affinity followed"),
            (matches!(exchange.plan.decision().affinity, AffinityUse::Unusable(..)), "affinity unusable"),
        ];
        names.iter().filter(|(is_so, _)| *is_so).for_each(|(_, name)| note(seen, name));
    }

    fn check_hedge(&self, exchange: &Exchange, hedge: &Attempt) {
        let [(first, None)] = exchange.trail[..] else { panic!("not beside a first: {:?}", exchange.trail) };
        let endpoint = |attempt: &Attempt| self.catalog.deployments[attempt.deployment.0 as usize].endpoint;
        assert!(endpoint(&first) != endpoint(hedge) && !hedge.is_probe, "{first:?} {hedge:?}");
        assert!(self.catalog.pools[0].hedge && exchange.demand.target == Target::Pool(PoolId(0)));
        assert!(exchange.demand.retries_allowed && exchange.running.len() == 1);
    }

    fn is_probed(&self, which: usize) -> bool {
        let running = self.exchanges.iter().flat_map(|exchange| &exchange.running).map(|running| running.attempt);
        let mut probes = running
            .filter(|attempt| self.breaker_probes.contains(&attempt.id) && attempt.deployment.0 as usize == which);
        probes.next().is_some()
            || self.lost.iter().any(|&(at, tests_breaker, end)| at == which && tests_breaker && end > self.now)
    }

    fn check_health(&mut self, current: &Exchange, seen: &mut Seen) {
        let after = self.router.health(&self.catalog, self.now);
        let now = self.now;
        for (index, (before, after)) in self.before.iter().zip(&after).enumerate() {
            let is_later = |one: Option<Instant>, other: Option<Instant>| one.is_none_or(|one| other >= Some(one));
            assert!(is_later(before.cooldown_until, after.cooldown_until), "{before:?} {after:?}");
            // An answer proves that a deployment is there.
            let dead = before.dead_until.filter(|&(_, why)| why != DeadReason::Missing);
            assert!(is_later(dead.map(|dead| dead.0), after.dead_until.map(|dead| dead.0)), "{before:?} {after:?}");
            let running = self.exchanges.iter().chain([current]).flat_map(|exchange| &exchange.running);
            let running = running.filter(|running| running.attempt.deployment.0 as usize == index).count();
            let lost = self.lost.iter().filter(|&&(which, _, end)| which == index && end > now).count();
            assert_eq!(after.in_flight as usize, running + lost, "{after:?}");
            assert!(after.effective_weight >= 0.0 && after.concurrency_limit >= 1);
            let names = [
                (before.breaker == BreakerState::Closed && after.breaker == BreakerState::Open, "opened"),
                (before.breaker == BreakerState::HalfOpen && after.breaker == BreakerState::Closed, "closed again"),
                (after.endpoint_breaker == BreakerState::Open, "endpoint opened"),
                (after.dead_until.is_some_and(|dead| dead.1 == DeadReason::KeyRejected), "key dead"),
                (after.dead_until.is_some_and(|dead| dead.1 == DeadReason::Missing), "missing"),
            ];
            names.iter().filter(|(is_so, _)| *is_so).for_each(|(_, name)| note(seen, name));
        }
    }
}

/// Whether an end says nothing of whether a deployment works, so that its probe is given back.
fn is_no_verdict(outcome: &Outcome) -> bool {
    use FaultKind::*;
    match outcome {
        Outcome::Abandoned => true,
        Outcome::Success { .. } | Outcome::MidStream => false,
        Outcome::Failure(fault) => matches!(
            fault.kind,
            CallerBad
                | CallerTooLong
                | ContentPolicy
                | KeyRejected
                | KeyEmpty
                | QuotaWindow
                | Ramp
                | NotReady { .. }
                | ConnectFailed { reused_connection: true }
        ),
    }
}

fn name(reason: StopReason) -> &'static str {
    match reason {
        StopReason::CallerAtFault => "stop CallerAtFault",
        StopReason::TooLong => "stop TooLong",
        StopReason::AttemptsSpent => "stop AttemptsSpent",
        StopReason::DeadlinePassed => "stop DeadlinePassed",
        StopReason::RetriesRefused => "stop RetriesRefused",
        StopReason::AllCooling => "stop AllCooling",
        StopReason::AllDead => "stop AllDead",
        StopReason::NoneEligible => "stop NoneEligible",
        StopReason::Busy => "stop Busy",
        StopReason::Unaffordable => "stop Unaffordable",
    }
}

/// In half of the worlds second attempts come early and often enough to see much of them.
fn settings(dice: &mut Dice) -> Settings {
    let mut settings = Settings::default();
    if dice.below(2) == 0 {
        let after_min = Duration::from_millis(200);
        settings.hedge = HedgeSettings { after_min, samples_min: 3, share: 0.5, ..settings.hedge };
    }
    settings
}

/// One to four models of one or two deployments; keys and endpoints are sometimes shared; a pool of some, the rest its fallbacks.
fn build(dice: &mut Dice) -> Catalog {
    let count = 1 + u32::try_from(dice.below(4)).unwrap();
    let models = count.max(2);
    let (mut deployments, mut listed) = (Vec::new(), Vec::new());
    for index in 0..models {
        let first = u32::try_from(deployments.len()).unwrap();
        let ids: Vec<u32> = (first..=first + u32::try_from(dice.below(2)).unwrap()).collect();
        for &id in &ids {
            let mut built = deployment(id, index);
            let shared = u32::try_from(dice.below(2)).unwrap() * id;
            built.endpoint_name = format!("endpoint-{shared}").into();
            built.endpoint.0 = shared;
            built.weight = 0.1 + dice.unit();
            built.concurrency_max = [1, 3, 256][dice.below(3)];
            deployments.push(built);
        }
        let mut built = model(index, &ids);
        built.capabilities.vision = dice.below(3) > 0;
        built.capabilities.prefill = dice.below(2) == 0;
        built.strategy = (dice.below(2) == 0).then(|| dice.strategy());
        listed.push(built);
    }
    let members = 1 + dice.below(models as usize);
    let weights: Vec<f64> = (0..members).map(|_| 0.1 + dice.unit()).collect();
    let fallback = (u32::try_from(members).unwrap()..models).map(|index| Target::Model(ModelId(index))).collect();
    let mut pool = pool(&weights, dice.strategy(), fallback);
    pool.hedge = dice.below(2) == 0;
    assert!(pool.members.iter().all(|Member { weight, .. }| *weight > 0.0));
    Catalog::new(deployments, listed, vec![pool]).unwrap()
}

/// splitmix64, apart from the router's own dice.
struct Dice(u64);

impl Dice {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.word() % u64::try_from(end).unwrap()).unwrap()
    }

    fn unit(&mut self) -> f64 {
        f64::from(u32::try_from(self.word() >> 32).unwrap()) / f64::from(u32::MAX)
    }

    fn strategy(&mut self) -> Strategy {
        Strategy::ALL[self.below(Strategy::ALL.len())]
    }

    fn fault(&mut self) -> Option<FaultKind> {
        use FaultKind::*;
        let kinds = [
            CallerBad,
            CallerTooLong,
            ContentPolicy,
            KeyRejected,
            KeyEmpty,
            QuotaWindow,
            RateLimited,
            Ramp,
            Overloaded,
            ServerError { at_endpoint: false },
            ServerError { at_endpoint: true },
            NotReady { missing: true },
            NotReady { missing: false },
            ConnectFailed { reused_connection: true },
            ConnectFailed { reused_connection: false },
            FirstContentTimeout,
            Reset,
            Empty,
        ];
        (self.below(3) > 0).then(|| kinds[self.below(kinds.len())])
    }
}
