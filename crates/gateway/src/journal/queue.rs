//! Records on their way to the store: pushed without waking anybody, fetched by one thread several times a second.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::writer::SegmentNumber;
use crate::store::Record;

/// A record, and the journal's segments that have it and its attempts too.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) record: Record,
    pub(super) segments: Vec<SegmentNumber>,
}

/// What `fetch` has to say apart from the records.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fetched {
    /// Nothing more is to be waited for.
    pub(super) closing: bool,
    /// Records were turned away since the last time.
    pub(super) missed: bool,
}

/// Holds at most `bound` records, counting those that were fetched and are not stored yet.
#[derive(Debug)]
pub(super) struct Queue {
    bound: usize,
    state: Mutex<State>,
    wake: Condvar,
    progress: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Queued>,
    fetched: usize,
    pushed: u64,
    stored: u64,
    missed: bool,
    ready: bool,
    hurry: bool,
    closing: bool,
    closed: bool,
}

impl Queue {
    pub(super) fn new(bound: usize) -> Self {
        Self { bound, state: Mutex::default(), wake: Condvar::new(), progress: Condvar::new() }
    }

    /// Whether the last records are being stored.
    pub(super) fn is_closing(&self) -> bool {
        self.state().closing
    }

    /// How many records wait for the store.
    pub(super) fn len(&self) -> usize {
        let state = self.state();
        state.waiting.len() + state.fetched
    }

    /// Adds a record, and says whether there was room: the oldest stay.
    pub(super) fn push(&self, record: Record, segments: Vec<SegmentNumber>) -> bool {
        let mut state = self.state();
        if state.waiting.len() + state.fetched >= self.bound {
            state.missed = true;
            state.ready = false;
            return false;
        }
        state.waiting.push(Queued { record, segments });
        state.pushed += 1;
        true
    }

    /// Waits `patience`, or until somebody is in a hurry; then moves everything that waits behind what is in `batch`.
    pub(super) fn fetch(&self, batch: &mut Vec<Queued>, patience: Duration) -> Fetched {
        let idle = |state: &mut State| !state.hurry && !state.closing;
        let waited = self.wake.wait_timeout_while(self.state(), patience, idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.hurry = false;
        state.fetched += state.waiting.len();
        if batch.is_empty() {
            // Two vectors change places, so that neither grows again at the next burst.
            std::mem::swap(batch, &mut state.waiting);
        } else {
            batch.append(&mut state.waiting);
        }
        Fetched { closing: state.closing, missed: std::mem::take(&mut state.missed) }
    }

    /// Hears that the oldest `count` of those fetched are stored.
    pub(super) fn stored(&self, count: usize) {
        let mut state = self.state();
        state.fetched -= count;
        state.stored += count as u64;
        self.progress.notify_all();
    }

    /// Hears that the store has what only the journal had, be it of an earlier run or for want of room here.
    pub(super) fn ready(&self) {
        let mut state = self.state();
        state.ready = !state.missed;
        self.progress.notify_all();
    }

    /// Hears that the writer has ended.
    pub(super) fn closed(&self) {
        self.state().closed = true;
        self.progress.notify_all();
    }

    /// Waits until everything pushed before is stored, for `patience` at most, and says whether it is.
    pub(super) fn flush(&self, patience: Duration) -> bool {
        let goal = self.state().pushed;
        self.hurry_until(patience, |state| state.ready && state.stored >= goal)
    }

    /// Asks the writer to store what is there and end.
    pub(super) fn close(&self) {
        self.state().closing = true;
        self.wake.notify_all();
    }

    /// Waits until the writer has ended, for `patience` at most, and says whether nothing is left.
    pub(super) fn wait_closed(&self, patience: Duration) -> bool {
        self.hurry_until(patience, |state| state.closed) && {
            let state = self.state();
            state.ready && state.waiting.is_empty() && state.fetched == 0
        }
    }

    fn hurry_until(&self, patience: Duration, done: impl Fn(&State) -> bool) -> bool {
        let deadline = Instant::now() + patience;
        let mut state = self.state();
        while !done(&state) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.closed {
                return false;
            }
            state.hurry = true;
            self.wake.notify_all();
            state = self.progress.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
