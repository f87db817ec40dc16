//! `roundelay codes`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    Common, Failure,
    count::within,
    expiry,
    reach::{Alone, Reach, keys, now},
    say,
    table::{cell, print, seconds},
};
use crate::admin::{
    Books,
    codes::{self as acts, NewCodes, Redemption},
    operator::Operator,
};

/// Make codes that are worth money, see who redeemed them, and take them back.
#[derive(Debug, Args)]
pub(super) struct CodesCommand {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Create(Create),
    List(List),
    Revoke(Revoke),
    Redeem(Redeem),
}

/// Make codes. They are shown this once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay codes create --amount 10 --count 50 --expires 90d --note \"spring fair\"
  roundelay codes create --amount 100 --currency cny --json | jq -r '.[].code'")]
struct Create {
    /// What each is worth: a decimal number.
    #[arg(long)]
    amount: String,
    /// In which currency: `usd` or `cny`. Put on an account in the other one, it is converted by the rate of that day.
    #[arg(long, value_name = "CODE", default_value = "usd")]
    currency: String,
    /// How many, 1 to 1,000.
    #[arg(long, value_name = "N", default_value = "1", value_parser = count)]
    count: u64,
    /// When they end: `90d`, `12h`, `2027-01-31` (UTC) or `2027-01-31T09:30:00Z`. Without it, never.
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// What they are for. It stays with the entry of whoever redeems one.
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
}

/// List the latest codes: what each is worth, and who redeemed it. The codes themselves are kept nowhere.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay codes list
  roundelay codes list --json | jq '[.[] | select(.state == \"open\") | .amount_nano] | add'")]
struct List {}

/// Take a code back that nobody has redeemed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay codes revoke k7m2q9xd")]
struct Revoke {
    /// The code's id, as `codes list` shows it: the eight letters after `rc-`.
    id: String,
}

/// Put what a code is worth on an account. Callers do the same with `POST /v1/redeem`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay codes redeem rc-k7m2q9xd-4x7kp-qz8m1-w2n6r-h9c3d --account team-a")]
struct Redeem {
    /// The code.
    code: String,
    /// The account.
    #[arg(long, value_name = "NAME")]
    account: String,
}

impl CodesCommand {
    pub(super) fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        match self.act {
            Act::Create(create) => create.run(common),
            Act::List(List {}) => list(common),
            Act::Revoke(Revoke { id }) => revoke(&id, common),
            Act::Redeem(redeem) => redeem.run(common),
        }
    }
}

impl Create {
    fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        let wanted = NewCodes {
            amount: self.amount,
            currency: Some(self.currency),
            count: Some(usize::try_from(self.count)?),
            expires_at: self.expires.map(|text| expiry::parse(&text, now())).transpose()?,
            note: self.note,
        };
        let made = match Reach::find(common)? {
            Reach::Running(gateway) => gateway.ask("POST", "/admin/codes", Some(&json!(wanted)))?,
            Reach::Alone(store) => {
                acts::create(&store, Operator::command(), keys(&store, &common.data)?.codes(), &wanted, now())?
            }
        };
        if common.json {
            say(&made);
            return Ok(ExitCode::SUCCESS);
        }
        let made = made.as_array().map(Vec::as_slice).unwrap_or_default();
        for code in made {
            say(&cell(&code["code"]));
        }
        if let Some(first) = made.first() {
            let (amount, currency) = (cell(&first["amount"]), cell(&first["currency"]));
            say(&format_args!("\n{} of {amount} {currency} each. They are shown this once.", made.len()));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn count(text: &str) -> Result<u64, String> {
    within(text, 1..=acts::CODES_MAX as u64)
}

impl Redeem {
    fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        let wanted = Redemption { code: self.code, account: self.account };
        let done = match Reach::find_existing(&common.data)? {
            Reach::Running(gateway) => gateway.ask("POST", "/admin/codes/redeem", Some(&json!(wanted)))?,
            Reach::Alone(store) => redeem_alone(&store, &wanted, common)?,
        };
        if common.json {
            say(&done);
        } else {
            let entry = &done["entry"];
            let before = if done["is_new"] == true { "" } else { ", made before: nothing was done now" };
            let [sequence, change, currency, account, balance] =
                ["sequence", "change", "currency", "account", "balance"].map(|field| cell(&entry[field]));
            say(&format_args!("entry {sequence}: {change} {currency}{before}"));
            say(&format_args!("account {account} has {balance} {currency} after it"));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn redeem_alone(store: &Alone, wanted: &Redemption, common: &Common) -> Result<Value, Failure> {
    let books =
        Books { store, running: None, rate: common.load().ok().map(|config| config.rate()), by: Operator::command() };
    Ok(acts::redeem_for(books, keys(store, &common.data)?.codes(), wanted, now())?)
}

fn list(common: &Common) -> Result<ExitCode, Failure> {
    let listed = match Reach::find_existing(&common.data)? {
        Reach::Running(gateway) => gateway.ask("GET", "/admin/codes", None)?,
        Reach::Alone(store) => acts::list(&store, now())?,
    };
    if common.json {
        say(&listed);
        return Ok(ExitCode::SUCCESS);
    }
    let rows = listed.as_array().into_iter().flatten().map(|code| {
        let text = |field: &str| cell(&code[field]);
        [
            text("id"),
            text("state"),
            text("amount"),
            text("currency"),
            text("account"),
            seconds(&code["redeemed_at"]),
            text("entry"),
            seconds(&code["created_at"]),
            seconds(&code["expires_at"]),
            text("note"),
        ]
    });
    let rows: Vec<_> = rows.collect();
    print(["ID", "STATE", "AMOUNT", "CURRENCY", "ACCOUNT", "REDEEMED", "ENTRY", "MADE", "ENDS", "NOTE"], &rows);
    Ok(ExitCode::SUCCESS)
}

fn revoke(id: &str, common: &Common) -> Result<ExitCode, Failure> {
    // A whole code pasted in its place must not travel on in a path that is logged, and is no id.
    if id.len() != ID_LEN || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(
            "that is not a code's id: it is the eight letters after `rc-`; `roundelay codes list` shows them".into()
        );
    }
    let revoked = match Reach::find_existing(&common.data)? {
        Reach::Running(gateway) => gateway.ask("POST", &format!("/admin/codes/{id}/revoke"), None)?,
        Reach::Alone(store) => acts::revoke(&store, Operator::command(), id, now())?,
    };
    if common.json {
        say(&revoked);
    } else {
        say(&format_args!("code {} is revoked", cell(&revoked["id"])));
    }
    Ok(ExitCode::SUCCESS)
}

const ID_LEN: usize = 8;
