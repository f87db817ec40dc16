//! `roundelay route`.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use roundelay_routing::{Instant, Router};
use serde_json::{Value, json};

use super::{
    Common, Failure,
    duration::of_us,
    excluded,
    running::Running,
    say,
    table::{cell, print},
};
use crate::{
    admin::preview::{Question, answer},
    exchange::Snapshot,
};

/// Say where a request would go and what it would cost, without sending it.
///
/// A running gateway answers with the health and the speed it sees; without one, the configuration answers as if all were
/// well and nothing had been measured.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay route assistant
  roundelay route assistant --input-tokens 250000      who has a window for that, and at what cost
  roundelay route assistant --at 2026-12-01T03:00+08:00 --input-tokens 2000
  roundelay route assistant --output-tokens 4000 --json")]
pub(super) struct Route {
    /// A pool or a model.
    #[arg(value_name = "POOL")]
    model: String,
    /// The time to plan for (RFC 3339, with its offset): the prices and the schedule of that hour. Now when left out.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Estimated input tokens.
    #[arg(long, value_name = "N", default_value_t = 0)]
    input_tokens: u64,
    /// The most output tokens asked for, as `max_tokens`. What an answer of them all costs is then shown as well.
    #[arg(long, value_name = "N", default_value_t = 0)]
    output_tokens: u64,
}

impl Route {
    pub(super) fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        let Self { model, at, input_tokens, output_tokens } = self;
        let question = Question { model, input_tokens, output_tokens, at };
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
    let when = preview["at"].as_str().map_or_else(|| "now".to_owned(), |at| format!("at {at}"));
    let until = preview["until"].as_str().map(|until| format!("; prices and schedules hold until {until}"));
    say(&format_args!("{when}{}", until.unwrap_or_default()));
    say(&format_args!("{} input tokens, about {} of output\n", preview["input_tokens"], preview["output_tokens"]));
    let candidates = preview["candidates"].as_array().map_or(&[][..], Vec::as_slice);
    let rows: Vec<_> = candidates.iter().map(row).collect();
    if preview["output_tokens_max"].is_null() {
        let without = |[stage, deployment, model, share, cost, _, time, price, why]: [String; 9]| {
            [stage, deployment, model, share, cost, time, price, why]
        };
        let rows: Vec<_> = rows.into_iter().map(without).collect();
        print(["STAGE", "DEPLOYMENT", "MODEL", "SHARE", "COST", "TIME", "PRICE", "LEFT OUT"], &rows);
    } else {
        print(["STAGE", "DEPLOYMENT", "MODEL", "SHARE", "COST", "AT MOST", "TIME", "PRICE", "LEFT OUT"], &rows);
    }
}

fn row(candidate: &Value) -> [String; 9] {
    let share = candidate["share"].as_f64().map_or_else(String::new, |share| format!("{:5.1} %", share * 100.0));
    let why = if candidate["excluded"].is_null() { String::new() } else { excluded::describe(&candidate["excluded"]) };
    let seconds = candidate["seconds"].as_f64();
    [
        cell(&candidate["stage"]),
        cell(&candidate["deployment"]),
        cell(&candidate["model"]),
        share,
        usd(&candidate["cost_usd"]),
        usd(&candidate["cost_most_usd"]),
        seconds.map_or_else(|| UNKNOWN.to_owned(), |seconds| of_us((seconds * 1e6).round() as u64)),
        price(&candidate["price"]),
        why,
    ]
}

fn usd(usd: &Value) -> String {
    usd.as_f64().map_or_else(|| UNKNOWN.to_owned(), |usd| format!("${usd:.6}"))
}

/// Input and output, USD for a million tokens.
fn price(price: &Value) -> String {
    let (Some(input), Some(output)) = (price["input"].as_f64(), price["output"].as_f64()) else {
        return UNKNOWN.to_owned();
    };
    let tariff = price["tariff"].as_u64().map(|number| format!(", tariff {number}")).unwrap_or_default();
    format!("{input} / {output}{tariff}")
}

/// No price was written, or nothing was measured.
const UNKNOWN: &str = "-";
