//! `durability = "strict"`: one thread forces to the disk what was appended, once for all who wait meanwhile.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::writer::{Journal, Position, Unforced};

/// A record that was appended, and may have to be waited for.
#[derive(Debug)]
#[must_use = "a record is safe once it was waited for"]
pub struct Recorded(Option<Waiting>);

#[derive(Debug)]
struct Waiting {
    position: Position,
    forcer: Arc<Forcer>,
}

impl Recorded {
    /// One that is as safe as it gets.
    pub(super) const SAFE: Self = Self(None);

    /// Waits until the record is on the disk, where that was asked for; for five seconds at most, since a disk that does
    /// not answer stops nobody. At once where it was not. Cancel-safe: nothing is undone.
    pub async fn safe(self) {
        let Some(Waiting { position, forcer }) = self.0 else { return };
        let mut forced = forcer.forced.subscribe();
        let on_disk = forced.wait_for(|forced| *forced >= position);
        if tokio::time::timeout(PATIENCE, on_disk).await.is_err() {
            forcer.faults.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What those who append and the thread have in common.
#[derive(Debug)]
pub(super) struct Forcer {
    state: Mutex<State>,
    wake: Condvar,
    forced: watch::Sender<Position>,
    times: AtomicU64,
    faults: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    wanted: Position,
    closing: bool,
}

impl Forcer {
    pub(super) fn new() -> Self {
        let (forced, _) = watch::channel(0);
        let (times, faults) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { state: Mutex::default(), wake: Condvar::new(), forced, times, faults }
    }

    /// Asks for what was appended up to a position.
    pub(super) fn want(self: &Arc<Self>, position: Position) -> Recorded {
        let mut state = self.state();
        state.wanted = state.wanted.max(position);
        self.wake.notify_one();
        Recorded(Some(Waiting { position, forcer: Arc::clone(self) }))
    }

    /// How often something was forced.
    pub(super) fn times(&self) -> u64 {
        self.times.load(Ordering::Relaxed)
    }

    /// How often the disk refused, or did not answer in time.
    pub(super) fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    /// Asks the thread to end.
    pub(super) fn close(&self) {
        self.state().closing = true;
        self.wake.notify_one();
    }

    /// The thread: whatever was appended while the disk was at work goes to it next, in one go.
    pub(super) fn run(&self, journal: &Journal, mut force: impl FnMut(&File) -> io::Result<()>) {
        loop {
            let idle = |state: &mut State| state.wanted <= *self.forced.borrow() && !state.closing;
            let state = self.wake.wait_while(self.state(), idle).unwrap_or_else(PoisonError::into_inner);
            let (wanted, closing) = (state.wanted, state.closing);
            drop(state);
            if wanted > *self.forced.borrow() {
                let unforced = journal.take_unforced();
                if force_all(&unforced, &mut force).is_err() {
                    // Whoever waits is let go: readiness says what became of the disk.
                    self.faults.fetch_add(1, Ordering::Relaxed);
                }
                self.times.fetch_add(1, Ordering::Relaxed);
                self.forced.send_replace(unforced.position.max(wanted));
            } else if closing {
                return;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn force_all(unforced: &Unforced, force: &mut impl FnMut(&File) -> io::Result<()>) -> io::Result<()> {
    let files = unforced.files.iter().try_for_each(|file| force(file));
    // A file that is not in its folder after a power loss is as good as none.
    let folder = unforced.folder.as_ref().map_or(Ok(()), |folder| force(&File::open(folder)?));
    files.and(folder)
}

const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::sync::mpsc;
    use std::task::{Context, Poll, Waker};
    use std::thread;

    use roundelay_ledger::{Conversion, ExchangeId, Factor, KeyId, ListCost, Rate};
    use tempfile::tempdir;

    use super::*;
    use crate::store::SentRow;

    fn append(journal: &Journal, number: u64) -> Position {
        let sent = SentRow {
            exchange: ExchangeId::from_u64(number),
            attempt: 1,
            at_us: 0,
            key: KeyId::new("k"),
            deployment: "p/m".to_owned(),
            price: None,
            conversion: Conversion::new(Factor::ONE, Rate::ONE).expect("list price in dollars"),
            held: ListCost::ZERO,
            delivered: ListCost::ZERO,
        };
        journal.append_sent(&sent).expect("the journal takes it");
        journal.position()
    }

    fn is_safe(recorded: Pin<&mut impl Future<Output = ()>>) -> bool {
        recorded.poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    struct Close<'a>(&'a Forcer);

    impl Drop for Close<'_> {
        fn drop(&mut self) {
            self.0.close();
        }
    }

    /// A disk that says when it is asked, and waits to be let go on.
    struct Disk {
        asked: mpsc::Receiver<u64>,
        go_on: mpsc::Sender<io::Result<()>>,
    }

    fn disk() -> (Disk, impl FnMut(&File) -> io::Result<()>) {
        let (ask, asked) = mpsc::channel();
        let (go_on, gone_on) = mpsc::channel();
        let force = move |file: &File| {
            ask.send(file.metadata()?.len()).expect("the test listens");
            gone_on.recv().expect("the test answers")
        };
        (Disk { asked, go_on }, force)
    }

    #[tokio::test(flavor = "current_thread")]
    async fn nobody_goes_on_before_the_disk_has_the_record_and_many_share_one_force() {
        let dir = tempdir().expect("a folder");
        let journal = Journal::open(dir.path()).expect("a journal");
        journal.expect_force();
        let (forcer, (disk, force)) = (Arc::new(Forcer::new()), disk());
        thread::scope(|scope| {
            // Gone with a test that fails, so that the thread ends.
            let (disk, _close) = (disk, Close(&forcer));
            scope.spawn(|| forcer.run(&journal, force));
            let mut first = pin!(forcer.want(append(&journal, 1)).safe());
            let on_disk = disk.asked.recv().expect("the file is forced");
            assert!(!is_safe(first.as_mut()), "the disk is still at work");
            let mut others: Vec<_> =
                (2..=100).map(|number| Box::pin(forcer.want(append(&journal, number)).safe())).collect();
            disk.go_on.send(Ok(())).expect("the thread waits");
            disk.asked.recv().expect("its folder is forced");
            assert!(!is_safe(first.as_mut()), "the file may not be in its folder");
            disk.go_on.send(Ok(())).expect("the thread waits");
            let all = disk.asked.recv().expect("the others are forced");
            assert!(is_safe(first.as_mut()) && all > on_disk);
            assert!(others.iter_mut().all(|other| !is_safe(other.as_mut())), "the disk is at work again");
            disk.go_on.send(Ok(())).expect("the thread waits");
            while !others.iter_mut().all(|other| is_safe(other.as_mut())) {
                thread::yield_now();
            }
            assert_eq!((forcer.times(), forcer.faults()), (2, 0), "once for all of them");
        });
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_segment_that_was_ended_is_forced_with_the_one_behind_it() {
        let dir = tempdir().expect("a folder");
        let journal = Journal::open(dir.path()).expect("a journal");
        journal.expect_force();
        append(&journal, 1);
        journal.close();
        append(&journal, 2);
        let unforced = journal.take_unforced();
        assert_eq!((unforced.files.len(), unforced.position, unforced.folder.is_some()), (2, 2, true));
        let again = journal.take_unforced();
        assert_eq!((again.files.len(), again.folder), (1, None), "only the one that is appended to");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_disk_that_refuses_stops_nobody_and_is_counted() {
        let dir = tempdir().expect("a folder");
        let journal = Journal::open(dir.path()).expect("a journal");
        let forcer = Arc::new(Forcer::new());
        thread::scope(|scope| {
            let _close = Close(&forcer);
            scope.spawn(|| forcer.run(&journal, |_| Err(io::ErrorKind::StorageFull.into())));
            let mut recorded = pin!(forcer.want(append(&journal, 1)).safe());
            while !is_safe(recorded.as_mut()) {
                thread::yield_now();
            }
            assert_eq!((forcer.times(), forcer.faults()), (1, 1));
        });
    }
}
