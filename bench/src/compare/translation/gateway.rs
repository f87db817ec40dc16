//! The gateway with a pool in either dialect, and loads on its routes.

use std::time::Duration;

use super::super::candidate::Running;
use super::super::proc_files::Threads;
use super::super::process::{Pinned, Process};
use super::super::roundelay::{self, Setup};
use super::super::site::Site;
use super::{Route, Work};
use crate::fault::{Fault, Result};
use crate::load::Report;
use crate::script::Dialect;

pub(super) struct Gateway<'a> {
    site: &'a Site,
    running: Running,
}

impl<'a> Gateway<'a> {
    pub(super) fn start(site: &'a Site, pinned: &Pinned) -> Result<Self> {
        Ok(Self { site, running: roundelay::start(site, pinned, Setup::TwoDialects)? })
    }

    pub(super) fn core(&self) -> usize {
        self.site.candidate_core
    }

    pub(super) fn process(&self) -> Result<&Process> {
        self.running.process.as_ref().ok_or_else(|| Fault::Measurement("there is no process".to_owned()))
    }

    pub(super) fn load(&self, route: Route, arguments: &[String]) -> Result<Report> {
        let caller = match route.caller() {
            Dialect::Chat => "chat",
            Dialect::Messages => "messages",
            Dialect::Responses => "responses",
        };
        let arguments = [&["--caller".to_owned(), caller.to_owned()], arguments].concat();
        let running = Running {
            address: self.running.address,
            key: self.running.key.clone(),
            model: route.pool(),
            ready: None,
            process: None,
        };
        self.site.load(&running, &arguments)
    }

    /// The processor time a load took, and how much of the work it was.
    pub(super) fn load_and_cpu(&self, route: Route, work: Work, arguments: &[String]) -> Result<(Duration, u64)> {
        let process = self.process()?;
        let (before, threads) = (process.cpu_time(), Threads::read(process.id()));
        let report = self.load(route, arguments)?;
        // Ticks of ten milliseconds are coarse beside a difference of a few percent.
        let exact = Threads::read(process.id()).since(&threads);
        let cpu = exact.unwrap_or_else(|| process.cpu_time().since(before).total());
        Ok((cpu, work.count(&report)?))
    }

    pub(super) fn end(&mut self) {
        if let Some(process) = &mut self.running.process {
            process.end("TERM", Duration::from_secs(60));
        }
    }
}
