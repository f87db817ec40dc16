//! What was seen and sent, bounded, for tests to read.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

/// Everything counted since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counts {
    /// Requests to an answering endpoint (chat and completions), whatever became of them.
    pub requests: u64,
    /// The same by the model asked for; models beyond the first 1,000 share the name `…`.
    pub models: BTreeMap<String, u64>,
    /// The same by API key, in the order of first sight; keys beyond the first 1,000 are not told apart.
    pub keys: Vec<KeyCount>,
    /// Bytes handed to the operating system.
    pub bytes_sent: u64,
    /// Connections open now.
    pub connections_open: u64,
    /// Connections ever accepted.
    pub connections_accepted: u64,
    /// Connections closed unserved because too many were open.
    pub connections_refused: u64,
    /// Requests whose caller hung up before its answer (or misbehaviour) was over.
    pub cancelled: u64,
    /// Requests being answered now.
    pub in_flight: u64,
    /// The latest requests, oldest first, at most 1,000.
    pub recent: VecDeque<RecentRequest>,
}

/// Requests that came with one API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyCount {
    /// The key as it was sent; empty when none was.
    pub key: String,
    /// Requests seen with it.
    pub requests: u64,
}

impl KeyCount {
    /// The key made safe to show.
    pub fn masked(&self) -> String {
        masked(&self.key)
    }
}

/// A secret's first three and last four characters, when it is long enough to hide something between them.
pub(super) fn masked(secret: &str) -> String {
    let characters: Vec<char> = secret.chars().collect();
    match characters.len() {
        0 => "(none)".to_owned(),
        1..12 => "…".to_owned(),
        length => {
            let head: String = characters[..3].iter().collect();
            let tail: String = characters[length - 4..].iter().collect();
            format!("{head}…{tail}")
        }
    }
}

/// One request, in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentRequest {
    /// Milliseconds after the start when it had been read.
    pub at_ms: u64,
    /// The model asked for.
    pub model: String,
    /// Its key's place in [`Counts::keys`].
    pub key: usize,
    /// The scenario that applied, in words; `honest` when none acted.
    pub scenario: String,
}

/// The latest request as it came, credentials included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRequest {
    /// `POST`.
    pub method: String,
    /// Path with its query.
    pub path: String,
    /// Names in lower case, values as sent.
    pub headers: Vec<(String, String)>,
    /// The body, at most its first MiB.
    pub body: Bytes,
}

impl Counts {
    /// Notes a request and the scenario it met.
    pub(super) fn note(&mut self, at_ms: u64, model: &str, key: &str, scenario: &str) {
        self.requests += 1;
        let model = if self.models.len() < NAMES_MAX || self.models.contains_key(model) { model } else { "…" };
        match self.models.get_mut(model) {
            Some(count) => *count += 1,
            None => drop(self.models.insert(model.to_owned(), 1)),
        }
        let key = self.key_index(key);
        self.keys[key].requests += 1;
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(RecentRequest { at_ms, model: model.to_owned(), key, scenario: scenario.to_owned() });
    }

    fn key_index(&mut self, key: &str) -> usize {
        if let Some(known) = self.keys.iter().position(|count| count.key == key) {
            return known;
        }
        if self.keys.len() == NAMES_MAX {
            return NAMES_MAX - 1;
        }
        self.keys.push(KeyCount { key: key.to_owned(), requests: 0 });
        self.keys.len() - 1
    }
}

const NAMES_MAX: usize = 1_000;
const RECENT_MAX: usize = 1_000;
