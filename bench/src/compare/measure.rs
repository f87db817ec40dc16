//! One round with one candidate: start it, load it in every way, end it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::candidate::{self, Kind, Running};
use super::figures::{Figures, Metric};
use super::proc_files::{self, CpuTime};
use super::progress::Progress;
use super::site::Site;
use crate::clock;
use crate::fault::{Fault, Result};
use crate::load::Report;
use crate::statistics::Distribution;

/// Measures `kind` once. `rates` keeps the fixed rate of each candidate from its first round on, so that rounds are alike.
pub(super) fn round(
    site: &Site,
    kind: Kind,
    open_streams: usize,
    rates: &mut BTreeMap<Kind, f64>,
    figures: &mut Figures,
    progress: &mut Progress,
) {
    progress.step("starting");
    let running = match candidate::start(kind, site, &site.candidate) {
        Ok(running) => running,
        Err(fault) => return figures.void(&fault),
    };
    let bench = Bench { site, kind, running, direct: candidate::direct(site) };
    if let Some(ready) = bench.running.ready {
        figures.record([Metric::Ready], Ok([ready.as_secs_f64() * 1e3]));
        clock::sleep(SETTLE);
        figures.record([Metric::ResidentIdle], bench.resident_mib().map(|mib| [mib]));
    }
    progress.step("warming up");
    if let Err(fault) = bench.warm_up() {
        return figures.void(&fault);
    }
    progress.step("closed loop: CPU and peak");
    bench.peak(figures);
    let peak = figures.rounds(Metric::PeakRate).last().copied();
    if let Some(rate) = rates.get(&kind).copied().or_else(|| peak.map(|peak| peak / 3.0)) {
        rates.insert(kind, rate);
        progress.step("open loop: latency at a fixed rate");
        bench.latency(rate, figures);
    }
    progress.step("paced streams");
    bench.paced_streams(figures);
    progress.step("streams at full speed");
    bench.full_speed_streams(figures);
    if kind != Kind::Direct {
        progress.step("open streams: memory");
        bench.memory(open_streams, figures);
    }
}

struct Bench<'a> {
    site: &'a Site,
    kind: Kind,
    running: Running,
    direct: Running,
}

impl Bench<'_> {
    fn warm_up(&self) -> Result<()> {
        self.load(&self.running, &["--seconds", "1"])?;
        self.load(&self.running, &["--seconds", "0.2", "--streams", "8", "--chunks", "50"]).map(drop)
    }

    fn peak(&self, figures: &mut Figures) {
        let before = proc_files::core_time(self.site.candidate_core);
        let outcome = self.load_and_cpu(&["--seconds", &self.seconds()]);
        let after = proc_files::core_time(self.site.candidate_core);
        if self.kind == Kind::Direct {
            return figures.record([Metric::PeakRate], outcome.map(|(report, _)| [report.rate]));
        }
        let core = after.zip(before).map_or(Duration::ZERO, |(after, before)| after.saturating_sub(before));
        let metrics = [Metric::CpuRequest, Metric::UserRequest, Metric::PeakRate, Metric::PeakBusy, Metric::PeakOthers];
        let values = outcome.map(|(report, cpu)| {
            let percent = |time: Duration| time.as_secs_f64() / report.seconds * 100.0;
            let (busy, others) = (percent(cpu.total()), percent(core.saturating_sub(cpu.total())));
            if others > OTHERS_PERCENT {
                let why = "in some round other programs ran on its core: take the figures again on a quiet machine";
                figures.remark(Metric::CpuRequest, why);
            }
            if busy < BUSY_PERCENT {
                let why = "in some round its core was not busy: load or other programs held the peak back";
                figures.remark(Metric::PeakRate, why);
            }
            [
                micros_each(cpu.total(), report.answered),
                micros_each(cpu.user, report.answered),
                report.rate,
                busy,
                others,
            ]
        });
        figures.record(metrics, values);
    }

    fn latency(&self, rate: f64, figures: &mut Figures) {
        let rate_argument = format!("{rate:.1}");
        let arguments = ["--rate", &rate_argument, "--seconds", &self.seconds()];
        let take = |running| {
            let report = self.load(running, &arguments)?;
            let latency = report.latency.ok_or_else(nothing_arrived)?;
            kept_up(report.rate, rate, "requests").map(|()| latency)
        };
        if self.kind == Kind::Direct {
            let metrics = [Metric::FixedRate, Metric::LatencyP50, Metric::LatencyP99];
            return figures.record(metrics, take(&self.direct).map(|seen| [rate, seen.p50_us, seen.p99_us]));
        }
        let direct = take(&self.direct);
        let before = self.cpu_time();
        let seen = take(&self.running);
        let cpu = self.cpu_time().since(before);
        let values = direct.and_then(|direct| seen.map(|seen| (direct, seen))).map(|(direct, seen)| {
            let [p50, p99] = added(&seen, &direct);
            [micros_each(cpu.total(), seen.count as u64), rate, seen.p50_us, seen.p99_us, p50, p99]
        });
        let metrics = [
            Metric::CpuRequestFixedRate,
            Metric::FixedRate,
            Metric::LatencyP50,
            Metric::LatencyP99,
            Metric::AddedP50,
            Metric::AddedP99,
        ];
        figures.record(metrics, values);
    }

    fn paced_streams(&self, figures: &mut Figures) {
        let rate = chunk_rate(self.kind);
        let (rate_argument, streams) = (rate.to_string(), (rate / CHUNKS_PER_S_OF_A_STREAM).to_string());
        let arguments = ["--streams", &streams, "--chunk-rate", &rate_argument, "--seconds", &self.seconds()];
        let delay = |report: Report| {
            // Streams start one after the other, so the mean rate of the whole run is a little lower.
            kept_up(report.chunk_rate, f64::from(rate), "chunks")?;
            report.chunk_delay.map(|delay| (report.chunks, delay)).ok_or_else(nothing_arrived)
        };
        let direct = self.load(&self.direct, &arguments).and_then(delay);
        if self.kind == Kind::Direct {
            let values = direct.map(|(_, delay)| [delay.p50_us, delay.p99_us]);
            return figures.record([Metric::ChunkDelayP50, Metric::ChunkDelayP99], values);
        }
        let values = direct.and_then(|(_, direct)| {
            let (report, cpu) = self.load_and_cpu(&arguments)?;
            let (chunks, seen) = delay(report)?;
            let [p50, p99] = added(&seen, &direct);
            Ok([micros_each(cpu.total(), chunks), seen.p50_us, seen.p99_us, p50, p99])
        });
        let metrics = [
            Metric::CpuChunkPaced,
            Metric::ChunkDelayP50,
            Metric::ChunkDelayP99,
            Metric::AddedChunkP50,
            Metric::AddedChunkP99,
        ];
        figures.record(metrics, values);
    }

    fn full_speed_streams(&self, figures: &mut Figures) {
        // Long enough that opening a stream does not count; shorter where a chunk takes a millisecond.
        let chunks = if self.kind == Kind::Litellm { "200" } else { "2000" };
        let outcome = self.load_and_cpu(&["--streams", "8", "--chunks", chunks, "--seconds", &self.seconds()]);
        if self.kind == Kind::Direct {
            return figures.record([Metric::ChunkRateFull], outcome.map(|(report, _)| [report.chunk_rate]));
        }
        let values = outcome.map(|(report, cpu)| [micros_each(cpu.total(), report.chunks), report.chunk_rate]);
        figures.record([Metric::CpuChunkFull, Metric::ChunkRateFull], values);
    }

    fn memory(&self, streams: usize, figures: &mut Figures) {
        let values = self.site.hold(&self.running, streams).and_then(|_holding| {
            clock::sleep(SETTLE);
            let open = self.resident_mib()?;
            let idle = figures.rounds(Metric::ResidentIdle).last().copied().unwrap_or_default();
            Ok([open, (open - idle) * 1024.0 / streams as f64])
        });
        figures.record([Metric::ResidentStreams, Metric::MemoryStream], values);
    }

    fn load_and_cpu(&self, arguments: &[&str]) -> Result<(Report, CpuTime)> {
        let before = self.cpu_time();
        let report = self.load(&self.running, arguments)?;
        Ok((report, self.cpu_time().since(before)))
    }

    fn load(&self, running: &Running, arguments: &[&str]) -> Result<Report> {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        self.site.load(running, &arguments)
    }

    fn cpu_time(&self) -> CpuTime {
        let nothing = CpuTime { user: Duration::ZERO, system: Duration::ZERO };
        self.running.process.as_ref().map_or(nothing, super::process::Process::cpu_time)
    }

    fn resident_mib(&self) -> Result<f64> {
        let process = self.running.process.as_ref();
        process
            .map(super::process::Process::resident_mib)
            .ok_or_else(|| Fault::Measurement("there is no process to measure".to_owned()))
    }

    fn seconds(&self) -> String {
        self.site.seconds.to_string()
    }
}

/// Chunks a second over all streams. LiteLLM cannot relay ten thousand.
fn chunk_rate(kind: Kind) -> u32 {
    match kind {
        Kind::Direct | Kind::Nginx | Kind::Roundelay | Kind::Prepaid => 10_000,
        Kind::Litellm => 500,
    }
}

pub(super) fn micros_each(time: Duration, count: u64) -> f64 {
    time.as_secs_f64() * 1e6 / count as f64
}

fn added(seen: &Distribution, direct: &Distribution) -> [f64; 2] {
    [seen.p50_us - direct.p50_us, seen.p99_us - direct.p99_us]
}

/// A latency at a rate that was not reached is no latency at that rate.
fn kept_up(reached: f64, asked: f64, what: &str) -> Result<()> {
    if reached >= asked * 0.9 {
        return Ok(());
    }
    Err(Fault::Measurement(format!("only {reached:.0} of {asked:.0} {what} a second got through")))
}

fn nothing_arrived() -> Fault {
    Fault::Measurement("nothing arrived".to_owned())
}

const SETTLE: Duration = Duration::from_secs(1);
/// Below this share of its core a candidate could have done more.
const BUSY_PERCENT: f64 = 85.0;
/// Above this share neighbours spoil caches and schedules.
const OTHERS_PERCENT: f64 = 10.0;
/// What a fast model writes.
const CHUNKS_PER_S_OF_A_STREAM: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_that_was_not_reached_is_no_figure() {
        assert!(kept_up(950.0, 1_000.0, "requests").is_ok());
        let fault = kept_up(500.0, 1_000.0, "requests").unwrap_err();
        assert_eq!(fault.to_string(), "only 500 of 1000 requests a second got through");
    }

    #[test]
    fn cpu_is_shared_among_what_was_counted() {
        assert!((micros_each(Duration::from_millis(250), 10_000) - 25.0).abs() < 1e-9);
    }
}
