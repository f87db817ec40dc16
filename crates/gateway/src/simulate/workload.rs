//! What is asked and when: one stream of requests, whatever it was recorded as.

mod azure;
mod learn;
mod mooncake;
mod records;
mod steady;

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use roundelay_ledger::Tokens;
use roundelay_routing::Capabilities;

use crate::common::file::unreadable;

pub use self::learn::Learnt;
pub(super) use self::mooncake::BLOCK_TOKENS;
use super::recorded::Recorded;

/// Requests in the order of their arrival.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Workload {
    /// Where it came from.
    pub kind: Kind,
    /// The requests; the first arrives at zero.
    pub requests: Vec<Request>,
    /// When the first arrived, in seconds since 1970-01-01 UTC, where the source says so.
    pub began: Option<i64>,
    /// How each deployment behaved, where the source says so.
    pub learnt: Vec<Learnt>,
    /// What became of each request, where the source says so.
    pub recorded: Vec<Recorded>,
    /// Records of what never reached the router, which are no requests: a key refused, a name unknown, a body not read.
    pub left_out: u64,
    /// What those asked for that named something: how many by name.
    pub left_out_asked: BTreeMap<String, u64>,
}

/// One request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Request {
    /// Since the first request.
    pub at: Duration,
    /// All input tokens, cached or not.
    pub input_tokens: u32,
    /// Output tokens of the answer.
    pub output_tokens: u32,
    /// Names of the blocks that the input begins with, 512 tokens each; empty when not known.
    pub prefix: Box<[u64]>,
    /// The conversation it is a turn of, where that is known.
    pub turn: Option<Turn>,
    /// The pool or model it named, where that is known.
    pub asked: Option<Arc<str>>,
    /// Input tokens that were read from a prompt cache when it was recorded; 0 when not known.
    pub cache_read: u32,
    /// Input tokens that were written to a prompt cache when it was recorded; 0 when not known.
    pub cache_write: u32,
    /// What the gateway estimated the input to be before anybody counted it; `None` = as it was counted.
    pub input_estimate: Option<u32>,
    /// The most output that was asked for; `None` when nothing was said.
    pub output_max: Option<u32>,
    /// What the answering model must be able to do.
    pub needs: Capabilities,
    /// Whether the answer was streamed, so that its first content was seen before its end.
    pub is_stream: bool,
}

/// A turn of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// Equal for the turns of one conversation.
    pub conversation: u64,
    /// Whether nothing of the conversation came before.
    pub is_first: bool,
    /// Whether the caller named the conversation.
    pub is_explicit: bool,
}

/// What a workload was read from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kind {
    /// Azure's public trace of 2023 or 2024: `TIMESTAMP,ContextTokens,GeneratedTokens`.
    Azure,
    /// Mooncake's trace: a JSON object a line with `hash_ids`.
    Mooncake,
    /// Records of a gateway: a JSON object a line, or one list of them.
    Records,
    /// One request at fixed spacing.
    #[default]
    Steady,
}

/// Why a workload could not be read.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadFault {
    /// The file cannot be read.
    #[error("the workload {file}: {}", unreadable(fault))]
    Unreadable {
        /// As it was named.
        file: String,
        /// What the system said.
        fault: io::Error,
    },
    /// The file is none of the formats that are known.
    #[error(
        "{file} is no workload that is known: its first line is neither `TIMESTAMP,ContextTokens,GeneratedTokens`, nor a \
         JSON object with `hash_ids`, nor a record of a gateway (`roundelay export`)"
    )]
    UnknownFormat {
        /// As it was named.
        file: String,
    },
    /// A line of it is wrong.
    #[error("{file}:{line}: {message}")]
    Line {
        /// As it was named.
        file: String,
        /// From 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// There is nothing in it.
    #[error("{file} holds no request")]
    Empty {
        /// As it was named.
        file: String,
    },
    /// A description of steady requests is wrong.
    #[error(
        "`{written}` is no steady workload: {message}; write `steady:10/s,1h,500,200` (rate, duration, input and output tokens)"
    )]
    Steady {
        /// As it was written.
        written: String,
        /// What is wrong.
        message: &'static str,
    },
}

impl Workload {
    /// Reads a workload: a file, whose format is found by its content, or `steady:RATE,DURATION,INPUT,OUTPUT`.
    ///
    /// At most `limit` requests are kept, the earliest in the file (ten million at most).
    ///
    /// # Errors
    /// With the line at fault.
    pub fn read(name: &str, limit: usize) -> Result<Self, WorkloadFault> {
        let limit = limit.min(REQUESTS_MAX);
        if let Some(written) = name.strip_prefix("steady:") {
            return steady::parse(written, limit);
        }
        // Complaints name the file without its folder: reports must be the same wherever they are made.
        let file = Path::new(name).file_name().map_or_else(|| name.to_owned(), |file| file.to_string_lossy().into());
        let unreadable = |fault| WorkloadFault::Unreadable { file: name.to_owned(), fault };
        let opened = File::open(name).map_err(unreadable)?;
        if opened.metadata().map_err(unreadable)?.len() > FILE_BYTES_MAX {
            return Err(unreadable(io::ErrorKind::FileTooLarge.into()));
        }
        Self::parse(&file, BufReader::new(opened.take(FILE_BYTES_MAX)), limit)
    }

    /// Reads a workload from text; `file` is how complaints call it.
    ///
    /// # Errors
    /// With the line at fault.
    pub fn parse(file: &str, reader: impl BufRead, limit: usize) -> Result<Self, WorkloadFault> {
        let mut lines = Lines { file, reader, number: 0 };
        let Some(first) = lines.next_written()? else { return Err(WorkloadFault::Empty { file: file.to_owned() }) };
        let mut workload =
            match Kind::of(&first).ok_or_else(|| WorkloadFault::UnknownFormat { file: file.to_owned() })? {
                Kind::Azure => azure::read(&mut lines, limit)?,
                Kind::Mooncake => mooncake::read(first, &mut lines, limit)?,
                Kind::Records | Kind::Steady => records::read(first, &mut lines, limit)?,
            };
        if workload.requests.is_empty() {
            return Err(WorkloadFault::Empty { file: file.to_owned() });
        }
        workload.requests.sort_by_key(|request| request.at);
        let start = workload.requests[0].at;
        workload.requests.iter_mut().for_each(|request| request.at -= start);
        Ok(workload)
    }

    /// What the records say of a deployment: under its own name, else under the one that stands for all its keys.
    pub(super) fn learnt_of(&self, name: &str) -> Option<&Learnt> {
        let find = |wanted: &str| self.learnt.iter().find(|learnt| learnt.deployment == wanted);
        find(name).or_else(|| find(name.split_once('#')?.0))
    }

    /// From the first arrival to the last.
    pub fn span(&self) -> Duration {
        self.requests.last().map_or(Duration::ZERO, |last| last.at)
    }
}

impl Request {
    /// What is paid for, where so much of the input was read from a cache and so much output came.
    pub(super) fn tokens(&self, cached: u32, output: u32) -> Tokens {
        let uncached = self.input_tokens.saturating_sub(cached);
        let written = self.cache_write.min(uncached);
        Tokens {
            input: u64::from(uncached - written),
            cache_read: u64::from(cached),
            cache_write: u64::from(written),
            output: u64::from(output),
            ..Tokens::default()
        }
    }
}

impl Kind {
    /// In a word, for reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Azure => "azure",
            Self::Mooncake => "mooncake",
            Self::Records => "records",
            Self::Steady => "steady",
        }
    }

    fn of(first_line: &str) -> Option<Self> {
        let line = first_line.trim_start_matches('\u{feff}').trim_start();
        if line.starts_with("TIMESTAMP,") {
            return Some(Self::Azure);
        }
        if line.starts_with('[') {
            return Some(Self::Records);
        }
        if !line.starts_with('{') {
            return None;
        }
        // Records hold a decision of their own, so the word is looked for with its quotes and only this far.
        match (line.contains("\"started_at_ms\""), line.contains("\"hash_ids\"")) {
            (true, _) => Some(Self::Records),
            (false, true) => Some(Self::Mooncake),
            (false, false) => None,
        }
    }
}

/// The lines of a workload, with their numbers for complaints.
struct Lines<'a, R> {
    file: &'a str,
    reader: R,
    number: usize,
}

impl<R: BufRead> Lines<'_, R> {
    /// The next line that is not blank, without its end.
    fn next_written(&mut self) -> Result<Option<String>, WorkloadFault> {
        loop {
            let mut line = String::new();
            let read = self.reader.read_line(&mut line);
            let unreadable = |fault| WorkloadFault::Unreadable { file: self.file.to_owned(), fault };
            if read.map_err(unreadable)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let written = line.trim();
            if !written.is_empty() {
                return Ok(Some(written.to_owned()));
            }
        }
    }

    fn fault(&self, message: impl fmt::Display) -> WorkloadFault {
        WorkloadFault::Line { file: self.file.to_owned(), line: self.number, message: message.to_string() }
    }
}

/// Tokens of one request, which no vendor's window comes near.
fn tokens(count: u64) -> Result<u32, String> {
    u32::try_from(count)
        .ok()
        .filter(|&count| count <= TOKENS_MAX)
        .ok_or_else(|| format!("{count} tokens in one request"))
}

/// Most requests of one run: some hundred bytes each while it lasts.
const REQUESTS_MAX: usize = 10_000_000;
const FILE_BYTES_MAX: u64 = 2 << 30;
const TOKENS_MAX: u32 = 100_000_000;
