//! What was under way when the gateway crashed: entries give the balances, a journal gives what they do not tell.
//!
//! The journal has what [`crate::Ledger::dispatched`] returned before each first byte was sent, progress as often as
//! its writer likes, and ends; charges are told by the entries. What was sent and has no end is in doubt:
//! reinstate it ([`crate::Ledger::reinstate`]), ask the provider, and settle it by what it says. What nobody can tell
//! is settled after a while by the last progress, flagged as an estimate.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Entry, EntryKind, ExchangeId, Held, ListCost};

type Attempt = (ExchangeId, u32);

/// A journal read again. Its lines may come in any order and more than once.
#[derive(Debug, Clone, Default)]
pub struct Recovery {
    sent: BTreeMap<Attempt, Held>,
    delivered: BTreeMap<Attempt, ListCost>,
    ended: BTreeSet<Attempt>,
}

impl Recovery {
    /// A journal of which nothing is read.
    pub fn new() -> Self {
        Self::default()
    }

    /// An attempt was about to be sent; of several lines the one that held most counts.
    pub fn dispatched(&mut self, held: Held) {
        let known = self.sent.entry((held.exchange, held.attempt)).or_insert(held);
        if held.cost > known.cost {
            *known = held;
        }
    }

    /// So much had been delivered.
    pub fn progress(&mut self, exchange: ExchangeId, attempt: u32, delivered: ListCost) {
        let known = self.delivered.entry((exchange, attempt)).or_default();
        *known = delivered.max(*known);
    }

    /// An attempt that was sent was released: nothing is owed. Not to be told of one that was never sent, since its
    /// number may be used again.
    pub fn released(&mut self, exchange: ExchangeId, attempt: u32) {
        self.ended.insert((exchange, attempt));
    }

    /// An entry was made; a charge ends its attempt.
    pub fn entry(&mut self, entry: &Entry) {
        if let (EntryKind::Charge, Some(exchange)) = (entry.kind, entry.exchange) {
            self.ended.insert((exchange, entry.attempt));
        }
    }

    /// What is in doubt, by exchange and attempt, with what was delivered as far as it is known.
    pub fn in_doubt(&self) -> impl Iterator<Item = Held> {
        let open = self.sent.iter().filter(|(attempt, _)| !self.ended.contains(attempt));
        open.map(|(attempt, held)| {
            let delivered = self.delivered.get(attempt).copied().unwrap_or_default();
            Held { delivered: held.delivered.max(delivered), ..*held }
        })
    }
}
