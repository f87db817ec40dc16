//! The store in one SQLite file, `DATA/roundelay.db`, in write-ahead mode.

mod accounts;
mod acts;
mod books;
mod codes;
mod days;
mod doubt;
mod entries;
mod exchanges;
mod forgotten;
mod hours;
mod keys;
mod limits;
mod meta;
mod migrations;
mod operators;
mod posting;
mod removed;
mod rollup;
mod search;
mod still;
mod summaries;
mod usage;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use roundelay_ledger::Money;
use rusqlite::{Connection, ErrorCode};

use crate::common::file::make_private;

pub use accounts::AccountRow;
pub use codes::{CodeRefusal, CodeRow, RedeemFault, Redeemed};
pub use entries::EntryFilter;
pub use exchanges::{Counts, ExchangeFilter, Inserted};
pub use keys::{KeyChange, KeyRow};
pub use still::Still;
pub use summaries::SummaryRow;
pub use usage::{KeySpent, UsageBy, UsageFilter, UsageSum};

/// A handle on the store; clones share it.
///
/// One connection writes, one reads a row or two, and one reads pages and sums, each behind a lock: a long listing keeps
/// neither a batch of records waiting nor a look at a single row.
#[derive(Debug, Clone)]
pub struct Store {
    connections: Arc<Connections>,
    /// The act of an operator that is done by this handle.
    act: Option<u64>,
}

#[derive(Debug)]
struct Connections {
    path: PathBuf,
    /// The file that is open; none only while it is opened.
    file: Mutex<Option<removed::Files>>,
    /// Whether all of it is in a copy, beside another file that has its place.
    is_kept: AtomicBool,
    /// Whether what is committed has to survive a power loss.
    is_forced: AtomicBool,
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
    pages: Mutex<Connection>,
}

impl Store {
    /// Opens the store in the folder `dir`, making both where they are missing, and brings its tables up to date.
    ///
    /// Another process may have it open too: a write waits up to five seconds for the other's.
    /// Errors when the folder cannot be written, the file is not a store, or a newer version has written it.
    pub fn open(dir: &Path) -> Result<Self, StoreFault> {
        make_private(dir).map_err(|source| StoreFault::Folder { path: dir.to_owned(), source })?;
        let path = dir.join(FILE);
        let open = || connect(&path).map_err(|source| StoreFault::Open { path: path.clone(), source });
        let mut writer = open()?;
        private_file(&path).map_err(|source| StoreFault::Folder { path: path.clone(), source })?;
        migrations::apply(&mut writer)?;
        Self::of(path, writer)
    }

    fn of(path: PathBuf, writer: Connection) -> Result<Self, StoreFault> {
        let open = || connect(&path).map_err(|source| StoreFault::Open { path: path.clone(), source });
        let (writer, reader, pages) = (Mutex::new(writer), Mutex::new(open()?), Mutex::new(open()?));
        let (is_kept, is_forced) = (AtomicBool::new(false), AtomicBool::new(false));
        let connections = Connections { path, file: Mutex::default(), is_kept, is_forced, writer, reader, pages };
        connections.remember_file()?;
        Ok(Self { connections: Arc::new(connections), act: None })
    }

    /// As [`Self::open`], for whoever only reads or changes what is there: nothing is made.
    ///
    /// Errors with [`StoreFault::Absent`] when there is no store in `dir`.
    pub fn open_existing(dir: &Path) -> Result<Self, StoreFault> {
        Self::check_exists(dir)?;
        Self::open(dir)
    }

    /// Opens the store that a running gateway has open: its tables stay as they are.
    ///
    /// Errors with [`StoreFault::Absent`] when there is none, with [`StoreFault::TooOld`] or [`StoreFault::TooNew`] when
    /// the gateway is of a version with other tables.
    pub fn open_beside(dir: &Path) -> Result<Self, StoreFault> {
        Self::check_exists(dir)?;
        let path = dir.join(FILE);
        let writer = connect(&path).map_err(|source| StoreFault::Open { path: path.clone(), source })?;
        migrations::check(&writer)?;
        Self::of(path, writer)
    }

    /// Errors with [`StoreFault::Absent`] when there is no store in `dir`. Makes nothing.
    pub fn check_exists(dir: &Path) -> Result<(), StoreFault> {
        let path = dir.join(FILE);
        if path.is_file() { Ok(()) } else { Err(StoreFault::Absent { path }) }
    }

    /// From now on what was committed survives a power loss, and not only the end of the process: each transaction is
    /// forced to the disk.
    pub fn force_commits(&self) -> Result<(), StoreFault> {
        let writer = self.writer()?;
        self.connections.is_forced.store(true, Ordering::Relaxed);
        Ok(self.connections.set_force(&writer)?)
    }

    /// What writes. Errors when the open file has lost its name: what is written to it would go with the process.
    fn writer(&self) -> Result<MutexGuard<'_, Connection>, StoreFault> {
        let writer = self.connections.locked_writer();
        self.connections.check_file()?;
        Ok(writer)
    }

    /// What reads a row or two.
    fn reader(&self) -> MutexGuard<'_, Connection> {
        self.connections.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What reads as much as somebody asks for.
    fn pages(&self) -> MutexGuard<'_, Connection> {
        self.connections.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connections {
    /// Tells a connection that writes whether what it commits is forced to the disk.
    fn set_force(&self, writer: &Connection) -> Result<(), rusqlite::Error> {
        let mode = if self.is_forced.load(Ordering::Relaxed) { "FULL" } else { "NORMAL" };
        writer.pragma_update(None, "synchronous", mode)
    }

    fn locked_writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn locked_file(&self) -> MutexGuard<'_, Option<removed::Files>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What can go wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreFault {
    /// The data folder cannot be made or entered.
    #[error("the data folder {} cannot be used: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file cannot be opened as a store.
    #[error("the store {} cannot be opened: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// There is none, and none is made.
    #[error("there is no store {}: name the gateway's data folder with `--data DIR`", path.display())]
    Absent {
        /// The file.
        path: PathBuf,
    },
    /// Its file was removed while it was open.
    #[error("the store {} was removed while it was open, and has to be written again first", path.display())]
    Removed {
        /// The file.
        path: PathBuf,
    },
    /// Another file took the place of the one that is open.
    #[error(
        "another file has taken the place of the store {} while it was open: move it away, or start the gateway again to use it",
        path.display()
    )]
    Replaced {
        /// The file.
        path: PathBuf,
    },
    /// A newer version has written it.
    #[error("the store has tables of version {found}, and this program knows version {known}: use a newer program")]
    TooNew {
        /// The version of the tables.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// An older version has written it, which still runs.
    #[error(
        "the store has tables of version {found}, and this program those of version {known}: restart the gateway first, with this program"
    )]
    TooOld {
        /// The version of the tables.
        found: u32,
        /// The version that is needed here.
        known: u32,
    },
    /// There is one of that name already.
    #[error("{what} `{name}` exists already")]
    Exists {
        /// `account` or `key`.
        what: &'static str,
        /// Its id.
        name: String,
    },
    /// There is none of that name.
    #[error("no {what} `{name}`")]
    Missing {
        /// `account` or `key`.
        what: &'static str,
        /// Its id.
        name: String,
    },
    /// That idempotency key stands for another act.
    #[error("the idempotency key was used for something else")]
    KeyReused,
    /// It would take what is not there.
    #[error("only {left} may be taken")]
    Short {
        /// What may be taken.
        left: Money,
    },
    /// What was asked for has more parts than may be shown.
    #[error("these would be more than {most} rows")]
    TooMany {
        /// How many may be shown.
        most: usize,
    },
    /// The balance after it, or its worth in dollars, could not be written.
    #[error("an amount that is too large: no balance is beyond {max}", max = Money::MAX)]
    TooLarge,
    /// A row holds what this program never writes.
    #[error("the store holds a {what} that cannot be read")]
    Corrupt {
        /// What it was meant to be.
        what: &'static str,
    },
    /// Anything else SQLite refused: a full disk, a lock held too long.
    #[error("the store failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

fn configured(connection: Connection) -> Result<Connection, rusqlite::Error> {
    connection.busy_timeout(BUSY_WAIT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Opens a connection, waiting for other programs that open or close the store.
///
/// While a new file is switched to write-ahead mode, or its last user tidies up, `SQLite` tells others at once that it
/// is locked, busy timeout or not.
fn connect(path: &Path) -> Result<Connection, rusqlite::Error> {
    let deadline = Instant::now() + BUSY_WAIT;
    loop {
        match Connection::open(path).and_then(configured) {
            Err(fault) if is_busy(&fault) && Instant::now() < deadline => {
                thread::park_timeout(LOOK_AGAIN);
            }
            other => return other,
        }
    }
}

/// SQL's integers end at 2⁶³ − 1; no true count or time comes near.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn is_busy(fault: &rusqlite::Error) -> bool {
    fault.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

/// A folder that was there before may be open to others; the file is not, nor are those that SQLite makes beside it,
/// which take its mode.
fn private_file(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(())
}

const FILE: &str = "roundelay.db";
const LOOK_AGAIN: Duration = Duration::from_millis(5);
const BUSY_WAIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread, time::Duration};

    use roundelay_ledger::{AccountId, ExchangeId};

    use super::Store;
    use crate::store::OperatorId;

    /// What readiness, metrics and every request of an operator read does not wait for somebody's page.
    #[test]
    fn a_long_page_keeps_no_look_at_a_single_row_waiting() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(dir.path()).expect("a store");
        let page = store.pages();
        let (tell, told) = mpsc::channel();
        let looking = thread::spawn({
            let store = store.clone();
            move || {
                store.counts().expect("it reads");
                store.operator(&OperatorId::new("none")).expect_err("there is none");
                store.exchange(ExchangeId::from_u64(1)).expect("it reads");
                let default = AccountId::default_account();
                store.account(&default).expect("it reads");
                store.scope(Some(&default)).expect("it reads");
                tell.send(()).expect("the test listens");
            }
        });
        told.recv_timeout(Duration::from_secs(20)).expect("nothing waits for the page");
        drop(page);
        looking.join().expect("it ended well");
    }
}
