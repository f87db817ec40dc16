//! System calls a request and a paced chunk, counted by strace over a counted load.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::candidate::{self, Kind, Running};
use super::figures::{Figures, Metric};
use super::process::{self, Process};
use super::progress::Progress;
use super::site::Site;
use crate::clock;
use crate::fault::{Fault, Result};

pub(super) fn count(site: &Site, kind: Kind, figures: &mut Figures, progress: &mut Progress) {
    progress.step("system calls");
    let counts = || -> Result<[f64; 2]> {
        process::require("strace", "apt-get install strace")?;
        let running = candidate::start(kind, site, &site.candidate)?;
        let (requests, streams) = loads(kind);
        let warm_up = strings(&["--seconds", "1"]);
        site.load(&running, &warm_up)?;
        let request = calls(site, &running, &requests)?;
        let chunk = calls(site, &running, &streams)?;
        Ok([request.0 / request.1.answered as f64, chunk.0 / chunk.1.chunks as f64])
    };
    figures.record([Metric::SystemCallsRequest, Metric::SystemCallsChunk], counts());
}

/// A counted load, and paced streams at a rate that a traced process still keeps up with.
fn loads(kind: Kind) -> (Vec<String>, Vec<String>) {
    let (count, rate) = if kind == Kind::Litellm { ("200", "100") } else { ("10000", "1000") };
    (strings(&["--count", count]), strings(&["--streams", "10", "--chunk-rate", rate, "--seconds", "3"]))
}

fn strings(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|argument| (*argument).to_owned()).collect()
}

fn calls(site: &Site, running: &Running, load: &[String]) -> Result<(f64, crate::load::Report)> {
    let file = site.directory.0.join("strace.txt");
    let candidate =
        running.process.as_ref().ok_or_else(|| Fault::Measurement("there is no process to trace".to_owned()))?;
    let mut strace = attach(candidate, &file)?;
    let report = site.load(running, load)?;
    // Interrupted, strace lets go of the processes and writes its table.
    strace.end("INT", Duration::from_secs(10));
    let table = fs::read_to_string(&file).map_err(Fault::io("read strace's table"))?;
    let total = total(&table).ok_or_else(|| Fault::Measurement("strace wrote no total".to_owned()))?;
    Ok((total as f64, report))
}

fn attach(candidate: &Process, file: &Path) -> Result<Process> {
    let tree = candidate.tree();
    let mut command = Command::new("strace");
    command.args(["-f", "-c", "-o"]).arg(file);
    for id in &tree {
        command.args(["-p", &id.to_string()]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let strace = Process::of(command.spawn().map_err(Fault::io("start strace"))?);
    let asked = Instant::now();
    while !tree.iter().all(|id| is_traced(*id)) {
        if asked.elapsed() > Duration::from_secs(5) {
            return Err(Fault::Measurement("strace may not attach here (ptrace is not permitted)".to_owned()));
        }
        clock::sleep(Duration::from_millis(5));
    }
    Ok(strace)
}

/// Whether every thread of `id` has a tracer.
fn is_traced(id: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    threads.map(|thread| fs::read_to_string(thread.path().join("status")).unwrap_or_default()).all(|status| {
        status.lines().find_map(|line| line.strip_prefix("TracerPid:")).is_none_or(|tracer| tracer.trim() != "0")
    })
}

/// The number of calls in the last row of strace's table: share, seconds, µs a call, calls, and errors where there were any.
fn total(table: &str) -> Option<u64> {
    let row = table.lines().find(|line| line.trim_end().ends_with(" total"))?;
    row.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_with_and_without_errors() {
        let table = "% time     seconds  usecs/call     calls    errors syscall\n\
                     ------ ----------- ----------- --------- --------- ----------------\n \
                     60.00    0.100000           3     30000           writev\n\
                     100.00    0.200000           4     40123       123 total\n";
        assert_eq!(total(table), Some(40_123));
        assert_eq!(total("100.00    0.200000           4     512           total\n"), Some(512));
        assert_eq!(total(""), None);
    }
}
