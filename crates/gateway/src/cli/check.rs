//! `roundelay check`: every fault of a configuration, with its line and what to write instead.

use std::process::ExitCode;

use serde_json::json;

use super::{Common, Failure, say};
use crate::config::Source;

pub(super) fn run(common: &Common) -> Result<ExitCode, Failure> {
    match common.load() {
        Ok(config) => {
            let source = match &config.source {
                Source::File(path) => path.display().to_string(),
                Source::Environment(names) => names.join(", "),
                Source::Text(name) => name.clone(),
            };
            if common.json {
                say(&json!({
                    "ok": true,
                    "source": source,
                    "providers": config.providers.len(),
                    "models": config.models.len(),
                    "pools": config.pools.len(),
                    "warnings": config.warnings,
                }));
            } else {
                for warning in &config.warnings {
                    say(&format_args!("warning: {warning}\n"));
                }
                let (providers, models, pools) = (config.providers.len(), config.models.len(), config.pools.len());
                say(&format_args!("{source}: good; providers: {providers}, models: {models}, pools: {pools}"));
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(complaints) => {
            if common.json {
                say(&json!({ "ok": false, "complaints": complaints }));
            } else {
                say(&complaints);
            }
            Ok(ExitCode::FAILURE)
        }
    }
}
