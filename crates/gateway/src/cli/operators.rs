//! `roundelay operators`.

use std::{path::Path, process::ExitCode};

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use serde_json::{Value, json};

use super::{
    Common, Failure, expiry,
    reach::{Reach, now},
    say,
    table::{cell, print, seconds},
};
use crate::{
    admin::{
        operator::Operator,
        operators::{self as acts, NewOperator},
    },
    auth::{Operators, Pepper},
    store::{Role, Store},
};

/// Give people and programs tokens for the operator's side, each with a role, and take them away.
#[derive(Debug, Args)]
pub(super) struct OperatorsCommand {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Create(Create),
    List(List),
    Revoke(Revoke),
}

/// Make an operator. Its token works at once, and is shown this once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay operators create --name grafana --role viewer
  roundelay operators create --name alice --role member --account team-a
  roundelay operators create --name ci --role admin --expires 30d --json")]
struct Create {
    /// What people will call it.
    #[arg(long)]
    name: String,
    /// What it may do: a viewer reads, a member also makes keys, an admin also accounts and money, an owner also operators.
    #[arg(long, value_parser = PossibleValuesParser::new(Role::ALL.map(Role::label)))]
    role: String,
    /// The account to which it is limited, with all below it. Without it, none.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// When it ends: `30d`, `12h`, `2027-01-31` (UTC) or `2027-01-31T09:30:00Z`. Without it, never.
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
}

/// List every operator, revoked ones too. The tokens themselves are kept nowhere.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay operators list
  roundelay operators list --json | jq -r '.[] | select(.state == \"active\") | .name'")]
struct List {}

/// Revoke an operator. Requests with its token are refused from now on.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay operators revoke k7m2q9xd")]
struct Revoke {
    /// Its id, as `operators list` shows it: the eight letters after `rladmin-`.
    id: String,
}

impl OperatorsCommand {
    pub(super) fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        match self.act {
            Act::Create(create) => create.run(common),
            Act::List(List {}) => list(common),
            Act::Revoke(Revoke { id }) => revoke(&id, common),
        }
    }
}

impl Create {
    fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        let expires_at = self.expires.map(|text| expiry::parse(&text, now())).transpose()?;
        let wanted = NewOperator { name: self.name, role: self.role, account: self.account, expires_at };
        let made = match Reach::find_existing(&common.data)? {
            Reach::Running(gateway) => gateway.ask("POST", "/admin/operators", Some(&json!(wanted)))?,
            Reach::Alone(store) => {
                let operators = operators(&store, &common.data)?;
                acts::create(&operators, &store, Operator::command(), &wanted, now())?
            }
        };
        if common.json {
            say(&made);
            return Ok(ExitCode::SUCCESS);
        }
        for (label, value) in [
            ("token  ", cell(&made["token"])),
            ("id     ", cell(&made["id"])),
            ("role   ", cell(&made["role"])),
            ("account", cell(&made["account"])),
            ("expires", seconds(&made["expires_at"])),
        ] {
            if !value.is_empty() {
                say(&format_args!("{label}  {value}"));
            }
        }
        say(&"\nThe token is shown this once. It goes into `Authorization: Bearer …` to the operator's address.");
        Ok(ExitCode::SUCCESS)
    }
}

fn list(common: &Common) -> Result<ExitCode, Failure> {
    let listed = match Reach::find_existing(&common.data)? {
        Reach::Running(gateway) => gateway.ask("GET", "/admin/operators", None)?,
        Reach::Alone(store) => acts::list(&store, Operator::command(), now())?,
    };
    if common.json {
        say(&listed);
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<_> = listed.as_array().into_iter().flatten().map(row).collect();
    print(["ID", "STATE", "ROLE", "ACCOUNT", "NAME", "MADE", "ENDS"], &rows);
    Ok(ExitCode::SUCCESS)
}

fn row(operator: &Value) -> [String; 7] {
    let ends = if operator["revoked_at"].is_null() { &operator["expires_at"] } else { &operator["revoked_at"] };
    let text = |field: &str| cell(&operator[field]);
    let account = if operator["account"].is_null() { "all".to_owned() } else { text("account") };
    [text("id"), text("state"), text("role"), account, text("name"), seconds(&operator["created_at"]), seconds(ends)]
}

fn revoke(id: &str, common: &Common) -> Result<ExitCode, Failure> {
    if id.len() > ID_LEN_MAX || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) || id.is_empty() {
        return Err("that is not an operator's id: `roundelay operators list` shows them".into());
    }
    let revoked = match Reach::find_existing(&common.data)? {
        Reach::Running(gateway) => gateway.ask("POST", &format!("/admin/operators/{id}/revoke"), None)?,
        Reach::Alone(store) => {
            let operators = operators(&store, &common.data)?;
            acts::revoke(&operators, &store, Operator::command(), id, now())?
        }
    };
    if common.json {
        say(&revoked);
    } else {
        say(&format_args!("operator {} is revoked", cell(&revoked["id"])));
    }
    Ok(ExitCode::SUCCESS)
}

/// The operators of a store that no gateway has open. The first owner is left for the first start to make and show.
fn operators(store: &Store, data: &Path) -> Result<Operators, Failure> {
    Ok(Operators::load(store, Pepper::open(data)?)?)
}

const ID_LEN_MAX: usize = 32;
