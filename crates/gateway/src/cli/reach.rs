//! How a command gets at what the gateway knows: through a running gateway, or by opening the store itself.

use std::{
    ops::Deref,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use super::{Common, Failure, note, running::Running};
use crate::{
    auth::{Keys, Pepper},
    common::clock::unix_time,
    journal::{self, JournalFault},
    store::{Store, StoreFault},
};

/// Where a command's request goes.
#[derive(Debug)]
pub(super) enum Reach {
    /// To the gateway that runs on the data folder.
    Running(Running),
    /// To the store, since none runs.
    Alone(Alone),
}

/// The store of a folder on which no gateway runs, and none starts while this is kept: what it would read at its start
/// is not changed behind its back.
#[derive(Debug)]
pub(super) struct Alone {
    store: Store,
    _kept: journal::Alone,
}

impl Alone {
    /// The store for a command that only reads, and may do so for long: a gateway may start meanwhile.
    pub(super) fn into_reader(self) -> Store {
        self.store
    }
}

impl Deref for Alone {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl Reach {
    /// Finds a running gateway, else opens the store and brings it up to date with what an ended gateway left.
    ///
    /// A gateway that is just starting or stopping, and a command that writes, is waited for, five seconds at most.
    /// A store that is not there is made, and that is told: it may be another folder than was meant.
    pub(super) fn find(common: &Common) -> Result<Self, Failure> {
        let data = &common.data;
        let is_new = Store::check_exists(data).is_err();
        let found = Self::find_with(data, |_| Ok(()))?;
        if is_new && matches!(found, Self::Alone(_)) {
            note(&format_args!("made a new data folder {}; no gateway runs on it", data.display()), common.json);
        }
        Ok(found)
    }

    /// As [`Self::find`], for a command that needs what is there: a store that is not there is not made.
    pub(super) fn find_existing(data: &Path) -> Result<Self, Failure> {
        Self::find_with(data, Store::check_exists)
    }

    fn find_with(data: &Path, check: impl Fn(&Path) -> Result<(), StoreFault>) -> Result<Self, Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(running) = Running::connect(data)? {
                return Ok(Self::Running(running));
            }
            check(data)?;
            match journal::Alone::take(data) {
                Ok(kept) => {
                    // Not before: the tables of a gateway that runs stay as it knows them.
                    let store = Store::open(data)?;
                    kept.catch_up(&store)?;
                    return Ok(Self::Alone(Alone { store, _kept: kept }));
                }
                Err(JournalFault::InUse { .. }) if Instant::now() < deadline => {
                    thread::park_timeout(LOOK_AGAIN);
                }
                Err(JournalFault::InUse { .. }) => {
                    let folder = data.display();
                    return Err(format!(
                        "another program has {folder} open: a gateway that is stopping, or a command; try again"
                    )
                    .into());
                }
                Err(other) => return Err(other.into()),
            }
        }
    }
}

/// The table of keys of a store that no gateway has open.
pub(super) fn keys(store: &Alone, data: &Path) -> Result<Keys, Failure> {
    Ok(Keys::load(store.store.clone(), Pepper::open_for(store, data)?)?)
}

/// Seconds since 1970-01-01 UTC.
pub(super) fn now() -> i64 {
    unix_time().as_secs().cast_signed()
}

const PATIENCE: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
