//! What is done on every route.

use crate::fault::{Fault, Result};
use crate::load::Report;
use crate::statistics::Distribution;

/// The order is the order of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Work {
    /// A short question and its answer, each in one piece.
    Request,
    /// An agent's conversation with tools, and the call it is answered with, each in one piece.
    Turn,
    /// Content of streams that come as fast as they are taken.
    ChunkFullSpeed,
    /// Content of streams that come one by one.
    ChunkPaced,
}

pub(super) const WORKS: [Work; 4] = [Work::Request, Work::Turn, Work::ChunkFullSpeed, Work::ChunkPaced];

/// Two counted loads and by how many of the work they differ.
pub(super) struct Counted {
    pub(super) few: Vec<String>,
    pub(super) many: Vec<String>,
    pub(super) apart: u32,
}

impl Work {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Request => "a request of 443 bytes",
            Self::Turn => "an agent's turn of 25 KB",
            Self::ChunkFullSpeed => "a chunk, full speed",
            Self::ChunkPaced => "a chunk, paced",
        }
    }

    /// The name in JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Turn => "turn",
            Self::ChunkFullSpeed => "chunk_full_speed",
            Self::ChunkPaced => "chunk_paced",
        }
    }

    /// What the load generator is told, to work for so long.
    pub(super) fn arguments(self, seconds: f64) -> Vec<String> {
        let kind: &[&str] = match self {
            Self::Request => &[],
            Self::Turn => &["--turn"],
            Self::ChunkFullSpeed => &["--streams", "8"],
            Self::ChunkPaced => &["--streams", "50", "--chunk-rate", "5000"],
        };
        strings(kind, &["--seconds", &seconds.to_string()])
    }

    /// How many of it a load brought.
    ///
    /// # Errors
    /// When a tenth of the paced chunks came later than the next was due: those that wait for each other come together and cost less.
    pub(super) fn count(self, report: &Report) -> Result<u64> {
        match self {
            Self::Request | Self::Turn => Ok(report.answered),
            Self::ChunkFullSpeed => Ok(report.chunks),
            Self::ChunkPaced => match &report.chunk_delay {
                Some(delay) if delay.p90_us < PACE_US => Ok(report.chunks),
                Some(Distribution { p90_us, .. }) => {
                    Err(Fault::Measurement(format!("a tenth of the chunks came more than {p90_us:.0} µs late")))
                }
                None => Err(Fault::Measurement("nothing arrived".to_owned())),
            },
        }
    }

    /// `None` where an instrument that slows everything fiftyfold cannot keep pace.
    pub(super) fn counted(self) -> Option<Counted> {
        // With no time to go on, each of the streams comes once.
        let streams = ["--streams", "8", "--seconds", "0", "--chunks"];
        match self {
            Self::Request => {
                let load = |count| strings(&[], &["--count", count]);
                Some(Counted { few: load("100"), many: load("1100"), apart: 1_000 })
            }
            Self::Turn => {
                let load = |count| strings(&["--turn"], &["--count", count]);
                Some(Counted { few: load("100"), many: load("500"), apart: 400 })
            }
            Self::ChunkFullSpeed => {
                let load = |chunks| strings(&streams, &[chunks]);
                Some(Counted { few: load("100"), many: load("2100"), apart: 8 * 2_000 })
            }
            Self::ChunkPaced => None,
        }
    }
}

fn strings(first: &[&str], then: &[&str]) -> Vec<String> {
    first.iter().chain(then).map(|argument| (*argument).to_owned()).collect()
}

/// From one chunk of a stream to its next, as told in [`Work::arguments`].
const PACE_US: f64 = 10_000.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paced_chunks_that_fell_behind_are_no_figure() {
        let delays = |late: usize| [vec![1_000_000; 10 - late], vec![11_000_000; late]].concat();
        let report = |late| Report { chunks: 10, chunk_delay: Distribution::of(delays(late)), ..Report::default() };
        assert_eq!(Work::ChunkPaced.count(&report(1)).ok(), Some(10));
        assert!(Work::ChunkPaced.count(&report(2)).is_err());
        assert!(Work::ChunkPaced.count(&Report::default()).is_err());
        assert_eq!(Work::ChunkFullSpeed.count(&report(2)).ok(), Some(10));
    }
}
