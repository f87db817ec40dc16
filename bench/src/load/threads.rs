//! One small thread for every connection.

use std::thread;

use crate::fault::{Fault, Result};

/// Enough for a connection's frames; a thousand threads then reserve 128 MiB of addresses and touch little of it.
pub(super) const STACK_BYTES: usize = 128 * 1024;

/// Runs `work(0..count)`, each on its own thread, and waits for all.
pub(super) fn run_each<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Result<Vec<T>> {
    let work = &work;
    thread::scope(|scope| {
        let start = |number| {
            thread::Builder::new()
                .stack_size(STACK_BYTES)
                .spawn_scoped(scope, move || work(number))
                .map_err(Fault::io("start a thread for a connection"))
        };
        let threads: Vec<_> = (0..count).map(start).collect::<Result<_>>()?;
        Ok(threads.into_iter().map(|thread| thread.join().expect("a connection does not panic")).collect())
    })
}
