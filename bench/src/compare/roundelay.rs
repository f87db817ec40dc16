//! The gateway as its users run it: a key, a pool, routing, records and metrics.

use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;

use super::candidate::{READY_LIMIT, Running};
use super::process::{Pinned, Process};
use super::site::{Site, free_port};
use crate::fault::{Fault, Result};

pub(super) fn version(site: &Site) -> Result<String> {
    let output = run(Command::new(program(site)?).arg("version"))?;
    Ok(output.lines().next().unwrap_or_default().trim().to_owned())
}

/// What it is configured for.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Setup {
    /// One pool, free of charge.
    Plain,
    /// The same with exact money.
    Prepaid,
    /// Free of charge, with a second pool, [`MESSAGES_POOL`], at a provider that speaks Anthropic's Messages.
    TwoDialects,
}

pub(super) const POOL: &str = "p";
pub(super) const MESSAGES_POOL: &str = "q";

pub(super) fn start(site: &Site, pinned: &Pinned, setup: Setup) -> Result<Running> {
    let (address, admin) = (free_port()?, free_port()?);
    let data = site.directory.0.join("roundelay-data");
    // Each start begins with an empty store, as the first one did.
    drop(std::fs::remove_dir_all(&data));
    std::fs::create_dir_all(&data).map_err(Fault::io("create the gateway's data directory"))?;
    let is_prepaid = setup == Setup::Prepaid;
    let text = [CONFIGURATION, if setup == Setup::TwoDialects { SECOND_DIALECT } else { "" }]
        .concat()
        .replace("{listen}", &address.to_string())
        .replace("{admin}", &admin.to_string())
        .replace("{upstream}", &site.upstream.to_string())
        .replace("{price}", if is_prepaid { PRICE } else { "" });
    let file = site.directory.write("roundelay.toml", &text)?;
    let program = program(site)?;

    let account = if is_prepaid { "paying" } else { "default" };
    if is_prepaid {
        for act in [&["create", account, "--prepaid"][..], &["credit", account, "1000000", "--reason", "bench"]] {
            run(Command::new(&program).arg("accounts").args(act).arg("--data").arg(&data))?;
        }
    }
    let mut create = Command::new(&program);
    create.args(["keys", "create", "--name", "bench", "--account", account, "--json", "--config"]);
    create.arg(&file).arg("--data").arg(&data);
    let created = run(&mut create)?;
    let Created { key } = serde_json::from_str(&created)
        .map_err(|fault| Fault::Measurement(format!("keys create printed no JSON: {fault}")))?;

    let mut command = pinned.command(&program);
    command.arg("serve").arg("--config").arg(&file).arg("--data").arg(&data);
    let process = Process::start(command, &site.directory.0.join("roundelay.log"))?;
    let ready = process.wait_until_ready(admin, Some("/readyz"), READY_LIMIT)?;
    Ok(Running { address, key, model: POOL, ready: Some(ready), process: Some(process) })
}

#[derive(Deserialize)]
struct Created {
    key: String,
}

fn program(site: &Site) -> Result<PathBuf> {
    if site.roundelay.is_file() {
        return std::path::absolute(&site.roundelay).map_err(Fault::io("find the gateway"));
    }
    Err(Fault::Absent {
        program: site.roundelay.display().to_string(),
        remedy: "cargo build --release, or name it with --roundelay".to_owned(),
    })
}

fn run(command: &mut Command) -> Result<String> {
    let name = format!("{command:?}");
    let output = command.output().map_err(Fault::io(format!("run {name}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(Fault::Measurement(format!("{name} failed: {}", errors.trim())))
}

const PRICE: &str = "price = { input = 3.0, output = 15.0 }";
const CONFIGURATION: &str = "\
[server]
listen = \"{listen}\"
admin = \"{admin}\"

[providers.fake]
protocol = \"openai\"
base_url = \"http://{upstream}/v1\"
api_keys = [\"k\"]

[models.m]
deployments = [\"fake/m\"]
{price}

[pools.p]
members = { m = 1 }
";
const SECOND_DIALECT: &str = "
[providers.claude]
protocol = \"anthropic\"
base_url = \"http://{upstream}/v1\"
api_keys = [\"k\"]

[models.c]
deployments = [\"claude/c\"]

[pools.q]
members = { c = 1 }
";
