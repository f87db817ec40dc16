//! What a failure of an attempt means to the router: the one bridge from the table of failures to routing.

use roundelay_protocol::estimate::OutputTokens;
use roundelay_protocol::failure::{Class, Failure};
use roundelay_protocol::usage::Usage;
use roundelay_routing::{Fault, FaultKind, Tokens};

use super::refusal::Words;

/// What an answer took; `output` where the upstream did not count.
pub(super) fn tokens(usage: Option<Usage>, output: u64) -> Tokens {
    match usage {
        Some(usage) => Tokens { input: usage.prompt(), cached: usage.cache_read, output: usage.completion() },
        None => Tokens { output, ..Tokens::default() },
    }
}

/// The output that a provider has counted.
pub(super) fn output(usage: &Usage) -> OutputTokens {
    OutputTokens { text: usage.output, audio: usage.audio_output, images: usage.units.images }
}

/// An attempt that brought nothing.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) failure: Failure,
    /// The upstream's status, where there was one.
    pub(super) status: Option<u16>,
    /// What the upstream said, in its own dialect.
    pub(super) words: Option<Words>,
    /// The connection had served before, and was closed without a byte of an answer.
    pub(super) reused_connection: bool,
    /// Content had come, and went no further than this gateway: another may answer, but this one has been billed.
    pub(super) had_content: bool,
}

impl Failed {
    /// Of two failures of one exchange, the one to tell the caller: that our account at one provider is in trouble says
    /// less than what another provider answered.
    pub(super) fn or_more_telling(self, later: Self) -> Self {
        let is_ours = |failed: &Self| {
            matches!(
                failed.failure.class,
                Class::UpstreamAuth | Class::UpstreamMoney | Class::NotReady | Class::NoToken
            )
        };
        if is_ours(&later) && !is_ours(&self) { self } else { later }
    }

    /// Whether the provider may have worked on it, and bill that.
    pub(super) fn may_be_billed(&self) -> bool {
        let is_uncertain = matches!(
            self.failure.class,
            Class::UncertainReset
                | Class::FirstByteTimeout
                | Class::EmptyOk
                | Class::TruncatedComplete
                | Class::ClientGone
        );
        self.had_content || self.failure.uncertain || is_uncertain
    }

    /// The failure as the router thinks of it.
    ///
    /// Behind an open model (`provider/anything`) every name is the caller's own: that one of them is missing, or not
    /// permitted, says nothing of the others.
    pub(super) fn fault(&self, is_open_model: bool) -> Fault {
        let failure = &self.failure;
        let kind = match self.kind() {
            FaultKind::NotReady { missing: true } if is_open_model => FaultKind::CallerBad,
            kind => kind,
        };
        Fault { kind, retry_after: failure.retry_after, same_target_forbidden: failure.should_retry == Some(false) }
    }

    fn kind(&self) -> FaultKind {
        match self.failure.class {
            Class::CallerBad | Class::CallerAuth | Class::GatewayLimit => FaultKind::CallerBad,
            Class::CallerTooLong => FaultKind::CallerTooLong,
            Class::ContentPolicy => FaultKind::ContentPolicy,
            Class::UpstreamAuth => FaultKind::KeyRejected,
            Class::UpstreamMoney => FaultKind::KeyEmpty,
            Class::QuotaWindow => FaultKind::QuotaWindow,
            Class::RateLimit => FaultKind::RateLimited,
            Class::RampLimit => FaultKind::Ramp,
            Class::Overload | Class::ServerError | Class::PreContentStreamError | Class::MidStreamError
                if self.had_content || self.failure.uncertain =>
            {
                FaultKind::Reset
            }
            Class::Overload => FaultKind::Overloaded,
            Class::ServerError | Class::PreContentStreamError | Class::MidStreamError => {
                FaultKind::ServerError { at_endpoint: self.failure.at_endpoint }
            }
            Class::NotReady => FaultKind::NotReady { missing: self.failure.retry_after.is_none() },
            Class::NoToken => FaultKind::NoToken,
            Class::ConnectFail => FaultKind::ConnectFailed { reused_connection: self.reused_connection },
            Class::FirstByteTimeout => FaultKind::FirstContentTimeout,
            Class::UncertainReset | Class::ClientGone => FaultKind::Reset,
            Class::TruncatedComplete if self.had_content => FaultKind::Unusable,
            Class::EmptyOk | Class::TruncatedComplete => FaultKind::Empty,
        }
    }
}
