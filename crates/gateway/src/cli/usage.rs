//! `roundelay usage`.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::{
    Common, Failure,
    count::within,
    explain::usd,
    export::since,
    reach::Reach,
    say,
    table::{cell, print, printable},
};
use crate::admin::usage::{LAST_MAX, add_up};

/// Add up exchanges and tokens from the records.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay usage                        the latest 10,000 exchanges
  roundelay usage --since 7d             those of the last seven days
  roundelay usage --last 500 --json")]
pub(super) struct Usage {
    /// Only what began since then: a date (from 00:00 UTC), an RFC 3339 time, or how long ago (`7d`, `12h`).
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<i64>,
    /// How many of the latest exchanges to add up: 1 to 1,000,000; 10,000 when left out, or as many as can be with `--since`.
    #[arg(long, value_name = "N", value_parser = last)]
    last: Option<u64>,
}

impl Usage {
    pub(super) fn run(&self, common: &Common) -> Result<ExitCode, Failure> {
        let usage = match Reach::find_existing(&common.data)? {
            Reach::Running(gateway) => gateway.ask("GET", &self.query(), None)?,
            Reach::Alone(store) => add_up(&store, self.last, self.since)?,
        };
        if common.json {
            say(&usage);
        } else {
            show(&usage);
        }
        Ok(ExitCode::SUCCESS)
    }

    fn query(&self) -> String {
        let last = self.last.map(|last| format!("last={last}"));
        let since = self.since.map(|since| format!("since_ms={since}"));
        let parts: Vec<String> = last.into_iter().chain(since).collect();
        format!("/admin/usage?{}", parts.join("&"))
    }
}

fn last(text: &str) -> Result<u64, String> {
    within(text, 1..=LAST_MAX)
}

fn show(usage: &Value) {
    let since = usage["since_ms"].as_i64().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let since = since.map(|at| format!(", since {at}")).unwrap_or_default();
    say(&format_args!("the latest {} of {} exchanges{since}\n", usage["counted"], usage["exchanges"]));
    let outcomes: Vec<_> = entries(&usage["outcomes"]).map(|(name, count)| [name, cell(count)]).collect();
    print(["OUTCOME", "EXCHANGES"], &outcomes);
    for (title, field) in [("MODEL", "by_model"), ("KEY", "by_key"), ("ACCOUNT", "by_account")] {
        let rows: Vec<_> = entries(&usage[field]).map(|(name, share)| row(name, share)).collect();
        if !rows.is_empty() {
            say(&"");
            print([title, "EXCHANGES", "INPUT", "CACHE READ", "CACHE WRITE", "OUTPUT", "REASONING", "COST"], &rows);
        }
    }
}

fn entries(map: &Value) -> impl Iterator<Item = (String, &Value)> {
    map.as_object().into_iter().flatten().map(|(name, value)| (printable(name), value))
}

fn row(name: String, share: &Value) -> [String; 8] {
    let [exchanges, input, cache_read, cache_write, output, reasoning] =
        ["exchanges", "input", "cache_read", "cache_write", "output", "reasoning"].map(|field| cell(&share[field]));
    [name, exchanges, input, cache_read, cache_write, output, reasoning, cost(share)]
}

/// What is known of it; exchanges whose cost is not known are told beside it.
fn cost(share: &Value) -> String {
    let (nano, unpriced) = (&share["cost_nano"], share["unpriced"].as_u64().unwrap_or_default());
    match (unpriced, share["exchanges"].as_u64()) {
        (0, _) => usd(nano),
        (unpriced, Some(all)) if unpriced == all => "not known".to_owned(),
        (unpriced, _) => format!("{} and {unpriced} not known", usd(nano)),
    }
}
