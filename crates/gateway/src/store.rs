//! What outlives the process: accounts, API keys, a record of every exchange and every transfer of money, in one
//! embedded file.
//!
//! Everything here blocks and none of it needs a runtime, so that commands use it as the gateway does. No exchange
//! waits for it: records arrive through [`crate::journal`], which alone calls [`Store::insert_exchanges`].

mod act;
mod entry;
mod operator;
mod record;
mod scope;
mod sqlite;

pub use act::{ActFilter, ActOutcome, ActRow, NewAct};
pub use entry::{EntryRow, SentRow, StoredEntry};
pub use operator::{OperatorId, OperatorRow, Role};
pub use record::{AttemptRecord, Label, Part, Record, Usage};
pub use scope::{Scope, Within};
pub use sqlite::{
    AccountRow, CodeRefusal, CodeRow, Counts, EntryFilter, ExchangeFilter, Inserted, KeyChange, KeyRow, KeySpent,
    RedeemFault, Redeemed, Still, Store, StoreFault, SummaryRow, UsageBy, UsageFilter, UsageSum,
};
