//! The refusal of an exchange for which no attempt could be made.

use std::time::Duration;

use roundelay_routing::{DeadReason, Decision, Exclusion, Instant, Stop, StopReason};

use super::{KEY_REFUSED, NO_CREDIT, NO_TOKEN, TOKEN_WAIT, Wire};

/// Why no attempt could be made.
#[derive(Debug)]
pub struct Unserved {
    pub(super) reason: StopReason,
    pub(super) reopens_in: Option<Duration>,
    /// What stood in the way of the first candidate that could have served.
    pub(super) because: Option<Exclusion>,
}

impl Unserved {
    /// Finds what, of all that was excluded, is the reason to stop.
    pub(super) fn of(stop: Stop, decision: &Decision, reopens_in: Option<Duration>) -> Self {
        let because = decision.candidates.iter().filter_map(|candidate| candidate.exclusion);
        let because = because
            .filter(|exclusion| explains(stop.reason, exclusion))
            .min_by_key(|one| (*one != Exclusion::NoToken, reopening(one)));
        Self { reason: stop.reason, reopens_in, because }
    }

    pub(super) fn wire(&self) -> Wire<'_> {
        match (self.reason, self.because) {
            (StopReason::TooLong, _) | (StopReason::NoneEligible, Some(Exclusion::Window)) => Wire {
                code: Some("context_length_exceeded"),
                ..Wire::new(
                    400,
                    "invalid_request_error",
                    "the request does not fit the context window of any deployment it could go to",
                )
            },
            (StopReason::NoneEligible, Some(Exclusion::Capability(need))) => Wire {
                code: Some("unsupported_capability"),
                ..Wire::new(
                    400,
                    "invalid_request_error",
                    format!("no deployment behind this name can do what the request needs: {need}"),
                )
            },
            (StopReason::NoneEligible, Some(Exclusion::NotAllowed)) => Wire {
                code: Some("model_not_allowed"),
                param: Some("model"),
                ..Wire::new(403, "permission_error", "this API key may use none of the models behind this name")
            },
            (StopReason::NoneEligible, Some(Exclusion::NoToken)) => {
                Wire { code: Some("upstream_auth"), ..Wire::new(502, "upstream_error", NO_TOKEN) }
                    .waiting(Some(TOKEN_WAIT))
            }
            (StopReason::AllDead | StopReason::AllCooling, Some(Exclusion::Dead { why, .. })) => match why {
                DeadReason::KeyEmpty => {
                    Wire { code: Some("no_deployment_with_credit"), ..Wire::new(503, "upstream_error", NO_CREDIT) }
                }
                DeadReason::KeyRejected => {
                    Wire { code: Some("upstream_auth"), ..Wire::new(502, "upstream_error", KEY_REFUSED) }
                }
                DeadReason::QuotaWindow => Wire {
                    code: Some("rate_limit_exceeded"),
                    ..Wire::new(429, "rate_limit_error", "the quota of every provider behind this name is used up")
                }
                .waiting(self.reopens_in),
                DeadReason::Missing => Wire {
                    code: Some("model_not_found"),
                    ..Wire::new(
                        404,
                        "not_found_error",
                        "no provider behind this name has the model it is configured for",
                    )
                },
            },
            (StopReason::AllCooling, Some(Exclusion::Cooling { .. })) => Wire {
                code: Some("rate_limit_exceeded"),
                ..Wire::new(
                    429,
                    "rate_limit_error",
                    "every provider behind this name has asked not to be called for now",
                )
            }
            .waiting(self.reopens_in),
            (StopReason::NoneEligible, Some(Exclusion::Region | Exclusion::Price | Exclusion::TooSlow)) => Wire {
                code: Some("limits_exceeded"),
                ..Wire::new(
                    503,
                    "upstream_error",
                    "every deployment that could serve is outside the limits that this pool has for price, speed or region",
                )
            },
            (StopReason::Unaffordable, _) => Wire {
                code: Some("insufficient_balance"),
                ..Wire::new(402, "insufficient_quota", "the balance does not cover what any deployment might cost")
            },
            (StopReason::AllDead, Some(Exclusion::UpstreamBalance)) => {
                Wire { code: Some("no_deployment_with_credit"), ..Wire::new(503, "upstream_error", NO_CREDIT) }
            }
            (StopReason::Busy, _) => Wire {
                code: Some("concurrency_limit"),
                ..Wire::new(
                    503,
                    "overloaded_error",
                    "every deployment behind this name has as many requests in flight as it takes",
                )
            }
            .waiting(Some(self.reopens_in.unwrap_or(Duration::from_secs(1)))),
            (StopReason::DeadlinePassed, _) => Wire {
                code: Some("deadline_passed"),
                ..Wire::new(504, "upstream_error", "no deployment could answer within the deadline")
            },
            _ => Wire {
                code: Some("no_deployment_available"),
                ..Wire::new(503, "upstream_error", "no deployment behind this name can serve now")
            }
            .waiting(self.reopens_in),
        }
    }
}

/// Whether an exclusion is a reason of that kind to stop.
fn explains(reason: StopReason, exclusion: &Exclusion) -> bool {
    match exclusion {
        Exclusion::NoWeight | Exclusion::OffDuty | Exclusion::Tried | Exclusion::Busy => false,
        Exclusion::NotAllowed
        | Exclusion::Capability(_)
        | Exclusion::Window
        | Exclusion::Region
        | Exclusion::Price
        | Exclusion::Dialect
        | Exclusion::Continuation
        | Exclusion::NoToken
        | Exclusion::TooSlow => reason == StopReason::NoneEligible,
        Exclusion::Unaffordable => reason == StopReason::Unaffordable,
        Exclusion::UpstreamBalance => reason == StopReason::AllDead,
        Exclusion::Dead { why: DeadReason::QuotaWindow, .. }
        | Exclusion::Cooling { .. }
        | Exclusion::BreakerOpen { .. }
        | Exclusion::EndpointOpen { .. }
        | Exclusion::Probing => reason == StopReason::AllCooling,
        Exclusion::Dead { .. } => reason == StopReason::AllDead,
    }
}

/// When what stands in the way is over; what does not pass by itself comes first.
fn reopening(exclusion: &Exclusion) -> Option<Instant> {
    match exclusion {
        Exclusion::Dead { until, .. }
        | Exclusion::Cooling { until }
        | Exclusion::BreakerOpen { until }
        | Exclusion::EndpointOpen { until } => Some(*until),
        _ => None,
    }
}
