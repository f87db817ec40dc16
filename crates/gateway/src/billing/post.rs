//! What operators do to balances: in the store and in memory, or in neither.

use std::sync::Arc;

use roundelay_ledger::{EntryKind, Money, PostRefused, Posting};

use super::{Billing, now};
use crate::store::{EntryRow, Store, StoreFault, StoredEntry};

/// Why an operator's act was not done.
#[derive(Debug, thiserror::Error)]
pub enum PostFault {
    /// The store refused it.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// The ledger did.
    #[error(transparent)]
    Refused(#[from] PostRefused),
}

impl Billing {
    /// Makes a top-up or an adjustment, once however often it is asked for under the same idempotency key: says what was
    /// made, and whether that was now. Blocks for as long as the store takes.
    ///
    /// # Errors
    /// See [`PostFault`]; then neither the store nor the memory has it.
    pub fn post(&self, store: &Store, row: &EntryRow) -> Result<(StoredEntry, bool), PostFault> {
        // Asked for again, it may not be possible any more.
        if let Some(made) = store.made_before(row)? {
            return Ok((made, false));
        }
        if !row.change.is_negative() {
            // What the memory would refuse must not be stored first; and more is spendable once the store has it.
            self.check(row)?;
            let (stored, is_new) = store.post(row)?;
            if is_new {
                self.apply(row, row.change)?;
            }
            return Ok((stored, is_new));
        }
        // What is taken away may be held by requests that the store knows nothing of: the memory decides first.
        self.apply(row, row.change)?;
        let posted = store.post(row);
        if !matches!(posted, Ok((_, true))) {
            self.apply(row, Money::from_nano(-row.change.nano()))?;
        }
        Ok(posted?)
    }

    fn check(&self, row: &EntryRow) -> Result<(), PostRefused> {
        let ledger = self.ledger();
        let account = row.account.as_ref().and_then(|id| ledger.account(id)).ok_or(PostRefused::NoBalance)?;
        ledger.check_change(account, row.change)
    }

    fn apply(&self, row: &EntryRow, change: Money) -> Result<(), PostRefused> {
        let mut ledger = self.ledger();
        let account = row.account.as_ref().and_then(|id| ledger.account(id)).ok_or(PostRefused::NoBalance)?;
        let now = now();
        let posting = Posting {
            account,
            amount: change,
            rate: row.rate,
            reason: Arc::from(row.reason.as_deref().unwrap_or_default()),
            // The store is what remembers names; in memory each act is its own.
            idempotency: Arc::from(format!("{}", ledger.sequence())),
        };
        match row.kind {
            EntryKind::TopUp if !change.is_negative() => ledger.top_up(&posting, now),
            _ => ledger.adjust(&posting, now),
        }
        .map(drop)
    }
}
