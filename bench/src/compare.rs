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
mod settings;
mod site;
mod system_calls;
pub(crate) mod translation;

use std::collections::BTreeMap;

use crate::fault::Result;

use candidate::Kind;
use figures::Comparison;
use progress::Progress;
use settings::{Settings, rotated};
use site::Site;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Candidates to measure, separated by commas; the default is direct,nginx,roundelay.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Kind>,
    /// Measure LiteLLM's proxy too; installs it with pip into `target/bench-litellm` when it is not there.
    #[arg(long)]
    litellm: bool,
    /// Streams to hold open for the memory figure.
    #[arg(long, default_value_t = 1_000)]
    open_streams: usize,
    #[command(flatten)]
    settings: Settings,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    options.settings.check()?;
    let mut kinds = options.kinds();
    let mut conditions = machine::describe(&options.settings);
    conditions["settings"]["open_streams"] = options.open_streams.into();
    let mut comparison = Comparison::new(&kinds, conditions);
    let mut progress = Progress::new(&options.settings, &kinds);
    let site = Site::prepare(&options.settings)?;

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
    for round in 0..options.settings.rounds {
        for kind in rotated(&kinds, round) {
            progress.round(round + 1, kind);
            let figures = comparison.figures(kind);
            measure::round(&site, kind, options.open_streams, &mut rates, figures, &mut progress);
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
    match &options.settings.json {
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
