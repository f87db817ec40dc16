//! `roundelay prices import`: prices that others collect become sections of a configuration.

mod decimal;
mod lists;
mod overrides;

use std::{
    fs,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use self::{
    lists::{Offers, Refused},
    overrides::{Change, Overrides},
};
use super::{
    super::{Common, Failure, say},
    to_json, usd,
};
use crate::common::file::unreadable;

/// Read a price list that others keep, and write what differs from the prices known here as `[models.…]` sections.
///
/// Only models of the configured providers are looked at. Nothing is changed but the file of `--out`: the sections are
/// yours to put into the configuration.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay prices import litellm model_prices_and_context_window.json --out prices.toml
  roundelay prices import models.dev api.json          sections on standard output, the summary on standard error
  roundelay prices import openrouter models.json --all --out prices.toml")]
pub(super) struct Import {
    /// Whose list it is.
    #[arg(value_enum)]
    format: Format,
    /// The list, as its keeper publishes it (JSON, at most 64 MiB).
    file: PathBuf,
    /// Where the sections are written. Without it, standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Also write a section for every other model of the configured providers that the list has.
    #[arg(long)]
    all: bool,
}

/// Whose list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// LiteLLM's `model_prices_and_context_window.json`.
    Litellm,
    /// The answer of <https://models.dev/api.json>.
    #[value(name = "models.dev")]
    ModelsDev,
    /// The answer of <https://openrouter.ai/api/v1/models>.
    Openrouter,
}

/// Several times the largest list of today.
const FILE_BYTES_MAX: u64 = 64 << 20;

impl Import {
    pub(super) fn run(&self, common: &Common) -> Result<ExitCode, Failure> {
        let config = common.load()?;
        let shown = self.file.display();
        if fs::metadata(&self.file).map_err(|fault| format!("{shown}: {}", unreadable(&fault)))?.len() > FILE_BYTES_MAX
        {
            return Err(format!("{shown}: more than {FILE_BYTES_MAX} bytes").into());
        }
        let text = fs::read_to_string(&self.file).map_err(|fault| format!("{shown}: {}", unreadable(&fault)))?;
        let read = match self.format {
            Format::Litellm => lists::litellm(&text),
            Format::ModelsDev => lists::models_dev(&text),
            Format::Openrouter => lists::openrouter(&text),
        };
        let Offers { offers, refused } = read.map_err(|fault| format!("{shown}: {fault}"))?;
        let overrides = Overrides::of(&config, offers, self.all);
        let heading =
            format!("# From {}, by `roundelay prices import`.\n", self.file.file_name().unwrap_or_default().display());
        let sections = overrides.to_toml(&heading);
        if let Some(out) = &self.out {
            fs::write(out, &sections).map_err(|fault| format!("{}: {fault}", out.display()))?;
        }
        if common.json {
            say(&summary(&overrides, &refused, self.out.is_none().then_some(&sections)));
        } else {
            if self.out.is_none() {
                say(&sections.trim_end());
            }
            tell(&overrides, &refused);
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn summary(overrides: &Overrides, refused: &[Refused], sections: Option<&String>) -> Value {
    let changed: Vec<Value> = overrides.changes.iter().map(change_to_json).collect();
    let refused: Vec<Value> = refused
        .iter()
        .map(|refused| json!({ "line": refused.line, "name": refused.name, "why": refused.why.to_string() }))
        .collect();
    json!({
        "unchanged": overrides.unchanged,
        "missing": overrides.missing,
        "changed": changed,
        "refused": refused,
        "toml": sections,
    })
}

fn change_to_json(change: &Change) -> Value {
    json!({
        "model": change.model,
        "provider": change.provider,
        "upstream_model": change.upstream_model,
        "before": change.before.as_ref().map(to_json),
        "after": to_json(&change.after),
    })
}

/// The summary goes to standard error, so that the sections can be piped.
fn tell(overrides: &Overrides, refused: &[Refused]) {
    let mut lines = Vec::new();
    for change in &overrides.changes {
        let after = change.after.base();
        let after = format!("{} / {}", usd(after.input), usd(after.output));
        lines.push(match &change.before {
            Some(before) => {
                let before = before.base();
                let before = format!("{} / {}", usd(before.input), usd(before.output));
                format!("changed  {} at {}: {before} -> {after}", change.model, change.provider)
            }
            None => format!("new      {} at {}: {after}", change.model, change.provider),
        });
    }
    lines.extend(
        refused.iter().map(|refused| format!("refused  line {}, {}: {}", refused.line, refused.name, refused.why)),
    );
    let (changed, unchanged, missing) = (overrides.changes.len(), overrides.unchanged, overrides.missing);
    let refused = refused.len();
    lines.push(format!("{changed} written, {unchanged} as known here, {missing} not in the list, {refused} refused"));
    for line in lines {
        // A closed standard error leaves nobody to tell.
        let _ = writeln!(io::stderr(), "{}", super::super::table::printable(&line));
    }
}
