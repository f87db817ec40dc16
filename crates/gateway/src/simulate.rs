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
mod recorded;
mod report;
mod samples;
mod scenario;
mod tally;
mod targets;
mod upstream;
mod workload;

pub use self::{
    ceiling::{Alone, Ceiling},
    engine::run,
    outages::{Impaired, Incident, Outages, OutagesFault, Rule, Severity, WATCHED},
    recorded::{Recorded, RecordedAttempt},
    report::{Language, Of, OfOutages, Results, Sources, html},
    samples::{Sample, Samples},
    scenario::{Adversity, Scenario, ScenarioFault, Setup, Way},
    tally::{Quantiles, RowKind, SLICES, Share, Summary},
    targets::UnknownName,
    workload::{Kind, Learnt, Request, Turn, Workload, WorkloadFault},
};
