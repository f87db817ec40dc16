//! The decision record as JSON: the form in which it is stored, shown by `explain`, and read by scripts.

mod demand;
pub(super) mod draws;
mod handover;

use std::time::Duration;

use roundelay_routing::{
    AffinityUse, AttemptKind, AttemptRecord, Candidate, Decision, Demand, Draw, Ending, Exclusion, FaultKind, Instant,
    MovedOn,
};
use serde::{Serialize, Serializer};

use self::{demand::ShownDemand, handover::ShownHandover};
use super::{
    call::{Call, Errand},
    draft::{SeamRecord, WithoutToken},
    handover::Handed,
    outgoing::Dropped,
    snapshot::Snapshot,
};
use crate::journal::DECISION_MAX;

/// The decision of one exchange with what it was made from; `deadline` counts from the request's arrival.
///
/// Instants become milliseconds of wait from its first attempt. Choices that would make it longer than a record may be
/// are left out, and counted.
pub(super) fn to_json(
    call: &Call,
    deadline: Duration,
    decision: &Decision,
    handed: &[(u32, Handed)],
    (seams, halt): (&[SeamRecord], Option<&'static str>),
    without_token: &[WithoutToken],
) -> String {
    let told = Told { errand: call.errand, handed, seams, halt, without_token, dropped: &call.said_again.dropped() };
    let write = |draws: &[Draw]| write((&call.snapshot, &call.demand), deadline, decision, draws, &told);
    let whole = write(&decision.draws);
    if whole.len() <= DECISION_MAX { whole } else { write(&[]) }
}

/// Written for every exchange, so without a tree in between.
fn write(
    (snapshot, demand): (&Snapshot, &Demand),
    deadline: Duration,
    decision: &Decision,
    draws: &[Draw],
    told: &Told<'_>,
) -> String {
    let start = decision.attempts.first().map_or(Instant::from_start(Duration::ZERO), |first| first.started);
    let shown = Shown {
        target: snapshot.target_name(decision.target),
        strategy: decision.strategy.name(),
        affinity: ShownAffinity::of(decision.affinity, snapshot, start),
        demand: ShownDemand::of(demand, deadline),
        candidates: Each(&decision.candidates, |candidate: &Candidate| ShownCandidate {
            deployment: &snapshot.deployment(candidate.deployment).name,
            stage: candidate.stage,
            weight: rounded(candidate.weight),
            reduced: candidate.is_reduced,
            excluded: candidate.exclusion.map(|exclusion| ShownExclusion::of(exclusion, start)),
        }),
        draws: draws::list(draws, &snapshot.catalog),
        draws_omitted: decision.draws.len() - draws.len(),
        attempts: Each(&decision.attempts, |attempt: &AttemptRecord| ShownAttempt {
            deployment: &snapshot.deployment(attempt.deployment).name,
            kind: kind_name(attempt.kind),
            probe: attempt.is_probe,
            ended: attempt.ending.map(ending_name),
            then: attempt.moved_on.map(|moved_on| ShownMove::of(moved_on, start)),
        }),
        stop: decision.stop.map(|stop| ShownStop {
            reason: stop.reason.name(),
            retry_in_ms: stop.retry_at.map(|at| wait_ms(at, start)),
        }),
        handover: told.handed.iter().map(ShownHandover::of).collect(),
        seams: told.seams,
        not_carried_on: told.halt,
        without_token: told.without_token,
        dropped: told.dropped,
        purpose: told.errand.map(|_| "summary"),
        serves: told.errand.map(|errand| errand.serves.to_string()),
    };
    serde_json::to_string(&shown).expect("names and numbers are JSON")
}

#[derive(Serialize)]
struct Shown<'a, C: Serialize, D: Serialize, A: Serialize> {
    target: &'a str,
    strategy: &'static str,
    affinity: ShownAffinity<'a>,
    demand: ShownDemand,
    candidates: C,
    draws: D,
    #[serde(skip_serializing_if = "is_none")]
    draws_omitted: usize,
    attempts: A,
    stop: Option<ShownStop>,
    /// What deployments were not told of the request, or its caller of the answer.
    #[serde(skip_serializing_if = "<[Dropped]>::is_empty")]
    dropped: &'a [Dropped],
    /// What attempts were told of the conversation, where that was not what its caller sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    handover: Vec<ShownHandover>,
    /// Where one model's words end and another's begin.
    #[serde(skip_serializing_if = "<[SeamRecord]>::is_empty")]
    seams: &'a [SeamRecord],
    /// Why an answer that broke off was not carried on, where its pool wants that.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_carried_on: Option<&'static str>,
    /// Who could not be asked for want of an access token.
    #[serde(skip_serializing_if = "<[WithoutToken]>::is_empty")]
    without_token: &'a [WithoutToken],
    /// What the gateway asked it for by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<&'static str>,
    /// For which exchange.
    #[serde(skip_serializing_if = "Option::is_none")]
    serves: Option<String>,
}

/// What the router does not know of an exchange.
struct Told<'a> {
    errand: Option<Errand>,
    handed: &'a [(u32, Handed)],
    seams: &'a [SeamRecord],
    halt: Option<&'static str>,
    without_token: &'a [WithoutToken],
    dropped: &'a [Dropped],
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_none(count: &usize) -> bool {
    *count == 0
}

/// A list that is written as it is walked.
struct Each<'a, T, F>(&'a [T], F);

impl<'a, T, S: Serialize, F: Fn(&'a T) -> S> Serialize for Each<'a, T, F> {
    fn serialize<W: Serializer>(&self, serializer: W) -> Result<W::Ok, W::Error> {
        serializer.collect_seq(self.0.iter().map(&self.1))
    }
}

#[derive(Serialize)]
struct ShownCandidate<'a> {
    deployment: &'a str,
    stage: u8,
    weight: f64,
    /// It was let in though it cannot take the conversation whole.
    #[serde(skip_serializing_if = "is_false")]
    reduced: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    excluded: Option<ShownExclusion>,
}

#[derive(Serialize)]
struct ShownAttempt<'a> {
    deployment: &'a str,
    kind: &'static str,
    probe: bool,
    ended: Option<&'static str>,
    then: Option<ShownMove>,
}

#[derive(Serialize)]
struct ShownStop {
    reason: &'static str,
    retry_in_ms: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct ShownExclusion {
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    lacks: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    for_ms: Option<u64>,
}

impl ShownExclusion {
    pub(super) fn of(exclusion: Exclusion, from: Instant) -> Self {
        let (reason, lacks, until) = match exclusion {
            Exclusion::NotAllowed => ("not_allowed", None, None),
            Exclusion::Capability(need) => ("capability", Some(need), None),
            Exclusion::Window => ("window", None, None),
            Exclusion::NoWeight => ("no_weight", None, None),
            Exclusion::OffDuty => ("off_duty", None, None),
            Exclusion::Region => ("region", None, None),
            Exclusion::Price => ("price", None, None),
            Exclusion::Unaffordable => ("unaffordable", None, None),
            Exclusion::Dialect => ("dialect", None, None),
            Exclusion::Continuation => ("continuation", None, None),
            Exclusion::NoToken => ("no_token", None, None),
            Exclusion::TooSlow => ("too_slow", None, None),
            Exclusion::UpstreamBalance => ("upstream_balance", None, None),
            Exclusion::Dead { why, until } => (why.name(), None, Some(until)),
            Exclusion::Cooling { until } => ("cooldown", None, Some(until)),
            Exclusion::BreakerOpen { until } => ("breaker_open", None, Some(until)),
            Exclusion::EndpointOpen { until } => ("endpoint_open", None, Some(until)),
            Exclusion::Probing => ("probing", None, None),
            Exclusion::Busy => ("busy", None, None),
            Exclusion::Tried => ("tried", None, None),
        };
        Self { reason, lacks, for_ms: until.map(|until| wait_ms(until, from)) }
    }
}

#[derive(Serialize)]
struct ShownMove {
    go: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<&'static str>,
}

impl ShownMove {
    fn of(moved_on: MovedOn, from: Instant) -> Self {
        let (go, at, because) = match moved_on {
            MovedOn::Same(at) => ("same", Some(at), None),
            MovedOn::Next => ("next", None, None),
            MovedOn::NextOrSame(at) => ("next_or_same", Some(at), None),
            MovedOn::Other => ("other", None, None),
            MovedOn::Stop(reason) => ("stop", None, Some(reason.name())),
        };
        Self { go, at_ms: at.map(|at| wait_ms(at, from)), because }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum ShownAffinity<'a> {
    NoConversation,
    FirstTurn,
    Unbound,
    Elsewhere,
    Followed(&'a str),
    Left(&'a str),
    #[serde(untagged)]
    Unusable {
        unusable: &'a str,
        why: ShownExclusion,
    },
}

impl<'a> ShownAffinity<'a> {
    fn of(affinity: AffinityUse, snapshot: &'a Snapshot, from: Instant) -> Self {
        match affinity {
            AffinityUse::NoConversation => Self::NoConversation,
            AffinityUse::FirstTurn => Self::FirstTurn,
            AffinityUse::Unbound => Self::Unbound,
            AffinityUse::Elsewhere => Self::Elsewhere,
            AffinityUse::Left(id) => Self::Left(&snapshot.deployment(id).name),
            AffinityUse::Followed(id) => Self::Followed(&snapshot.deployment(id).name),
            AffinityUse::Unusable(id, why) => {
                Self::Unusable { unusable: &snapshot.deployment(id).name, why: ShownExclusion::of(why, from) }
            }
        }
    }
}

/// A reason to stop in words for people.
pub fn explain_stop(reason: &str) -> &'static str {
    match reason {
        "caller_at_fault" => "the request itself is at fault",
        "too_long" => "no candidate has a larger context window",
        "attempts_spent" => "the attempts were used up",
        "deadline_passed" => "the deadline had passed",
        "retries_refused" => "the budget for retries was used up",
        "all_cooling" => "every candidate was cooling down or had an open breaker",
        "all_dead" => "every candidate had a refused key, an empty account, or no such model",
        "none_eligible" => "no candidate could serve this request at all",
        "unaffordable" => "the account cannot pay what any candidate might cost",
        "busy" => "every candidate had as many requests in flight as it takes",
        _ => "",
    }
}

pub(super) fn rounded(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}

/// Why an attempt was made, as records and metrics call it.
pub(super) fn kind_name(kind: AttemptKind) -> &'static str {
    match kind {
        AttemptKind::First => "first",
        AttemptKind::Retry => "retry",
        AttemptKind::Fallback => "fallback",
        AttemptKind::Hedge => "hedge",
    }
}

fn ending_name(ending: Ending) -> &'static str {
    match ending {
        Ending::Success => "answered",
        Ending::Abandoned => "abandoned",
        Ending::Lost => "lost",
        Ending::MidStream => "mid_stream_error",
        Ending::Failure(kind) => match kind {
            FaultKind::CallerBad => "caller_bad",
            FaultKind::CallerTooLong => "caller_too_long",
            FaultKind::ContentPolicy => "content_policy",
            FaultKind::KeyRejected => "key_rejected",
            FaultKind::KeyEmpty => "key_empty",
            FaultKind::QuotaWindow => "quota_window",
            FaultKind::RateLimited => "rate_limited",
            FaultKind::Ramp => "ramp",
            FaultKind::Overloaded => "overloaded",
            FaultKind::ServerError { .. } => "server_error",
            FaultKind::NotReady { .. } => "not_ready",
            FaultKind::NoToken => "no_token",
            FaultKind::ConnectFailed { .. } => "connect_failed",
            FaultKind::FirstContentTimeout => "first_content_timeout",
            FaultKind::Reset => "reset",
            FaultKind::Empty => "empty",
            FaultKind::Unusable => "unusable",
        },
    }
}

fn wait_ms(until: Instant, from: Instant) -> u64 {
    u64::try_from(until.saturating_duration_since(from).as_millis()).unwrap_or(u64::MAX)
}
