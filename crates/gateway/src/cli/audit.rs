//! `roundelay audit`.

use std::{
    io::{self, IsTerminal as _, Write as _},
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Args;
use serde_json::Value;

use super::{
    Common, Failure,
    reach::Reach,
    say,
    table::{cell, print, seconds},
};
use crate::{
    admin::audit::{Progress, audit},
    store::Store,
};

/// Count all balances again from their entries, and compare them to those that are stored.
///
/// Reads the store itself, whether a gateway runs or not, and says on standard error how far it is where that takes
/// longer than some seconds. The first difference is told, with exit code 1.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay audit
  roundelay audit --json | jq .consistent")]
pub(super) struct AuditCommand {}

impl AuditCommand {
    pub(super) fn run(common: &Common) -> Result<ExitCode, Failure> {
        let store = match Reach::find_existing(&common.data)? {
            // It may take minutes, for which no route waits.
            Reach::Running(_) => Store::open_existing(&common.data)?,
            Reach::Alone(store) => store.into_reader(),
        };
        let mut told = Instant::now();
        let found = audit(&store, &mut |progress| {
            if told.elapsed() >= TELL_EVERY {
                told = Instant::now();
                tell(progress);
            }
        })?;
        if common.json {
            say(&found);
        } else {
            show(&found);
        }
        Ok(if found["consistent"] == true { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// On standard error: on a terminal one line that changes, else a line a time.
fn tell(Progress { counted, of }: Progress) {
    let end = if io::stderr().is_terminal() { '\r' } else { '\n' };
    let _ = write!(io::stderr(), "{counted} of {of} entries{end}");
}

fn show(found: &Value) {
    say(&format_args!("{} entries, {} accounts\n", found["entries"], found["accounts"]));
    let kinds = ["top_ups", "charges", "losses", "reversals", "adjustments"];
    let row = |(currency, sums): (&String, &Value)| {
        let [top_ups, charges, losses, reversals, adjustments] = kinds.map(|kind| cell(&sums[kind]));
        [currency.clone(), top_ups, charges, losses, reversals, adjustments]
    };
    let rows: Vec<_> = found["currencies"].as_object().into_iter().flatten().map(row).collect();
    print(["CURRENCY", "TOP-UPS", "CHARGES", "LOSSES", "REVERSALS", "ADJUSTMENTS"], &rows);
    let in_doubt = found["in_doubt"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !in_doubt.is_empty() {
        say(&"\nsent, and not settled yet:\n");
        let rows: Vec<_> = in_doubt.iter().map(in_doubt_row).collect();
        print(["EXCHANGE", "ATTEMPT", "SENT", "KEY", "DEPLOYMENT", "HELD (USD)"], &rows);
    }
    let difference = &found["difference"];
    if difference.is_null() {
        say(&"\nevery balance is the sum of its entries");
    } else {
        say(&format_args!("\naccount {}: {}", cell(&difference["account"]), cell(&difference["message"])));
    }
}

fn in_doubt_row(sent: &Value) -> [String; 6] {
    let at = sent["at_us"].as_i64().map(|us| Value::from(us.div_euclid(1_000_000)));
    [
        cell(&sent["exchange"]),
        cell(&sent["attempt"]),
        seconds(&at.unwrap_or_default()),
        cell(&sent["key"]),
        cell(&sent["deployment"]),
        cell(&sent["held_usd"]),
    ]
}

const TELL_EVERY: Duration = Duration::from_secs(2);
