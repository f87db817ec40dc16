//! Real incidents of real providers, and the rules of when one is said to have ended.

use std::{collections::BTreeMap, fs, io, ops::Range, path::Path};

use jiff::Timestamp;

use crate::common::file::unreadable;

/// One incident as a status page told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// The service that had it.
    pub service: String,
    /// 1 minor, 2 major, 3 critical.
    pub impact: u8,
    /// Seconds since 1970-01-01 UTC.
    pub start: i64,
    /// When the cause was first said to be mitigated and only watched.
    pub monitoring: Option<i64>,
    /// When it was said to be resolved.
    pub end: i64,
}

/// When an incident is said to end. None of them is the truth: the first is the kindest, the last the harshest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// When it was resolved; those of more than 24 hours are left out.
    A,
    /// When it was first only watched, else when it was resolved.
    B,
    /// When it was resolved, however late.
    C,
}

/// What incidents do to requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Incidents of this impact or a higher one let no request through; the others do nothing.
    Down {
        /// 1 minor, 2 major, 3 critical.
        least_impact: u8,
    },
    /// Incidents let 90 %, 70 % and none of the requests through, by impact.
    Graded,
}

/// Incidents within the time that somebody watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outages {
    /// In the order of the file.
    pub incidents: Vec<Incident>,
    /// The time that was watched, in seconds since 1970-01-01 UTC.
    pub watched: Range<i64>,
}

/// A time during which a share of the requests of one service fails, in seconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Impaired {
    /// Its first second.
    pub start: i64,
    /// The first second after it.
    pub end: i64,
    /// The share of requests that fails, above 0 and at most 1.
    pub share: f64,
}

/// Why a file of outages could not be read.
#[derive(Debug, thiserror::Error)]
pub enum OutagesFault {
    /// The file cannot be read.
    #[error("the outages {file}: {}", unreadable(fault))]
    Unreadable {
        /// As it was named.
        file: String,
        /// What the system said.
        fault: io::Error,
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
}

impl Outages {
    /// Reads `service,incident_id,impact,start_utc,monitoring_utc,end_utc,…`.
    ///
    /// # Errors
    /// With the line at fault.
    pub fn load(path: &Path) -> Result<Self, OutagesFault> {
        let file = path.display().to_string();
        let unreadable = |fault| OutagesFault::Unreadable { file: file.clone(), fault };
        if fs::metadata(path).map_err(unreadable)?.len() > FILE_BYTES_MAX {
            return Err(unreadable(io::ErrorKind::FileTooLarge.into()));
        }
        Self::parse(&fs::read_to_string(path).map_err(unreadable)?, &file)
    }

    /// Reads the text of such a file; `file` is how complaints call it.
    ///
    /// What was watched is [`WATCHED`] when all incidents began in it, else the whole days from the first to the last.
    ///
    /// # Errors
    /// With the line at fault.
    pub fn parse(text: &str, file: &str) -> Result<Self, OutagesFault> {
        let fault = |line, message| OutagesFault::Line { file: file.to_owned(), line, message };
        let mut lines = (1..).zip(text.lines());
        let heading = lines.next().map_or("", |(_, heading)| heading);
        if !heading.starts_with("service,incident_id,impact,start_utc,monitoring_utc,end_utc") {
            let expected = "the heading is not `service,incident_id,impact,start_utc,monitoring_utc,end_utc,…`";
            return Err(fault(1, expected.to_owned()));
        }
        let written = lines.filter(|(_, line)| !line.trim().is_empty());
        let incidents: Vec<Incident> = written
            .map(|(number, line)| incident(line).map_err(|message| fault(number, message)))
            .collect::<Result<_, _>>()?;
        let watched = watched(&incidents);
        Ok(Self { incidents, watched })
    }

    /// The services that had incidents, in the order of their names.
    pub fn services(&self) -> Vec<&str> {
        let names: BTreeMap<&str, ()> = self.incidents.iter().map(|incident| (incident.service.as_str(), ())).collect();
        names.into_keys().collect()
    }

    /// When and how much a service was impaired: in order, not overlapping. Where incidents overlap, the worst counts.
    pub fn impaired(&self, service: &str, rule: Rule, severity: Severity) -> Vec<Impaired> {
        let of_service = self.incidents.iter().filter(|incident| incident.service == service);
        let mut windows: Vec<Impaired> = of_service
            .filter_map(|incident| {
                let share = severity.share(incident.impact)?;
                let end = rule.end(incident)?.min(self.watched.end);
                let start = incident.start.max(self.watched.start);
                (start < end).then_some(Impaired { start, end, share })
            })
            .collect();
        windows.sort_by_key(|window| (window.start, window.end));
        merged(&windows)
    }

    /// The same incidents, watched for no longer than this, in seconds since 1970-01-01 UTC.
    pub fn within(mut self, time: Range<i64>) -> Self {
        self.watched = self.watched.start.max(time.start)..self.watched.end.min(time.end);
        self
    }

    /// How long somebody watched, in seconds.
    pub fn watched_seconds(&self) -> i64 {
        self.watched.end - self.watched.start
    }
}

impl Rule {
    /// By its letter.
    pub fn of(letter: &str) -> Option<Self> {
        match letter {
            "A" | "a" => Some(Self::A),
            "B" | "b" => Some(Self::B),
            "C" | "c" => Some(Self::C),
            _ => None,
        }
    }

    /// Its letter.
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
        }
    }

    /// When it ended; `None` when it is left out.
    fn end(self, incident: &Incident) -> Option<i64> {
        match self {
            Self::A => (incident.end - incident.start <= DAY).then_some(incident.end),
            Self::B => Some(incident.monitoring.unwrap_or(incident.end)),
            Self::C => Some(incident.end),
        }
    }
}

impl Severity {
    /// `1`, `2`, `3`, or `graded`.
    pub fn of(word: &str) -> Option<Self> {
        match word {
            "graded" => Some(Self::Graded),
            _ => word
                .parse()
                .ok()
                .filter(|least| (1..=3).contains(least))
                .map(|least_impact| Self::Down { least_impact }),
        }
    }

    /// As [`Self::of`] takes it.
    pub fn name(self) -> String {
        match self {
            Self::Down { least_impact } => least_impact.to_string(),
            Self::Graded => "graded".to_owned(),
        }
    }

    /// The share of requests that fails; `None` when none does.
    fn share(self, impact: u8) -> Option<f64> {
        match (self, impact) {
            (Self::Down { least_impact }, _) => (impact >= least_impact).then_some(1.0),
            (Self::Graded, 1) => Some(0.1),
            (Self::Graded, 2) => Some(0.3),
            (Self::Graded, _) => Some(1.0),
        }
    }
}

fn watched(incidents: &[Incident]) -> Range<i64> {
    if incidents.iter().all(|incident| WATCHED.contains(&incident.start)) {
        return WATCHED;
    }
    let first = incidents.iter().map(|incident| incident.start).min().unwrap_or(WATCHED.start);
    let last = incidents.iter().map(|incident| incident.end).max().unwrap_or(WATCHED.end);
    first.div_euclid(DAY) * DAY..(last.div_euclid(DAY) + 1) * DAY
}

/// Cuts windows, ordered by their start, where they overlap, and joins what touches and has the same share.
fn merged(windows: &[Impaired]) -> Vec<Impaired> {
    let mut edges: Vec<i64> = windows.iter().flat_map(|window| [window.start, window.end]).collect();
    edges.sort_unstable();
    edges.dedup();
    let mut pieces: Vec<Impaired> = Vec::new();
    let mut begun = 0;
    let mut open: Vec<Impaired> = Vec::new();
    for edge in edges.windows(2) {
        let (start, end) = (edge[0], edge[1]);
        open.retain(|window| window.end > start);
        while windows.get(begun).is_some_and(|window| window.start <= start) {
            open.push(windows[begun]);
            begun += 1;
        }
        let Some(share) = open.iter().map(|window| window.share).max_by(f64::total_cmp) else { continue };
        match pieces.last_mut() {
            Some(last) if last.end == start && last.share.total_cmp(&share).is_eq() => last.end = end,
            _ => pieces.push(Impaired { start, end, share }),
        }
    }
    pieces
}

fn incident(line: &str) -> Result<Incident, String> {
    let cells: Vec<&str> = line.split(',').map(str::trim).collect();
    let [service, _, impact, start, monitoring, end, ..] = cells[..] else {
        return Err("this line has fewer than six cells".to_owned());
    };
    let time =
        |cell: &str| cell.parse::<Timestamp>().map(Timestamp::as_second).map_err(|_| format!("`{cell}` is not a time"));
    let impact = impact.parse().ok().filter(|impact| (1..=3).contains(impact));
    Ok(Incident {
        service: service.to_owned(),
        impact: impact.ok_or_else(|| "the impact is not 1, 2 or 3".to_owned())?,
        start: time(start)?,
        monitoring: if monitoring.is_empty() { None } else { Some(time(monitoring)?) },
        end: time(end)?,
    })
}

/// 2023-07-11 to 2025-01-08 UTC, 547 days: the time for which arXiv 2503.12185 and 2501.12469 have the incidents of two
/// language model APIs.
pub const WATCHED: Range<i64> = 1_689_033_600..1_736_294_400;
const DAY: i64 = 86_400;
const FILE_BYTES_MAX: u64 = 64 << 20;
