//! Decides which deployment a request goes to next, and when to stop trying.
//!
//! The story of one exchange: [`Router::plan`] turns a [`Demand`] into a [`Plan`]; [`Plan::next`] names a [`Step`]; the
//! caller dispatches it, tells [`Router::commit`] when content reached its own caller, and [`Plan::report`] how it ended.
//! [`Step::HandOver`] asks what the conversation can be cut to, before less than the whole is sent anywhere;
//! [`Plan::carry_on`] goes on after an answer that broke off. Where a pool hedges, [`Plan::hedge_at`] says when [`Plan::hedge`] may name a second attempt beside a slow first one.
//!
//! What routing does *not* know: what time it is (every call is told `now`), how a request or an answer looks on the wire
//! (it is told what a demand needs and what kind of fault happened), who pays, and what a deployment's address or key is.
//! It does no I/O, starts no threads, reads no environment and takes no locks; its dice are seeded. The same calls in the
//! same order give the same answers, in production, under test and in a simulation alike.
#![warn(missing_docs)]

mod affinity;
mod breaker;
mod candidates;
mod catalog;
mod chance;
mod concurrency;
mod cooldown;
mod cost;
mod decision;
mod demand;
mod eligibility;
mod hedge;
mod hour;
mod instant;
mod latency;
mod outcome;
mod plan;
mod retry;
mod router;
mod settings;
mod strategy;

pub use breaker::BreakerState;
pub use catalog::{
    Catalog, CatalogFault, Deployment, DeploymentId, EndpointId, Importance, KeyId, Limits, Member, Model, ModelId,
    Pool, PoolId, Target,
};
pub use decision::{
    AffinityUse, AttemptRecord, Candidate, Decision, Draw, DrawOption, DrawnOption, Preview, PreviewCandidate,
};
pub use demand::{Capabilities, Conversation, Demand};
pub use eligibility::{DeadReason, Exclusion};
pub use hour::{Hour, Rate, TokenRates, UNITS};
pub use instant::Instant;
pub use outcome::{Ending, Fault, FaultKind, Outcome, Tokens};
pub use plan::{Attempt, AttemptKind, Least, MovedOn, Plan, Step, Stop, StopReason};
pub use router::{DeploymentHealth, Router};
pub use settings::{
    AffinitySettings, BreakerSettings, ConcurrencySettings, CooldownSettings, HedgeSettings, MeasureSettings,
    RetrySettings, Settings,
};
pub use strategy::{Offer, Rules, Strategy, Turn};
