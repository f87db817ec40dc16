//! Many streams held open, for measuring memory.

use std::io::Read;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{Options, connection::Connection, print_json, streams::read_stream, threads::STACK_BYTES};
use crate::clock;
use crate::fault::{Fault, Result};
use crate::script::{Ask, Dialect, Directions};

/// What is printed once the streams are open, or cannot all be opened.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Held {
    /// Streams that brought their first chunk.
    pub(crate) open: usize,
    pub(crate) failed: usize,
    pub(crate) first_failure: Option<String>,
}

/// Opens `streams`, prints [`Held`], and keeps them until standard input ends; the process's end closes them.
pub(crate) fn run(options: &Options, streams: usize) -> Result<()> {
    let directions = Directions { chunks: HELD_CHUNKS, every: CHUNK_EVERY };
    let hold: &'static Hold = Box::leak(Box::new(Hold {
        caller: options.caller,
        request: options.request(Ask::Stream(directions)),
        open: AtomicUsize::new(0),
        failed: AtomicUsize::new(0),
        first_failure: Mutex::new(None),
    }));
    let start = Instant::now();
    for number in 0..streams {
        // A thousand connections in one instant would measure the listen queue.
        clock::sleep_until(start + START_EVERY.saturating_mul(u32::try_from(number).unwrap_or(u32::MAX)));
        let target = options.target;
        thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn(move || hold.stream(&mut Connection::new(target)))
            .map_err(Fault::io("start a thread for a stream"))?;
    }
    while hold.settled() < streams && start.elapsed() < OPEN_LIMIT {
        clock::sleep(Duration::from_millis(20));
    }
    print_json(&hold.held())?;
    // Ending is what the reader of our report asks for by closing the pipe.
    drop(std::io::stdin().read_to_end(&mut Vec::new()));
    Ok(())
}

struct Hold {
    caller: Dialect,
    request: Vec<u8>,
    open: AtomicUsize,
    failed: AtomicUsize,
    first_failure: Mutex<Option<String>>,
}

impl Hold {
    fn stream(&self, connection: &mut Connection) {
        let mut is_first = true;
        let outcome = read_stream(connection, self.caller, &self.request, |_| {
            if is_first {
                self.open.fetch_add(1, Ordering::Relaxed);
                is_first = false;
            }
        });
        if let Err(fault) = outcome {
            if !is_first {
                self.open.fetch_sub(1, Ordering::Relaxed);
            }
            self.failed.fetch_add(1, Ordering::Relaxed);
            self.first_failure.lock().expect("no holder panics").get_or_insert(fault.to_string());
        }
    }

    fn settled(&self) -> usize {
        self.open.load(Ordering::Relaxed) + self.failed.load(Ordering::Relaxed)
    }

    fn held(&self) -> Held {
        Held {
            open: self.open.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            first_failure: self.first_failure.lock().expect("no holder panics").clone(),
        }
    }
}

const CHUNK_EVERY: Duration = Duration::from_secs(1);
const HELD_CHUNKS: u64 = 600;
const START_EVERY: Duration = Duration::from_millis(1);
const OPEN_LIMIT: Duration = Duration::from_secs(60);
