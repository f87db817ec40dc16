//! `roundelay acts`.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Args;
use serde_json::Value;

use super::{
    Common, Failure,
    count::one_or_more,
    export::since,
    reach::Reach,
    table::{cell, print, seconds},
};
use crate::{
    admin::acts::{self, ActQuery, PAGE_MAX},
    store::Scope,
};

/// Show what operators did and were refused, newest first.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay acts
  roundelay acts --since 7d
  roundelay acts --limit 100000 --json | jq 'select(.outcome == \"refused\")'")]
pub(super) struct Acts {
    /// Only what was done since then: a date (from 00:00 UTC), an RFC 3339 time, or how long ago (`7d`, `12h`).
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<i64>,
    /// How many at most.
    #[arg(long, value_name = "N", default_value = "50", value_parser = one_or_more)]
    limit: u64,
}

impl Acts {
    pub(super) fn run(&self, common: &Common) -> Result<ExitCode, Failure> {
        let mut output = io::BufWriter::new(io::stdout().lock());
        let (mut before, mut left) = (None, usize::try_from(self.limit)?);
        let mut rows = Vec::new();
        while left > 0 {
            let asked = left.min(PAGE_MAX);
            let page = self.page(common, asked, before)?;
            before = page.last().and_then(|oldest| oldest["number"].as_u64());
            left -= page.len().min(left);
            let is_last = page.len() < asked;
            let written = match common.json {
                true => page.iter().try_for_each(|act| writeln!(output, "{act}")),
                false => {
                    rows.extend(page.iter().map(row));
                    Ok(())
                }
            };
            // A reader that left (`| head`) has what it wanted.
            if is_last || written.is_err() {
                break;
            }
        }
        output.flush().ok();
        drop(output);
        if !common.json {
            print(["ACT", "AT", "WHO", "WHAT", "ON", "OUTCOME", "DETAIL"], &rows);
        }
        Ok(ExitCode::SUCCESS)
    }

    fn page(&self, common: &Common, limit: usize, before: Option<u64>) -> Result<Vec<Value>, Failure> {
        let gateway = match Reach::find_existing(&common.data)? {
            Reach::Running(gateway) => gateway,
            Reach::Alone(store) => {
                let query = ActQuery { since_ms: self.since, before, limit: Some(limit) };
                return Ok(acts::page(store.within(&Scope::All), &query)?);
            }
        };
        let mut path = format!("/admin/acts?limit={limit}");
        path.extend(self.since.map(|since| format!("&since_ms={since}")));
        path.extend(before.map(|before| format!("&before={before}")));
        match gateway.ask("GET", &path, None)? {
            Value::Array(page) => Ok(page),
            _ => Err("the gateway's answer is no list of acts".into()),
        }
    }
}

fn row(act: &Value) -> [String; 7] {
    let at = act["at_us"].as_i64().map(|us| Value::from(us.div_euclid(1_000_000)));
    let operator = act["operator"].as_str().map(|id| format!(" ({id})")).unwrap_or_default();
    [
        cell(&act["number"]),
        seconds(&at.unwrap_or_default()),
        format!("{}{operator}", cell(&act["who"])),
        cell(&act["act"]),
        cell(&act["object"]),
        cell(&act["outcome"]),
        cell(&act["detail"]),
    ]
}
