//! What the end of an attempt does to the health of its key, deployment and endpoint.

use std::time::Duration;

use crate::catalog::Slots;
use crate::eligibility::DeadReason;
use crate::instant::Instant;
use crate::outcome::{Fault, FaultKind, Outcome, Tokens};
use crate::router::Router;
use crate::router::flights::Flight;
use crate::router::state::Ramp;

impl Router {
    /// Ends an attempt once; answers whether its content had reached the caller.
    pub(crate) fn settle(&mut self, attempt: u64, outcome: &Outcome, now: Instant) -> Option<bool> {
        let flight = self.flights.take(attempt)?;
        let deployment = self.deployments.at_mut(flight.slots.deployment);
        match outcome {
            Outcome::Success { total, tokens } => {
                deployment.limiter.succeed();
                deployment.mid_stream.record(now, self.settings.breaker.window, true);
                self.measure_answer(&flight, *total, tokens, now);
                if !flight.is_committed {
                    self.available(attempt, &flight, now);
                }
                if flight.is_rest {
                    self.bind(&flight, now);
                }
            }
            Outcome::Failure(fault) if !flight.is_committed => {
                self.fault(attempt, &flight, fault, now);
            }
            Outcome::Failure(_) | Outcome::MidStream => {
                deployment.mid_stream.record(now, self.settings.breaker.window, false);
            }
            Outcome::Abandoned if !flight.is_committed => self.silent(attempt, &flight, now),
            Outcome::Abandoned => {}
        }
        // Whatever the outcome did not decide, a lost probe least of all, is given back.
        self.release(attempt, flight.slots);
        Some(flight.is_committed)
    }

    /// Learns from a whole answer how fast it came, how much of the input was cached, and how long such answers are.
    #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^52")]
    fn measure_answer(&mut self, flight: &Flight, total: Duration, tokens: &Tokens, now: Instant) {
        let settings = &self.settings.measure;
        let deployment = self.deployments.at_mut(flight.slots.deployment);
        if tokens.output > 0 {
            let output = tokens.output as f64;
            deployment.latency.record_answer(flight.bucket, flight.first_content, total, output, now, settings);
        }
        if !flight.is_rest {
            let input = (tokens.input, flight.input_tokens);
            self.habits.record((flight.target, flight.payer), tokens.output, input, now, settings);
        }
        if tokens.input > 0 {
            let share = tokens.cached as f64 / tokens.input as f64;
            deployment.cache_hits.record(flight.is_warm, share, now, settings);
        }
    }

    /// Learns from a wait that nobody sat out: how slow the deployment is at least, and after a very long one that it fails.
    /// Callers who always leave before a timer fires would else be sent there for ever.
    fn silent(&mut self, attempt: u64, flight: &Flight, now: Instant) {
        let settings = &self.settings.measure;
        let usual = self.habits.expected(flight.target, flight.payer, flight.input_tokens, settings);
        let waited = now.saturating_duration_since(flight.started);
        let latency = &mut self.deployments.at_mut(flight.slots.deployment).latency;
        // Of answers that came: silences move the averages themselves.
        let first_content = latency.percentile(flight.bucket, 0.95, 1).map_or(0.0, |took| took.as_secs_f64());
        let predicted = first_content + latency.writing(usual.output).unwrap_or(0.0);
        latency.record_silence(flight.bucket, waited, usual.output, now, settings);
        if waited >= self.settings.breaker.silence && waited.as_secs_f64() >= PATIENCE * predicted {
            self.fail_soft(attempt, flight.slots, now);
        }
    }

    /// Gives up attempts that nobody reported. Silence before content is a failure.
    pub(crate) fn give_up_expired(&mut self, now: Instant, looks: usize) {
        while let Some((attempt, flight)) = self.flights.take_expired(now, looks) {
            self.fail_soft(attempt, flight.slots, now);
            self.release(attempt, flight.slots);
        }
    }

    /// Content came: key, deployment and endpoint work.
    pub(crate) fn available(&mut self, attempt: u64, flight: &Flight, now: Instant) {
        let settings = &self.settings;
        self.keys.at_mut(flight.slots.key).succeed(now);
        let endpoint = self.endpoints.at_mut(flight.slots.endpoint);
        if endpoint.breaker.succeed(attempt, now, &settings.breaker) {
            endpoint.back = Some(now);
        }
        endpoint.budget.succeed(&settings.retry);
        let deployment = self.deployments.at_mut(flight.slots.deployment);
        if deployment.cooldown.ends(now).is_none() {
            deployment.cooldown.forgive();
        }
        if deployment.missing.refute(flight.started) {
            deployment.back = Some(now);
        }
        if deployment.breaker.succeed(attempt, now, &settings.breaker) {
            deployment.ramp = Some(Ramp { from: now, floor: settings.breaker.slow_start_floor });
            deployment.back = Some(now);
        }
        // What carries on an answer may turn out to be another one: its conversation follows once it has ended.
        if !flight.is_rest {
            self.bind(flight, now);
        }
    }

    fn bind(&mut self, flight: &Flight, now: Instant) {
        if let Some(conversation) = flight.conversation {
            self.bindings.bind(conversation, flight.slots.deployment, now, &self.settings.affinity);
        }
    }

    fn fault(&mut self, attempt: u64, flight: &Flight, fault: &Fault, now: Instant) {
        let slots = flight.slots;
        if fault.kind != FaultKind::NoToken {
            self.deployments.at_mut(slots.deployment).latency.heard = Some(now);
        }
        let told = fault.retry_after;
        let cooldown = self.settings.cooldown.clone();
        match fault.kind {
            FaultKind::CallerBad | FaultKind::CallerTooLong | FaultKind::ContentPolicy | FaultKind::Unusable => {
                self.answered(attempt, slots, now);
            }
            FaultKind::KeyRejected => {
                self.answered(attempt, slots, now);
                let rest = (cooldown.key_rejected, cooldown.key_rejected);
                // An upstream has no say in when a wrong key becomes right.
                self.set_key_aside(DeadReason::KeyRejected, flight, now, rest, None);
            }
            FaultKind::KeyEmpty => {
                self.answered(attempt, slots, now);
                let rest = (cooldown.key_empty, cooldown.key_empty_max);
                self.set_key_aside(DeadReason::KeyEmpty, flight, now, rest, told);
            }
            FaultKind::QuotaWindow => {
                self.answered(attempt, slots, now);
                let rest = (cooldown.quota_window, cooldown.key_empty_max);
                self.set_key_aside(DeadReason::QuotaWindow, flight, now, rest, told);
            }
            FaultKind::RateLimited => {
                self.answered(attempt, slots, now);
                self.fail_soft_deployment(attempt, slots, now);
                let deployment = self.deployments.at_mut(slots.deployment);
                deployment.limiter.throttle(flight.started, now, &self.settings.concurrency);
                self.cool(flight, now, (cooldown.rate_limited, cooldown.rate_limited_max), told);
            }
            FaultKind::Ramp => {
                self.answered(attempt, slots, now);
                self.rest(flight, now, (cooldown.ramp, cooldown.ramp), told);
                let deployment = self.deployments.at_mut(slots.deployment);
                deployment.ramp = deployment.cooldown.ends(now).map(|from| Ramp { from, floor: 0.5 });
            }
            FaultKind::Overloaded => {
                self.answered(attempt, slots, now);
                self.fail_hard(attempt, slots, now);
                if told.is_some() {
                    self.rest(flight, now, (Duration::ZERO, Duration::ZERO), told);
                }
            }
            FaultKind::ServerError { at_endpoint } => {
                if at_endpoint {
                    self.fail_endpoint(attempt, slots, now);
                } else {
                    self.answered(attempt, slots, now);
                }
                self.fail_hard(attempt, slots, now);
            }
            FaultKind::NotReady { missing: true } => {
                self.answered(attempt, slots, now);
                let missing = &mut self.deployments.at_mut(slots.deployment).missing;
                let first = cooldown.rate_limited.min(cooldown.missing);
                missing.strike(flight.started, now, first, cooldown.missing, None);
                let ends = missing.ends(now);
                self.expect_back(slots, ends, now);
            }
            FaultKind::NotReady { missing: false } => {
                self.answered(attempt, slots, now);
                self.rest(flight, now, (cooldown.rate_limited, cooldown.rate_limited_max), told);
            }
            // The pooled connection was old; that says nothing about who is at the other end. Nor does what was never sent.
            FaultKind::ConnectFailed { reused_connection: true } | FaultKind::NoToken => {}
            FaultKind::ConnectFailed { reused_connection: false } => {
                self.fail_endpoint(attempt, slots, now);
                self.fail_hard(attempt, slots, now);
            }
            FaultKind::FirstContentTimeout => self.fail_soft(attempt, slots, now),
            FaultKind::Reset => {
                // The request could be sent, so there was a connection.
                self.answered(attempt, slots, now);
                self.fail_hard(attempt, slots, now);
            }
            FaultKind::Empty => {
                self.answered(attempt, slots, now);
                self.fail_soft_deployment(attempt, slots, now);
            }
        }
        if is_upstream_trouble(fault.kind) {
            self.endpoints.at_mut(slots.endpoint).budget.fail(&self.settings.retry);
        }
    }

    fn set_key_aside(
        &mut self,
        why: DeadReason,
        flight: &Flight,
        now: Instant,
        rest: (Duration, Duration),
        told: Option<Duration>,
    ) {
        self.keys.at_mut(flight.slots.key).set_aside(why, flight.started, now, rest, told);
    }

    fn cool(&mut self, flight: &Flight, now: Instant, (default, max): (Duration, Duration), told: Option<Duration>) {
        let told = told.map(|told| told.min(self.settings.cooldown.retry_after_max));
        let cooldown = &mut self.deployments.at_mut(flight.slots.deployment).cooldown;
        cooldown.strike(flight.started, now, default, max, told);
    }

    /// Cools it for a reason that lowers no limit.
    fn rest(&mut self, flight: &Flight, now: Instant, lengths: (Duration, Duration), told: Option<Duration>) {
        self.cool(flight, now, lengths, told);
        let ends = self.deployments.at(flight.slots.deployment).cooldown.ends(now);
        self.expect_back(flight.slots, ends, now);
    }

    /// Who waits until then must not all come at once. In a rest shorter than that after a rate limit no crowd gathers.
    fn expect_back(&mut self, slots: Slots, ends: Option<Instant>, now: Instant) {
        let least = now + self.settings.cooldown.rate_limited;
        let deployment = self.deployments.at_mut(slots.deployment);
        deployment.back = ends.filter(|&ends| ends >= least).or(deployment.back);
    }

    /// The endpoint spoke, if only to refuse: it can be reached.
    fn answered(&mut self, attempt: u64, slots: Slots, now: Instant) {
        let endpoint = &mut self.endpoints.at_mut(slots.endpoint);
        if endpoint.breaker.succeed(attempt, now, &self.settings.breaker) {
            endpoint.back = Some(now);
        }
    }

    fn fail_endpoint(&mut self, attempt: u64, slots: Slots, now: Instant) {
        let settings = &self.settings.breaker;
        let breaker = &mut self.endpoints.at_mut(slots.endpoint).breaker;
        breaker.fail_hard(attempt, settings.endpoint_consecutive, now, settings, &mut self.chance);
    }

    fn fail_hard(&mut self, attempt: u64, slots: Slots, now: Instant) {
        let settings = &self.settings.breaker;
        let breaker = &mut self.deployments.at_mut(slots.deployment).breaker;
        breaker.fail_hard(attempt, settings.consecutive, now, settings, &mut self.chance);
    }

    fn fail_soft_deployment(&mut self, attempt: u64, slots: Slots, now: Instant) {
        let breaker = &mut self.deployments.at_mut(slots.deployment).breaker;
        breaker.fail_soft(attempt, now, &self.settings.breaker, &mut self.chance);
    }

    /// Silence: bad for the deployment, and no proof that its endpoint works.
    fn fail_soft(&mut self, attempt: u64, slots: Slots, now: Instant) {
        self.fail_soft_deployment(attempt, slots, now);
        let endpoint = &mut self.endpoints.at_mut(slots.endpoint).breaker;
        endpoint.fail_probe(attempt, now, &self.settings.breaker, &mut self.chance);
    }

    fn release(&mut self, attempt: u64, slots: Slots) {
        let deployment = self.deployments.at_mut(slots.deployment);
        deployment.limiter.in_flight = deployment.limiter.in_flight.saturating_sub(1);
        deployment.breaker.release(attempt);
        self.endpoints.at_mut(slots.endpoint).breaker.release(attempt);
        self.keys.at_mut(slots.key).release(attempt);
    }
}

/// How many times as long as a whole answer usually takes a silence must be to count as a failure.
const PATIENCE: f64 = 3.0;

fn is_upstream_trouble(kind: FaultKind) -> bool {
    match kind {
        FaultKind::RateLimited
        | FaultKind::Ramp
        | FaultKind::Overloaded
        | FaultKind::ServerError { .. }
        | FaultKind::ConnectFailed { reused_connection: false }
        | FaultKind::FirstContentTimeout
        | FaultKind::Reset
        | FaultKind::Empty => true,
        FaultKind::CallerBad
        | FaultKind::CallerTooLong
        | FaultKind::ContentPolicy
        | FaultKind::Unusable
        | FaultKind::KeyRejected
        | FaultKind::KeyEmpty
        | FaultKind::QuotaWindow
        | FaultKind::NotReady { .. }
        | FaultKind::NoToken
        | FaultKind::ConnectFailed { reused_connection: true } => false,
    }
}
