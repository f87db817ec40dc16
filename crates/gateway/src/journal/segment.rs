//! Segments: the journal's files, and how those an earlier run left behind reach the store.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use roundelay_ledger::ExchangeId;

use super::JournalFault;
use super::encoding::{Frame, find_frame, read_frame};
use super::writer::lock;
use crate::store::{Record, SentRow, Store};
use crate::telemetry::events;

/// What was read into the store again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Replayed {
    /// Records read.
    pub records: u64,
    /// Those of them that the store did not have.
    pub added: u64,
    /// Attempts that were sent and whose end is not known.
    pub in_doubt: u64,
    /// Those that the store will never take; they are skipped.
    pub refused: u64,
    /// Bytes that were no whole record. Behind the last one they are cut off; for the sake of others the segment is
    /// kept under the name `….torn`.
    pub torn_bytes: u64,
}

/// The right to a data folder: while one is kept, no gateway starts there, nor does another program get one.
#[derive(Debug)]
pub struct Alone {
    _lock: File,
}

impl Alone {
    /// Takes it, making the journal's folder where it is missing: whoever starts a gateway in this moment finds it
    /// taken. Errors with [`JournalFault::InUse`] when a gateway runs, or another has it.
    pub fn take(dir: &Path) -> Result<Self, JournalFault> {
        let folder = dir.join(FOLDER);
        fs::create_dir_all(&folder).map_err(|source| JournalFault::Folder { path: folder.clone(), source })?;
        Ok(Self { _lock: lock(&folder)? })
    }
}

/// Brings the store up to date with what a gateway that was ended left in the folder `dir`.
///
/// For commands while no gateway runs; they keep what it gives back until they have written. Errors with
/// [`JournalFault::InUse`] when a gateway runs.
pub fn catch_up(dir: &Path, store: &Store) -> Result<(Alone, Replayed), JournalFault> {
    let alone = Alone::take(dir)?;
    let folder = dir.join(FOLDER);
    let mut total = Replayed::default();
    for (_, path) in list(&folder).map_err(|source| JournalFault::Folder { path: folder.clone(), source })? {
        let one = replay(&path, store)?;
        total.records += one.records;
        total.added += one.added;
        total.refused += one.refused;
        total.in_doubt += one.in_doubt;
        total.torn_bytes += one.torn_bytes;
    }
    Ok((alone, total))
}

/// Reads a segment into the store and deletes it. A torn tail is cut off first; damage before it is passed over.
/// Whatever fails, the segment stays, and may be replayed again. One that is damaged, or has frames that only a newer
/// program can read, is renamed, for whoever can read more of it.
pub(super) fn replay(path: &Path, store: &Store) -> Result<Replayed, JournalFault> {
    let fault = |source| JournalFault::Segment { path: path.to_owned(), source };
    let Contents { bytes, torn, damaged } = read(path).map_err(fault)?;
    let mut replayed = Replayed { torn_bytes: torn + damaged, ..Replayed::default() };
    let mut unreadable = false;
    let mut sent: Vec<SentRow> = Vec::new();
    let mut records = frames(&bytes).filter_map(|found| match found.held {
        Some(Frame::Record(record)) => Some(*record),
        Some(Frame::Sent(row)) => {
            sent.push(row);
            None
        }
        None => {
            unreadable = true;
            None
        }
    });
    loop {
        let batch: Vec<Record> = records.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            break;
        }
        replayed.records += batch.len() as u64;
        let inserted = store.insert_exchanges(&batch)?;
        replayed.added += inserted.added;
        replayed.refused += inserted.refused;
    }
    drop(records);
    // Those whose record is in a later segment are forgotten again when that is replayed.
    replayed.in_doubt = store.keep_in_doubt(&sent)?;
    let done = match (damaged > 0, unreadable) {
        (true, _) => fs::rename(path, path.with_extension("torn")),
        (false, true) => fs::rename(path, path.with_extension("unread")),
        (false, false) => fs::remove_file(path),
    };
    absent_is_done(done).map_err(fault)?;
    if replayed.torn_bytes > 0 {
        events::journal_torn(path, torn, damaged);
    }
    Ok(replayed)
}

/// The largest name of an exchange in a segment.
pub(super) fn newest_exchange(path: &Path) -> Result<Option<ExchangeId>, JournalFault> {
    Ok(exchanges(path)?.into_iter().max())
}

/// The smallest.
pub(super) fn oldest_exchange(path: &Path) -> Result<Option<ExchangeId>, JournalFault> {
    Ok(exchanges(path)?.into_iter().min())
}

fn exchanges(path: &Path) -> Result<Vec<ExchangeId>, JournalFault> {
    let bytes = match File::open(path).and_then(|file| read_bounded(&file)) {
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|source| JournalFault::Segment { path: path.to_owned(), source })?,
    };
    Ok(frames(&bytes).filter_map(|found| found.held).map(|held| held.exchange()).collect())
}

struct Contents {
    bytes: Vec<u8>,
    /// Bytes behind the last whole frame, cut off.
    torn: u64,
    /// Bytes before it that are in no whole frame.
    damaged: u64,
}

fn read(path: &Path) -> io::Result<Contents> {
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => {
            return Ok(Contents { bytes: Vec::new(), torn: 0, damaged: 0 });
        }
        other => other?,
    };
    let mut bytes = read_bounded(&file)?;
    let (mut whole, mut end) = (0, 0);
    for frame in frames(&bytes) {
        whole += frame.length;
        end = frame.start + frame.length;
    }
    bytes.truncate(end);
    let torn = file.metadata()?.len().saturating_sub(end as u64);
    if torn > 0 {
        file.set_len(end as u64)?;
    }
    Ok(Contents { bytes, torn, damaged: (end - whole) as u64 })
}

fn read_bounded(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(LEN_MAX + FRAME_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

struct Found {
    start: usize,
    length: usize,
    /// `None` when the frame is whole and unreadable here.
    held: Option<Frame>,
}

/// The whole frames, whatever stands between them.
fn frames(bytes: &[u8]) -> impl Iterator<Item = Found> {
    let mut next = 0;
    std::iter::from_fn(move || {
        let (start, (held, length)) = match read_frame(&bytes[next..]) {
            Some(frame) => (next, frame),
            None => {
                let start = find_frame(bytes, next, FRAME_MAX as usize)?;
                (start, read_frame(&bytes[start..])?)
            }
        };
        next = start + length;
        Some(Found { start, length, held })
    })
}

/// Somebody deleted the segment: there is nothing more to do about it.
fn absent_is_done(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The segments of a folder, oldest first.
pub(super) fn list(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut segments = list_all(folder)?;
    segments.retain(|(_, path)| path.extension().is_some_and(|extension| extension == EXTENSION));
    Ok(segments)
}

/// The number for the next segment. Those that are kept under other names count too, so that none takes the place of
/// another when it is kept in its turn.
pub(super) fn next_number(folder: &Path) -> io::Result<u64> {
    Ok(list_all(folder)?.last().map_or(1, |(number, _)| number + 1))
}

fn list_all(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut numbered = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        numbered.extend(number.map(|number| (number, path)));
    }
    numbered.sort_unstable();
    Ok(numbered)
}

/// Makes a segment; only its owner may read who asked for what.
pub(super) fn create(folder: &Path, number: u64) -> io::Result<(File, PathBuf)> {
    let path = folder.join(format!("{number:010}.{EXTENSION}"));
    let mut options = OpenOptions::new();
    options.append(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    Ok((options.open(&path)?, path))
}

/// Within the data folder.
pub(super) const FOLDER: &str = "journal";
/// Where a segment is full, in bytes.
pub(super) const LEN_MAX: u64 = 16 << 20;
/// Records a transaction: long enough to share its cost, short enough that nobody waits for the store's lock.
pub(super) const BATCH: usize = 512;
/// No frame is longer: the parts of a record are bounded (see `Recorder`).
const FRAME_MAX: u64 = 1 << 20;
const EXTENSION: &str = "log";
