//! `roundelay serve`.

use std::{process::ExitCode, time::Instant};

use clap::Args;
use tokio::sync::watch;

use super::{Common, Failure, say};
use crate::{
    app::App,
    config::Source,
    telemetry::{self, Redactor, events},
};

/// Run the gateway.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  OPENAI_API_KEY=sk-… roundelay serve            every model of OpenAI, nothing to configure
  roundelay serve --config roundelay.toml        pools, weights, fallbacks
  kill -HUP $(pidof roundelay)                   read the changed file again (a saved file is noticed by itself)")]
pub(super) struct Serve;

impl Serve {
    pub(super) fn run(common: &Common) -> Result<ExitCode, Failure> {
        let began = Instant::now();
        let config = common.load()?;
        let redactor = Redactor::new();
        let log = telemetry::init(&config.log, &redactor)?;
        for warning in &config.warnings {
            events::config_warning(warning);
        }
        let source = config.source.clone();
        let app = App::open(config, &common.data, &redactor)?;
        app.follow_log(&log);
        greet(&app, &source, common);
        let gateway = app.gateway().clone();
        let deployments = gateway.snapshot.load().catalog.deployments.len();
        let (listen, admin) = (app.callers_address(), app.admin_address());
        events::started(env!("CARGO_PKG_VERSION"), listen, admin, deployments, began.elapsed());
        app.run(watch::channel(false))?;
        events::stopped(began.elapsed(), 0);
        Ok(ExitCode::SUCCESS)
    }
}

fn greet(app: &App, source: &Source, common: &Common) {
    let (callers, admin) = (app.callers_address(), app.admin_address());
    if common.json {
        say(&serde_json::json!({
            "callers": callers.to_string(),
            "admin": admin.to_string(),
            "admin_token": app.first_admin_token().map(|token| token.expose()),
        }));
        return;
    }
    say(&format_args!("callers    http://{callers}/v1"));
    say(&format_args!("operators  http://{admin}"));
    match source {
        Source::File(path) => say(&format_args!("from       {}", path.display())),
        Source::Environment(names) => say(&format_args!("from       {}", names.join(", "))),
        Source::Text(name) => say(&format_args!("from       {name}")),
    }
    if let Some(token) = app.first_admin_token() {
        say(&format_args!("\nadmin token, shown this once: {}", token.expose()));
    }
    if app.gateway().keys.list().is_ok_and(|keys| keys.is_empty()) {
        say(&format_args!(
            "\nno API key exists yet: roundelay keys create --name NAME --data {}",
            common.data.display()
        ));
    }
}
