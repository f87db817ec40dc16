//! Segments: the journal's files, and how those an earlier run left behind reach the store.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::JournalFault;
use super::encoding::read_frame;
use super::writer::lock;
use crate::store::{Record, Store};

/// What was read into the store again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Replayed {
    /// Records read.
    pub records: u64,
    /// Those of them that the store did not have.
    pub added: u64,
    /// Bytes behind the last whole record, cut off.
    pub torn_bytes: u64,
}

/// Brings the store up to date with what a gateway that was ended left in the folder `dir`; for commands that read
/// exchanges while no gateway runs. Errors with [`JournalFault::InUse`] when one runs.
pub fn catch_up(dir: &Path, store: &Store) -> Result<Replayed, JournalFault> {
    let folder = dir.join(FOLDER);
    if !folder.is_dir() {
        return Ok(Replayed::default());
    }
    let _locked_until_the_end = lock(&folder)?;
    let mut total = Replayed::default();
    for (_, path) in
        list(&folder).map_err(|source| JournalFault::Folder { path: folder.clone(), source })?
    {
        let one = replay(&path, store)?;
        total.records += one.records;
        total.added += one.added;
        total.torn_bytes += one.torn_bytes;
    }
    Ok(total)
}

/// Reads a segment into the store and deletes it. A torn tail is cut off first. Whatever fails, the segment stays, and
/// may be replayed again. One with frames that only a newer program can read is renamed, for that program's sake.
pub(super) fn replay(path: &Path, store: &Store) -> Result<Replayed, JournalFault> {
    let fault = |source| JournalFault::Segment { path: path.to_owned(), source };
    let bytes = read_whole_frames(path).map_err(fault)?;
    let mut replayed = Replayed { torn_bytes: bytes.torn, ..Replayed::default() };
    let mut unreadable = false;
    let mut records = frames(&bytes.whole).filter_map(|(record, _)| {
        unreadable |= record.is_none();
        record
    });
    loop {
        let batch: Vec<Record> = records.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            break;
        }
        replayed.records += batch.len() as u64;
        replayed.added += store.insert_exchanges(&batch)? as u64;
    }
    drop(records);
    let done = if unreadable {
        fs::rename(path, path.with_extension("unread"))
    } else {
        fs::remove_file(path)
    };
    absent_is_done(done).map_err(fault)?;
    Ok(replayed)
}

struct Bytes {
    whole: Vec<u8>,
    torn: u64,
}

fn read_whole_frames(path: &Path) -> io::Result<Bytes> {
    let mut whole = Vec::new();
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => {
            return Ok(Bytes { whole, torn: 0 });
        }
        other => other?,
    };
    (&file).take(LEN_MAX + FRAME_MAX).read_to_end(&mut whole)?;
    let length = frames(&whole).map(|(_, length)| length).sum();
    whole.truncate(length);
    let torn = file.metadata()?.len().saturating_sub(length as u64);
    if torn > 0 {
        file.set_len(length as u64)?;
    }
    Ok(Bytes { whole, torn })
}

/// The frames up to the first that is not whole, each with its length; `None` for one that is whole and unreadable here.
fn frames(bytes: &[u8]) -> impl Iterator<Item = (Option<Record>, usize)> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (frame, length) = read_frame(rest)?;
        rest = &rest[length..];
        Some((frame, length))
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
    let mut segments = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        if let Some(number) =
            number.filter(|_| path.extension().is_some_and(|extension| extension == EXTENSION))
        {
            segments.push((number, path));
        }
    }
    segments.sort_unstable();
    Ok(segments)
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
