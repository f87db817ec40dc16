//! `roundelay accounts list`.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::alone;
use crate::{
    admin::accounts as acts,
    cli::{
        Common, Failure,
        limits::in_words,
        reach::Reach,
        say,
        table::{cell, print},
    },
};

/// List every account, as a tree, with what it has. What requests hold is known to a running gateway alone.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay accounts list
  roundelay accounts list --json | jq -r '.[] | select(.left_nano != null and .left_nano <= 0) | .id'")]
pub(super) struct List {}

impl List {
    pub(super) fn run(common: &Common) -> Result<ExitCode, Failure> {
        let listed = match Reach::find_existing(&common.data)? {
            Reach::Running(gateway) => gateway.ask("GET", "/admin/accounts", None)?,
            Reach::Alone(store) => acts::list(alone(&store, common))?,
        };
        if common.json {
            say(&listed);
            return Ok(ExitCode::SUCCESS);
        }
        let all = listed.as_array().map(Vec::as_slice).unwrap_or_default();
        let mut rows = Vec::new();
        branch(all, &Value::Null, 0, &mut rows);
        print(["ACCOUNT", "KIND", "CURRENCY", "BALANCE", "HELD", "LEFT", "SPENT", "TIMES", "LIMITS", "NAME"], &rows);
        Ok(ExitCode::SUCCESS)
    }
}

/// The accounts below `parent`, each followed by those below it.
fn branch(all: &[Value], parent: &Value, depth: usize, rows: &mut Vec<[String; 10]>) {
    for account in all.iter().filter(|account| &account["parent"] == parent) {
        rows.push(row(account, depth));
        branch(all, &account["id"], depth + 1, rows);
    }
}

fn row(account: &Value, depth: usize) -> [String; 10] {
    let amount = |field: &str| if account[field].is_null() { "-".to_owned() } else { cell(&account[field]) };
    let closed = if account["closed"] == true { ", closed" } else { "" };
    // A prepaid account alone has an end; others are only limited by what is written beside it.
    let left = if account["left"].is_null() { "no end".to_owned() } else { cell(&account["left"]) };
    let left = if account["kind"] == "inherits" { "-".to_owned() } else { left };
    [
        format!("{:indent$}{}", "", cell(&account["id"]), indent = 2 * depth),
        format!("{}{closed}", cell(&account["kind"])),
        cell(&account["currency"]),
        amount("balance"),
        amount("held"),
        left,
        amount("spent"),
        cell(&account["multiplier"]),
        in_words(&account["limits"]),
        cell(&account["name"]),
    ]
}
