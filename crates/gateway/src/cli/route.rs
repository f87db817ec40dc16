//! `roundelay route`.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use roundelay_routing::{Instant, Router};
use serde_json::{Value, json};

use super::{
    Common, Failure, excluded,
    running::Running,
    say,
    table::{cell, print},
};
use crate::{
    admin::preview::{Question, answer},
    exchange::Snapshot,
};

/// Say where a request would go, without sending it.
///
/// A running gateway answers with the health it sees; without one, the configuration answers as if all were well.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay route assistant
  roundelay route assistant --input-tokens 250000      who has a window for that
  roundelay route assistant --at 2027-01-31T09:30:00Z --json")]
pub(super) struct Route {
    /// A pool or a model.
    #[arg(value_name = "POOL")]
    model: String,
    /// The time to plan for (RFC 3339). In this version no rule depends on the hour, so it changes nothing but is repeated.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Estimated input tokens.
    #[arg(long, value_name = "N", default_value_t = 0)]
    input_tokens: u64,
}

impl Route {
    pub(super) fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        let question = Question { model: self.model, input_tokens: self.input_tokens, at: self.at };
        let (preview, source) = match Running::connect(&common.data)? {
            Some(gateway) => (gateway.ask("POST", "/admin/route", Some(&json!(question)))?, "the running gateway"),
            None => (from_configuration(&question, common)?, "the configuration; no gateway runs"),
        };
        if common.json {
            say(&preview);
        } else {
            show(&preview, source);
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn from_configuration(question: &Question, common: &Common) -> Result<Value, Failure> {
    let config = common.load()?;
    let mut router = Router::new(config.routing.clone(), 0);
    let snapshot = Snapshot::adopt(config, &mut router)?;
    Ok(answer(&snapshot, &router, question, Instant::from_start(Duration::ZERO))?)
}

fn show(preview: &Value, source: &str) {
    let (target, strategy) = (cell(&preview["target"]), cell(&preview["strategy"]));
    say(&format_args!("{target}, {strategy}, as {source} has it"));
    if !preview["at"].is_null() {
        say(&format_args!("at {}: no rule depends on the hour", cell(&preview["at"])));
    }
    say(&"");
    let rows: Vec<_> = preview["candidates"].as_array().into_iter().flatten().map(row).collect();
    print(["STAGE", "DEPLOYMENT", "MODEL", "SHARE", "LEFT OUT"], &rows);
}

fn row(candidate: &Value) -> [String; 5] {
    let share = candidate["share"].as_f64().map_or_else(String::new, |share| format!("{:5.1} %", share * 100.0));
    let why = if candidate["excluded"].is_null() { String::new() } else { excluded::describe(&candidate["excluded"]) };
    [cell(&candidate["stage"]), cell(&candidate["deployment"]), cell(&candidate["model"]), share, why]
}
