//! The last step of a log line: a bounded queue, and a thread that writes what it holds.
//!
//! A pipe that nobody reads would otherwise stop the exchange that logs first, and with it everything on its thread.

use std::{
    collections::VecDeque,
    fmt,
    io::{self, Write},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

use super::Redactor;

/// Most lines that wait to be written: some seconds of a very bad day, about 1 MB.
const LINES_MAX: usize = 4_096;

/// How long the end of the process waits for the last lines.
const LAST_LINES_TIMEOUT: Duration = Duration::from_secs(2);

/// Takes lines without ever waiting for whoever reads them.
#[derive(Debug, Clone)]
pub(super) struct Sink(Arc<Shared>);

/// Writes the lines that are still queued when it is dropped, for at most 2 s.
#[derive(Debug)]
pub(super) struct LastLines(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Queue {
    /// As they came, secrets and all.
    lines: VecDeque<Vec<u8>>,
    /// No more lines are taken.
    is_closed: bool,
    /// All that were taken are written.
    is_done: bool,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("lines", &self.lines.len()).finish_non_exhaustive()
    }
}

impl Sink {
    /// Starts the thread that writes to `out`.
    pub(super) fn start(out: impl Write + Send + 'static, redactor: Redactor) -> io::Result<(Self, LastLines)> {
        let shared = Arc::<Shared>::default();
        let writer = Arc::clone(&shared);
        thread::Builder::new().name("log".to_owned()).spawn(move || writer.write_all_to(out, &redactor))?;
        Ok((Self(Arc::clone(&shared)), LastLines(shared)))
    }
}

impl LastLines {
    pub(super) fn dropped(&self) -> u64 {
        self.0.dropped.load(Relaxed)
    }
}

impl Drop for LastLines {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.is_closed = true;
        self.0.changed.notify_all();
        // Whoever does not read by then does not want the rest.
        drop(self.0.changed.wait_timeout_while(queue, LAST_LINES_TIMEOUT, |queue| !queue.is_done));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &[u8]) {
        let mut queue = self.lock();
        if queue.is_closed || queue.lines.len() >= LINES_MAX {
            self.dropped.fetch_add(1, Relaxed);
            return;
        }
        queue.lines.push_back(line.to_owned());
        drop(queue);
        self.changed.notify_all();
    }

    fn write_all_to(&self, mut out: impl Write, redactor: &Redactor) {
        while let Some(lines) = self.next_lines() {
            for line in lines {
                // There is nowhere left to say that the log cannot be written.
                let _ = out.write_all(redactor.clean(&line).as_bytes());
            }
            let _ = out.flush();
        }
        self.lock().is_done = true;
        self.changed.notify_all();
    }

    /// Waits for lines; `None` after the last.
    fn next_lines(&self) -> Option<VecDeque<Vec<u8>>> {
        let is_idle = |queue: &mut Queue| queue.lines.is_empty() && !queue.is_closed;
        let mut queue = self.changed.wait_while(self.lock(), is_idle).unwrap_or_else(PoisonError::into_inner);
        let lines = std::mem::take(&mut queue.lines);
        (!lines.is_empty()).then_some(lines)
    }
}

impl<'a> MakeWriter<'a> for Sink {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        LineWriter(&self.0)
    }
}

/// Queues each write as one line: the formatting layer hands over a line whole.
#[derive(Debug)]
pub(super) struct LineWriter<'a>(&'a Shared);

impl Write for LineWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
