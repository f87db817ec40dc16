//! `roundelay-bench`: a fake upstream, a load generator, and one command that measures gateways side by side.
//!
//! Sockets are blocking and every connection has its own thread: that costs no more than an event loop at these rates, and lets a
//! sender wake within microseconds of its intended instant, where a timer wheel would round to the millisecond.

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod clock;
mod compare;
mod events;
mod fault;
mod framing;
mod load;
mod script;
mod statistics;
mod upstream;

/// Measures what a gateway costs.
#[derive(Parser)]
#[command(name = "roundelay-bench")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve as an upstream that answers at once, in OpenAI's chat completions and in Anthropic's Messages.
    Upstream(upstream::Options),
    /// Send load to one address and print what was seen, as JSON.
    Load(load::Options),
    /// Measure direct, nginx, Roundelay (and LiteLLM) in one run, side by side.
    Compare(compare::Options),
    /// Measure what translating from one dialect to another adds to passing through, in one run.
    Translation(compare::translation::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Upstream(options) => upstream::run(&options),
        Command::Load(options) => load::run(&options),
        Command::Compare(options) => compare::run(&options),
        Command::Translation(options) => compare::translation::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            // Nobody is left to tell when standard error is gone.
            drop(writeln!(std::io::stderr(), "error: {fault}"));
            ExitCode::FAILURE
        }
    }
}
