//! `roundelay export`.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Args;
use serde_json::Value;

pub(super) use crate::common::moment::moment;

use super::{Common, Failure, count::one_or_more, reach::Reach};
use crate::{
    admin::exchanges::{ExchangeQuery, recent},
    common::clock::unix_time,
    store::Scope,
};

/// Print the records of exchanges, newest first, one JSON object a line: never a prompt, an answer or a key.
///
/// `roundelay simulate --workload FILE` reads them.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay export > records.jsonl
  roundelay export --since 7d > last-week.jsonl
  roundelay export --since 2026-11-01 --last 100000")]
pub(super) struct Export {
    /// Only what began since then: a date (from 00:00 UTC), an RFC 3339 time, or how long ago (`7d`, `12h`).
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<i64>,
    /// How many at most.
    #[arg(long, value_name = "N", value_parser = one_or_more)]
    last: Option<u64>,
}

impl Export {
    pub(super) fn run(&self, common: &Common) -> Result<ExitCode, Failure> {
        let mut before: Option<String> = None;
        let mut left = self.last.unwrap_or(u64::MAX);
        let mut output = io::BufWriter::new(io::stdout().lock());
        while left > 0 {
            let page = page(common, left.min(PAGE), before.as_deref())?;
            for record in &page {
                let began = record["started_at_ms"].as_i64().unwrap_or_default();
                if self.since.is_some_and(|since| began < since) {
                    continue;
                }
                if writeln!(output, "{record}").is_err() {
                    // A reader that left (`| head`) has what it wanted.
                    return Ok(ExitCode::SUCCESS);
                }
            }
            left = left.saturating_sub(page.len() as u64);
            // Names are in the order of arrival and records begin with it, but for the clock's own jumps: a page wholly
            // before the time asked for ends the search, a single record does not.
            let is_past = |record: &Value| {
                let began = record["started_at_ms"].as_i64().unwrap_or_default();
                self.since.is_some_and(|since| began < since)
            };
            match page.last() {
                Some(oldest) if page.len() as u64 == PAGE && !page.iter().all(is_past) => {
                    before = oldest["id"].as_str().map(str::to_owned);
                }
                Some(_) | None => break,
            }
        }
        output.flush().ok();
        Ok(ExitCode::SUCCESS)
    }
}

fn page(common: &Common, limit: u64, before: Option<&str>) -> Result<Vec<Value>, Failure> {
    let answer = match Reach::find_existing(&common.data)? {
        Reach::Running(gateway) => {
            let before = before.map(|before| format!("&before={before}")).unwrap_or_default();
            gateway.ask("GET", &format!("/admin/exchanges?limit={limit}{before}"), None)?
        }
        Reach::Alone(store) => {
            let before = before.map(str::to_owned);
            recent(
                store.within(&Scope::All),
                &ExchangeQuery { limit: Some(usize::try_from(limit)?), before, ..ExchangeQuery::default() },
            )?
        }
    };
    match answer {
        Value::Array(page) => Ok(page),
        _ => Err("the gateway's answer is no list of records".into()),
    }
}

/// Milliseconds since 1970-01-01 UTC.
pub(super) fn since(text: &str) -> Result<i64, String> {
    if let Some(ago) = crate::config::length_of_time(text) {
        return i64::try_from(unix_time().saturating_sub(ago).as_millis()).map_err(|fault| fault.to_string());
    }
    let at = moment(text).map_err(|fault| format!("{fault}; or how long ago it was, like `7d` or `12h`"))?;
    Ok(at.as_millisecond())
}

/// As many records as one answer holds.
const PAGE: u64 = 1_000;
