//! `roundelay check`: every fault of a configuration, with its line and what to write instead.

use std::process::ExitCode;

use serde_json::json;

use super::{Common, Failure, say};

pub(super) fn run(common: &Common) -> Result<ExitCode, Failure> {
    match common.load() {
        Ok(config) => {
            let source = config.source.to_string();
            // An open model is a provider's every other name, and none that was written.
            let named = || config.models.iter().filter(|model| !model.is_open());
            let (models, written) = (named().count(), named().filter(|model| model.is_written).count());
            if common.json {
                say(&json!({
                    "ok": true,
                    "source": source,
                    "providers": config.providers.len(),
                    "models": models,
                    "models_written": written,
                    "pools": config.pools.len(),
                    "warnings": config.warnings,
                }));
            } else {
                for warning in &config.warnings {
                    say(&format_args!("warning: {warning}\n"));
                }
                let (providers, pools) = (config.providers.len(), config.pools.len());
                let written = if written < models { format!(" ({written} written)") } else { String::new() };
                say(&format_args!("{source}: good; providers: {providers}, models: {models}{written}, pools: {pools}"));
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(complaints) => {
            if common.json {
                say(&json!({ "ok": false, "complaints": complaints, "warnings": complaints.warnings() }));
            } else {
                say(&complaints);
                for warning in complaints.warnings() {
                    say(&format_args!("\nwarning: {warning}"));
                }
            }
            Ok(ExitCode::FAILURE)
        }
    }
}
