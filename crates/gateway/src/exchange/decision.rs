//! The decision record as JSON: the form in which it is stored, shown by `explain`, and read by scripts.

use roundelay_routing::{
    AffinityUse, AttemptKind, DeadReason, Decision, Ending, Exclusion, FaultKind, Instant, MovedOn, Preview, Stop,
    StopReason, Strategy,
};
use serde_json::{Value, json};

use super::snapshot::Snapshot;

/// The decision of one exchange. Instants become milliseconds of wait from its first attempt.
pub(super) fn to_json(snapshot: &Snapshot, decision: &Decision) -> String {
    let name = |id| &*snapshot.deployment(id).name;
    let start = decision.attempts.first().map_or(Instant::from_start(std::time::Duration::ZERO), |first| first.started);
    let candidates: Vec<Value> = decision
        .candidates
        .iter()
        .map(|candidate| {
            let mut line = json!({
                "deployment": name(candidate.deployment),
                "stage": candidate.stage,
                "weight": rounded(candidate.weight),
            });
            if let Some(exclusion) = candidate.exclusion {
                line["excluded"] = exclusion_to_json(exclusion, start);
            }
            line
        })
        .collect();
    let attempts: Vec<Value> = decision
        .attempts
        .iter()
        .map(|attempt| {
            json!({
                "deployment": name(attempt.deployment),
                "kind": kind_name(attempt.kind),
                "probe": attempt.is_probe,
                "ended": attempt.ending.map(ending_name),
                "then": attempt.moved_on.map(|moved_on| moved_on_to_json(moved_on, start)),
            })
        })
        .collect();
    json!({
        "target": &**snapshot.target_name(decision.target),
        "strategy": strategy_name(decision.strategy),
        "affinity": affinity_to_json(decision.affinity, &name, start),
        "candidates": candidates,
        "attempts": attempts,
        "stop": decision.stop.map(|stop| stop_to_json(stop, start)),
    })
    .to_string()
}

/// What a plan would do, as `roundelay route` and the admin API show it.
pub fn write_preview(snapshot: &Snapshot, preview: &Preview, now: Instant) -> Value {
    let candidates: Vec<Value> = preview
        .candidates
        .iter()
        .map(|candidate| {
            json!({
                "deployment": &*snapshot.deployment(candidate.deployment).name,
                "model": &*snapshot.deployment(candidate.deployment).model,
                "stage": candidate.stage,
                "share": rounded(candidate.share),
                "excluded": candidate.exclusion.map(|exclusion| exclusion_to_json(exclusion, now)),
            })
        })
        .collect();
    json!({
        "target": &**snapshot.target_name(preview.target),
        "strategy": strategy_name(preview.strategy),
        "candidates": candidates,
    })
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
        "busy" => "every candidate had as many requests in flight as it takes",
        _ => "",
    }
}

fn rounded(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}

fn strategy_name(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Weighted => "weighted",
        Strategy::RoundRobin => "round_robin",
        Strategy::Priority => "priority",
    }
}

fn kind_name(kind: AttemptKind) -> &'static str {
    match kind {
        AttemptKind::First => "first",
        AttemptKind::Retry => "retry",
        AttemptKind::Fallback => "fallback",
    }
}

fn ending_name(ending: Ending) -> &'static str {
    match ending {
        Ending::Success => "answered",
        Ending::Abandoned => "abandoned",
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
            FaultKind::ConnectFailed { .. } => "connect_failed",
            FaultKind::FirstContentTimeout => "first_content_timeout",
            FaultKind::Reset => "reset",
            FaultKind::Empty => "empty",
        },
    }
}

fn wait_ms(until: Instant, from: Instant) -> u64 {
    u64::try_from(until.saturating_duration_since(from).as_millis()).unwrap_or(u64::MAX)
}

fn exclusion_to_json(exclusion: Exclusion, from: Instant) -> Value {
    let (reason, until) = match exclusion {
        Exclusion::NotAllowed => ("not_allowed", None),
        Exclusion::Capability(need) => return json!({ "reason": "capability", "lacks": need }),
        Exclusion::Window => ("window", None),
        Exclusion::NoWeight => ("no_weight", None),
        Exclusion::Dead { why, until } => (
            match why {
                DeadReason::KeyRejected => "key_rejected",
                DeadReason::KeyEmpty => "key_empty",
                DeadReason::QuotaWindow => "quota_window",
                DeadReason::Missing => "missing",
            },
            Some(until),
        ),
        Exclusion::Cooling { until } => ("cooldown", Some(until)),
        Exclusion::BreakerOpen { until } => ("breaker_open", Some(until)),
        Exclusion::EndpointOpen { until } => ("endpoint_open", Some(until)),
        Exclusion::Probing => ("probing", None),
        Exclusion::Busy => ("busy", None),
        Exclusion::Tried => ("tried", None),
    };
    match until {
        Some(until) => json!({ "reason": reason, "for_ms": wait_ms(until, from) }),
        None => json!({ "reason": reason }),
    }
}

fn moved_on_to_json(moved_on: MovedOn, from: Instant) -> Value {
    match moved_on {
        MovedOn::Same(at) => json!({ "go": "same", "at_ms": wait_ms(at, from) }),
        MovedOn::Next => json!({ "go": "next" }),
        MovedOn::NextOrSame(at) => json!({ "go": "next_or_same", "at_ms": wait_ms(at, from) }),
        MovedOn::Stop(reason) => json!({ "go": "stop", "because": stop_name(reason) }),
    }
}

fn stop_to_json(stop: Stop, from: Instant) -> Value {
    json!({ "reason": stop_name(stop.reason), "retry_in_ms": stop.retry_at.map(|at| wait_ms(at, from)) })
}

fn stop_name(reason: StopReason) -> &'static str {
    match reason {
        StopReason::CallerAtFault => "caller_at_fault",
        StopReason::TooLong => "too_long",
        StopReason::AttemptsSpent => "attempts_spent",
        StopReason::DeadlinePassed => "deadline_passed",
        StopReason::RetriesRefused => "retries_refused",
        StopReason::AllCooling => "all_cooling",
        StopReason::AllDead => "all_dead",
        StopReason::NoneEligible => "none_eligible",
        StopReason::Busy => "busy",
    }
}

fn affinity_to_json<'a>(
    affinity: AffinityUse,
    name: &impl Fn(roundelay_routing::DeploymentId) -> &'a str,
    from: Instant,
) -> Value {
    match affinity {
        AffinityUse::NoConversation => json!("no_conversation"),
        AffinityUse::FirstTurn => json!("first_turn"),
        AffinityUse::Unbound => json!("unbound"),
        AffinityUse::Elsewhere => json!("elsewhere"),
        AffinityUse::Followed(id) => json!({ "followed": name(id) }),
        AffinityUse::Unusable(id, why) => json!({ "unusable": name(id), "why": exclusion_to_json(why, from) }),
    }
}
