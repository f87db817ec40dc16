//! `roundelay usage`.

use std::process::ExitCode;

use clap::{Args, builder::PossibleValuesParser};
use serde_json::Value;

use super::{
    Common, Failure,
    export::since,
    reach::Reach,
    say,
    table::{cell, print, seconds},
};
use crate::{
    admin::usage::{DIMENSIONS, UsageQuery, add_up},
    common::csv,
    store::Scope,
};

/// Add up exchanges, tokens, costs and charges, by whole hours (UTC).
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay usage                        by model, of all time
  roundelay usage --by account --by model --since 30d
  roundelay usage --by hour --since 24h --key k7m2q9xd
  roundelay usage --by key --since 2026-11-01 --until 2026-12-01 --csv > november.csv")]
pub(super) struct Usage {
    /// By what it is told apart; may be given more than once, and the first one sorts.
    #[arg(long, default_value = "model", value_parser = PossibleValuesParser::new(DIMENSIONS.map(|(name, _)| name)))]
    by: Vec<String>,
    /// From then on, by the beginning of its hour: a date (from 00:00 UTC), an RFC 3339 time, or how long ago (`7d`).
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<i64>,
    /// Up to then, by the end of its hour.
    #[arg(long, value_name = "TIME", value_parser = since)]
    until: Option<i64>,
    /// That of one account, without those below it.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// That of one key.
    #[arg(long, value_name = "ID")]
    key: Option<String>,
    /// Print a table for spreadsheets, its columns separated by commas.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

impl Usage {
    pub(super) fn run(&self, common: &Common) -> Result<ExitCode, Failure> {
        let usage = match Reach::find_existing(&common.data)? {
            Reach::Running(gateway) => gateway.ask("GET", &self.path()?, None)?,
            Reach::Alone(store) => add_up(store.within(&Scope::All), &self.query())?,
        };
        match (common.json, self.csv) {
            (true, _) => say(&usage),
            (_, true) => show_csv(&usage),
            _ => show(&usage),
        }
        Ok(ExitCode::SUCCESS)
    }

    fn query(&self) -> UsageQuery {
        UsageQuery {
            by: Some(self.by.join(",")),
            since_ms: self.since,
            until_ms: self.until,
            account: self.account.clone(),
            key: self.key.clone(),
            ..UsageQuery::default()
        }
    }

    fn path(&self) -> Result<String, Failure> {
        let query = self.query();
        let names = [("account", &query.account), ("key", &query.key)];
        let mut path = format!("/admin/usage?by={}", query.by.unwrap_or_default());
        for (name, value) in names {
            let Some(value) = value else { continue };
            // Ids of accounts and of keys are written in these.
            if !value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
                return Err(format!("`{value}` names no {name}").into());
            }
            path.push_str(&format!("&{name}={value}"));
        }
        path.extend(query.since_ms.map(|since| format!("&since_ms={since}")));
        path.extend(query.until_ms.map(|until| format!("&until_ms={until}")));
        Ok(path)
    }
}

fn show(usage: &Value) {
    let since = usage["since_ms"].as_i64().map(|ms| seconds(&Value::from(ms.div_euclid(1_000))));
    let since = since.map(|at| format!(", since {at}")).unwrap_or_default();
    say(&format_args!("{} exchanges{since}\n", usage["total"]["exchanges"]));
    let by = names(usage);
    let headings = by.iter().map(|name| name.to_uppercase()).chain(
        ["EXCHANGES", "INPUT", "CACHE READ", "CACHE WRITE", "OUTPUT", "REASONING", "COST", "CHARGED", "LOST"]
            .map(str::to_owned),
    );
    let mut rows: Vec<Vec<String>> = rows(usage).map(|row| shown(row, &by)).collect();
    if rows.len() > 1 {
        let mut total = shown(&usage["total"], &by);
        total[..by.len()].fill(String::new());
        "total".clone_into(&mut total[0]);
        rows.push(total);
    }
    print(headings.collect::<Vec<_>>(), &rows);
}

fn shown(row: &Value, by: &[&str]) -> Vec<String> {
    let name = |name: &&str| match *name {
        "hour" => hour(row),
        name if row[name].is_null() => "-".to_owned(),
        name => cell(&row[name]),
    };
    let counts = ["exchanges", "input", "cache_read", "cache_write", "output", "reasoning"];
    let counts = counts.map(|field| cell(&row[field]));
    let amounts = [cost(row), amount(&row["charged_usd"]), amount(&row["lost_usd"])];
    by.iter().map(name).chain(counts).chain(amounts).collect()
}

/// What is known of it at list price; exchanges whose cost is not known are told beside it.
fn cost(row: &Value) -> String {
    let (cost, unpriced) = (amount(&row["cost_usd"]), row["unpriced"].as_u64().unwrap_or_default());
    match (unpriced, row["exchanges"].as_u64()) {
        (0, _) => cost,
        (unpriced, Some(all)) if unpriced == all => "not known".to_owned(),
        (unpriced, _) => format!("{cost} and {unpriced} not known"),
    }
}

fn amount(dollars: &Value) -> String {
    let text = cell(dollars);
    text.strip_prefix('-').map_or_else(|| format!("${text}"), |text| format!("-${text}"))
}

fn hour(row: &Value) -> String {
    row["hour_ms"].as_i64().map(|ms| seconds(&Value::from(ms.div_euclid(1_000)))).unwrap_or_default()
}

fn show_csv(usage: &Value) {
    let by = names(usage);
    say(&csv::line(&by.iter().copied().chain(CSV_COLUMNS).collect::<Vec<_>>()));
    for row in rows(usage) {
        let name = |name: &&str| if *name == "hour" { hour(row) } else { cell(&row[*name]) };
        let cells: Vec<String> = by.iter().map(name).chain(CSV_COLUMNS.map(|column| cell(&row[column]))).collect();
        say(&csv::line(&cells));
    }
}

fn names(usage: &Value) -> Vec<&str> {
    usage["by"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn rows(usage: &Value) -> impl Iterator<Item = &Value> {
    usage["rows"].as_array().into_iter().flatten()
}

const CSV_COLUMNS: [&str; 12] = [
    "exchanges",
    "input",
    "cache_read",
    "cache_write",
    "output",
    "reasoning",
    "unpriced",
    "cost_usd",
    "charged_usd",
    "charged_in_usd",
    "charged_in_cny",
    "lost_usd",
];
