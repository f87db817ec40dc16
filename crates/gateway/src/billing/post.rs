//! What operators do to balances: in the store and in memory, or in neither.

use std::sync::Arc;

use roundelay_ledger::{Entry, EntryKind, Ledger, Money, NodeId, Party, PostRefused, Posting, System, Timestamp};

use super::{Billing, now};
use crate::store::{EntryRow, RedeemFault, Store, StoreFault, StoredEntry};

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

    /// Enters what a code is worth, as [`Store::redeem`] does, and has it spendable at once.
    ///
    /// # Errors
    /// See [`RedeemFault`]; then neither the store nor the memory has it.
    pub fn redeem(&self, store: &Store, id: &str, row: &EntryRow, at: i64) -> Result<(StoredEntry, bool), RedeemFault> {
        self.check(row).map_err(|refused| match refused {
            PostRefused::TooLarge => StoreFault::TooLarge,
            _ => StoreFault::Missing { what: "balance of account", name: name(row) },
        })?;
        let (stored, is_new) = store.redeem(id, row, at)?;
        if is_new {
            // It was checked above; an account that was changed in between has it from the next start on.
            let _ = self.apply(row, row.change);
        }
        Ok((stored, is_new))
    }

    fn check(&self, row: &EntryRow) -> Result<(), PostRefused> {
        let ledger = self.ledger();
        let account = row.account.as_ref().and_then(|id| ledger.account(id)).ok_or(PostRefused::NoBalance)?;
        ledger.check_change(account, row.change, row.kind == EntryKind::Reversal)
    }

    fn apply(&self, row: &EntryRow, change: Money) -> Result<(), PostRefused> {
        let mut ledger = self.ledger();
        let account = row.account.as_ref().and_then(|id| ledger.account(id)).ok_or(PostRefused::NoBalance)?;
        let now = now();
        if let (EntryKind::Reversal, Some(charge)) = (row.kind, charge(&ledger, account, row)) {
            let name = Arc::from(format!("{}", ledger.sequence()));
            return ledger.reverse(&charge, Arc::from(row.reason.as_deref().unwrap_or_default()), name, now).map(drop);
        }
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

/// The charge that an entry gives back.
fn charge(ledger: &Ledger, account: NodeId, row: &EntryRow) -> Option<Entry> {
    Some(Entry {
        sequence: ledger.sequence(),
        at: Timestamp(row.at_us),
        kind: EntryKind::Charge,
        debit: Party::Account(account),
        credit: Party::System(System::Revenue),
        amount: row.change,
        currency: row.currency,
        usd: row.usd,
        rate: row.rate,
        multiplier: row.multiplier,
        balance: Money::ZERO,
        exchange: Some(row.exchange?),
        attempt: row.attempt,
        node: row.key.as_ref().and_then(|key| ledger.key(key)),
        price: row.price,
        held: Money::ZERO,
        overrun: None,
        is_estimated: false,
        reason: None,
        idempotency: None,
    })
}

fn name(row: &EntryRow) -> String {
    row.account.as_ref().map(ToString::to_string).unwrap_or_default()
}
