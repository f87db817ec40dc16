//! Puts a changed configuration in force, whole or not at all.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use roundelay_routing::Settings;
use tokio::{sync::watch, task::spawn_blocking, time::sleep};

use super::count_workers;
use crate::{
    admin::Reload,
    config::{self, Complaints, Config, Durability, LogFormat, Source, Stamp},
    exchange::{Gateway, Snapshot, SnapshotFault},
    telemetry::{LevelSwitch, Redactor, events},
};

/// How often the file is looked at.
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

/// What reloads need to know of the configuration that a gateway started with.
#[derive(Debug)]
pub(super) struct Reloading {
    source: Source,
    stamp: Option<Stamp>,
    format: LogFormat,
    routing: Settings,
    durability: Durability,
    redactor: Redactor,
}

impl Reloading {
    pub(super) fn of(config: &Config, redactor: &Redactor) -> Self {
        Self {
            source: config.source.clone(),
            stamp: config.stamp,
            format: config.log.format,
            routing: config.routing.clone(),
            durability: config.kept.durability,
            redactor: redactor.clone(),
        }
    }
}

/// Reads the configuration again from where it came from.
#[derive(Debug)]
pub(super) struct Reloader {
    gateway: Arc<Gateway>,
    started: Reloading,
    /// What the file was like just before it was last read.
    known: Mutex<Option<Stamp>>,
    /// Held by the reload that is under way.
    turn: Mutex<()>,
    level: OnceLock<LevelSwitch>,
    taken: AtomicU64,
    refused: AtomicU64,
}

impl Reloader {
    pub(super) fn new(gateway: Arc<Gateway>, started: Reloading) -> Self {
        let known = Mutex::new(started.stamp);
        let (turn, level) = (Mutex::default(), OnceLock::new());
        Self { gateway, started, known, turn, level, taken: AtomicU64::new(0), refused: AtomicU64::new(0) }
    }

    /// From now on reloads change the level of a log; the first one given is followed.
    pub(super) fn follow_log(&self, level: LevelSwitch) {
        let _ = self.level.set(level);
    }

    /// Reloads where nobody waits for the disk, and returns when that is done; dropped, it is done all the same.
    pub(super) async fn reload_aside(self: &Arc<Self>) {
        let reloader = Arc::clone(self);
        if let Err(panic) = spawn_blocking(move || reloader.reload_and_log()).await {
            tracing::error!(fault = %panic, "a reload of the configuration ended in a panic");
        }
    }

    /// Reloads, and says in the log how it went. One after the other, so that the last one asked for is what stays.
    pub(super) fn reload_and_log(&self) -> Result<(), ReloadFault> {
        let _turn = lock(&self.turn);
        let reloaded = self.try_reload();
        match &reloaded {
            Ok(()) => events::reloaded(self.gateway.snapshot.load().catalog.deployments.len()),
            Err(ReloadFault::Complaints(complaints)) => events::reload_failed(complaints),
            Err(ReloadFault::Snapshot(fault)) => events::reload_failed([fault]),
        }
        let tally = if reloaded.is_ok() { &self.taken } else { &self.refused };
        tally.fetch_add(1, Ordering::Relaxed);
        reloaded
    }

    fn try_reload(&self) -> Result<(), ReloadFault> {
        let mut config = self.read().map_err(ReloadFault::Complaints)?;
        self.started.redactor.learn(&config.secrets());
        count_workers(&mut config);
        let prepared = Snapshot::prepare(config)?;
        let config = prepared.config();
        config.warnings.iter().for_each(events::config_warning);
        self.warn_of_what_waits(config);
        if let Some(level) = self.level.get() {
            level.set(config.log.level);
        }
        let replaced = {
            // An exchange that plans next finds the catalog the router has.
            let mut router = self.gateway.router();
            let snapshot = prepared.adopt(&mut router);
            // A token outlives the configuration that it was asked for under, and no request waits for another.
            snapshot.adopt_tokens(&self.gateway.snapshot.load());
            self.gateway.snapshot.swap(Arc::new(snapshot))
        };
        // The last holder of a large configuration takes its time, and no lock.
        drop(replaced);
        Ok(())
    }

    fn read(&self) -> Result<Config, Complaints> {
        let environment = config::process_environment;
        match &self.started.source {
            Source::File(path) => {
                *lock(&self.known) = Stamp::of(path);
                config::load(path, &environment)
            }
            Source::Environment(_) => config::from_environment(&environment),
            Source::Text(_) => Ok(self.gateway.snapshot.load().config.clone()),
        }
    }

    /// What was started with one configuration does not change with another.
    fn warn_of_what_waits(&self, config: &Config) {
        let sections = [
            ("`[server]`", config.server != self.gateway.server),
            ("`[routing]`", config.routing != self.started.routing),
            ("`durability` of `[store]`", config.kept.durability != self.started.durability),
            ("`format` of `[log]`", config.log.format != self.started.format),
        ];
        for (section, _) in sections.into_iter().filter(|(_, has_changed)| *has_changed) {
            events::config_warning(format!("{section} has changed: it takes effect at the next start"));
        }
    }

    /// Reloads whenever the file has changed, until the gateway stops.
    pub(super) async fn follow_file(self: &Arc<Self>, mut stopped: watch::Receiver<bool>) {
        let Source::File(path) = &self.started.source else { return };
        loop {
            tokio::select! {
                () = sleep(LOOK) => {}
                _ = stopped.wait_for(|stopped| *stopped) => return,
            }
            let found = Stamp::of(path);
            // A file that is being replaced may be missing for a moment.
            if found.is_some() && found != *lock(&self.known) {
                self.reload_aside().await;
            }
        }
    }
}

impl Reload for Reloader {
    fn reload(&self) -> Result<(), String> {
        self.reload_and_log().map_err(|fault| fault.to_string())
    }

    fn reloads(&self) -> (u64, u64) {
        (self.taken.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
