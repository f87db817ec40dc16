//! How deployments behave in a simulation: a small file of its own, read as strictly as the configuration.

use std::{path::Path, time::Duration};

use toml::de::DeTable;

use super::{Complaint, Complaints, Environment, complaint::nearest, read_file, reader::Reading, reader::Section};
use crate::common::file::unreadable;

/// How each deployment behaves.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct World {
    /// Of those about which nothing else is written.
    pub default: Behaviour,
    /// By `provider/upstream_model`, which stands for all keys, or with `#2` for one.
    pub deployments: Vec<(String, Behaviour)>,
}

/// How one deployment behaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Behaviour {
    /// Median time to the first content of an empty prompt: 300 ms.
    pub first_content: Duration,
    /// What 1,000 input tokens that no cache holds add to it: 20 ms.
    pub per_1k_input: Duration,
    /// Median time an output token after the first: 10 ms.
    pub per_token: Duration,
    /// Standard deviation of the logarithm of both times, 0..=3: 0.2.
    pub spread: f64,
    /// What it takes at most.
    pub limits: Limits,
    /// Its prompt cache; `None` = it has none.
    pub cache: Option<Cache>,
    /// What goes wrong, and when.
    pub faults: Vec<FaultWindow>,
    /// Whether the input of an attempt that failed after it was taken is paid for: true, the worst case.
    pub is_billed_on_failure: bool,
}

/// What a deployment takes at most; beyond, it answers 429.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limits {
    /// A bucket of as many requests, filled again within a minute.
    pub requests_per_minute: Option<u32>,
    /// Requests in flight.
    pub concurrency: Option<u32>,
    /// What its 429 says in `retry-after`; `None` = nothing.
    pub retry_after: Option<Duration>,
}

/// A prompt cache: it holds prefixes in blocks, the least recently used goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cache {
    /// How long an unused block stays: 10 min.
    pub idle: Duration,
    /// How many tokens it holds; `None` = no limit.
    pub tokens_max: Option<u64>,
}

/// A time in which something goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultWindow {
    /// Since the first request.
    pub from: Duration,
    /// Since the first request; `None` = to the end.
    pub until: Option<Duration>,
    /// What goes wrong.
    pub effect: Effect,
    /// Whom it meets, 0..=1 of the attempts: 1.
    pub share: f64,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Effect {
    /// All times are this many times as long.
    Slow(f64),
    /// Attempts fail.
    Fail {
        /// How.
        how: Failing,
        /// After how long; `None` = as such failures usually do.
        after: Option<Duration>,
        /// What the answer says in `retry-after`.
        retry_after: Option<Duration>,
    },
}

/// Ways in which an attempt fails before its first content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failing {
    /// HTTP 500.
    ServerError,
    /// HTTP 503 or 529.
    Overloaded,
    /// HTTP 429.
    RateLimited,
    /// No content comes before the timer ends.
    Timeout,
    /// No connection.
    Connect,
    /// The connection breaks.
    Reset,
    /// An answer without content.
    Empty,
    /// HTTP 401.
    KeyRejected,
    /// HTTP 402.
    KeyEmpty,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            first_content: Duration::from_millis(300),
            per_1k_input: Duration::from_millis(20),
            per_token: Duration::from_millis(10),
            spread: 0.2,
            limits: Limits::default(),
            cache: Some(Cache { idle: CACHE_IDLE, tokens_max: None }),
            faults: Vec::new(),
            is_billed_on_failure: true,
        }
    }
}

impl World {
    /// Reads and checks the file of a world.
    ///
    /// # Errors
    /// All faults found, in the order of the file.
    pub fn load(path: &Path) -> Result<Self, Complaints> {
        let file = path.display().to_string();
        let text = read_file(path)
            .map_err(|fault| Complaints::new(vec![Complaint::of_whole(&file, unreadable(&fault), None)]))?;
        Self::parse(&text, &file)
    }

    /// Reads and checks the text of a world; `file` is how complaints call it.
    ///
    /// # Errors
    /// All faults found, in the order of the text.
    pub fn parse(text: &str, file: &str) -> Result<Self, Complaints> {
        // A world has no secrets, so nothing is put in from outside.
        let nothing: Environment<'_> = &|_| None;
        let reading = Reading::new(file, text, nothing);
        let world = read(&reading);
        Ok(reading.conclude(world)?.0)
    }

    /// How the deployment of that name behaves, and whether something was written about it.
    pub fn of(&self, name: &str) -> (&Behaviour, bool) {
        let keyless = name.split_once('#').map_or(name, |(keyless, _)| keyless);
        let find = |wanted: &str| self.deployments.iter().find(|(written, _)| written == wanted);
        match find(name).or_else(|| find(keyless)) {
            Some((_, behaviour)) => (behaviour, true),
            None => (&self.default, false),
        }
    }

    /// The first name written here that is none of these deployments', with the nearest that is.
    pub fn stranger<'a>(&'a self, names: &[&'a str]) -> Option<(&'a str, Option<&'a str>)> {
        let is_known = |written: &str| {
            names
                .iter()
                .any(|name| *name == written || name.split_once('#').is_some_and(|(keyless, _)| keyless == written))
        };
        let (written, _) = self.deployments.iter().find(|(written, _)| !is_known(written))?;
        Some((written, nearest(written, names.iter().copied())))
    }
}

impl Failing {
    /// In a word, as files and reports have it.
    pub fn name(self) -> &'static str {
        FAILINGS.iter().find(|(_, failing)| *failing == self).map_or("", |(name, _)| name)
    }

    /// Whether the upstream had taken the request, so that its input may have to be paid for.
    pub fn is_taken(self) -> bool {
        !matches!(self, Self::RateLimited | Self::Connect | Self::KeyRejected | Self::KeyEmpty)
    }
}

fn read(reading: &Reading<'_>) -> Option<World> {
    let (table, faults) = DeTable::parse_recoverable(reading.text());
    let document = reading.document(table.get_ref(), &faults);
    if !faults.is_empty() {
        document.abandon();
        return None;
    }
    let default = read_behaviour(document.section("default"), &Behaviour::default());
    let sections = document.named_sections("deployments").into_iter();
    let deployments = sections.map(|(name, section)| (name, read_behaviour(section, &default))).collect();
    document.finish();
    (!reading.has_faults()).then_some(World { default, deployments })
}

fn read_behaviour(section: Section<'_>, base: &Behaviour) -> Behaviour {
    let behaviour = Behaviour {
        first_content: section.length("first_content").unwrap_or(base.first_content),
        per_1k_input: section.length("per_1k_input").unwrap_or(base.per_1k_input),
        per_token: section.length("per_token").unwrap_or(base.per_token),
        spread: section.number("spread", 0.0, 3.0).unwrap_or(base.spread),
        limits: read_limits(section.section("limits"), &base.limits),
        cache: read_cache(&section, base.cache),
        faults: if section.has("faults") { read_faults(&section) } else { base.faults.clone() },
        is_billed_on_failure: section.boolean("billed_on_failure").unwrap_or(base.is_billed_on_failure),
    };
    // Asked for so that the key is known where it was not written.
    if !section.has("faults") {
        section.sections("faults");
    }
    section.finish();
    behaviour
}

fn read_limits(section: Section<'_>, base: &Limits) -> Limits {
    let count = |key, otherwise| section.count(key, 1..COUNT_END).map(|count| count as u32).or(otherwise);
    let limits = Limits {
        requests_per_minute: count("requests_per_minute", base.requests_per_minute),
        concurrency: count("concurrency", base.concurrency),
        retry_after: section.duration("retry_after").or(base.retry_after),
    };
    section.finish();
    limits
}

/// `cache = { idle = "5m", tokens_max = 1000000 }`, or `{ off = true }`.
fn read_cache(behaviour: &Section<'_>, base: Option<Cache>) -> Option<Cache> {
    let section = behaviour.section("cache");
    let is_off = section.boolean("off").unwrap_or_else(|| !behaviour.has("cache") && base.is_none());
    let otherwise = base.unwrap_or(Cache { idle: CACHE_IDLE, tokens_max: None });
    let cache = Cache {
        idle: section.duration("idle").unwrap_or(otherwise.idle),
        tokens_max: section.count("tokens_max", 1..u64::MAX).or(otherwise.tokens_max),
    };
    section.finish();
    (!is_off).then_some(cache)
}

fn read_faults(behaviour: &Section<'_>) -> Vec<FaultWindow> {
    behaviour.sections("faults").into_iter().filter_map(read_fault).collect()
}

fn read_fault(section: Section<'_>) -> Option<FaultWindow> {
    let slow = section.number("slow", 1.0, 1000.0);
    let how = section.choice("fail", &FAILINGS);
    let (after, retry_after) = (section.length("after"), section.duration("retry_after"));
    let from = section.length("from").unwrap_or(Duration::ZERO);
    let until = section.length("until");
    let share = section.number("share", 0.0, 1.0).unwrap_or(1.0);
    let effect = match (slow, how) {
        (Some(factor), None) => Some(Effect::Slow(factor)),
        (None, Some(how)) => Some(Effect::Fail { how, after, retry_after }),
        (None, None) if section.has("slow") || section.has("fail") => None,
        _ => {
            let instead = "write `slow = 5.0` (times as long) or `fail = \"server_error\"`".to_owned();
            section.reading().complain(section.place(), "a fault is either slow or failing", Some(instead));
            None
        }
    };
    if until.is_some_and(|until| until <= from) {
        let instead = "write `from = \"20m\", until = \"30m\"`, both since the first request".to_owned();
        section.complain("until", "this fault ends before it begins", Some(instead));
    }
    section.finish();
    Some(FaultWindow { from, until, effect: effect?, share })
}

const FAILINGS: [(&str, Failing); 9] = [
    ("server_error", Failing::ServerError),
    ("overloaded", Failing::Overloaded),
    ("rate_limited", Failing::RateLimited),
    ("timeout", Failing::Timeout),
    ("connect", Failing::Connect),
    ("reset", Failing::Reset),
    ("empty", Failing::Empty),
    ("key_rejected", Failing::KeyRejected),
    ("key_empty", Failing::KeyEmpty),
];
/// The idle time after which OpenAI's and Anthropic's documentation says that cached prompts go: 5 to 10 minutes.
const CACHE_IDLE: Duration = Duration::from_secs(600);
const COUNT_END: u64 = 1_000_000_001;
