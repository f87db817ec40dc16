//! Puts a changed configuration in force, whole or not at all.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::watch, time::sleep};

use crate::{
    admin::Reload,
    config::{self, Complaints, Source},
    exchange::{Gateway, Snapshot, SnapshotFault},
    telemetry::{Redactor, events},
};

/// How often the file is looked at. A look is one `stat`; it also finds the swapped links of a Kubernetes volume.
const LOOK: Duration = Duration::from_secs(1);

/// Why a changed configuration was not put in force; the old one still is.
#[derive(Debug, thiserror::Error)]
pub enum ReloadFault {
    /// It has faults.
    #[error("{0}")]
    Complaints(Complaints),
    /// It cannot be routed.
    #[error(transparent)]
    Snapshot(#[from] SnapshotFault),
}

/// Reads the configuration again from where it came from.
#[derive(Debug)]
pub(super) struct Reloader {
    gateway: Arc<Gateway>,
    source: Source,
    redactor: Redactor,
    taken: AtomicU64,
    refused: AtomicU64,
}

impl Reloader {
    pub(super) fn new(gateway: Arc<Gateway>, source: Source, redactor: Redactor) -> Self {
        Self { gateway, source, redactor, taken: AtomicU64::new(0), refused: AtomicU64::new(0) }
    }

    /// Reloads, and says in the log how it went.
    pub(super) fn reload_and_log(&self) {
        match self.reload_now() {
            Ok(()) => events::reloaded(self.gateway.snapshot.load().catalog.deployments.len()),
            Err(ReloadFault::Complaints(complaints)) => events::reload_failed(&complaints),
            Err(ReloadFault::Snapshot(fault)) => events::reload_failed([fault]),
        }
    }

    fn reload_now(&self) -> Result<(), ReloadFault> {
        let reloaded = self.try_reload();
        let tally = if reloaded.is_ok() { &self.taken } else { &self.refused };
        tally.fetch_add(1, Ordering::Relaxed);
        reloaded
    }

    fn try_reload(&self) -> Result<(), ReloadFault> {
        let environment = config::process_environment;
        let config = match &self.source {
            Source::File(path) => config::load(path, &environment),
            Source::Environment(_) => config::from_environment(&environment),
        };
        let config = config.map_err(ReloadFault::Complaints)?;
        for warning in &config.warnings {
            events::config_warning(warning);
        }
        if (config.server.listen, config.server.admin) != (self.gateway.server.listen, self.gateway.server.admin) {
            events::config_warning("`[server]` has changed: its settings take effect at the next start");
        }
        self.redactor.learn(&config.secrets());
        let snapshot = Snapshot::adopt(config, &mut self.gateway.router())?;
        self.gateway.snapshot.store(Arc::new(snapshot));
        Ok(())
    }

    /// Reloads whenever the file has changed, until the gateway stops.
    pub(super) async fn follow_file(&self, mut stopped: watch::Receiver<bool>) {
        let Source::File(path) = &self.source else { return };
        let mut known = stamp(path);
        loop {
            tokio::select! {
                () = sleep(LOOK) => {}
                _ = stopped.wait_for(|stopped| *stopped) => return,
            }
            let found = stamp(path);
            // A file that is being replaced may be missing for a moment.
            if found.is_some() && found != known {
                known = found;
                self.reload_and_log();
            }
        }
    }
}

impl Reload for Reloader {
    fn reload(&self) -> Result<(), String> {
        self.reload_now().map_err(|fault| fault.to_string())
    }

    fn reloads(&self) -> (u64, u64) {
        (self.taken.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }
}

/// What changes when a file is written or replaced.
fn stamp(path: &Path) -> Option<(Duration, u64)> {
    let metadata = fs::metadata(path).ok()?;
    let modified = metadata.modified().ok()?;
    #[expect(clippy::disallowed_types, reason = "a file's time is compared, not read as a clock")]
    let since = modified.duration_since(std::time::SystemTime::UNIX_EPOCH).ok()?;
    Some((since, metadata.len()))
}
