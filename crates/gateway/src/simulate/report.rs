//! A comparison as something to keep: JSON for scripts, and one HTML file for people.

mod axis;
mod bars;
mod curves;
mod frontier;
mod page;
mod shares;
mod words;

use serde::Serialize;

use super::{ceiling::Ceiling, scenario::Scenario, tally::Summary};

/// All rows of a comparison, and what they are of. Holds no wall-clock time of its making and no path.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Results {
    /// What was simulated.
    pub of: Of,
    /// What the outages leave possible, where there were any.
    pub ceiling: Option<Ceiling>,
    /// A row a strategy.
    pub rows: Vec<Summary>,
}

/// What was simulated.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Of {
    /// The name of the workload's file, or its description.
    pub workload: String,
    /// `azure`, `mooncake`, `records` or `steady`.
    pub kind: &'static str,
    /// How many requests.
    pub requests: u64,
    /// Records that are not among them, because they never reached the router.
    pub left_out: u64,
    /// From the first arrival to the last, in microseconds.
    pub span_us: u64,
    /// Wall-clock time of the first request (RFC 3339).
    pub start: String,
    /// Where every die began.
    pub seed: u64,
    /// A digest of the configuration's text.
    pub config: String,
    /// Deployments about whose behaviour nothing was known.
    pub assumed: Vec<String>,
}

/// The language of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Simplified Chinese.
    Chinese,
}

impl Results {
    /// Joins the rows with what they are of.
    pub fn new(
        scenario: &Scenario,
        workload: String,
        config: String,
        ceiling: Option<Ceiling>,
        rows: Vec<Summary>,
    ) -> Self {
        let requests = scenario.workload();
        let start = jiff::Timestamp::from_second(scenario.start()).map(|at| at.to_string()).unwrap_or_default();
        let of = Of {
            workload,
            kind: requests.kind.name(),
            requests: requests.requests.len() as u64,
            left_out: requests.left_out,
            span_us: u64::try_from(requests.span().as_micros()).unwrap_or(u64::MAX),
            start,
            seed: scenario.seed(),
            config,
            assumed: scenario.assumed().to_vec(),
        };
        Self { of, ceiling, rows }
    }
}

impl Language {
    /// By its tag.
    pub fn of(tag: &str) -> Option<Self> {
        match tag {
            "en" => Some(Self::English),
            "zh-CN" | "zh" => Some(Self::Chinese),
            _ => None,
        }
    }
}

/// The report: one HTML file with its drawings inside, readable without scripts, in light and dark.
pub fn html(results: &Results, language: Language) -> String {
    page::write(results, words::of(language))
}
