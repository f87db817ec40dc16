//! What a person types, and what they are told.

mod accounts;
mod acts;
mod audit;
mod check;
mod codes;
mod count;
mod demo;
mod duration;
mod excluded;
mod expiry;
mod explain;
mod export;
mod keys;
mod limits;
mod openapi;
mod operators;
mod prices;
mod reach;
mod receipts;
mod rehearse;
mod route;
mod running;
mod serve;
mod simulate;
mod table;
mod usage;
mod version;

use std::{
    fmt,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::config::{self, Complaints, Config};

/// A self-hosted gateway between applications and the models of many providers.
#[derive(Debug, Parser)]
#[command(name = "roundelay", version, about, max_term_width = 110, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
struct Common {
    /// The configuration file. Without one: `roundelay.toml` if it is here, else providers from the environment's API keys.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder for keys, records and the journal.
    #[arg(long, global = true, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// Print JSON, for scripts.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway.
    Serve(serve::Serve),
    /// Check the configuration and say what to write instead.
    Check,
    /// Show the main job live; nothing to configure.
    Demo(demo::Demo),
    Keys(keys::KeysCommand),
    Accounts(accounts::AccountsCommand),
    Operators(operators::OperatorsCommand),
    Acts(acts::Acts),
    Codes(codes::CodesCommand),
    Receipts(receipts::ReceiptsCommand),
    Usage(usage::Usage),
    Audit(audit::AuditCommand),
    Prices(prices::PricesCommand),
    Explain(explain::Explain),
    Export(export::Export),
    Route(route::Route),
    Simulate(simulate::Simulate),
    /// Run the rehearsal provider: a model server that misbehaves on request.
    Rehearse(rehearse::Rehearse),
    /// Print the OpenAPI document of both sides.
    Openapi,
    /// Print the version.
    Version,
}

/// Runs the command that was typed.
pub fn run() -> ExitCode {
    let matches = with_negative_numbers(Cli::command()).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|fault| fault.exit());
    let common = &cli.common;
    let ran = match cli.command {
        Command::Serve(serve::Serve) => serve::Serve::run(common),
        Command::Check => check::run(common),
        Command::Demo(demo) => demo.run(common),
        Command::Keys(keys) => keys.run(common),
        Command::Accounts(accounts) => accounts.run(common),
        Command::Operators(operators) => operators.run(common),
        Command::Acts(acts) => acts.run(common),
        Command::Codes(codes) => codes.run(common),
        Command::Receipts(receipts) => receipts.run(common),
        Command::Usage(usage) => usage.run(common),
        Command::Audit(audit::AuditCommand {}) => audit::AuditCommand::run(common),
        Command::Prices(prices) => prices.run(common),
        Command::Explain(explain) => explain.run(common),
        Command::Export(export) => export.run(common),
        Command::Route(route) => route.run(common),
        Command::Simulate(simulate) => simulate.run(common),
        Command::Rehearse(rehearse) => rehearse.run(common),
        Command::Openapi => openapi::run(),
        Command::Version => version::run(common),
    };
    match ran {
        Ok(code) => code,
        Err(failure) => {
            complain(&failure, common.json);
            ExitCode::FAILURE
        }
    }
}

/// Takes `-5` for the value it was meant to be, so that the value is complained about, and not an option `-5`.
fn with_negative_numbers(command: clap::Command) -> clap::Command {
    let number = |arg: clap::Arg| {
        let takes_values = arg.get_action().takes_values();
        if takes_values { arg.allow_negative_numbers(true) } else { arg }
    };
    command.mut_args(number).mut_subcommands(with_negative_numbers)
}

/// Why a command could not do what was asked.
type Failure = Box<dyn std::error::Error>;

fn complain(failure: &dyn fmt::Display, is_json: bool) {
    if is_json {
        let error = serde_json::json!({ "error": failure.to_string() });
        // A closed standard error leaves nobody to tell.
        let _ = writeln!(io::stderr(), "{error}");
    } else {
        let _ = writeln!(io::stderr(), "roundelay: {failure}");
    }
}

/// Tells what a person should know besides the answer.
fn note(text: &dyn fmt::Display, is_json: bool) {
    let noted = if is_json {
        serde_json::json!({ "note": text.to_string() }).to_string()
    } else {
        format!("roundelay: {text}")
    };
    let _ = writeln!(io::stderr(), "{noted}");
}

/// Prints a line of a command's output. A reader that left (`| head`) ends the output, not the command.
fn say(line: &dyn fmt::Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

const DEFAULT_FILE: &str = "roundelay.toml";

impl Common {
    /// The configuration that `--config` names, or that is found without it.
    fn load(&self) -> Result<Config, Complaints> {
        let environment = config::process_environment;
        match &self.config {
            Some(path) => config::load(path, &environment),
            None if Path::new(DEFAULT_FILE).exists() => config::load(Path::new(DEFAULT_FILE), &environment),
            None => config::from_environment(&environment),
        }
    }
}
