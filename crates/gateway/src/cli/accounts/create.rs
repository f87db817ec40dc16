//! `roundelay accounts create` and `change`.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::{alone, checked};
use crate::{
    admin::accounts::{self as acts, AccountChange, NewAccount},
    cli::{
        Common, Failure,
        limits::{LimitArgs, in_words, nothing_to_change},
        reach::{Reach, now},
        say,
        table::cell,
    },
};

/// Make an account. One named `default` is there from the start.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay accounts create team-a --prepaid
  roundelay accounts create alice --parent team-a --spend month:20@Asia/Shanghai
  roundelay accounts create team-b --prepaid --currency cny --multiplier 1.2 --rpm 600
  roundelay keys create --account alice --name laptop")]
pub(super) struct Create {
    /// Its name in keys and records: 1 to 64 letters, digits, dots, underscores or hyphens.
    name: String,
    /// What people will call it; the name when left out.
    #[arg(long)]
    title: Option<String>,
    /// The account above it, for good. Its limits hold for all below it together.
    #[arg(long, value_name = "NAME")]
    parent: Option<String>,
    /// What its balance and its spend limits are counted in, for good: `usd` or `cny`. As the one above it, and else usd.
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    #[command(flatten)]
    terms: TermArgs,
}

/// Change an account from now on. What is left out stays as it is.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay accounts change team-a --credit-line 50 --rpm none
  roundelay accounts change team-a --spend day:10 --spend month:100
  roundelay accounts change team-a --close")]
pub(super) struct Change {
    /// Its name.
    name: String,
    /// What people will call it.
    #[arg(long)]
    title: Option<String>,
    #[command(flatten)]
    terms: TermArgs,
    /// Refuse its requests, and those of all below it.
    #[arg(long)]
    close: bool,
    /// Take its requests again.
    #[arg(long, conflicts_with = "close")]
    open: bool,
}

/// The conditions of an account.
#[derive(Debug, Args)]
struct TermArgs {
    /// It pays in advance: what is not there cannot be spent.
    #[arg(long, conflicts_with_all = ["postpaid", "inherits"])]
    prepaid: bool,
    /// It pays afterwards: its balance may fall as far as it will. So are accounts without one above them unless told
    /// otherwise.
    #[arg(long, conflicts_with = "inherits")]
    postpaid: bool,
    /// The account above it pays. So are accounts with one above them unless told otherwise.
    #[arg(long)]
    inherits: bool,
    /// How far below zero a prepaid balance may go.
    #[arg(long, value_name = "AMOUNT")]
    credit_line: Option<String>,
    /// How many times the list price is charged, besides those of the accounts above it.
    #[arg(long, value_name = "FACTOR")]
    multiplier: Option<String>,
    #[command(flatten)]
    limits: LimitArgs,
}

impl TermArgs {
    fn kind(&self) -> Option<String> {
        let kinds = [(self.prepaid, "prepaid"), (self.postpaid, "postpaid"), (self.inherits, "inherits")];
        kinds.into_iter().find(|(is_meant, _)| *is_meant).map(|(_, kind)| kind.to_owned())
    }
}

impl Create {
    pub(super) fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        let wanted = NewAccount {
            kind: self.terms.kind(),
            limits: self.terms.limits.change()?,
            id: self.name,
            name: self.title,
            parent: self.parent,
            currency: self.currency,
            credit_line: self.terms.credit_line,
            multiplier: self.terms.multiplier,
        };
        let made = match Reach::find(common)? {
            Reach::Running(gateway) => gateway.ask("POST", "/admin/accounts", Some(&json!(wanted)))?,
            Reach::Alone(store) => acts::create(alone(&store, common), &wanted, now())?,
        };
        show(&made, common);
        Ok(ExitCode::SUCCESS)
    }
}

impl Change {
    pub(super) fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        let wanted = AccountChange {
            name: self.title,
            kind: self.terms.kind(),
            limits: self.terms.limits.change()?,
            credit_line: self.terms.credit_line,
            multiplier: self.terms.multiplier,
            closed: (self.close || self.open).then_some(self.close),
        };
        if wanted == AccountChange::default() {
            return Err(nothing_to_change("--title --prepaid --postpaid --inherits --credit-line --multiplier --rpm --tpm --concurrency --spend --close --open").into());
        }
        let changed = match Reach::find_existing(&common.data)? {
            Reach::Running(gateway) => {
                let path = format!("/admin/accounts/{}", checked(&self.name)?);
                gateway.ask("PATCH", &path, Some(&json!(wanted)))?
            }
            Reach::Alone(store) => acts::change(alone(&store, common), &self.name, &wanted)?,
        };
        show(&changed, common);
        Ok(ExitCode::SUCCESS)
    }
}

fn show(account: &Value, common: &Common) {
    if common.json {
        say(account);
        return;
    }
    let mut words = vec![cell(&account["kind"])];
    if !account["parent"].is_null() {
        words.push(format!("below {}", cell(&account["parent"])));
    }
    words.push(cell(&account["currency"]));
    if account["credit_line_nano"] != 0 {
        words.push(format!("credit line {}", cell(&account["credit_line"])));
    }
    if account["multiplier"] != "1.00" {
        words.push(format!("times {}", cell(&account["multiplier"])));
    }
    words.extend(Some(in_words(&account["limits"])).filter(|words| !words.is_empty()));
    if account["closed"] == true {
        words.push("closed".to_owned());
    }
    say(&format_args!("account {} is there ({})", cell(&account["id"]), words.join(", ")));
}
