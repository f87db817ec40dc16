//! A store whose file, or whose log beside it, somebody removed or replaced while it was open. What is open still reads, and nothing is written
//! to it any more, since all of it goes with the process; a file that is missing is written again in its place.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::{Connections, Store, StoreFault, connect, private_file};

/// Which file it is, whatever its name: device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

/// The files that are open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Files {
    store: FileId,
    /// The write-ahead log; `None` where there was none to see.
    log: Option<FileId>,
}

/// What has the store's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    /// The file that is open.
    Open,
    Nothing,
    /// The file that is open, and what was written last is in a log that has lost its name.
    WithoutLog,
    /// A file that somebody put there.
    Another,
}

impl Store {
    /// Errors with [`StoreFault::Removed`] or [`StoreFault::Replaced`] when the file that is open, or its log, is no longer
    /// the one of its name.
    pub fn check_file(&self) -> Result<(), StoreFault> {
        self.connections.check_file()
    }

    /// Writes the store or its log again where that is gone, from what is open, and goes on with the new file. Says whether it
    /// did. Nothing is written meanwhile.
    ///
    /// Errors when the folder cannot be written, or with [`StoreFault::Replaced`] when another file has its place, which
    /// is left as it is: then a copy of what is open is beside it, under the name `roundelay.db.kept`
    /// (a copy of an earlier time is renamed to `roundelay.db.kept-1` and so on). Whatever fails,
    /// what is open stays open and reads, and it may be tried again.
    pub fn restore_if_removed(&self) -> Result<bool, StoreFault> {
        let open = &*self.connections;
        if open.named() == Named::Open {
            return Ok(false);
        }
        let (mut writer, mut reader, mut pages) = (open.locked_writer(), self.reader(), self.pages());
        match open.named() {
            Named::Open => return Ok(false),
            Named::Another => {
                // Nothing is written since.
                if !open.is_kept.load(Ordering::Relaxed) {
                    keep(&writer, &open.path.with_extension("db.kept"))?;
                    open.is_kept.store(true, Ordering::Relaxed);
                }
                return Err(StoreFault::Replaced { path: open.path.clone() });
            }
            Named::WithoutLog => {
                open.begin_log([&mut *writer, &mut *reader, &mut *pages])?;
                return Ok(true);
            }
            Named::Nothing => {}
        }
        let draft = open.path.with_extension("db.draft");
        copy(&writer, &draft)?;
        place(&draft, &open.path).map_err(|source| StoreFault::Folder { path: open.path.clone(), source })?;
        let opened = reopen(open);
        let Ok(new) = opened else {
            // What is open has all of it still, and the next try finds nothing in the way.
            drop(fs::remove_file(&open.path));
            return opened.map(|_| false);
        };
        for (slot, new) in [&mut *writer, &mut *reader, &mut *pages].into_iter().zip(new) {
            let old = std::mem::replace(slot, new);
            // One that tidies up as it closes removes the new log, which has the name of the old one.
            drop(old.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true));
        }
        open.remember_file()?;
        Ok(true)
    }
}

impl Connections {
    pub(super) fn check_file(&self) -> Result<(), StoreFault> {
        let path = || self.path.clone();
        match self.named() {
            Named::Open => Ok(()),
            Named::Nothing => Err(StoreFault::Removed { path: path() }),
            Named::WithoutLog => Err(StoreFault::Removed { path: self.log() }),
            Named::Another => Err(StoreFault::Replaced { path: path() }),
        }
    }

    /// From now on the file of this name is the one that is open.
    pub(super) fn remember_file(&self) -> Result<(), StoreFault> {
        let store = FileId::of(&self.path).map_err(|source| StoreFault::Folder { path: self.path.clone(), source })?;
        *self.locked_file() = Some(Files { store, log: FileId::of(&self.log()).ok() });
        self.is_kept.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Puts into the store's file what is in a log that has lost its name, and begins another log. Whatever fails, it may
    /// be tried again; where the new one cannot be opened, nothing can be read meanwhile.
    fn begin_log(&self, open: [&mut Connection; 3]) -> Result<(), StoreFault> {
        let [writer, ..] = &open;
        let is_busy: bool = writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if is_busy {
            return Err(StoreFault::Removed { path: self.log() });
        }
        let mut slots = open;
        // All of them are closed before one is opened: what they have in common, they would hand on.
        for slot in &mut slots {
            drop(std::mem::replace(*slot, Connection::open_in_memory()?));
        }
        for beside in ["db-wal", "db-shm"] {
            let path = self.path.with_extension(beside);
            // What somebody put there belongs to another store.
            remove(&path).map_err(|source| StoreFault::Folder { path, source })?;
        }
        for (slot, new) in slots.into_iter().zip(reopen(self)?) {
            *slot = new;
        }
        self.remember_file()
    }

    fn log(&self) -> PathBuf {
        self.path.with_extension("db-wal")
    }

    fn named(&self) -> Named {
        let open = *self.locked_file();
        match FileId::of(&self.path) {
            Ok(found) if open.is_none_or(|open| open.store == found) => {
                let is_log_lost = |log: FileId| match FileId::of(&self.log()) {
                    Ok(found) => found != log,
                    Err(fault) => fault.kind() == io::ErrorKind::NotFound,
                };
                let is_lost = open.and_then(|open| open.log).is_some_and(is_log_lost);
                if is_lost { Named::WithoutLog } else { Named::Open }
            }
            Ok(_) => Named::Another,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => Named::Nothing,
            // A folder that cannot be looked into is another fault, which shows itself.
            Err(_) => Named::Open,
        }
    }
}

impl FileId {
    /// Looks at a name without opening it: to close a second handle would let go of `SQLite`'s locks.
    fn of(path: &Path) -> io::Result<Self> {
        let found = fs::metadata(path)?;
        #[cfg(unix)]
        return Ok(Self(std::os::unix::fs::MetadataExt::dev(&found), std::os::unix::fs::MetadataExt::ino(&found)));
        #[cfg(not(unix))]
        return Ok(Self(0, u64::from(found.is_file())));
    }
}

/// Copies what is open. A copy that is there already is another's, and stays.
fn keep(open: &Connection, kept: &Path) -> Result<(), StoreFault> {
    let draft = kept.with_extension("kept-draft");
    copy(open, &draft)?;
    let folder = |source| StoreFault::Folder { path: kept.to_owned(), source };
    if kept.exists() {
        let numbered = (1..).map(|number: u32| kept.with_extension(format!("kept-{number}")));
        let free = numbered.into_iter().find(|path| !path.exists()).expect("no folder is so full");
        fs::rename(kept, free).map_err(folder)?;
    }
    fs::rename(&draft, kept).map_err(folder)
}

/// Writes all that is open to a new file, and to the disk. What an earlier try left there is in what is open.
fn copy(open: &Connection, to: &PathBuf) -> Result<(), StoreFault> {
    let folder = |source| StoreFault::Folder { path: to.clone(), source };
    remove(to).map_err(folder)?;
    open.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
    private_file(to).map_err(folder)?;
    fs::File::open(to).and_then(|file| file.sync_all()).map_err(folder)
}

/// Gives the draft the store's name, but not that of a file which somebody put there meanwhile.
fn place(draft: &Path, path: &Path) -> io::Result<()> {
    // An old log beside a new file would be read as its own.
    for beside in ["db-wal", "db-shm"] {
        remove(&path.with_extension(beside))?;
    }
    fs::hard_link(draft, path)?;
    fs::remove_file(draft)
}

fn reopen(open: &Connections) -> Result<[Connection; 3], StoreFault> {
    let connect = || connect(&open.path).map_err(|source| StoreFault::Open { path: open.path.clone(), source });
    let writer = connect()?;
    open.set_force(&writer)?;
    Ok([writer, connect()?, connect()?])
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
