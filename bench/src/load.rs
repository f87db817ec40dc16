//! The load generator: closed or open loop, streams paced or at full speed, and streams held open.

mod connection;
mod hold;
mod requests;
mod streams;
mod threads;

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock;
use crate::fault::{Fault, Result};
use crate::script::{Ask, Dialect};
use crate::statistics::Distribution;

pub(crate) use hold::Held;

#[derive(clap::Args, Clone)]
pub(crate) struct Options {
    /// Address to send to.
    #[arg(long, default_value = "127.0.0.1:8700")]
    pub(crate) target: SocketAddr,
    /// API key, sent as a bearer token.
    #[arg(long, default_value = "none")]
    pub(crate) key: String,
    /// Dialect to ask in.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) caller: Dialect,
    /// Ask with an agent's turn of 25 KB, which is answered with a call of a tool.
    #[arg(long, conflicts_with_all = ["streams", "open_streams"])]
    pub(crate) turn: bool,
    /// Name to put into `model`.
    #[arg(long, default_value = "m")]
    pub(crate) model: String,
    /// Keep-alive connections.
    #[arg(long, default_value_t = 64)]
    pub(crate) connections: usize,
    /// Open loop: requests a second, due at fixed instants whether or not earlier ones were answered. Without it each connection
    /// sends as soon as its last answer is in.
    #[arg(long)]
    pub(crate) rate: Option<f64>,
    /// Seconds to send for.
    #[arg(long, default_value_t = 5.0)]
    pub(crate) seconds: f64,
    /// Send exactly this many requests instead of for a time.
    #[arg(long)]
    pub(crate) count: Option<u64>,
    /// Ask for streams, this many at a time.
    #[arg(long)]
    pub(crate) streams: Option<usize>,
    /// Content chunks a second over all streams; without it streams run at full speed.
    #[arg(long, requires = "streams")]
    pub(crate) chunk_rate: Option<f64>,
    /// Content chunks of each stream at full speed.
    #[arg(long, default_value_t = 2_000)]
    pub(crate) chunks: u64,
    /// Open this many streams of a chunk a second, say so, and hold them until standard input ends.
    #[arg(long, conflicts_with = "streams")]
    pub(crate) open_streams: Option<usize>,
}

impl Options {
    /// The request, head and body.
    fn request(&self, ask: Ask) -> Vec<u8> {
        self.caller.request(&self.target.to_string(), &self.key, &self.caller.request_body(&self.model, ask))
    }
}

/// What was sent and seen.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Requests answered whole, streams included.
    pub(crate) answered: u64,
    pub(crate) failed: u64,
    pub(crate) first_failure: Option<String>,
    /// Content chunks received.
    pub(crate) chunks: u64,
    /// From the first request to the last answer.
    pub(crate) seconds: f64,
    /// Answers a second.
    pub(crate) rate: f64,
    /// Content chunks a second.
    pub(crate) chunk_rate: f64,
    /// From the intended instant of sending (open loop) or from sending (closed loop) to the whole answer.
    pub(crate) latency: Option<Distribution>,
    /// From the instant a chunk was due at the upstream to its arrival; paced streams only.
    pub(crate) chunk_delay: Option<Distribution>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    clock::sharpen_timers();
    if let Some(streams) = options.open_streams {
        return hold::run(options, streams);
    }
    print_json(&take(options)?)
}

fn take(options: &Options) -> Result<Report> {
    let deadline = Duration::try_from_secs_f64(options.seconds)
        .map_err(|fault| Fault::Measurement(format!("--seconds {}: {fault}", options.seconds)))?;
    for rate in [options.rate, options.chunk_rate].into_iter().flatten() {
        if !(rate.is_finite() && rate > 0.0) {
            return Err(Fault::Measurement(format!("a rate of {rate} a second cannot be sent")));
        }
    }
    match options.streams {
        Some(streams) => streams::run(options, streams, deadline),
        None => requests::run(options, deadline),
    }
}

fn print_json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string(value).expect("numbers and strings are always JSON");
    writeln!(std::io::stdout(), "{text}").map_err(Fault::io("print the report"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream;

    fn options(target: SocketAddr) -> Options {
        Options {
            target,
            key: "k".to_owned(),
            caller: Dialect::Chat,
            turn: false,
            model: "m".to_owned(),
            connections: 4,
            rate: None,
            seconds: 0.2,
            count: None,
            streams: None,
            chunk_rate: None,
            chunks: 50,
            open_streams: None,
        }
    }

    #[test]
    fn a_counted_load_sends_exactly_that_many() {
        let report = take(&Options { count: Some(37), ..options(upstream::tests::start()) }).unwrap();
        assert_eq!((report.answered, report.failed), (37, 0));
        assert_eq!(report.latency.unwrap().count, 37);
    }

    #[test]
    fn an_open_loop_keeps_its_rate() {
        let report = take(&Options { rate: Some(500.0), ..options(upstream::tests::start()) }).unwrap();
        assert_eq!((report.answered, report.failed), (100, 0));
    }

    #[test]
    fn every_chunk_of_every_stream_is_counted() {
        let target = upstream::tests::start();
        let full = take(&Options { streams: Some(2), ..options(target) }).unwrap();
        assert_eq!((full.failed, full.chunks), (0, full.answered * 50));
        let paced = take(&Options { streams: Some(2), chunk_rate: Some(200.0), ..options(target) }).unwrap();
        assert_eq!((paced.answered, paced.failed, paced.chunks), (2, 0, 40));
        assert_eq!(paced.chunk_delay.unwrap().count, 40);
    }

    #[test]
    fn what_was_asked_in_one_dialect_is_answered_in_it() {
        let target = upstream::tests::start();
        let ask = |caller, turn, streams: Option<usize>| {
            let count = streams.is_none().then_some(4);
            take(&Options { caller, turn, streams, count, ..options(target) }).unwrap()
        };
        for caller in [Dialect::Chat, Dialect::Messages] {
            for (turn, streams) in [(false, None), (true, None), (false, Some(1))] {
                let report = ask(caller, turn, streams);
                assert_eq!((report.failed, report.first_failure), (0, None), "{caller:?}");
                assert!(report.answered > 0, "{caller:?}");
            }
        }
        // The upstream does not speak it: nothing else may pass for it.
        assert_eq!(ask(Dialect::Responses, false, None).failed, 4);
    }

    #[test]
    fn a_peer_that_is_not_there_is_a_failure_and_not_a_latency() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let target = listener.local_addr().unwrap();
        drop(listener);
        let report = take(&Options { count: Some(3), ..options(target) }).unwrap();
        assert_eq!((report.answered, report.failed), (0, 3));
        assert!(report.latency.is_none() && report.first_failure.is_some());
    }

    #[test]
    fn a_rate_that_is_no_rate_is_refused() {
        let target = "127.0.0.1:1".parse().unwrap();
        assert!(take(&Options { rate: Some(0.0), ..options(target) }).is_err());
    }
}
