//! Unstreamed requests over many connections, in a closed or an open loop.
//!
//! In the open loop requests have numbers and number `n` is due at `start + n / rate`. The next free connection takes the next
//! number, sleeps until it is due, and measures from that instant. When answers are slow and no connection is free, the wait for
//! one counts as latency: coordinated omission cannot hide a stall.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Options, Report, connection::Connection, threads::run_each};
use crate::clock;
use crate::fault::Result;
use crate::script::{Ask, Dialect};
use crate::statistics::Distribution;

pub(crate) fn run(options: &Options, duration: Duration) -> Result<Report> {
    let ask = if options.turn { Ask::Turn } else { Ask::Text };
    let plan = Plan {
        target: options.target,
        caller: options.caller,
        ask,
        request: options.request(ask),
        rate: options.rate,
        count: match (options.count, options.rate) {
            (Some(count), _) => count,
            (None, Some(rate)) => (rate * duration.as_secs_f64()).round() as u64,
            (None, None) => u64::MAX,
        },
        start: Instant::now(),
        // A counted or an open loop ends with its numbers.
        end: (options.count.is_none() && options.rate.is_none()).then(|| Instant::now() + duration),
        next: AtomicU64::new(0),
    };
    let tallies = run_each(options.connections, |_| plan.send())?;
    Ok(Tally::sum(tallies).report(plan.start.elapsed()))
}

struct Plan {
    target: SocketAddr,
    caller: Dialect,
    ask: Ask,
    request: Vec<u8>,
    rate: Option<f64>,
    count: u64,
    start: Instant,
    end: Option<Instant>,
    next: AtomicU64,
}

impl Plan {
    fn send(&self) -> Tally {
        let mut connection = Connection::new(self.target);
        let mut tally = Tally::default();
        // Only the first answer is looked into: generator and upstream share a core, and must stay faster than the candidate.
        let mut first = Some(Vec::new());
        while let Some(due) = self.next_due() {
            clock::sleep_until(due);
            let (mut bytes, mut last) = (0, b' ');
            let outcome = connection.exchange(&self.request, |payload| {
                bytes += payload.len();
                last = *payload.last().unwrap_or(&last);
                if let Some(first) = &mut first {
                    first.extend_from_slice(payload);
                }
            });
            let first = first.take();
            match outcome {
                Ok(()) if first.is_some_and(|body| !self.caller.is_answer(self.ask, &body)) => {
                    tally.fail(format!("status 200 with {bytes} bytes that do not answer in the caller's dialect"));
                }
                Ok(()) if bytes > 2 && last == b'}' => {
                    tally.latencies.push(clock::nanoseconds(due.elapsed()));
                }
                Ok(()) => tally.fail(format!("status 200 with {bytes} bytes that are no object")),
                Err(fault) => {
                    tally.fail(fault.to_string());
                    // A peer that refuses at once must not be hammered by a closed loop.
                    clock::sleep(PAUSE_AFTER_FAILURE);
                }
            }
        }
        tally
    }

    /// When the next request is due; now in a closed loop. `None` when all were taken.
    fn next_due(&self) -> Option<Instant> {
        let now = Instant::now();
        if self.end.is_some_and(|end| now >= end) {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if number >= self.count {
            return None;
        }
        Some(self.rate.map_or(now, |rate| self.start + Duration::from_secs_f64(number as f64 / rate)))
    }
}

#[derive(Default)]
struct Tally {
    latencies: Vec<u64>,
    failed: u64,
    first_failure: Option<String>,
}

impl Tally {
    fn fail(&mut self, why: String) {
        self.failed += 1;
        self.first_failure.get_or_insert(why);
    }

    fn sum(tallies: Vec<Self>) -> Self {
        tallies.into_iter().fold(Self::default(), |mut sum, tally| {
            sum.latencies.extend(tally.latencies);
            sum.failed += tally.failed;
            sum.first_failure = sum.first_failure.or(tally.first_failure);
            sum
        })
    }

    fn report(self, elapsed: Duration) -> Report {
        let answered = self.latencies.len() as u64;
        Report {
            answered,
            failed: self.failed,
            first_failure: self.first_failure,
            seconds: elapsed.as_secs_f64(),
            rate: answered as f64 / elapsed.as_secs_f64(),
            latency: Distribution::of(self.latencies),
            ..Report::default()
        }
    }
}

const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    const ANSWER: &[u8] =
        b"HTTP/1.1 200 OK\r\ncontent-length: 41\r\n\r\n{\"choices\":[{\"message\":{\"content\":\"a\"}}]}";

    /// An upstream that stalls once: 300 ms before its first answer, at once ever after.
    fn stalls_once() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = vec![0; 8 * 1024];
            let mut pause = Some(Duration::from_millis(300));
            while stream.read(&mut request).is_ok_and(|read| read > 0) {
                clock::sleep(pause.take().unwrap_or_default());
                stream.write_all(ANSWER).unwrap();
            }
        });
        address
    }

    fn plan() -> Plan {
        Plan {
            target: stalls_once(),
            caller: Dialect::Chat,
            ask: Ask::Text,
            request: b"POST / HTTP/1.1\r\n\r\n".to_vec(),
            rate: Some(100.0),
            count: 40,
            start: Instant::now(),
            end: None,
            next: AtomicU64::new(0),
        }
    }

    #[test]
    fn an_answer_in_another_dialect_is_a_failure() {
        let plan = Plan { caller: Dialect::Messages, rate: None, count: 1, ..plan() };
        let tally = plan.send();
        assert_eq!((tally.latencies.len(), tally.failed), (0, 1));
    }

    #[test]
    fn a_stall_is_charged_to_every_request_that_was_due_during_it() {
        let plan = plan();
        let tally = plan.send();
        let late = tally.latencies.iter().filter(|latency| **latency > 20_000_000).count();
        assert_eq!((tally.latencies.len(), tally.failed), (40, 0));
        // About thirty were due in 300 ms. A generator that measures from sending would see one.
        assert!(late >= 20, "only {late} of the requests due during the stall show it");
    }
}
