//! `roundelay route`.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use roundelay_routing::{Instant, Router};
use serde_json::{Value, json};

use super::{
    Common, Failure,
    count::zero_or_more,
    duration::of_us,
    excluded,
    running::Running,
    say,
    table::{cell, print},
};
use crate::{
    admin::preview::{Question, answer},
    common::moment::moment,
    config::Config,
    exchange::Snapshot,
};

/// Say where a request would go and what it would cost, without sending it.
///
/// A running gateway answers with the health and the speed it sees. Without one, or with `--config FILE`, a configuration
/// answers as if all were well and nothing had been measured.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay route assistant
  roundelay route assistant --input-tokens 250000      who has a window for that, and at what cost
  roundelay route assistant --at 2026-12-01T03:00+08:00 --input-tokens 2000
  roundelay route assistant --config next.toml         what another file would do, whatever runs
  roundelay route assistant --output-tokens 4000 --json")]
pub(super) struct Route {
    /// A pool or a model.
    #[arg(value_name = "POOL")]
    model: String,
    /// The time to plan for: the prices and the schedule of that hour. A date (00:00 UTC), or RFC 3339 with its offset.
    /// Now when left out.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<jiff::Timestamp>,
    /// Estimated input tokens.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = zero_or_more)]
    input_tokens: u64,
    /// The most output tokens asked for, as `max_tokens`. What an answer of them all costs is then shown as well.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = zero_or_more)]
    output_tokens: u64,
}

impl Route {
    pub(super) fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        let Self { model, at, input_tokens, output_tokens } = self;
        let question = Question { model, input_tokens, output_tokens, at: at.map(|at| at.to_string()) };
        let running = if common.config.is_some() { None } else { Running::connect(&common.data)? };
        let (preview, source) = match running {
            Some(gateway) => {
                let preview = gateway.ask("POST", "/admin/route", Some(&json!(question)))?;
                (preview, "the running gateway has it".to_owned())
            }
            None => {
                let config = common.load()?;
                let why = if common.config.is_some() { "" } else { "; no gateway runs" };
                let source = format!("{} has it{why}: health and speed are not known", config.source);
                (from_configuration(&question, config)?, source)
            }
        };
        if common.json {
            say(&preview);
        } else {
            show(&preview, &source);
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn from_configuration(question: &Question, config: Config) -> Result<Value, Failure> {
    let mut router = Router::new(config.routing.clone(), 0);
    let snapshot = Snapshot::adopt(config, &mut router)?;
    Ok(answer(&snapshot, &router, question, Instant::from_start(Duration::ZERO))?)
}

fn show(preview: &Value, source: &str) {
    let (target, strategy) = (cell(&preview["target"]), cell(&preview["strategy"]));
    say(&format_args!("{target}, {strategy}, as {source}"));
    let when = preview["at"].as_str().map_or_else(|| "now".to_owned(), |at| format!("at {at}"));
    say(&format_args!("{when}{}", until(preview).unwrap_or_default()));
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

/// When something changes by the clock, also on the clock by which it does.
fn until(preview: &Value) -> Option<String> {
    let until = preview["until"].as_str()?;
    let there = preview["until_local"].as_str().map(|there| format!(" ({there})")).unwrap_or_default();
    Some(format!("; prices and schedules hold until {until}{there}"))
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
