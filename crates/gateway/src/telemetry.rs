//! What the gateway tells its operator: metrics, and a log that holds no key and no prompt.

pub mod events;
mod log;
mod metrics;
mod text;

pub use self::{
    log::{LevelSwitch, LogFault, LogGuard, Redactor, init, subscriber},
    metrics::{
        AttemptEnded, BalanceView, DeploymentView, ExchangeEnded, InFlight, Kind, METRICS, Metric, Metrics,
        RenderInputs, Tokens,
    },
};
