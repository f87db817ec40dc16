//! Measures candidates side by side in one run: the story of `roundelay-bench compare`.
//!
//! Each round starts every candidate anew, pinned to a core of its own, measures it, and ends it. Upstream and load generator share
//! the other core. Rounds take the candidates in a rotated order, so that a slow minute of the machine does not fall on the same one.

mod candidate;
mod figures;
mod instructions;
mod litellm;
mod machine;
mod measure;
mod nginx;
mod proc_files;
mod process;
mod progress;
mod report;
mod roundelay;
mod site;
mod system_calls;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::fault::{Fault, Result};

use candidate::Kind;
use figures::Comparison;
use progress::Progress;
use site::Site;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Candidates to measure, separated by commas; the default is direct,nginx,roundelay.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Kind>,
    /// Measure LiteLLM's proxy too; installs it with pip into `target/bench-litellm` when it is not there.
    #[arg(long)]
    litellm: bool,
    /// Count user instructions with valgrind where `perf stat` cannot.
    #[arg(long)]
    callgrind: bool,
    /// The gateway's binary.
    #[arg(long, default_value = "target/release/roundelay")]
    roundelay: PathBuf,
    /// Write every figure of every round to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of each measurement; below two the start of the streams weighs in.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Keep-alive connections of the load.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Streams to hold open for the memory figure.
    #[arg(long, default_value_t = 1_000)]
    open_streams: usize,
    /// Core of the candidate.
    #[arg(long, default_value_t = 0)]
    candidate_core: usize,
    /// Core of upstream and load generator.
    #[arg(long, default_value_t = 1)]
    load_core: usize,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    if options.rounds == 0 {
        return Err(Fault::Measurement("no rounds, no figures".to_owned()));
    }
    let mut kinds = options.kinds();
    let mut comparison = Comparison::new(&kinds, machine::describe(options));
    let mut progress = Progress::new(options, &kinds);
    let site = Site::prepare(options)?;

    kinds.retain(|kind| match candidate::prepare(*kind, &site) {
        Ok(version) => {
            comparison.versions.insert(*kind, version);
            true
        }
        Err(fault) => {
            progress.drop_candidate(*kind, &fault);
            comparison.absent.insert(*kind, fault.to_string());
            false
        }
    });
    let mut rates = BTreeMap::new();
    for round in 0..options.rounds {
        for kind in rotated(&kinds, round) {
            progress.round(round + 1, kind);
            let figures = comparison.figures(kind);
            measure::round(&site, kind, &mut rates, figures, &mut progress);
        }
    }
    for kind in kinds.iter().copied().filter(|kind| *kind != Kind::Direct) {
        progress.counting(kind);
        let figures = comparison.figures(kind);
        system_calls::count(&site, kind, figures, &mut progress);
        instructions::count(&site, kind, figures, &mut progress);
    }
    progress.end();
    report::print(&comparison)?;
    match &options.json {
        Some(path) => report::write_json(&comparison, path),
        None => Ok(()),
    }
}

impl Options {
    /// Direct comes first: it shows what the machine itself can do.
    fn kinds(&self) -> Vec<Kind> {
        let mut kinds =
            if self.only.is_empty() { vec![Kind::Direct, Kind::Nginx, Kind::Roundelay] } else { self.only.clone() };
        if self.litellm {
            kinds.push(Kind::Litellm);
        }
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }
}

fn rotated(kinds: &[Kind], by: usize) -> impl Iterator<Item = Kind> + '_ {
    kinds.iter().copied().cycle().skip(by % kinds.len().max(1)).take(kinds.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_takes_every_candidate_once_from_another_start() {
        let kinds = [Kind::Direct, Kind::Nginx, Kind::Roundelay];
        let order = |round| rotated(&kinds, round).collect::<Vec<_>>();
        assert_eq!(order(0), kinds);
        assert_eq!(order(1), [Kind::Nginx, Kind::Roundelay, Kind::Direct]);
        assert_eq!(order(3), kinds);
        assert_eq!(rotated(&[], 2).count(), 0);
    }
}
