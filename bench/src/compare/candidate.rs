//! The candidates: what can stand between the load generator and the upstream.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use clap::ValueEnum;

use super::process::{Pinned, Process};
use super::roundelay::Setup;
use super::site::Site;
use super::{litellm, nginx, roundelay};
use crate::fault::Result;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Kind {
    /// Nothing in between.
    Direct,
    /// nginx as a plain reverse proxy.
    Nginx,
    /// The gateway with keys, routing, records and metrics on.
    Roundelay,
    /// The same with exact money: a prepaid account, a price, a hold and an entry for each request.
    Prepaid,
    /// LiteLLM's proxy, one worker, no database.
    Litellm,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Direct => "direct",
            Self::Nginx => "nginx",
            Self::Roundelay => "roundelay",
            Self::Prepaid => "prepaid",
            Self::Litellm => "litellm",
        })
    }
}

/// A candidate that answers.
pub(super) struct Running {
    pub(super) address: SocketAddr,
    pub(super) key: String,
    /// What callers put into `model`.
    pub(super) model: &'static str,
    /// From the start of the process to its readiness; `None` where no process was started.
    pub(super) ready: Option<Duration>,
    /// `None` where the upstream itself answers.
    pub(super) process: Option<Process>,
}

/// Checks that the candidate can be started, installing what was asked for, and returns its version.
pub(super) fn prepare(kind: Kind, site: &Site) -> Result<String> {
    match kind {
        Kind::Direct => Ok("no proxy".to_owned()),
        Kind::Nginx => nginx::version(),
        Kind::Roundelay | Kind::Prepaid => roundelay::version(site),
        Kind::Litellm => litellm::install(),
    }
}

/// Starts the candidate with `pinned`, and returns when it is ready.
pub(super) fn start(kind: Kind, site: &Site, pinned: &Pinned) -> Result<Running> {
    match kind {
        Kind::Direct => Ok(direct(site)),
        Kind::Nginx => nginx::start(site, pinned),
        Kind::Roundelay => roundelay::start(site, pinned, Setup::Plain),
        Kind::Prepaid => roundelay::start(site, pinned, Setup::Prepaid),
        Kind::Litellm => litellm::start(site, pinned),
    }
}

pub(super) fn direct(site: &Site) -> Running {
    Running { address: site.upstream, key: "none".to_owned(), model: "m", ready: None, process: None }
}

/// Long enough for a start under an instrument that slows it fiftyfold.
pub(super) const READY_LIMIT: Duration = Duration::from_secs(120);
