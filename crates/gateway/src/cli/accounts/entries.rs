//! `roundelay accounts entries`.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Args;
use roundelay_ledger::EntryKind;
use serde_json::Value;

use super::checked;
use crate::{
    admin::entries::{self as acts, EntryQuery, PAGE_MAX},
    cli::{
        Common, Failure,
        count::one_or_more,
        export::since,
        reach::Reach,
        table::{cell, print, seconds},
    },
    store::Scope,
};

/// Show entries, newest first: what came in, what was charged, and what the balance was after each.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay accounts entries team-a
  roundelay accounts entries --kind loss           what no account paid
  roundelay accounts entries team-a --kind top-up --since 30d
  roundelay accounts entries team-a --limit 1000000 --csv > team-a.csv")]
pub(super) struct Entries {
    /// The account. Without it: all accounts, and the losses of the house, which no account has.
    name: Option<String>,
    /// Only these: top-up, charge, reversal, adjustment, or without an account loss.
    #[arg(long, value_parser = kind)]
    kind: Option<String>,
    /// Only those made since then: a date (from 00:00 UTC), an RFC 3339 time, or how long ago (`7d`, `12h`).
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<i64>,
    /// How many at most.
    #[arg(long, value_name = "N", default_value = "50", value_parser = one_or_more)]
    limit: u64,
    /// Print a table for spreadsheets, its columns separated by commas.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

impl Entries {
    pub(super) fn run(&self, common: &Common) -> Result<ExitCode, Failure> {
        if self.name.is_some() && self.kind.as_deref() == Some(EntryKind::Loss.label()) {
            return Err("a loss is the house's and no account's: `accounts entries --kind loss` shows them".into());
        }
        let mut output = io::BufWriter::new(io::stdout().lock());
        let mut shown = Vec::new();
        if self.csv && write!(output, "{}", acts::csv_headings()).is_err() {
            return Ok(ExitCode::SUCCESS);
        }
        let (mut before, mut left) = (None, usize::try_from(self.limit)?);
        while left > 0 {
            let asked = left.min(PAGE_MAX);
            let page = self.page(common, asked, before)?;
            before = page.last().and_then(|oldest| oldest["sequence"].as_u64());
            left -= page.len().min(left);
            let is_last = page.len() < asked;
            let written = match (self.csv, common.json) {
                (true, _) => write!(output, "{}", acts::csv(&page)),
                (_, true) => page.iter().try_for_each(|entry| writeln!(output, "{entry}")),
                _ => {
                    shown.extend(page);
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
        if !self.csv && !common.json {
            self.show(&shown);
        }
        Ok(ExitCode::SUCCESS)
    }

    fn show(&self, entries: &[Value]) {
        let mut headings = vec!["ENTRY", "AT", "KIND", "CHANGE", "BALANCE", "CURRENCY", "KEY", "FOR"];
        let mut rows: Vec<Vec<String>> = entries.iter().map(|entry| row(entry).to_vec()).collect();
        if self.name.is_none() {
            headings.insert(ACCOUNT_AT, "ACCOUNT");
            for (entry, row) in entries.iter().zip(&mut rows) {
                // A loss is the house's, made by the account that asked.
                let (account, asker) = (&entry["account"], &entry["asked_by"]);
                row.insert(ACCOUNT_AT, cell(if account.is_null() { asker } else { account }));
            }
        }
        print(headings, &rows);
    }

    fn page(&self, common: &Common, limit: usize, before: Option<u64>) -> Result<Vec<Value>, Failure> {
        let name = self.name.as_deref().map(checked).transpose()?;
        let store = match Reach::find_existing(&common.data)? {
            Reach::Running(gateway) => {
                let answer = gateway.ask("GET", &self.path(limit, before), None)?;
                let Value::Array(page) = answer else {
                    return Err("the gateway's answer is no list of entries".into());
                };
                return Ok(page);
            }
            Reach::Alone(store) => store,
        };
        let query = EntryQuery {
            account: name.map(str::to_owned),
            kind: self.kind.clone(),
            since_ms: self.since,
            before,
            limit: Some(limit),
            ..EntryQuery::default()
        };
        Ok(acts::page(store.within(&Scope::All), &query)?)
    }

    fn path(&self, limit: usize, before: Option<u64>) -> String {
        let mut path = format!("/admin/entries?limit={limit}");
        path.extend(self.name.iter().map(|name| format!("&account={name}")));
        path.extend(self.kind.iter().map(|kind| format!("&kind={kind}")));
        path.extend(self.since.map(|since| format!("&since_ms={since}")));
        path.extend(before.map(|before| format!("&before={before}")));
        path
    }
}

fn kind(text: &str) -> Result<String, String> {
    acts::kind(text).map(|kind| kind.label().to_owned()).map_err(|fault| fault.to_string())
}

fn row(entry: &Value) -> [String; 8] {
    let at = entry["at_us"].as_i64().map(|us| Value::from(us.div_euclid(1_000_000)));
    // A reversal has the exchange of what it reverses, and says itself which entry that is.
    let is_told = entry["exchange"].is_null() || !entry["reason"].is_null();
    let reason = if is_told { cell(&entry["reason"]) } else { attempt(entry) };
    [
        cell(&entry["sequence"]),
        seconds(&at.unwrap_or_default()),
        cell(&entry["kind"]),
        cell(&entry["change"]),
        cell(&entry["balance"]),
        cell(&entry["currency"]),
        cell(&entry["key"]),
        reason,
    ]
}

fn attempt(entry: &Value) -> String {
    let overrun = entry["overrun"].as_str().map(|cause| format!(", more than was held: {cause}"));
    let estimated = if entry["estimated"] == true { ", estimated" } else { "" };
    format!("{} attempt {}{estimated}{}", cell(&entry["exchange"]), entry["attempt"], overrun.unwrap_or_default())
}

/// Before which column accounts are told, where there are many.
const ACCOUNT_AT: usize = 3;
