//! Measures what translating adds to passing through: the story of `roundelay-bench translation`.
//!
//! One gateway does the same work on every route, in slices that take turns: what disturbs the machine for longer than a slice
//! disturbs all routes alike, and the difference of two routes stays. Each round starts the gateway anew.

mod figures;
mod gateway;
mod instructions;
mod report;
mod route;
mod work;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::machine;
use super::measure::micros_each;
use super::proc_files;
use super::progress::Progress;
use super::roundelay;
use super::settings::{Settings, rotated};
use super::site::Site;
use crate::fault::Result;

use figures::Figures;
use gateway::Gateway;
use route::{ROUTES, Route};
use work::{WORKS, Work};

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    settings: Settings,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let settings = &options.settings;
    settings.check()?;
    let mut figures = Figures::new(machine::describe(settings));
    let site = Site::prepare(settings)?;
    figures.version = roundelay::version(&site)?;
    let mut left = Left::of(settings);
    for number in 0..settings.rounds {
        left.say(&format!("round {} of {}: starting and warming up", number + 1, settings.rounds));
        let gateway = Gateway::start(&site, &site.candidate)?;
        warm_up(&gateway)?;
        for work in WORKS {
            left.say(&format!("round {} of {}: {}", number + 1, settings.rounds, work.label()));
            round(&gateway, work, number, &mut figures, &mut left);
        }
    }
    if settings.callgrind {
        instructions::count(&site, &mut figures);
    }
    figures.end();
    report::print(&figures)?;
    match &settings.json {
        Some(path) => report::write_json(&figures, path),
        None => Ok(()),
    }
}

fn warm_up(gateway: &Gateway<'_>) -> Result<()> {
    for route in ROUTES {
        for work in WORKS {
            gateway.load(route, &work.arguments(WARM_UP_SECONDS))?;
        }
    }
    Ok(())
}

/// Does one work on every route, in slices, and keeps what each took for one of it.
fn round(gateway: &Gateway<'_>, work: Work, number: usize, figures: &mut Figures, left: &mut Left) {
    let mut sums: BTreeMap<Route, (Duration, u64)> = BTreeMap::new();
    let arguments = work.arguments(left.slice_seconds);
    for slice in 0..SLICES {
        for route in rotated(&ROUTES, number * SLICES + slice) {
            let (began, core) = (Instant::now(), proc_files::core_time(gateway.core()));
            match gateway.load_and_cpu(route, work, &arguments) {
                Ok((cpu, count)) => {
                    let sum = sums.entry(route).or_default();
                    *sum = (sum.0 + cpu, sum.1 + count);
                    let others = proc_files::core_time(gateway.core()).zip(core);
                    let others = others.map_or(Duration::ZERO, |(after, before)| after.saturating_sub(before + cpu));
                    figures.note_others(others, began.elapsed());
                }
                Err(fault) => figures.remark(work, route, &fault),
            }
            left.slices = left.slices.saturating_sub(1);
        }
    }
    let each = sums.into_iter().map(|(route, (cpu, count))| (route, micros_each(cpu, count)));
    figures.record(work, &each.collect());
}

/// How long it still takes.
struct Left {
    slices: usize,
    slice_seconds: f64,
}

impl Left {
    fn of(settings: &Settings) -> Self {
        let slices = settings.rounds * WORKS.len() * ROUTES.len() * SLICES;
        Self { slices, slice_seconds: settings.seconds / SLICES as f64 }
    }

    fn say(&self, what: &str) {
        let seconds = (self.slices as f64 * (self.slice_seconds + BETWEEN_SLICES_SECONDS)) as u64;
        Progress::say(&format!("[{}:{:02} left] {what}", seconds / 60, seconds % 60));
    }
}

/// Turns that a route has in each round and work.
const SLICES: usize = 2;
const WARM_UP_SECONDS: f64 = 0.3;
const BETWEEN_SLICES_SECONDS: f64 = 0.1;
