//! The one place that records an exchange, and the thread that carries records to the store.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use roundelay_ledger::ExchangeId;

use super::force::{Forcer, Recorded};
use super::queue::{Queue, Queued};
use super::segment::{BATCH, replay};
use super::writer::{Journal, JournalFault, SegmentNumber};
use crate::store::{Record, SentRow, Store, StoreFault};
use crate::telemetry::events;

/// Records exchanges: into the journal at once, into the store a moment later.
///
/// No fault reaches the caller: while the disk refuses, records go to the store only; while the store refuses, they
/// wait, and beyond 65,536 waiting they are in the journal only, from where they are read when the store is back.
/// Dropping the recorder lets the thread end once it has stored what is there.
#[derive(Debug)]
pub struct Recorder {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    forcing: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Replays what an earlier run left in the journal, so that the store has every charge of it, and starts the thread.
    /// What cannot be replayed now is tried again by the thread.
    pub fn start(store: Store, journal: Journal) -> io::Result<Self> {
        Self::start_bounded(store, journal, WAITING_MAX)
    }

    /// As [`Self::start`], with room for `bound` records.
    pub fn start_bounded(store: Store, journal: Journal, bound: usize) -> io::Result<Self> {
        Self::begin(Shared { store, journal, forcer: None, queue: Queue::new(bound), tally: Tally::default() })
    }

    /// As [`Self::start`], for records that have to survive a power loss too: [`Recorded::safe`] waits for the disk, and
    /// the store forces what it takes to the disk before the journal lets go of it.
    pub fn start_strict(store: Store, journal: Journal) -> Result<Self, StrictFault> {
        store.force_commits()?;
        journal.expect_force();
        let (forcer, queue) = (Some(Arc::new(Forcer::new())), Queue::new(WAITING_MAX));
        Ok(Self::begin(Shared { store, journal, forcer, queue, tally: Tally::default() })?)
    }

    fn begin(shared: Shared) -> io::Result<Self> {
        let shared = Arc::new(shared);
        let mut to_replay = shared.journal.leftovers().to_vec();
        shared.replay(&mut to_replay);
        let spawn = |name: &str, run: Box<dyn FnOnce(&Shared) + Send>| {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name(name.to_owned()).spawn(move || run(&shared))
        };
        let thread = spawn("records", Box::new(|shared| shared.run(to_replay)))?;
        let forcing = shared.forcer.is_some().then(|| spawn("journal", Box::new(Shared::force))).transpose()?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)), forcing })
    }

    /// How many records wait for the store.
    pub fn queued(&self) -> u64 {
        self.shared.queue.len() as u64
    }

    /// Records a finished exchange. When this returns, the record survives the end of the process; once it was waited
    /// for ([`Recorded::safe`]), also what else was asked for.
    ///
    /// Costs one `write` of some hundred bytes, and wakes nobody. To be called before the answer's terminal goes out.
    /// `sent` is what [`Self::sent`] said of its attempts.
    pub fn record(&self, record: Record, sent: Vec<SegmentNumber>) -> Recorded {
        let record = bounded(record);
        let shared = &*self.shared;
        let mut segments = sent;
        match shared.journal.append(&record) {
            Ok(number) => segments.push(number),
            Err(_) => count(&shared.tally.journal),
        }
        let recorded = shared.forcer.as_ref().map(|forcer| forcer.want(shared.journal.position()));
        if !shared.queue.push(record, segments) {
            count(&shared.tally.dropped);
        }
        recorded.unwrap_or(Recorded::SAFE)
    }

    /// Notes that an attempt is about to be sent, so that the end of this process does not hide that somebody may bill
    /// it. Its exchange's record has to name the segment that this returns; `None` when the disk refuses, which is
    /// counted and stops no request.
    ///
    /// Costs one `write` of some hundred bytes.
    pub fn sent(&self, sent: &SentRow) -> Option<SegmentNumber> {
        let appended = self.shared.journal.append_sent(sent);
        if appended.is_err() {
            count(&self.shared.tally.journal);
        }
        appended.ok()
    }

    /// Waits until the store has everything recorded before, and what an earlier run left; for five seconds at most.
    /// Says whether it has. Blocks, so not for a runtime's thread.
    pub fn flush(&self) -> bool {
        self.shared.queue.flush(PATIENCE)
    }

    /// The oldest exchange that the journal holds: the store may forget what is older. Reads segments of earlier runs, if
    /// there are any. `None` when the journal is empty.
    pub fn oldest_exchange(&self) -> Result<Option<ExchangeId>, JournalFault> {
        self.shared.journal.oldest_exchange()
    }

    /// How often the journal was forced to the disk since the start; 0 where that is not asked for.
    pub fn forced(&self) -> u64 {
        self.shared.forcer.as_ref().map_or(0, |forcer| forcer.times())
    }

    /// What went wrong since the start.
    pub fn faults(&self) -> Faults {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Tally { journal, store, dropped, refused, torn_bytes } = &self.shared.tally;
        Faults {
            journal: read(journal) + self.shared.forcer.as_ref().map_or(0, |forcer| forcer.faults()),
            store: read(store),
            dropped: read(dropped),
            refused: read(refused),
            torn_bytes: read(torn_bytes),
        }
    }

    /// Stores what is there, ends the thread, and says whether nothing is left; waits ten seconds at most. What is
    /// left stays in the journal. Records that come later are in the journal only.
    pub fn shutdown(&self) -> bool {
        self.shared.queue.close();
        let complete = self.shared.queue.wait_closed(2 * PATIENCE);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread.filter(|_| complete) {
            // It has nothing left to do but return; once it has, the folder can be opened again.
            drop(thread.join());
        }
        complete
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shared.queue.close();
        if let (Some(forcer), Some(forcing)) = (&self.shared.forcer, self.forcing.take()) {
            forcer.close();
            // It holds the folder's lock, and has one force of the disk left at most.
            drop(forcing.join());
        }
    }
}

/// What went wrong, as counts since the start.
///
/// None of the first three alone loses a record: that takes a journal that fails and a full queue, or a process that
/// ends before the store has what the journal refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Faults {
    /// Records the journal did not take, and times that the disk refused what it was forced to take.
    pub journal: u64,
    /// Batches or segments the store did not take, counting each time they were tried.
    pub store: u64,
    /// Records that found the queue to the store full.
    pub dropped: u64,
    /// Records that the store will never take; they were skipped, and are lost.
    pub refused: u64,
    /// Bytes of the journal that were no whole record: what a power loss cost.
    pub torn_bytes: u64,
}

/// Why nothing can be kept as safely as it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum StrictFault {
    /// The store does not force what it takes.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// A thread cannot be started.
    #[error(transparent)]
    Io(#[from] io::Error),
}

#[derive(Debug)]
struct Shared {
    store: Store,
    journal: Journal,
    /// Where records have to survive a power loss.
    forcer: Option<Arc<Forcer>>,
    queue: Queue,
    tally: Tally,
}

#[derive(Debug, Default)]
struct Tally {
    journal: AtomicU64,
    store: AtomicU64,
    dropped: AtomicU64,
    refused: AtomicU64,
    torn_bytes: AtomicU64,
}

impl Shared {
    /// The thread that forces the journal to the disk.
    fn force(&self) {
        if let Some(forcer) = &self.forcer {
            forcer.run(&self.journal, File::sync_data);
        }
    }

    /// The thread: replay, then a batch whenever some wait, until the queue closes.
    fn run(&self, mut to_replay: Vec<PathBuf>) {
        let mut batch = Vec::new();
        let mut missed = false;
        loop {
            let troubled = !to_replay.is_empty() || !batch.is_empty();
            let fetched = self.queue.fetch(&mut batch, if troubled { AFTER_FAULT } else { TICK });
            self.store_all(&mut batch);
            missed |= fetched.missed;
            let room_again = missed && batch.is_empty();
            if room_again {
                // What only the journal has can follow.
                to_replay.extend(self.journal.hand_over());
                missed = false;
            }
            if room_again || !to_replay.is_empty() {
                self.replay(&mut to_replay);
            }
            if fetched.closing {
                break;
            }
        }
        if batch.is_empty() {
            self.journal.close();
        }
        self.queue.closed();
    }

    fn store_all(&self, batch: &mut Vec<Queued>) {
        self.restore_store();
        let mut stored = 0;
        for share in batch.chunks(BATCH) {
            // Exchanges may have to share this thread's core: a record is no reason to keep one waiting for milliseconds.
            let is_calm = batch.len() < CALM_MAX && !self.queue.is_closing();
            let paced = share.iter().enumerate().map(|(index, queued)| {
                if is_calm && index % AT_ONCE == AT_ONCE - 1 {
                    thread::park_timeout(PAUSE);
                }
                &queued.record
            });
            match self.store.insert_exchanges(paced) {
                Ok(inserted) => self.tally.refused.fetch_add(inserted.refused, Ordering::Relaxed),
                Err(_) => {
                    count(&self.tally.store);
                    break;
                }
            };
            self.journal.committed(share.iter().flat_map(|queued| queued.segments.iter().copied()));
            self.queue.stored(share.len());
            stored += share.len();
        }
        batch.drain(..stored);
        batch.shrink_to(KEPT_ROOM);
    }

    /// Sees that the store's file is there. Where it was removed, what was in it is written again; where it was
    /// replaced, nothing is stored until it is back. Readiness says either.
    fn restore_store(&self) {
        if self.store.check_file().is_ok() {
            return;
        }
        count(&self.tally.store);
        match self.store.restore_if_removed() {
            Ok(_) => events::store_restored(),
            Err(fault) => events::store_fault("restore the store, whose file was removed or replaced", &fault),
        }
    }

    fn replay(&self, segments: &mut Vec<PathBuf>) {
        segments.retain(|path| match replay(path, &self.store) {
            Ok(replayed) => {
                self.tally.refused.fetch_add(replayed.refused, Ordering::Relaxed);
                self.tally.torn_bytes.fetch_add(replayed.torn_bytes, Ordering::Relaxed);
                false
            }
            Err(_) => {
                count(&self.tally.store);
                true
            }
        });
        if segments.is_empty() {
            self.queue.ready();
        }
    }
}

/// A caller chooses what it asks for, and a decision grows with a pool; neither may grow a record without end.
fn bounded(mut record: Record) -> Record {
    if record.asked.len() > ASKED_MAX {
        record.asked.truncate(record.asked.floor_char_boundary(ASKED_MAX));
    }
    if record.decision.len() > DECISION_MAX {
        record.decision = format!(r#"{{"omitted_bytes":{}}}"#, record.decision.len());
    }
    record
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Records stored between two pauses: some 0.2 ms of work.
const AT_ONCE: usize = 16;
/// How long the thread then lets others work.
const PAUSE: Duration = Duration::from_micros(500);
/// With more records than this waiting there is no time for pauses.
const CALM_MAX: usize = 1024;

/// Some 60 MB of records at 1 KB each: ten seconds of a busy gateway.
const WAITING_MAX: usize = 65_536;
/// How long a record waits for others to share a transaction with.
const TICK: Duration = Duration::from_millis(100);
/// How long a store that failed is left alone.
const AFTER_FAULT: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(5);
const KEPT_ROOM: usize = 2 * BATCH;
const ASKED_MAX: usize = 256;
/// The longest decision that a record keeps, in bytes: 64 KiB, some sixty times the usual.
pub const DECISION_MAX: usize = 64 << 10;
