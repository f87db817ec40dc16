//! How an attempt ended, in the terms that decide what happens next.

use std::time::Duration;

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The typed end of the answer was seen.
    Success {
        /// From dispatch to the end.
        total: Duration,
        /// As the upstream counted them, or all 0.
        tokens: Tokens,
    },
    /// It failed before any content reached the caller.
    Failure(Fault),
    /// The caller left, its task died, or the other of two attempts was quicker: says nothing about the deployment's health,
    /// and of its speed only that it is at least as slow as a wait that was longer than a whole answer usually takes.
    Abandoned,
    /// It failed after content had reached the caller.
    MidStream,
}

/// What an answer took, in tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Input, cached or not.
    pub input: u64,
    /// Input that was read from the upstream's prompt cache; part of `input`.
    pub cached: u64,
    /// Output, reasoning included.
    pub output: u64,
}

/// A failure before content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its class.
    pub kind: FaultKind,
    /// How long the upstream asked to be left alone.
    pub retry_after: Option<Duration>,
    /// The upstream said not to send the same request again (`x-should-retry: false`).
    pub same_target_forbidden: bool,
}

impl Fault {
    /// A fault of this kind about which the upstream said nothing more.
    pub const fn new(kind: FaultKind) -> Self {
        Self { kind, retry_after: None, same_target_forbidden: false }
    }
}

/// Classes of failure, by what they ask of routing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The request itself is at fault; every deployment would say so.
    CallerBad,
    /// The input does not fit this deployment's window.
    CallerTooLong,
    /// The content was refused by policy, which is not to be routed around.
    ContentPolicy,
    /// The upstream does not accept the key.
    KeyRejected,
    /// The account behind the key has no money left.
    KeyEmpty,
    /// The key's long quota (day, plan) is used up.
    QuotaWindow,
    /// Too many requests or tokens just now.
    RateLimited,
    /// Traffic grew too fast for the upstream.
    Ramp,
    /// The upstream has no capacity.
    Overloaded,
    /// The upstream failed.
    ServerError {
        /// The failure came from what stands before the server (HTML body, 52x), so every deployment there shares it.
        at_endpoint: bool,
    },
    /// The deployment cannot serve yet, or is not there.
    NotReady {
        /// The model or deployment does not exist, as opposed to still loading.
        missing: bool,
    },
    /// There was no access token to show it, so nothing was sent: its deployment had no part in that.
    NoToken,
    /// No connection, so nothing was sent.
    ConnectFailed {
        /// It was a pooled connection that turned out closed, which a fresh one cures.
        reused_connection: bool,
    },
    /// Dispatched, and no content came in time. The upstream may have done the work.
    FirstContentTimeout,
    /// The connection broke after dispatch. The upstream may have done the work.
    Reset,
    /// A success with nothing in it.
    Empty,
    /// A whole answer that was no use for what it was asked for, which says nothing of who gave it: its question may be
    /// what nobody can answer.
    Unusable,
}

impl FaultKind {
    /// Whether the upstream may have done, and billed, the work.
    pub fn is_uncertain(self) -> bool {
        matches!(self, Self::FirstContentTimeout | Self::Reset)
    }
}

/// An [`Outcome`] as the decision record keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The answer was whole.
    Success,
    /// It failed before content.
    Failure(FaultKind),
    /// The caller left, or nobody reported.
    Abandoned,
    /// The other of two attempts side by side was quicker.
    Lost,
    /// It failed after content.
    MidStream,
}

impl From<&Outcome> for Ending {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Success { .. } => Self::Success,
            Outcome::Failure(fault) => Self::Failure(fault.kind),
            Outcome::Abandoned => Self::Abandoned,
            Outcome::MidStream => Self::MidStream,
        }
    }
}
