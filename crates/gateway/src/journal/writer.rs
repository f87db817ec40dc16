//! The journal's writing end.

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use roundelay_ledger::ExchangeId;

use super::encoding::{write_frame, write_sent};
use super::segment::{self, FOLDER, LEN_MAX};
use crate::store::{Record, SentRow, StoreFault};

/// Files to which records are appended before they are shown to be finished, and which are deleted once the store
/// has them.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    leftovers: Vec<PathBuf>,
    segments: Mutex<Segments>,
    _lock: File,
}

impl Journal {
    /// Opens the journal in the data folder `dir`, making both where they are missing. Segments left by an earlier
    /// run stay as they are until a `Recorder` replays them; what is appended goes to a new one.
    ///
    /// Errors with [`JournalFault::InUse`] when another process has this journal open.
    pub fn open(dir: &Path) -> Result<Self, JournalFault> {
        let folder = dir.join(FOLDER);
        let fault = |source| JournalFault::Folder { path: folder.clone(), source };
        fs::create_dir_all(&folder).map_err(fault)?;
        let lock = lock(&folder)?;
        let left = segment::list(&folder).map_err(fault)?;
        let next = segment::next_number(&folder).map_err(fault)?;
        let segments = Segments { next, ..Segments::default() };
        let leftovers = left.into_iter().map(|(_, path)| path).collect();
        Ok(Self { folder, leftovers, segments: Mutex::new(segments), _lock: lock })
    }

    /// Appends a record with one `write`, and says to which segment. When this returns, the record survives the end
    /// of the process, though not yet a power loss. Errors leave the journal as it was.
    ///
    /// Blocks for as long as the system takes to copy the bytes, which is long only when its own memory for writing
    /// is exhausted.
    pub(super) fn append(&self, record: &Record) -> io::Result<SegmentNumber> {
        let mut frame = Vec::with_capacity(1024);
        write_frame(record, &mut frame);
        self.segments().append(record.id, &frame, &self.folder)
    }

    /// As [`Self::append`], for an attempt that is about to be sent. Its segment stays until the exchange's record is
    /// stored.
    pub(super) fn append_sent(&self, sent: &SentRow) -> io::Result<SegmentNumber> {
        let mut frame = Vec::with_capacity(192);
        write_sent(sent, &mut frame);
        self.segments().append(sent.exchange, &frame, &self.folder)
    }

    /// From now on [`Self::take_unforced`] is asked.
    pub(super) fn expect_force(&self) {
        self.segments().is_forced = true;
    }

    /// The files that have something which was not forced to the disk yet, and how many frames were appended in all;
    /// from now on these count as forced, but for the file that is still appended to.
    pub(super) fn take_unforced(&self) -> Unforced {
        let mut segments = self.segments();
        let mut files = std::mem::take(&mut segments.unforced);
        files.extend(segments.current.as_ref().map(|current| Arc::clone(&current.file)));
        let has_new_file = std::mem::take(&mut segments.has_new_file);
        Unforced { files, folder: has_new_file.then(|| self.folder.clone()), position: segments.written }
    }

    /// How many frames were appended.
    pub(super) fn position(&self) -> Position {
        self.segments().written
    }

    /// The oldest exchange that is in a segment here, those of earlier runs included: nothing from there on may be
    /// forgotten by the store. `None` when there is no segment.
    pub(super) fn oldest_exchange(&self) -> Result<Option<ExchangeId>, JournalFault> {
        let fault = |source| JournalFault::Folder { path: self.folder.clone(), source };
        let known: HashMap<PathBuf, Option<ExchangeId>> = {
            let segments = self.segments();
            let known = segments.current.iter().chain(&segments.sealed);
            known.map(|segment| (segment.path.clone(), segment.oldest)).collect()
        };
        let mut oldest: Option<ExchangeId> = None;
        // What was given up for replay, or could not be deleted, is not among the known.
        for (_, path) in segment::list(&self.folder).map_err(fault)? {
            let found = match known.get(&path) {
                Some(found) => *found,
                None => segment::oldest_exchange(&path)?,
            };
            oldest = oldest.into_iter().chain(found).min();
        }
        Ok(oldest)
    }

    /// Hears which segments the records that the store has now came from, and deletes segments that are complete.
    pub(super) fn committed(&self, numbers: impl Iterator<Item = SegmentNumber>) {
        let complete = {
            let mut segments = self.segments();
            numbers.for_each(|number| segments.commit(number));
            segments.take_complete()
        };
        complete.iter().for_each(|path| delete(path));
    }

    /// The largest name of an exchange that an earlier run left here, so that new names continue after it. Reads every
    /// segment that is left, some tenths of a second for each 100 MB.
    pub fn newest_exchange(&self) -> Result<Option<ExchangeId>, JournalFault> {
        let newest = self.leftovers.iter().map(|path| segment::newest_exchange(path));
        newest.reduce(|one, other| Ok(one?.max(other?))).unwrap_or(Ok(None))
    }

    /// Segments of earlier runs.
    pub(super) fn leftovers(&self) -> &[PathBuf] {
        &self.leftovers
    }

    /// Ends the current segment, and gives up every segment that was begun, for the caller to replay.
    pub(super) fn hand_over(&self) -> Vec<PathBuf> {
        let mut segments = self.segments();
        segments.seal();
        segments.sealed.drain(..).map(|sealed| sealed.path).collect()
    }

    /// Ends the current segment, and deletes it when the store has all of it.
    pub(super) fn close(&self) {
        self.segments().seal();
        self.committed(std::iter::empty());
    }

    fn segments(&self) -> MutexGuard<'_, Segments> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which segment a record is in.
pub type SegmentNumber = u64;

/// How many frames were appended when something was: what has that position is before it.
pub(super) type Position = u64;

/// What was not forced to the disk when it was asked for.
#[derive(Debug)]
pub(super) struct Unforced {
    pub(super) files: Vec<Arc<File>>,
    /// The folder, where a file was made in it.
    pub(super) folder: Option<PathBuf>,
    pub(super) position: Position,
}

/// Why there is no journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalFault {
    /// The folder cannot be used.
    #[error("the journal {} cannot be used: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has it.
    #[error("the journal {} is in use by a running gateway", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// A segment cannot be read or deleted.
    #[error("the journal's segment {} cannot be used: {source}", path.display())]
    Segment {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The store does not take what a segment holds.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// Keeps other gateways out of a folder for as long as the file is open; the system lets go of it with the process.
pub(super) fn lock(folder: &Path) -> Result<File, JournalFault> {
    let fault = |source| JournalFault::Folder { path: folder.to_owned(), source };
    let file = File::create(folder.join("lock")).map_err(fault)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalFault::InUse { path: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(fault(source)),
    }
}

#[derive(Debug, Default)]
struct Segments {
    next: SegmentNumber,
    current: Option<Segment>,
    sealed: Vec<Segment>,
    written: Position,
    /// Whether somebody asks what is not forced to the disk.
    is_forced: bool,
    /// Files that were ended since somebody asked: one for each 16 MiB.
    unforced: Vec<Arc<File>>,
    has_new_file: bool,
}

#[derive(Debug)]
struct Segment {
    number: SegmentNumber,
    path: PathBuf,
    file: Arc<File>,
    oldest: Option<ExchangeId>,
    len: u64,
    appended: u64,
    committed: u64,
}

impl Segments {
    fn append(&mut self, exchange: ExchangeId, frame: &[u8], folder: &Path) -> io::Result<SegmentNumber> {
        if self.current.as_ref().is_some_and(|current| current.len + frame.len() as u64 > LEN_MAX) {
            self.seal();
        }
        let current = match &mut self.current {
            Some(current) => current,
            none => {
                let (file, path) = segment::create(folder, self.next)?;
                self.next += 1;
                let number = self.next - 1;
                self.has_new_file = true;
                let file = Arc::new(file);
                none.insert(Segment { number, path, file, oldest: None, len: 0, appended: 0, committed: 0 })
            }
        };
        let number = current.number;
        match (&*current.file).write_all(frame) {
            Ok(()) => {
                self.written += 1;
                current.oldest = current.oldest.into_iter().chain([exchange]).min();
                current.len += frame.len() as u64;
                current.appended += 1;
                Ok(number)
            }
            Err(fault) => {
                // Half a frame would hide all that follow it.
                if current.file.set_len(current.len).is_err() {
                    self.seal();
                }
                Err(fault)
            }
        }
    }

    fn seal(&mut self) {
        let Some(current) = self.current.take() else { return };
        if self.is_forced {
            self.unforced.push(Arc::clone(&current.file));
        }
        self.sealed.push(current);
    }

    fn commit(&mut self, number: SegmentNumber) {
        let known = self.current.iter_mut().chain(&mut self.sealed).find(|segment| segment.number == number);
        if let Some(segment) = known {
            segment.committed += 1;
        }
    }

    fn take_complete(&mut self) -> Vec<PathBuf> {
        self.sealed
            .extract_if(.., |segment| segment.committed == segment.appended)
            .map(|segment| segment.path)
            .collect()
    }
}

/// A segment that cannot be deleted now is replayed at the next start, which changes nothing, and deleted then.
fn delete(path: &Path) {
    drop(fs::remove_file(path));
}
