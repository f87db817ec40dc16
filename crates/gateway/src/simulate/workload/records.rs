//! A gateway's own records: `roundelay export`, or what `GET /admin/exchanges` answers.

use std::{collections::HashMap, io::BufRead, sync::Arc, time::Duration};

use serde::Deserialize;

use super::{Kind, Lines, Request, Workload, WorkloadFault, learn, tokens};

/// What of a record matters here. Fields that are not named may be anything.
#[derive(Deserialize)]
pub(super) struct Row {
    pub(super) started_at_ms: i64,
    asked: String,
    #[serde(default)]
    stream: bool,
    pub(super) usage: Usage,
    #[serde(default)]
    pub(super) attempts: Vec<Attempt>,
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
}

/// Reads the first line and those that follow: a record a line, or one list of records.
pub(super) fn read<R: BufRead>(
    first: String,
    lines: &mut Lines<'_, R>,
    limit: usize,
) -> Result<Workload, WorkloadFault> {
    let rows = if first.starts_with('[') { read_list(first, lines)? } else { read_lines(first, lines, limit)? };
    let rows = &rows[..rows.len().min(limit)];
    let start = rows.iter().map(|row| row.started_at_ms).min().unwrap_or_default();
    let mut names: HashMap<&str, Arc<str>> = HashMap::new();
    let mut requests = Vec::with_capacity(rows.len());
    for row in rows {
        let usage = &row.usage;
        let input = usage.input.saturating_add(usage.cache_read).saturating_add(usage.cache_write);
        let count = |count| tokens(count).map_err(|message| lines.fault(message));
        requests.push(Request {
            at: Duration::from_millis(row.started_at_ms.abs_diff(start)),
            input_tokens: count(input)?,
            output_tokens: count(usage.output)?,
            prefix: Box::default(),
            turn: None,
            asked: Some(Arc::clone(names.entry(&row.asked).or_insert_with(|| row.asked.as_str().into()))),
            cache_read: count(usage.cache_read)?,
            is_stream: row.stream,
        });
    }
    guess_unknown(&mut requests);
    let learnt = learn::learn(rows, start);
    Ok(Workload { kind: Kind::Records, requests, began: Some(start.div_euclid(1000)), learnt })
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
