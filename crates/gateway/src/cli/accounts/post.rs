//! `roundelay accounts credit` and `adjust`.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::{alone, checked};
use crate::{
    admin::postings::{self, Act, NewPosting},
    cli::{Common, Failure, reach::Reach, say, table::cell},
};

/// Put money on an account.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay accounts credit team-a 50 --reason \"invoice 2026-117\"
  roundelay accounts credit team-a 50 --reason \"invoice 2026-117\" --key invoice-2026-117")]
pub(super) struct Credit {
    #[command(flatten)]
    posting: PostingArgs,
}

/// Correct a balance, up or down. A prepaid account gives no more than it has and does not hold.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay accounts adjust team-a -2.50 --reason \"counted twice\"
  roundelay accounts adjust team-a +2.50 --reason \"the other way round\" --json")]
pub(super) struct Adjust {
    #[command(flatten)]
    posting: PostingArgs,
}

#[derive(Debug, Args)]
struct PostingArgs {
    /// The account.
    name: String,
    /// How much, in its currency: a decimal number with at most nine places.
    amount: String,
    /// Why, in a few words. It stays with the entry.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// A name for this act: done again under the same one, it has no second effect. A random one when left out.
    #[arg(long, value_name = "TEXT")]
    key: Option<String>,
}

impl Credit {
    pub(super) fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        self.posting.run(Act::Credit, common)
    }
}

impl Adjust {
    pub(super) fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        self.posting.run(Act::Adjust, common)
    }
}

impl PostingArgs {
    fn run(self, act: Act, common: &Common) -> Result<ExitCode, Failure> {
        if self.key.as_deref() == Some("") {
            return Err("`--key` is empty: leave it out for a random one".into());
        }
        let idempotency = self.key.map_or_else(random_key, Ok)?;
        let wanted = NewPosting { amount: self.amount, reason: self.reason, idempotency };
        let done = post(act, &self.name, &wanted, common).map_err(|fault| {
            // Whoever does not know whether it was done can ask again under the same name.
            format!("{fault} (idempotency key {})", wanted.idempotency)
        })?;
        if common.json {
            say(&done);
        } else {
            show(&done);
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn post(act: Act, name: &str, wanted: &NewPosting, common: &Common) -> Result<Value, Failure> {
    match Reach::find_existing(&common.data)? {
        Reach::Running(gateway) => {
            let path = format!("/admin/accounts/{}/{}", checked(name)?, act.label());
            gateway.ask("POST", &path, Some(&json!(wanted)))
        }
        Reach::Alone(store) => Ok(postings::post(alone(&store, common), act, name, wanted)?.0),
    }
}

fn show(done: &Value) {
    let entry = &done["entry"];
    let before = if done["is_new"] == true { "" } else { ", made before: nothing was done now" };
    let [sequence, kind, change, currency, account, balance, key] =
        ["sequence", "kind", "change", "currency", "account", "balance", "idempotency"]
            .map(|field| cell(&entry[field]));
    say(&format_args!("entry {sequence}: {kind} of {change} {currency}{before}"));
    say(&format_args!("account {account} has {balance} {currency} after it"));
    say(&format_args!("idempotency key {key}"));
}

/// 128 bits of the system's generator, in hexadecimal.
fn random_key() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
