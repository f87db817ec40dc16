//! User instructions a request: from the processor's own counter where there is one, else from valgrind on demand.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::candidate::{self, Kind};
use super::figures::{Figures, Metric};
use super::process::{self, Process};
use super::progress::Progress;
use super::site::Site;
use crate::clock;
use crate::fault::{Fault, Result};

pub(super) fn count(site: &Site, kind: Kind, figures: &mut Figures, progress: &mut Progress) {
    progress.step("user instructions");
    let counted = if processor_counts() {
        with_perf(site, kind)
    } else if !site.callgrind {
        Err("this machine's processor does not count instructions for perf stat; --callgrind counts them with valgrind")
            .map_err(|why| Fault::Measurement(why.to_owned()))
    } else if kind == Kind::Litellm {
        Err(Fault::Measurement("valgrind takes too long with a Python program".to_owned()))
    } else {
        with_callgrind(site, kind, progress)
    };
    figures.record([Metric::InstructionsRequest], counted.map(|instructions| [instructions]));
}

fn processor_counts() -> bool {
    let output = Command::new("perf").args(["stat", "-x,", "-e", EVENT, "--", "true"]).output();
    output.is_ok_and(|output| counted_by_perf(&String::from_utf8_lossy(&output.stderr)).is_some())
}

fn with_perf(site: &Site, kind: Kind) -> Result<f64> {
    let running = candidate::start(kind, site, &site.candidate)?;
    let candidate = running.process.as_ref().ok_or_else(|| Fault::Measurement("there is no process".to_owned()))?;
    site.load(&running, &["--seconds".to_owned(), "1".to_owned()])?;
    let file = site.directory.0.join("perf.txt");
    let ids: Vec<String> = candidate.tree().iter().map(u32::to_string).collect();
    let mut command = Command::new("perf");
    command.args(["stat", "-x,", "-e", EVENT, "-p", &ids.join(","), "-o"]).arg(&file).stderr(Stdio::null());
    let mut perf = Process::of(command.spawn().map_err(Fault::io("start perf"))?);
    // perf has no sign of being ready; it attaches within milliseconds, and an idle candidate adds nothing meanwhile.
    clock::sleep(Duration::from_millis(500));
    let count = if kind == Kind::Litellm { 200_u32 } else { 20_000 };
    site.load(&running, &["--count".to_owned(), count.to_string()])?;
    perf.end("INT", Duration::from_secs(5));
    let text = fs::read_to_string(&file).map_err(Fault::io("read perf's count"))?;
    let counted = counted_by_perf(&text).ok_or_else(|| Fault::Measurement("perf counted nothing".to_owned()))?;
    Ok(counted as f64 / f64::from(count))
}

/// The first field of perf's `-x,` line for the event; `None` for `<not supported>`.
fn counted_by_perf(text: &str) -> Option<u64> {
    text.lines().find(|line| line.contains(EVENT))?.split(',').next()?.parse().ok()
}

/// Two runs that differ in the number of requests alone: their difference is free of start and end.
fn with_callgrind(site: &Site, kind: Kind, progress: &mut Progress) -> Result<f64> {
    process::require("valgrind", "apt-get install valgrind")?;
    progress.step("user instructions under valgrind, few requests");
    let few = run_under_callgrind(site, kind, FEW)?;
    progress.step("user instructions under valgrind, many requests");
    let many = run_under_callgrind(site, kind, MANY)?;
    Ok(many.saturating_sub(few) as f64 / f64::from(MANY - FEW))
}

fn run_under_callgrind(site: &Site, kind: Kind, count: u32) -> Result<u64> {
    let folder = site.directory.0.join(format!("callgrind-{kind}-{count}"));
    fs::create_dir_all(&folder).map_err(Fault::io("create a directory for valgrind"))?;
    // Each process writes a file of its own: a server may have a master and workers.
    let files = format!("--callgrind-out-file={}/%p", folder.display());
    let wrapper = ["valgrind".to_owned(), "--tool=callgrind".to_owned(), files];
    let mut running = candidate::start(kind, site, &site.candidate.wrapped(&wrapper))?;
    site.load(&running, &["--count".to_owned(), count.to_string()])?;
    if let Some(process) = &mut running.process {
        process.end("TERM", Duration::from_secs(60));
    }
    total(&folder)
}

fn total(folder: &Path) -> Result<u64> {
    let files = fs::read_dir(folder).map_err(Fault::io("read valgrind's counts"))?.flatten();
    let texts = files.filter_map(|file| fs::read_to_string(file.path()).ok());
    let total: u64 = texts.filter_map(|text| counted_by_callgrind(&text)).sum();
    if total == 0 { Err(Fault::Measurement("valgrind counted nothing".to_owned())) } else { Ok(total) }
}

pub(super) fn counted_by_callgrind(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
}

const EVENT: &str = "instructions:u";
const FEW: u32 = 300;
const MANY: u32 = 3_300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_where_there_are_any() {
        assert_eq!(counted_by_perf("\n123456,,instructions:u,1000,100.00,,\n"), Some(123_456));
        assert_eq!(counted_by_perf("<not supported>,,instructions:u,0,100.00,,\n"), None);
        assert_eq!(counted_by_callgrind("events: Ir\nfn=x\n1 2\ntotals: 987\n"), Some(987));
        assert_eq!(counted_by_callgrind("events: Ir\n"), None);
    }
}
