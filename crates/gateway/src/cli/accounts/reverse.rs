//! `roundelay accounts reverse`.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::alone;
use crate::{
    admin::reversals::{self, NewReversal},
    cli::{Common, Failure, reach::Reach, say, table::cell},
};

/// Take an entry back: the opposite one is made, once, whole. What was spent within spend limits stays counted.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay accounts reverse 4711 --reason \"the answer was of no use\"")]
pub(super) struct Reverse {
    /// The number of the entry, as `accounts entries` shows it: a charge, a top-up or an adjustment.
    #[arg(value_name = "ENTRY")]
    entry: u64,
    /// Why, in a few words. It stays with the new entry.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Reverse {
    pub(super) fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        let wanted = NewReversal { reason: self.reason };
        let done = match Reach::find_existing(&common.data)? {
            Reach::Running(gateway) => {
                gateway.ask("POST", &format!("/admin/entries/{}/reverse", self.entry), Some(&json!(wanted)))?
            }
            Reach::Alone(store) => reversals::reverse(alone(&store, common), self.entry, &wanted)?.0,
        };
        if common.json {
            say(&done);
            return Ok(ExitCode::SUCCESS);
        }
        let entry = &done["entry"];
        let [sequence, change, currency, account, balance] =
            ["sequence", "change", "currency", "account", "balance"].map(|field| cell(&entry[field]));
        let before = if done["is_new"] == true { "" } else { ", made before: nothing was done now" };
        say(&format_args!("entry {sequence} reverses entry {}: {change} {currency}{before}", self.entry));
        say(&format_args!("account {account} has {balance} {currency} after it"));
        Ok(ExitCode::SUCCESS)
    }
}
