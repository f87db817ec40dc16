//! `roundelay demo`: the main job, live, with nothing to configure.
//!
//! One process runs a gateway, three rehearsal providers and a few callers. A provider is broken and mended in
//! turn, and a table shows what the callers would otherwise have had to notice.

mod stage;
mod table;
mod traffic;

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
    time::Duration,
};

use clap::Args;
use tokio::{
    runtime, signal,
    time::{Instant, interval},
};

use self::{
    stage::{Act, Stage},
    table::Table,
    traffic::Traffic,
};
use super::{Common, Failure, count::zero_or_more};

/// Show the main job live: gateway, rehearsal providers and traffic in one process; nothing to configure.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay demo                       until Ctrl-C; prints a base URL and a key to try from another terminal
  roundelay demo --seconds 45          one round, then a summary; the exit status says whether a caller saw an error
  roundelay demo --seconds 45 --json   a line of JSON a second, for scripts")]
pub(super) struct Demo {
    /// End after so many seconds; without it, at Ctrl-C.
    #[arg(long, value_name = "N", value_parser = zero_or_more)]
    seconds: Option<u64>,
    /// Callers that ask one question after the other.
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=200))]
    callers: u16,
}

/// How often the table is drawn.
const FRAME: Duration = Duration::from_millis(250);

impl Demo {
    pub(super) fn run(&self, common: &Common) -> Result<ExitCode, Failure> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let stage = Stage::set()?;
            let traffic = Traffic::start(stage.tasks(), stage.callers_address(), stage.key(), self.callers);
            let ended = self.play(&stage, &traffic, common.json).await;
            traffic.stop();
            stage.strike().await;
            ended
        })
    }

    async fn play(&self, stage: &Stage, traffic: &Traffic, is_json: bool) -> Result<ExitCode, Failure> {
        let is_live = io::stdout().is_terminal() && !is_json;
        let mut table = Table::new(stage, is_live, is_json);
        let began = Instant::now();
        let mut frames = interval(if is_live { FRAME } else { Duration::from_secs(1) });
        loop {
            tokio::select! {
                _ = frames.tick() => {}
                _ = signal::ctrl_c() => break,
                () = stage.ended() => break,
            }
            let elapsed = began.elapsed();
            if self.seconds.is_some_and(|seconds| elapsed.as_secs() >= seconds) {
                break;
            }
            let act = Act::at(elapsed);
            stage.play(act)?;
            table.draw(stage, traffic, act, elapsed);
        }
        table.summary(traffic);
        Ok(if traffic.errors() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
