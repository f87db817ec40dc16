//! The figures of a comparison: what each is called, its rounds, and why one is missing.

use std::collections::BTreeMap;

use serde_json::Value;

use super::candidate::Kind;
use crate::fault::Fault;
use crate::statistics::Spread;

/// What is measured. The order is the order of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Metric {
    CpuRequest,
    UserRequest,
    CpuRequestFixedRate,
    PeakRate,
    PeakBusy,
    PeakOthers,
    FixedRate,
    LatencyP50,
    LatencyP99,
    AddedP50,
    AddedP99,
    CpuChunkPaced,
    ChunkDelayP50,
    ChunkDelayP99,
    AddedChunkP50,
    AddedChunkP99,
    CpuChunkFull,
    ChunkRateFull,
    SystemCallsRequest,
    SystemCallsChunk,
    InstructionsRequest,
    ResidentIdle,
    ResidentStreams,
    MemoryStream,
    Ready,
}

pub(super) struct Row {
    pub(super) metric: Metric,
    /// The name in JSON, with the unit last.
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) decimals: usize,
    /// Whether dividing it by nginx's says something.
    pub(super) has_ratio: bool,
}

const fn row(metric: Metric, name: &'static str, label: &'static str, decimals: usize, has_ratio: bool) -> Row {
    Row { metric, name, label, decimals, has_ratio }
}

pub(super) const ROWS: [Row; 25] = [
    row(Metric::CpuRequest, "request_cpu_us", "CPU µs a request, at peak", 1, true),
    row(Metric::UserRequest, "request_user_us", "  of it user time", 1, true),
    row(Metric::CpuRequestFixedRate, "request_fixed_rate_cpu_us", "CPU µs a request, at fixed rate", 1, true),
    row(Metric::PeakRate, "peak_requests_per_s", "peak, requests/s", 0, true),
    row(Metric::PeakBusy, "peak_core_busy_percent", "  its core busy then, %", 0, false),
    row(Metric::PeakOthers, "peak_core_others_percent", "  its core taken by others, %", 0, false),
    row(Metric::FixedRate, "fixed_rate_requests_per_s", "fixed rate (peak/3), requests/s", 0, false),
    row(Metric::LatencyP50, "latency_p50_us", "latency at fixed rate, p50 µs", 0, false),
    row(Metric::LatencyP99, "latency_p99_us", "latency at fixed rate, p99 µs", 0, false),
    row(Metric::AddedP50, "added_latency_p50_us", "  added to direct, p50 µs", 0, true),
    row(Metric::AddedP99, "added_latency_p99_us", "  added to direct, p99 µs", 0, false),
    row(Metric::CpuChunkPaced, "chunk_paced_cpu_us", "CPU µs a chunk, paced", 1, true),
    row(Metric::ChunkDelayP50, "chunk_delay_p50_us", "delay of a paced chunk, p50 µs", 0, false),
    row(Metric::ChunkDelayP99, "chunk_delay_p99_us", "delay of a paced chunk, p99 µs", 0, false),
    row(Metric::AddedChunkP50, "added_chunk_delay_p50_us", "  added to direct, p50 µs", 0, true),
    row(Metric::AddedChunkP99, "added_chunk_delay_p99_us", "  added to direct, p99 µs", 0, false),
    row(Metric::CpuChunkFull, "chunk_full_speed_cpu_us", "CPU µs a chunk, full speed", 2, true),
    row(Metric::ChunkRateFull, "full_speed_chunks_per_s", "full speed, chunks/s", 0, true),
    row(Metric::SystemCallsRequest, "request_system_calls", "system calls a request", 2, true),
    row(Metric::SystemCallsChunk, "chunk_paced_system_calls", "system calls a paced chunk", 2, true),
    row(Metric::InstructionsRequest, "request_user_instructions", "user instructions a request", 0, true),
    row(Metric::ResidentIdle, "resident_idle_mib", "RSS idle, MiB", 1, true),
    row(Metric::ResidentStreams, "resident_open_streams_mib", "RSS with streams open, MiB", 1, true),
    row(Metric::MemoryStream, "memory_per_stream_kib", "  KiB a stream", 1, true),
    row(Metric::Ready, "start_to_ready_ms", "start to ready, ms", 0, true),
];

/// One candidate's figures.
#[derive(Default)]
pub(super) struct Figures {
    rounds: BTreeMap<Metric, Vec<f64>>,
    remarks: BTreeMap<Metric, String>,
}

impl Figures {
    /// Keeps what a measurement brought, or why `metrics` could not be taken.
    pub(super) fn record<const N: usize>(&mut self, metrics: [Metric; N], outcome: Result<[f64; N], Fault>) {
        match outcome {
            Ok(values) => {
                for (metric, value) in metrics.into_iter().zip(values) {
                    self.rounds.entry(metric).or_default().push(value);
                }
            }
            Err(fault) => {
                for metric in metrics {
                    self.remarks.insert(metric, fault.to_string());
                }
            }
        }
    }

    /// Says why nothing at all could be taken in a round.
    pub(super) fn void(&mut self, fault: &Fault) {
        for row in &ROWS {
            self.remark(row.metric, &fault.to_string());
        }
    }

    /// Says what a reader of this figure must know.
    pub(super) fn remark(&mut self, metric: Metric, why: &str) {
        self.remarks.insert(metric, why.to_owned());
    }

    pub(super) fn rounds(&self, metric: Metric) -> &[f64] {
        self.rounds.get(&metric).map_or(&[], Vec::as_slice)
    }

    pub(super) fn spread(&self, metric: Metric) -> Option<Spread> {
        Spread::of(self.rounds(metric))
    }

    /// Why a figure is missing, or what limits it.
    pub(super) fn remark_on(&self, metric: Metric) -> Option<&str> {
        self.remarks.get(&metric).map(String::as_str)
    }
}

/// All figures of one run.
pub(super) struct Comparison {
    pub(super) candidates: BTreeMap<Kind, Figures>,
    pub(super) versions: BTreeMap<Kind, String>,
    /// Candidates that could not be started at all, and why.
    pub(super) absent: BTreeMap<Kind, String>,
    /// The machine and the settings, as written to JSON.
    pub(super) conditions: Value,
}

impl Comparison {
    pub(super) fn new(kinds: &[Kind], conditions: Value) -> Self {
        let candidates = kinds.iter().map(|kind| (*kind, Figures::default())).collect();
        Self { candidates, versions: BTreeMap::new(), absent: BTreeMap::new(), conditions }
    }

    pub(super) fn figures(&mut self, kind: Kind) -> &mut Figures {
        self.candidates.entry(kind).or_default()
    }

    /// A candidate's median divided by nginx's of the same run.
    pub(super) fn ratio_to_nginx(&self, kind: Kind, row: &Row) -> Option<f64> {
        let median = |kind| Some(self.candidates.get(&kind)?.spread(row.metric)?.median);
        let nginx: f64 = median(Kind::Nginx)?;
        (row.has_ratio && kind != Kind::Nginx && nginx > 0.0).then_some(median(kind)? / nginx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_compare_medians_of_the_same_run() {
        let mut comparison = Comparison::new(&[Kind::Nginx, Kind::Roundelay], Value::Null);
        for (kind, rounds) in [(Kind::Nginx, [30.0, 20.0, 25.0]), (Kind::Roundelay, [50.0, 90.0, 10.0])] {
            for value in rounds {
                comparison.figures(kind).record([Metric::CpuRequest], Ok([value]));
            }
        }
        let row = &ROWS[0];
        assert_eq!(comparison.ratio_to_nginx(Kind::Roundelay, row), Some(2.0));
        assert_eq!(comparison.ratio_to_nginx(Kind::Nginx, row), None);
        assert_eq!(comparison.ratio_to_nginx(Kind::Litellm, row), None);
    }

    #[test]
    fn a_missing_figure_keeps_its_reason() {
        let mut figures = Figures::default();
        let fault = Fault::Measurement("no such counter".to_owned());
        figures.record([Metric::InstructionsRequest], Err(fault));
        assert_eq!(figures.spread(Metric::InstructionsRequest), None);
        assert_eq!(figures.remark_on(Metric::InstructionsRequest), Some("no such counter"));
    }

    #[test]
    fn every_metric_has_its_row_in_order() {
        assert!(ROWS.windows(2).all(|pair| pair[0].metric < pair[1].metric));
        assert_eq!(ROWS.last().unwrap().metric, Metric::Ready);
    }
}
