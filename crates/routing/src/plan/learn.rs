//! What a failure asks for: the same deployment again, another one, or nothing more.

use std::time::Duration;

use crate::breaker::doubled;
use crate::catalog::DeploymentId;
use crate::instant::Instant;
use crate::outcome::{Fault, FaultKind};
use crate::plan::{Intent, MovedOn, Plan, StopReason};
use crate::router::Router;

impl Plan {
    /// Learns from the failure of the attempt whose record is at `position`.
    ///
    /// Of two attempts side by side both failures are learnt from: one that ends the exchange does so whatever the other
    /// asks for, else the later one says where to go.
    pub(super) fn learn(&mut self, router: &mut Router, position: usize, fault: &Fault, now: Instant) {
        let deployment = self.decision.attempts[position].deployment;
        let earlier = self.intent;
        self.last_fault = Some(fault.kind);
        self.last_failed = Some(position);
        self.intent = self.intent_after(router, position, fault, now);
        if !matches!(self.intent, Intent::Stop(_)) {
            self.intent = self.within_limits(router, deployment, fault, now);
        }
        if matches!(earlier, Intent::Stop(_)) {
            self.intent = earlier;
        }
        let moved_on = match self.intent {
            _ if self.is_awaited() => MovedOn::Other,
            Intent::Draw => MovedOn::Next,
            Intent::Same { at, .. } => MovedOn::Same(at),
            Intent::DrawOrSame { at, .. } => MovedOn::NextOrSame(at),
            Intent::Stop(reason) => MovedOn::Stop(reason),
        };
        self.decision.attempts[position].moved_on = Some(moved_on);
    }

    /// What the kind of fault asks for, limits aside.
    fn intent_after(&mut self, router: &mut Router, position: usize, fault: &Fault, now: Instant) -> Intent {
        let deployment = self.decision.attempts[position].deployment;
        let retry = &router.settings.retry;
        match fault.kind {
            // What was asked was ours, and can be asked another way.
            FaultKind::CallerBad if self.is_carried_on() => Intent::Same { deployment, at: now },
            FaultKind::CallerBad | FaultKind::ContentPolicy => Intent::Stop(StopReason::CallerAtFault),
            FaultKind::CallerTooLong => {
                self.learn_too_long(position);
                Intent::Draw
            }
            FaultKind::KeyRejected
            | FaultKind::KeyEmpty
            | FaultKind::QuotaWindow
            | FaultKind::Ramp
            | FaultKind::NotReady { .. }
            | FaultKind::Unusable => Intent::Draw,
            FaultKind::FirstContentTimeout | FaultKind::Reset => {
                if self.uncertain_replays >= retry.uncertain_max {
                    return Intent::Stop(StopReason::AttemptsSpent);
                }
                self.uncertain_replays += 1;
                Intent::Draw
            }
            FaultKind::ServerError { .. } | FaultKind::Empty => {
                let limit = doubled(retry.backoff, self.retries).min(retry.backoff_max);
                let told = fault.retry_after.unwrap_or(Duration::ZERO);
                let at = now + told.max(router.chance.up_to(limit));
                if told > WORTH_WAITING {
                    Intent::DrawOrSame { deployment, at }
                } else {
                    Intent::Same { deployment, at }
                }
            }
            FaultKind::ConnectFailed { reused_connection: true } => Intent::Same { deployment, at: now },
            FaultKind::ConnectFailed { reused_connection: false } => {
                let wait = router.chance.up_to(retry.backoff);
                Intent::DrawOrSame { deployment, at: now + wait }
            }
            FaultKind::Overloaded => {
                let wait = retry.overloaded_wait + router.chance.up_to(retry.overloaded_wait);
                Intent::DrawOrSame { deployment, at: now + fault.retry_after.unwrap_or(wait) }
            }
            FaultKind::RateLimited | FaultKind::NoToken => match fault.retry_after {
                Some(told) if told <= router.settings.cooldown.wait_max => {
                    Intent::DrawOrSame { deployment, at: now + told }
                }
                Some(_) | None => Intent::Draw,
            },
        }
    }

    /// Drops what the exchange, its deadline, the upstream or the retry budget do not allow.
    fn within_limits(&mut self, router: &mut Router, deployment: DeploymentId, fault: &Fault, now: Instant) -> Intent {
        if let Some(reason) = self.obstacle() {
            return Intent::Stop(reason);
        }
        let at = match self.intent {
            Intent::Same { at, .. } | Intent::DrawOrSame { at, .. } => at,
            Intent::Draw | Intent::Stop(_) => return self.intent,
        };
        // Waiting long at one place is what the other candidates are for.
        let is_soon = at <= now + router.settings.retry.backoff_max && at < self.demand.deadline;
        let is_spent = self.retries >= router.settings.retry.same_target_max || fault.same_target_forbidden;
        // The other of two may have refused the input as too long.
        let is_small = !self.is_reduced(deployment) && self.is_too_small(self.catalog.deployment(deployment).model);
        if is_spent || !is_soon || is_small || !self.will_be_usable(router, deployment, at, now) {
            return Intent::Draw;
        }
        let budget = router.endpoints.at(self.catalog.slots(deployment).endpoint).budget;
        if !budget.allows(self.cost_of_retry(deployment), now, &router.settings.retry) {
            self.is_retry_refused = true;
            return Intent::Draw;
        }
        self.intent
    }

    fn will_be_usable(&self, router: &mut Router, deployment: DeploymentId, at: Instant, now: Instant) -> bool {
        router.pass_time(self.catalog.slots(deployment), now);
        router.judge(&self.catalog, deployment, at).is_ok()
    }
}

/// A longer wait than the first backoffs take is not sat out while another deployment may answer.
const WORTH_WAITING: Duration = Duration::from_secs(1);

impl FaultKind {
    /// Whether another key at the same endpoint is likely to do better at once.
    pub(super) fn spares_siblings(self) -> bool {
        match self {
            Self::KeyRejected
            | Self::KeyEmpty
            | Self::QuotaWindow
            | Self::RateLimited
            | Self::Ramp
            | Self::NotReady { .. }
            | Self::NoToken => true,
            Self::CallerBad
            | Self::CallerTooLong
            | Self::ContentPolicy
            | Self::Overloaded
            | Self::ServerError { .. }
            | Self::ConnectFailed { .. }
            | Self::FirstContentTimeout
            | Self::Reset
            | Self::Empty
            | Self::Unusable => false,
        }
    }
}
