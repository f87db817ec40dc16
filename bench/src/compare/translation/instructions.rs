//! User instructions, which do not depend on what else the machine does: one gateway under valgrind, counted from load to load.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::super::instructions::counted_by_callgrind;
use super::super::process;
use super::super::progress::Progress;
use super::super::site::Site;
use super::figures::Figures;
use super::gateway::Gateway;
use super::{ROUTES, Route, WORKS, work::Counted};
use crate::clock;
use crate::fault::{Fault, Result};

pub(super) fn count(site: &Site, figures: &mut Figures) {
    if let Err(fault) = count_all(site, figures) {
        figures.without_instructions = Some(fault.to_string());
    }
}

fn count_all(site: &Site, figures: &mut Figures) -> Result<()> {
    process::require("valgrind", "apt-get install valgrind")?;
    process::require("callgrind_control", "it comes with valgrind")?;
    let folder = site.directory.0.join("callgrind-translation");
    fs::create_dir_all(&folder).map_err(Fault::io("create a directory for valgrind"))?;
    let files = format!("--callgrind-out-file={}/%p", folder.display());
    let wrapper = ["valgrind".to_owned(), "--tool=callgrind".to_owned(), files];
    Progress::say("user instructions: starting under valgrind");
    let gateway = Gateway::start(site, &site.candidate.wrapped(&wrapper))?;
    let mut counter = Counter { id: gateway.process()?.id(), folder: &folder, dumps: 0 };
    for work in WORKS {
        let Some(counted) = work.counted() else { continue };
        Progress::say(&format!("user instructions: {}", work.label()));
        for route in ROUTES {
            // The first load makes ready what later ones find; it is not counted.
            gateway.load(route, &counted.few)?;
            let each = each(&gateway, &mut counter, route, &counted)?;
            figures.instructions.insert((work, route), each);
        }
    }
    let mut gateway = gateway;
    gateway.end();
    Ok(())
}

/// The difference of two loads is free of what a load costs in itself.
fn each(gateway: &Gateway<'_>, counter: &mut Counter<'_>, route: Route, counted: &Counted) -> Result<f64> {
    counter.since_last()?;
    gateway.load(route, &counted.few)?;
    let few = counter.since_last()?;
    gateway.load(route, &counted.many)?;
    let many = counter.since_last()?;
    Ok(many.saturating_sub(few) as f64 / f64::from(counted.apart))
}

/// Asks a process under valgrind what it has counted.
struct Counter<'a> {
    id: u32,
    folder: &'a Path,
    /// Files written so far: each count goes into the next.
    dumps: u32,
}

impl Counter<'_> {
    /// Instructions since the last time this was asked.
    fn since_last(&mut self) -> Result<u64> {
        let output = Command::new("callgrind_control")
            .args(["--dump", &self.id.to_string()])
            .output()
            .map_err(Fault::io("start callgrind_control"))?;
        self.dumps += 1;
        let file = self.folder.join(format!("{}.{}", self.id, self.dumps));
        let asked = Instant::now();
        while asked.elapsed() < DUMP_LIMIT {
            if let Some(counted) = read(&file) {
                return Ok(counted);
            }
            clock::sleep(Duration::from_millis(20));
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        Err(Fault::Measurement(format!("valgrind did not tell its count: {}", errors.trim())))
    }
}

fn read(file: &PathBuf) -> Option<u64> {
    counted_by_callgrind(&fs::read_to_string(file).ok()?)
}

const DUMP_LIMIT: Duration = Duration::from_secs(30);
