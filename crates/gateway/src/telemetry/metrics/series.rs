//! What is counted, and by which labels.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
};

use super::{
    Tokens,
    histogram::{Histogram, OVERHEAD_BOUNDS},
    table::{OTHER, Table},
};

/// Most models, and most deployments, that get series of their own: about 10 KB each. What comes after them, through
/// reloads that keep bringing new names, is counted as `other`.
const NAMES_MAX: usize = 2_000;

#[derive(Debug)]
pub(super) struct Series {
    pub(super) connections_refused: AtomicU64,
    pub(super) in_flight: AtomicI64,
    pub(super) overhead: Histogram,
    pub(super) fallbacks: Table<&'static str, AtomicU64>,
    pub(super) refusals: Table<&'static str, AtomicU64>,
    pub(super) summaries: Table<&'static str, AtomicU64>,
    pub(super) continuations: Table<&'static str, AtomicU64>,
    pub(super) handovers: Table<&'static str, AtomicU64>,
    pub(super) models: Table<Arc<str>, ModelSeries>,
    pub(super) deployments: Table<Arc<str>, DeploymentSeries>,
}

impl Default for Series {
    fn default() -> Self {
        Self {
            connections_refused: AtomicU64::default(),
            in_flight: AtomicI64::default(),
            overhead: Histogram::new(&OVERHEAD_BOUNDS),
            fallbacks: Table::default(),
            refusals: Table::default(),
            summaries: Table::default(),
            continuations: Table::default(),
            handovers: Table::default(),
            models: Table::default(),
            deployments: Table::default(),
        }
    }
}

impl Series {
    pub(super) fn model(&self, name: &Arc<str>, count: impl FnOnce(&ModelSeries)) {
        self.models.with_limit(name, NAMES_MAX, OTHER, count);
    }

    pub(super) fn deployment(&self, name: &Arc<str>, provider: &Arc<str>, count: impl FnOnce(&DeploymentSeries)) {
        self.deployments.with_limit(name, NAMES_MAX, OTHER, |deployment| {
            deployment.provider.get_or_init(|| Arc::clone(provider));
            count(deployment);
        });
    }
}

/// Of one pool or model that callers ask for.
#[derive(Debug, Default)]
pub(super) struct ModelSeries {
    pub(super) exchanges: Table<ExchangeCount, AtomicU64>,
    pub(super) durations: Table<ExchangeTiming, Histogram>,
    /// Of whole answers, and of streams.
    pub(super) first_content: [Histogram; 2],
    pub(super) tokens: [AtomicU64; TOKEN_CLASSES.len()],
    pub(super) reasoning: AtomicU64,
    pub(super) client_retries: AtomicU64,
}

/// The classes of tokens that add up, in the order of [`ModelSeries::tokens`].
pub(super) const TOKEN_CLASSES: [&str; 4] = ["input", "cache_read", "cache_write", "output"];

impl ModelSeries {
    pub(super) fn count_tokens(&self, tokens: &Tokens) {
        let classes = [tokens.input, tokens.cache_read, tokens.cache_write, tokens.output];
        for (count, tokens) in self.tokens.iter().zip(classes) {
            add(count, tokens);
        }
        add(&self.reasoning, tokens.reasoning);
    }
}

/// Most counts of most exchanges are zero, and a comparison is cheaper than a locked addition.
fn add(count: &AtomicU64, by: u64) {
    if by > 0 {
        count.fetch_add(by, Relaxed);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ExchangeCount {
    pub(super) outcome: &'static str,
    pub(super) status: u16,
    pub(super) stream: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ExchangeTiming {
    pub(super) outcome: &'static str,
    pub(super) stream: bool,
}

/// Of one deployment.
#[derive(Debug, Default)]
pub(super) struct DeploymentSeries {
    /// Set by the first event; a deployment's name says its provider, so it never changes.
    pub(super) provider: OnceLock<Arc<str>>,
    pub(super) attempts: Table<AttemptCount, AtomicU64>,
    /// In the order of [`AttemptTiming`].
    pub(super) durations: [Histogram; 2],
    pub(super) first_content: Histogram,
}

impl DeploymentSeries {
    pub(super) fn provider(&self) -> &str {
        self.provider.get().map_or(OTHER, |provider| provider)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct AttemptCount {
    pub(super) kind: &'static str,
    pub(super) outcome: &'static str,
}

/// Failures are timed apart, because fast ones would make a failing deployment look quick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AttemptTiming {
    Answered,
    Failed,
}

impl AttemptTiming {
    pub(super) fn of(outcome: &str) -> Self {
        if outcome == "answered" { Self::Answered } else { Self::Failed }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed => "failed",
        }
    }
}
