//! Streams over many connections, paced or at full speed, with the delay of each chunk against the sender's clock.

use std::time::{Duration, Instant};

use super::{Options, Report, connection::Connection, threads::run_each};
use crate::clock;
use crate::events::EventReader;
use crate::fault::{Fault, Result};
use crate::script::{Ask, Dialect, Directions};
use crate::statistics::Distribution;

/// Runs `streams` at a time for about `duration`: one paced stream each, or one after the other at full speed.
pub(crate) fn run(options: &Options, streams: usize, duration: Duration) -> Result<Report> {
    let directions = match options.chunk_rate {
        Some(rate) => Directions {
            chunks: (rate * duration.as_secs_f64() / streams as f64).round() as u64,
            every: Duration::from_secs_f64(streams as f64 / rate),
        },
        None => Directions { chunks: options.chunks, every: Duration::ZERO },
    };
    let request = options.request(Ask::Stream(directions));
    let stride = stride(streams);
    // Every thread is asleep before the first stream starts.
    let start = Instant::now() + SETTLE;
    let stream = |number: usize| {
        clock::sleep_until(start + directions.every.mul_f64((number * stride) as f64 / streams as f64));
        let mut connection = Connection::new(options.target);
        let mut tally = Tally::default();
        loop {
            tally.take(&mut connection, options.caller, &request, directions);
            if !directions.every.is_zero() || start.elapsed() >= duration || tally.first_failure.is_some() {
                return tally;
            }
        }
    };
    let tallies = run_each(streams, stream)?;
    Ok(report(tallies, start.elapsed()))
}

/// How many slots of an interval lie between the starts of one stream and the next.
///
/// An interval has a slot for each stream. Coprime to their number, every slot is taken once, so chunks are due one by one and not in
/// bursts; larger than one, opening a stream is over before the next one starts.
fn stride(streams: usize) -> usize {
    (SLOTS_APART..).find(|stride| gcd(*stride, streams) == 1).expect("some prime does not divide it")
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Reads one stream to its terminal and returns its stamped chunks; `on_chunk` sees each chunk's delay in nanoseconds.
pub(super) fn read_stream(
    connection: &mut Connection,
    caller: Dialect,
    request: &[u8],
    mut on_chunk: impl FnMut(u64),
) -> Result<u64> {
    let mut reader = EventReader::new(caller);
    connection.exchange(request, |payload| {
        let now = clock::unix_nanoseconds();
        reader.feed(payload, |sent| on_chunk(now.saturating_sub(sent)));
    })?;
    match reader {
        EventReader { error: Some(error), .. } => Err(Fault::Answer(error)),
        EventReader { done: false, stamped, .. } => {
            Err(Fault::Answer(format!("stream ended without its terminal after {stamped} chunks")))
        }
        EventReader { stamped, .. } => Ok(stamped),
    }
}

#[derive(Default)]
struct Tally {
    answered: u64,
    failed: u64,
    first_failure: Option<String>,
    chunks: u64,
    /// Nanoseconds; of paced chunks only, because at full speed a chunk waits for the ones before it.
    delays: Vec<u64>,
}

impl Tally {
    fn take(&mut self, connection: &mut Connection, caller: Dialect, request: &[u8], directions: Directions) {
        let delays = &mut self.delays;
        let outcome = read_stream(connection, caller, request, |delay| {
            if !directions.every.is_zero() {
                delays.push(delay);
            }
        });
        let outcome = outcome.and_then(|chunks| match chunks {
            chunks if chunks == directions.chunks => Ok(chunks),
            chunks => Err(Fault::Answer(format!("{chunks} of {} chunks arrived", directions.chunks))),
        });
        match outcome {
            Ok(chunks) => {
                self.answered += 1;
                self.chunks += chunks;
            }
            Err(fault) => {
                self.failed += 1;
                self.first_failure.get_or_insert_with(|| fault.to_string());
            }
        }
    }
}

fn report(tallies: Vec<Tally>, elapsed: Duration) -> Report {
    let mut report = Report { seconds: elapsed.as_secs_f64(), ..Report::default() };
    let mut delays = Vec::new();
    for tally in tallies {
        report.answered += tally.answered;
        report.failed += tally.failed;
        report.chunks += tally.chunks;
        report.first_failure = report.first_failure.or(tally.first_failure);
        delays.extend(tally.delays);
    }
    report.rate = report.answered as f64 / report.seconds;
    report.chunk_rate = report.chunks as f64 / report.seconds;
    report.chunk_delay = Distribution::of(delays);
    report
}

const SLOTS_APART: usize = 7;
const SETTLE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_has_its_own_slot_of_the_interval() {
        for streams in [1, 2, 7, 10, 100, 210, 1_000] {
            let mut slots: Vec<usize> = (0..streams).map(|number| number * stride(streams) % streams).collect();
            slots.sort_unstable();
            assert_eq!(slots, (0..streams).collect::<Vec<_>>());
        }
    }
}
