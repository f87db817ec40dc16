//! The tables, as numbered steps of which each is taken once.

use rusqlite::{Connection, TransactionBehavior};

use super::StoreFault;

/// Takes the steps that are missing, all of them or none. Two programs that open a new store at once take turns.
pub(super) fn apply(connection: &mut Connection) -> Result<(), StoreFault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT",
    )?;
    let done = done(&transaction)?;
    for step in STEPS.iter().filter(|step| step.number > done) {
        transaction.execute_batch(step.sql)?;
        transaction.execute("INSERT INTO migrations (number, name) VALUES (?1, ?2)", (step.number, step.name))?;
    }
    transaction.commit()?;
    Ok(())
}

/// Errors with [`StoreFault::TooOld`] or [`StoreFault::TooNew`] when other steps were taken than are known.
pub(super) fn check(connection: &Connection) -> Result<(), StoreFault> {
    let (found, known) = (done(connection)?, known());
    if found < known { Err(StoreFault::TooOld { found, known }) } else { Ok(()) }
}

/// The last step that was taken.
fn done(connection: &Connection) -> Result<u32, StoreFault> {
    let last = "SELECT coalesce(max(number), 0) FROM migrations";
    let (found, known) = (connection.query_row(last, [], |row| row.get(0))?, known());
    if found > known { Err(StoreFault::TooNew { found, known }) } else { Ok(found) }
}

fn known() -> u32 {
    STEPS.last().map_or(0, |step| step.number)
}

struct Step {
    number: u32,
    name: &'static str,
    sql: &'static str,
}

/// Never edit a step that was released: add one.
const STEPS: &[Step] = &[
    Step { number: 1, name: "first", sql: include_str!("migrations/0001_first.sql") },
    Step { number: 2, name: "money", sql: include_str!("migrations/0002_money.sql") },
    Step { number: 3, name: "kept", sql: include_str!("migrations/0003_kept.sql") },
    Step { number: 4, name: "operators", sql: include_str!("migrations/0004_operators.sql") },
    Step { number: 5, name: "codes", sql: include_str!("migrations/0005_codes.sql") },
    Step { number: 6, name: "summaries", sql: include_str!("migrations/0006_summaries.sql") },
];
