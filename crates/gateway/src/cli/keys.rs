//! `roundelay keys`.

use std::{net::SocketAddr, path::Path, process::ExitCode};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    Common, DEFAULT_FILE, Failure, expiry,
    limits::{LimitArgs, in_words, nothing_to_change},
    note,
    reach::{Reach, keys, now},
    running::Running,
    say,
    table::{cell, print, seconds},
};
use crate::{
    admin::{
        keys::{self as acts, KeyTerms, NewKey},
        operator::Operator,
        operators,
        preview::{Question, UNKNOWN},
    },
    auth::{Operators, Pepper},
    config::Server,
};

/// Make, change, list and revoke API keys, and renew the admin token.
#[derive(Debug, Args)]
pub(super) struct KeysCommand {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Create(Create),
    Change(Change),
    List(List),
    Revoke(Revoke),
    AdminToken(AdminToken),
}

/// Make an API key. It works at once, and is shown this once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay keys create --name laptop              may ask for every model, never expires
  roundelay keys create --name ci --allow assistant --expires 30d
  roundelay keys create --name office --network 192.0.2.0/24 --network 2001:db8::/32
  roundelay keys create --name intern --spend day:5@Asia/Shanghai --rpm 20
  roundelay keys create --account team-a --json    prints id, key, account and more")]
struct Create {
    /// Who pays.
    #[arg(long, value_name = "NAME", default_value = "default")]
    account: String,
    /// What people will call it.
    #[arg(long, default_value = "")]
    name: String,
    /// A model or pool it may ask for; may be given more than once. Without it, all.
    #[arg(long = "allow", value_name = "MODEL")]
    allowed: Vec<String>,
    /// When it ends: `30d`, `12h`, `2027-01-31` (UTC) or `2027-01-31T09:30:00Z`. Without it, never.
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    #[command(flatten)]
    limits: LimitArgs,
    /// What becomes of an answer whose caller has gone: `cancel` cuts the provider off, `drain` reads on for the exact
    /// bill. Without it, what the configuration says.
    #[arg(long, value_name = "cancel|drain")]
    on_disconnect: Option<String>,
    /// A network it may be used from, like `10.0.0.0/8` or `2001:db8::/32`; may be given more than once. Without it,
    /// anywhere.
    #[arg(long = "network", value_name = "CIDR")]
    networks: Vec<String>,
}

/// Change an API key from the next request on. What is left out stays as it is.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay keys change k7m2q9xd --spend day:10 --rpm none
  roundelay keys change k7m2q9xd --expires never --allow-all")]
struct Change {
    /// The key's id, as `keys list` shows it: the eight letters after `rl-`.
    id: String,
    /// A model or pool it may ask for; all that are given replace those before.
    #[arg(long = "allow", value_name = "MODEL")]
    allowed: Vec<String>,
    /// Let it ask for every model.
    #[arg(long, conflicts_with = "allowed")]
    allow_all: bool,
    /// When it ends, as for `keys create`; or `never`.
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    #[command(flatten)]
    limits: LimitArgs,
    /// What becomes of an answer whose caller has gone: `cancel`, `drain`, or `default` for what the configuration says.
    #[arg(long, value_name = "cancel|drain|default")]
    on_disconnect: Option<String>,
    /// A network it may be used from; all that are given replace those before.
    #[arg(long = "network", value_name = "CIDR")]
    networks: Vec<String>,
    /// Let it be used from anywhere.
    #[arg(long, conflicts_with = "networks")]
    any_network: bool,
}

/// List every API key, revoked ones too. The keys themselves are kept nowhere.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay keys list
  roundelay keys list --json | jq -r '.[] | select(.state == \"active\") | .id'")]
struct List {}

/// Revoke an API key. Requests with it are refused from now on.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay keys revoke k7m2q9xd")]
struct Revoke {
    /// The key's id, as `keys list` shows it: the eight letters after `rl-`.
    id: String,
}

/// Make a new admin token, for one that was lost or seen. It is shown this once; the one before ends at once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay keys admin-token
  TOKEN=$(roundelay keys admin-token --json | jq -r .admin_token)")]
struct AdminToken {}

impl KeysCommand {
    pub(super) fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        match self.act {
            Act::Create(create) => create.run(common),
            Act::Change(change) => change.run(common),
            Act::List(List {}) => list(common),
            Act::Revoke(Revoke { id }) => revoke(&id, common),
            Act::AdminToken(AdminToken {}) => renew_admin_token(common),
        }
    }
}

impl Create {
    fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        let expires_at = self.expires.map(|text| expiry::parse(&text, now())).transpose()?;
        let allowed = (!self.allowed.is_empty()).then_some(self.allowed);
        let wanted = NewKey {
            account: Some(self.account),
            name: self.name,
            allowed,
            expires_at,
            limits: self.limits.change()?,
            on_disconnect: self.on_disconnect,
            networks: some_if_any(self.networks),
        };
        let allowed = wanted.allowed.clone().unwrap_or_default();
        let made = match Reach::find(common)? {
            Reach::Running(gateway) => gateway.ask("POST", "/admin/keys", Some(&json!(wanted)))?,
            Reach::Alone(store) => acts::create(&keys(&store, &common.data)?, Operator::command(), wanted, now())?,
        };
        warn_of_unknown(&allowed, common);
        if common.json {
            say(&made);
        } else {
            show(&made, callers_address(common));
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Change {
    fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        let id = checked(&self.id)?;
        let expires_at = match self.expires.as_deref() {
            None => None,
            Some("never") => Some(None),
            Some(text) => Some(Some(expiry::parse(text, now())?)),
        };
        let wanted = KeyTerms {
            allowed: (self.allow_all || !self.allowed.is_empty()).then_some(self.allowed).map(some_if_any),
            expires_at,
            limits: self.limits.change()?,
            on_disconnect: self.on_disconnect.map(|word| (word != "default").then_some(word)),
            networks: (self.any_network || !self.networks.is_empty()).then_some(self.networks).map(some_if_any),
        };
        if wanted == KeyTerms::default() {
            return Err(nothing_to_change("--allow --allow-all --expires --rpm --tpm --concurrency --spend --on-disconnect --network --any-network").into());
        }
        let allowed = wanted.allowed.clone().flatten().unwrap_or_default();
        let changed = match Reach::find_existing(&common.data)? {
            Reach::Running(gateway) => gateway.ask("PATCH", &format!("/admin/keys/{id}"), Some(&json!(wanted)))?,
            Reach::Alone(store) => {
                acts::change(&keys(&store, &common.data)?, None, Operator::command(), id, wanted, now())?
            }
        };
        warn_of_unknown(&allowed, common);
        if common.json {
            say(&changed);
        } else {
            print(HEADINGS, &[row(&changed)]);
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn some_if_any(names: Vec<String>) -> Option<Vec<String>> {
    (!names.is_empty()).then_some(names)
}

/// Tells which of these names mean nothing to the gateway that runs: a slip, or a model that is to come.
fn warn_of_unknown(names: &[String], common: &Common) {
    for name in names.iter().take(WARNED_MAX) {
        let Ok(Some(gateway)) = Running::connect(&common.data) else { return };
        let question = Question { model: name.clone(), input_tokens: 0, output_tokens: 0, at: None };
        if let Err(fault) = gateway.ask("POST", "/admin/route", Some(&json!(question)))
            && fault.to_string().contains(UNKNOWN)
        {
            note(&fault, common.json);
        }
    }
}

/// The key, and what to paste where the official SDKs look for it.
fn show(made: &Value, listen: Option<SocketAddr>) {
    let key = cell(&made["key"]);
    say(&format_args!("key      {key}"));
    say(&format_args!("id       {}", cell(&made["id"])));
    say(&format_args!("account  {}", cell(&made["account"])));
    for (label, value) in [
        ("name   ", cell(&made["name"])),
        ("allowed", cell(&made["allowed"])),
        ("expires", seconds(&made["expires_at"])),
        ("limits ", in_words(&made["limits"])),
        ("from   ", cell(&made["networks"])),
    ] {
        if !value.is_empty() {
            say(&format_args!("{label}  {value}"));
        }
    }
    say(&"\nThe key is shown this once. To use it with OpenAI's SDKs:\n");
    match listen {
        Some(listen) => say(&format_args!("export OPENAI_BASE_URL={}", base_url(listen))),
        None => say(&"export OPENAI_BASE_URL=…      # the address that `roundelay serve` prints beside `callers`"),
    }
    say(&format_args!("export OPENAI_API_KEY={key}"));
}

/// Where callers connect: a gateway that runs knows, else the configuration says where one will listen.
fn callers_address(common: &Common) -> Option<SocketAddr> {
    if let Ok(Some(gateway)) = Running::connect(&common.data) {
        return gateway.ask("GET", "/admin/server", None).ok()?["callers"].as_str()?.parse().ok();
    }
    // Without a file nothing moves the address, whatever keys the environment lacks here.
    let has_file = common.config.is_some() || Path::new(DEFAULT_FILE).exists();
    if !has_file {
        return Some(Server::default().listen);
    }
    common.load().ok().map(|config| config.server.listen)
}

/// Where callers on this machine connect.
fn base_url(listen: SocketAddr) -> String {
    let host = if listen.ip().is_unspecified() { "127.0.0.1".to_owned() } else { listen.ip().to_string() };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    match listen.port() {
        0 => format!("http://{host}:PORT/v1"),
        port => format!("http://{host}:{port}/v1"),
    }
}

fn list(common: &Common) -> Result<ExitCode, Failure> {
    let listed = match Reach::find_existing(&common.data)? {
        Reach::Running(gateway) => gateway.ask("GET", "/admin/keys", None)?,
        Reach::Alone(store) => acts::list(&keys(&store, &common.data)?, Operator::command(), now())?,
    };
    if common.json {
        say(&listed);
        return Ok(ExitCode::SUCCESS);
    }
    let listed = listed.as_array().map(Vec::as_slice).unwrap_or_default();
    if listed.is_empty() {
        say(&format_args!("no API key exists: roundelay keys create --name NAME --data {}", common.data.display()));
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<_> = listed.iter().map(row).collect();
    print(HEADINGS, &rows);
    Ok(ExitCode::SUCCESS)
}

const HEADINGS: [&str; 9] = ["ID", "STATE", "ACCOUNT", "NAME", "ALLOWED", "LIMITS", "FROM", "MADE", "ENDS"];

fn row(key: &Value) -> [String; 9] {
    let allowed = if key["allowed"].is_null() { "all".to_owned() } else { cell(&key["allowed"]) };
    let ends = if key["revoked_at"].is_null() { &key["expires_at"] } else { &key["revoked_at"] };
    let text = |field: &str| cell(&key[field]);
    [
        text("id"),
        text("state"),
        text("account"),
        text("name"),
        allowed,
        in_words(&key["limits"]),
        if key["networks"].is_null() { "anywhere".to_owned() } else { text("networks") },
        seconds(&key["created_at"]),
        seconds(ends),
    ]
}

/// The id of a key. A whole key pasted in its place must not travel on in a path that is logged, and is no id.
fn checked(id: &str) -> Result<&str, Failure> {
    if !(1..=ID_LEN_MAX).contains(&id.len()) || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(
            "that is not a key's id: it is the eight letters after `rl-`; `roundelay keys list` shows them".into()
        );
    }
    Ok(id)
}

fn revoke(id: &str, common: &Common) -> Result<ExitCode, Failure> {
    let id = checked(id)?;
    let revoked = match Reach::find_existing(&common.data)? {
        Reach::Running(gateway) => gateway.ask("POST", &format!("/admin/keys/{id}/revoke"), None)?,
        Reach::Alone(store) => acts::revoke(&keys(&store, &common.data)?, Operator::command(), id, now())?,
    };
    if common.json {
        say(&revoked);
    } else {
        say(&format_args!("key {} is revoked", cell(&revoked["id"])));
    }
    Ok(ExitCode::SUCCESS)
}

fn renew_admin_token(common: &Common) -> Result<ExitCode, Failure> {
    let made = match Reach::find_existing(&common.data)? {
        Reach::Running(gateway) => gateway.ask("POST", "/admin/token", None)?,
        Reach::Alone(store) => {
            // Where no gateway has started yet there is a first owner now, and this is its second token.
            let (known, _) = Operators::open(&store, Pepper::open_for(&store, &common.data)?, now())?;
            operators::renew(&known, &store, Operator::command())?
        }
    };
    if common.json {
        say(&made);
    } else {
        say(&format_args!("admin token  {}", cell(&made["admin_token"])));
        say(&"\nThe token is shown this once; the one before is refused from now on.");
    }
    Ok(ExitCode::SUCCESS)
}

/// So many names are asked about.
const WARNED_MAX: usize = 20;
const ID_LEN_MAX: usize = 32;
