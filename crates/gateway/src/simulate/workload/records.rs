//! A gateway's own records: `roundelay export`, or what `GET /admin/exchanges` answers.

use std::{
    collections::{BTreeMap, HashMap},
    io::BufRead,
    sync::Arc,
    time::Duration,
};

use roundelay_routing::Capabilities;
use serde::{Deserialize, de::IgnoredAny};

use super::{Kind, Lines, Request, Turn, Workload, WorkloadFault, learn, tokens};
use crate::simulate::recorded::{Recorded, RecordedAttempt};

/// What of a record matters here. Fields that are not named may be anything.
#[derive(Deserialize)]
pub(super) struct Row {
    pub(super) started_at_ms: i64,
    asked: String,
    #[serde(default)]
    pub(super) stream: bool,
    #[serde(default)]
    outcome: String,
    pub(super) usage: Usage,
    #[serde(default)]
    pub(super) attempts: Vec<Attempt>,
    #[serde(default)]
    decision: Decision,
    duration_us: Option<u64>,
    first_content_us: Option<u64>,
    /// Nano-USD.
    #[serde(default)]
    cost_nano: Option<i64>,
}

/// Why a request went where it went. The gateway wrote it, perhaps in another version.
#[derive(Deserialize)]
#[serde(untagged)]
enum Decision {
    Kept {
        #[serde(default)]
        demand: Option<Demand>,
    },
    /// There was none, or nothing is known of its form.
    Unknown(IgnoredAny),
}

impl Default for Decision {
    fn default() -> Self {
        Self::Unknown(IgnoredAny)
    }
}

/// What a request asked of the router.
#[derive(Deserialize)]
struct Demand {
    input_tokens: u64,
    #[serde(default)]
    output_tokens_max: Option<u64>,
    #[serde(default)]
    needs: Vec<String>,
    /// Hexadecimal digits.
    #[serde(default)]
    conversation: Option<String>,
    #[serde(default)]
    first_turn: bool,
    #[serde(default)]
    explicit: bool,
}

#[derive(Deserialize)]
pub(super) struct Usage {
    input: u64,
    #[serde(default)]
    cache_read: u64,
    #[serde(default)]
    cache_write: u64,
    pub(super) output: u64,
}

#[derive(Deserialize)]
pub(super) struct Attempt {
    pub(super) deployment: String,
    pub(super) outcome: String,
    pub(super) started_us: u64,
    pub(super) first_content_us: Option<u64>,
    pub(super) duration_us: u64,
    #[serde(default)]
    kind: String,
}

/// Reads the first line and those that follow: a record a line, or one list of records.
pub(super) fn read<R: BufRead>(
    first: String,
    lines: &mut Lines<'_, R>,
    limit: usize,
) -> Result<Workload, WorkloadFault> {
    let mut rows = if first.starts_with('[') { read_list(first, lines)? } else { read_lines(first, lines, limit)? };
    rows.truncate(limit);
    let read = rows.len();
    let mut left_out_asked: BTreeMap<String, u64> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.reached_the_router() && !row.asked.is_empty()) {
        *left_out_asked.entry(row.asked.clone()).or_default() += 1;
    }
    rows.retain(Row::reached_the_router);
    let left_out = (read - rows.len()) as u64;
    let start = rows.iter().map(|row| row.started_at_ms).min().unwrap_or_default();
    let mut names: HashMap<&str, Arc<str>> = HashMap::new();
    let mut requests = Vec::with_capacity(rows.len());
    for row in &rows {
        let usage = &row.usage;
        let count = |count| tokens(count).map_err(|message| lines.fault(message));
        requests.push(Request {
            at: Duration::from_millis(row.started_at_ms.abs_diff(start)),
            input_tokens: count(usage.all_input())?,
            output_tokens: count(usage.output)?,
            asked: Some(Arc::clone(names.entry(&row.asked).or_insert_with(|| row.asked.as_str().into()))),
            cache_read: count(usage.cache_read)?,
            cache_write: count(usage.cache_write)?,
            is_stream: row.stream,
            ..row.demanded()
        });
    }
    guess_unknown(&mut requests);
    let recorded = recorded(&rows, start);
    let learnt = learn::learn(&rows, start);
    let began = Some(start.div_euclid(1000));
    Ok(Workload { kind: Kind::Records, requests, began, learnt, recorded, left_out, left_out_asked })
}

impl Row {
    /// Whether there was something to route: who was turned away at the door asked for nothing that a router decides.
    fn reached_the_router(&self) -> bool {
        let was_planned = !self.attempts.is_empty() || matches!(self.decision, Decision::Kept { .. });
        !self.asked.is_empty() && (self.outcome != "refused" || was_planned)
    }

    /// A request with what the router was told of it, as far as the record has it.
    fn demanded(&self) -> Request {
        let Decision::Kept { demand: Some(demand) } = &self.decision else { return Request::default() };
        let count = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let turn = |id: &String| {
            let conversation = u64::from_str_radix(id, 16).ok()?;
            Some(Turn { conversation, is_first: demand.first_turn, is_explicit: demand.explicit })
        };
        Request {
            turn: demand.conversation.as_ref().and_then(turn),
            input_estimate: Some(count(demand.input_tokens)),
            output_max: demand.output_tokens_max.map(count),
            // A need of which this version knows nothing keeps nobody from serving.
            needs: demand.needs.iter().fold(Capabilities::NONE, |needs, name| needs.with(name).unwrap_or(needs)),
            ..Request::default()
        }
    }
}

impl Usage {
    pub(super) fn all_input(&self) -> u64 {
        self.input.saturating_add(self.cache_read).saturating_add(self.cache_write)
    }
}

/// What became of each request; nothing where these records do not say how long they took.
fn recorded(rows: &[Row], start: i64) -> Vec<Recorded> {
    let mut names: HashMap<String, Arc<str>> = HashMap::new();
    let mut recorded = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(total) = row.duration_us else { return Vec::new() };
        let attempt = |attempt: &Attempt| {
            let Attempt { deployment, outcome, kind, .. } = attempt;
            let deployment = Arc::clone(names.entry(deployment.clone()).or_insert_with(|| deployment.as_str().into()));
            RecordedAttempt { deployment, is_answered: outcome == "answered", is_hedge: kind == "hedge" }
        };
        recorded.push(Recorded {
            at: Duration::from_millis(row.started_at_ms.abs_diff(start)),
            unanswered: unanswered(&row.outcome),
            first_content: row.first_content_us.map(Duration::from_micros),
            total: Duration::from_micros(total),
            cost_nano: row.cost_nano.map(|cost| cost.max(0).unsigned_abs()),
            attempts: row.attempts.iter().map(attempt).collect(),
            input_tokens: (row.usage.all_input(), row.usage.cache_read),
        });
    }
    recorded
}

/// How an exchange ended that has no whole answer.
fn unanswered(outcome: &str) -> Option<&'static str> {
    const ENDINGS: [&str; 4] = ["refused", "failed", "cut", "abandoned"];
    (outcome != "answered").then(|| ENDINGS.into_iter().find(|ending| *ending == outcome).unwrap_or("unknown"))
}

fn read_lines<R: BufRead>(first: String, lines: &mut Lines<'_, R>, limit: usize) -> Result<Vec<Row>, WorkloadFault> {
    let mut rows = Vec::new();
    let mut line = Some(first);
    while rows.len() < limit
        && let Some(text) = line
    {
        rows.push(serde_json::from_str(&text).map_err(|fault| lines.fault(fault))?);
        line = lines.next_written()?;
    }
    Ok(rows)
}

fn read_list<R: BufRead>(first: String, lines: &mut Lines<'_, R>) -> Result<Vec<Row>, WorkloadFault> {
    let mut text = first;
    while let Some(line) = lines.next_written()? {
        text.push('\n');
        text.push_str(&line);
    }
    serde_json::from_str(&text).map_err(|fault| lines.fault(fault))
}

/// Nobody counted the tokens of what failed: it is taken to have been as large as the median of what was answered.
fn guess_unknown(requests: &mut [Request]) {
    let is_known = |request: &&Request| request.input_tokens > 0 || request.output_tokens > 0;
    let known: Vec<(u32, u32)> =
        requests.iter().filter(is_known).map(|request| (request.input_tokens, request.output_tokens)).collect();
    let median = |mut counts: Vec<u32>| {
        counts.sort_unstable();
        counts.get(counts.len() / 2).copied().unwrap_or_default()
    };
    let input = median(known.iter().map(|(input, _)| *input).collect());
    let output = median(known.iter().map(|(_, output)| *output).collect());
    for request in requests.iter_mut().filter(|request| !is_known(&&**request)) {
        (request.input_tokens, request.output_tokens) = (input, output);
    }
}
