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
    /// Those of them that asked for a name that this configuration does not know: how many by name.
    pub left_out_unknown: Vec<(String, u64)>,
    /// The pools and models that are asked for.
    pub asked: Vec<String>,
    /// The name of the file that says how deployments behave; `None` = as learnt, else as usual.
    pub world: Option<String>,
    /// The outages.
    pub outages: Option<OfOutages>,
    /// How many requests of the workload were taken at most; `None` = all.
    pub limit: Option<u64>,
    /// The version of the gateway that simulated.
    pub version: &'static str,
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
    /// Deployments whose behaviour was learnt from fewer than 30 answers, and from how many.
    pub thin: Vec<(String, usize)>,
}

/// Which outages were laid under the traffic.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OfOutages {
    /// The name of the file.
    pub file: String,
    /// When incidents end: `A`, `B` or `C`.
    pub rule: &'static str,
    /// `1`, `2` or `3`: incidents of at least this impact let nothing through; `graded`: a share fails, by impact.
    pub impact: String,
}

/// What a comparison was asked for, by the names of files without their folders.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The workload.
    pub workload: String,
    /// A digest of the configuration.
    pub config: String,
    /// How the deployments behave.
    pub world: Option<String>,
    /// The outages.
    pub outages: Option<String>,
    /// How many requests at most.
    pub limit: Option<u64>,
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
    pub fn new(scenario: &Scenario, sources: Sources, rows: Vec<Summary>) -> Self {
        let requests = scenario.workload();
        let start = jiff::Timestamp::from_second(scenario.start()).map(|at| at.to_string()).unwrap_or_default();
        let of = Of {
            workload: sources.workload,
            kind: requests.kind.name(),
            requests: requests.requests.len() as u64,
            left_out: requests.left_out,
            left_out_unknown: scenario.turned_away(),
            asked: scenario.asked(),
            world: sources.world,
            outages: scenario.adversity.as_ref().zip(sources.outages).map(|(adversity, file)| OfOutages {
                file,
                rule: adversity.rule.name(),
                impact: adversity.severity.name(),
            }),
            limit: sources.limit,
            version: env!("CARGO_PKG_VERSION"),
            span_us: u64::try_from(requests.span().as_micros()).unwrap_or(u64::MAX),
            start,
            seed: scenario.seed(),
            config: sources.config,
            assumed: scenario.assumed().to_vec(),
            thin: scenario.thin().to_vec(),
        };
        Self { of, ceiling: scenario.ceiling(), rows }
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
