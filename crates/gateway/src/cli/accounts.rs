//! `roundelay accounts`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    Common, Failure,
    reach::{Reach, now},
    say,
    table::{cell, print, seconds},
};
use crate::admin::accounts::{self as acts, NewAccount};

/// Make and list accounts: who pays for what keys ask.
#[derive(Debug, Args)]
pub(super) struct AccountsCommand {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Create(Create),
    List(List),
}

/// Make an account. One named `default` is there from the start.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay accounts create team-a
  roundelay accounts create team-a --title \"Team A\" --json
  roundelay keys create --account team-a --name laptop")]
struct Create {
    /// Its name in keys and records: 1 to 64 letters, digits, dots, underscores or hyphens.
    name: String,
    /// What people will call it; the name when left out.
    #[arg(long)]
    title: Option<String>,
    /// Mark it as paying in advance. This version keeps no balances: the mark is stored and stops no request yet.
    #[arg(long)]
    prepaid: bool,
}

/// List every account.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay accounts list
  roundelay accounts list --json")]
struct List {}

impl AccountsCommand {
    pub(super) fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        match self.act {
            Act::Create(create) => create.run(common),
            Act::List(List {}) => list(common),
        }
    }
}

impl Create {
    fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        let wanted = NewAccount { id: self.name, name: self.title, prepaid: self.prepaid };
        let made = match Reach::find(&common.data)? {
            Reach::Running(gateway) => gateway.ask("POST", "/admin/accounts", Some(&json!(wanted)))?,
            Reach::Alone(store) => acts::create(&store, wanted, now())?,
        };
        if common.json {
            say(&made);
        } else {
            say(&format_args!("account {} is there ({})", cell(&made["id"]), cell(&made["kind"])));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(common: &Common) -> Result<ExitCode, Failure> {
    let listed = match Reach::find_existing(&common.data)? {
        Reach::Running(gateway) => gateway.ask("GET", "/admin/accounts", None)?,
        Reach::Alone(store) => acts::list(&store)?,
    };
    if common.json {
        say(&listed);
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<_> = listed
        .as_array()
        .into_iter()
        .flatten()
        .map(|account| {
            [cell(&account["id"]), cell(&account["kind"]), cell(&account["name"]), seconds(&account["created_at"])]
        })
        .collect();
    print(["ID", "KIND", "NAME", "MADE"], &rows);
    Ok(ExitCode::SUCCESS)
}
