//! What outlives the process: accounts, API keys, and a record of every exchange, in one embedded file.
//!
//! Everything here blocks and none of it needs a runtime, so that commands use it as the gateway does. No exchange
//! waits for it: records arrive through [`crate::journal`], which alone calls [`Store::insert_exchanges`].

mod entry;
mod record;
mod sqlite;

pub use entry::{EntryRow, SentRow, StoredEntry};
pub use record::{AttemptRecord, Label, Record, Usage};
pub use sqlite::{Counts, Inserted, KeyRow, Store, StoreFault, UsageSum};
