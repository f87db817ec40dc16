//! How a command gets at what the gateway knows: through a running gateway, or by opening the store itself.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use super::{Failure, running::Running};
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
    Alone(Store),
}

impl Reach {
    /// Finds a running gateway, else opens the store and brings it up to date with what an ended gateway left.
    ///
    /// A gateway that is just starting or stopping is waited for, five seconds at most.
    pub(super) fn find(data: &Path) -> Result<Self, Failure> {
        Self::find_with(data, Store::open)
    }

    /// As [`Self::find`], for a command that needs what is there: a store that is not there is not made.
    pub(super) fn find_existing(data: &Path) -> Result<Self, Failure> {
        Self::find_with(data, Store::open_existing)
    }

    fn find_with(data: &Path, open: impl Fn(&Path) -> Result<Store, StoreFault>) -> Result<Self, Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(running) = Running::connect(data)? {
                return Ok(Self::Running(running));
            }
            let store = open(data)?;
            match journal::catch_up(data, &store) {
                Ok(_) => return Ok(Self::Alone(store)),
                Err(JournalFault::InUse { .. }) if Instant::now() < deadline => {
                    thread::park_timeout(LOOK_AGAIN);
                }
                Err(JournalFault::InUse { .. }) => {
                    let folder = data.display();
                    return Err(
                        format!("a gateway has {folder} open and does not answer: is it stopping? try again").into()
                    );
                }
                Err(other) => return Err(other.into()),
            }
        }
    }
}

/// The table of keys of a store that no gateway has open.
pub(super) fn keys(store: Store, data: &Path) -> Result<Keys, Failure> {
    Ok(Keys::load(store, Pepper::open(data)?)?)
}

/// Seconds since 1970-01-01 UTC.
pub(super) fn now() -> i64 {
    unix_time().as_secs().cast_signed()
}

const PATIENCE: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
