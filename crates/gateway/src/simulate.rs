//! The production router and prices under virtual time, against recorded or described traffic and real outages.
//!
//! Nothing here waits, sends or reads a clock: time jumps from event to event, and every die is thrown from the seed. So
//! the same seed and files give the same bytes of output on every machine.

mod cache;
mod ceiling;
mod dice;
mod engine;
mod oracle;
mod outages;
mod prices;
mod report;
mod scenario;
mod tally;
mod upstream;
mod workload;

pub use self::{
    ceiling::{Alone, Ceiling},
    engine::run,
    outages::{Impaired, Incident, Outages, OutagesFault, Rule, Severity, WATCHED},
    report::{Language, Of, Results, html},
    scenario::{Adversity, Scenario, ScenarioFault, Setup, Way},
    tally::{Quantiles, SLICES, Share, Summary},
    workload::{Kind, Learnt, Request, Turn, Workload, WorkloadFault},
};
