//! The ledger as it was, from the store: what a start begins with.

use std::{collections::HashMap, sync::Mutex};

use roundelay_ledger::{
    BadCheckpoint, BadTerms, Checkpoint, Currency, Held, Ledger, Limits, NodeCheckpoint, NodeId, Rate, Settings, Stage,
    System, Timestamp,
};

use super::{Billing, now};
use crate::store::{KeySpent, SentRow, Store, StoreFault};

/// Why there is no ledger.
#[derive(Debug, thiserror::Error)]
pub enum LoadFault {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// An account or a key has terms that cannot be.
    #[error("the terms of `{name}` in the store cannot be: {fault}")]
    Terms {
        /// Whose.
        name: String,
        /// What is wrong with them.
        fault: BadTerms,
    },
    /// The balances do not fit the accounts.
    #[error("the balances in the store do not fit its accounts: {0}")]
    Books(#[from] BadCheckpoint),
}

impl Billing {
    /// Opens every account and key, with their balances, what was spent in the present periods of their limits, and what
    /// is in doubt since a gateway ended in the middle of it.
    ///
    /// # Errors
    /// See [`LoadFault`].
    pub fn load(store: &Store, rate: Rate) -> Result<Self, LoadFault> {
        let now = now();
        let mut ledger = Ledger::new(Settings::default());
        let mut nodes = Vec::new();
        let mut limited = Vec::new();
        for row in store.accounts()? {
            let named = |fault| LoadFault::Terms { name: row.account.id.to_string(), fault };
            let parent = row.parent.as_ref().and_then(|id| ledger.account(id));
            let node = ledger.open_account(row.account.id.clone(), parent, &row.terms, now).map_err(named)?;
            limited.push((node, row.terms.currency, row.terms.limits.clone()));
            nodes.push(NodeCheckpoint { node, balance: row.balance.nano().into(), spent: 0, periods: Vec::new() });
        }
        for row in store.keys()? {
            let named = |fault| LoadFault::Terms { name: row.key.id.to_string(), fault };
            let Some(account) = ledger.account(&row.key.account) else { continue };
            let currency = ledger.standing(account).currency;
            let node = ledger.open_key(row.key.id.clone(), account, row.limits.clone(), now).map_err(named)?;
            limited.push((node, currency, row.limits));
            nodes.push(NodeCheckpoint { node, balance: 0, spent: 0, periods: Vec::new() });
        }
        Spent { store, ledger: &ledger, now, rate, since: HashMap::new() }.fill(&mut nodes, &limited)?;
        let mut house = [[0; 2]; 3];
        for ((_, currency, _), at) in limited.iter().zip(&nodes) {
            // What accounts have came from the treasury, whatever became of the rest of it.
            house[System::Treasury as usize][*currency as usize] -= at.balance;
        }
        ledger.resume(&Checkpoint { sequence: store.last_sequence()?, house, nodes })?;
        for sent in store.in_doubt()? {
            doubt(&mut ledger, &sent, now);
        }
        Ok(Self { ledger: Mutex::new(ledger) })
    }
}

/// Holds again what was sent and has no end. A key that is gone owes nothing to anybody.
fn doubt(ledger: &mut Ledger, sent: &SentRow, now: Timestamp) {
    let Some(node) = ledger.key(&sent.key) else { return };
    let Some(payer) = ledger.payer(node) else { return };
    let held = Held {
        exchange: sent.exchange,
        attempt: sent.attempt,
        node,
        payer,
        price: sent.price,
        conversion: sent.conversion,
        cost: sent.held,
        usd: sent.held.ceiling(sent.conversion, Currency::Usd),
        cny: sent.held.ceiling(sent.conversion, Currency::Cny),
        tokens: 0,
        delivered: sent.delivered,
        stage: Stage::InDoubt,
        is_refused_more: false,
        // It is in doubt since then, however often a gateway was started.
        expires_at: Timestamp(sent.at_us),
    };
    // One that is there already is the same one.
    let _ = ledger.reinstate(&held, now);
}

/// What keys have spent since some instants.
struct Spent<'a> {
    store: &'a Store,
    ledger: &'a Ledger,
    now: Timestamp,
    /// Yuan for a dollar.
    rate: Rate,
    since: HashMap<i64, HashMap<NodeId, Vec<KeySpent>>>,
}

impl<'a> Spent<'a> {
    fn fill(mut self, nodes: &mut [NodeCheckpoint], limited: &[(NodeId, Currency, Limits)]) -> Result<(), StoreFault> {
        for (at, (node, currency, limits)) in nodes.iter_mut().zip(limited) {
            at.spent = self.by(*node, *currency, i64::MIN)?;
            for limit in &limits.spend {
                let began = limit.span.began(&limit.zone, self.now);
                let spent = self.by(*node, *currency, began.0)?;
                at.periods.push((limit.span, self.now, spent));
            }
        }
        Ok(())
    }

    /// What a node and those below it have spent since an instant, in nano-units of its currency.
    fn by(&mut self, node: NodeId, currency: Currency, since: i64) -> Result<i128, StoreFault> {
        if !self.since.contains_key(&since) {
            let mut spent: HashMap<NodeId, Vec<KeySpent>> = HashMap::new();
            for part in self.store.spent_by_key(since)? {
                let key = self.ledger.key(&part.key);
                for up in std::iter::successors(key, |&up| self.ledger.parent(up)) {
                    spent.entry(up).or_default().push(part.clone());
                }
            }
            self.since.insert(since, spent);
        }
        let parts = self.since[&since].get(&node).map(Vec::as_slice).unwrap_or_default();
        Ok(parts.iter().map(|part| nano_in(currency, part, self.rate)).sum())
    }
}

/// What was charged, in nano-units of a currency.
pub(super) fn nano_in(currency: Currency, spent: &KeySpent, rate: Rate) -> i128 {
    match currency {
        _ if spent.currency == currency => spent.amount.nano().into(),
        Currency::Usd => spent.usd.nano().into(),
        // Where the payer keeps dollars and the limit yuan, the rate of each charge is not known any more.
        Currency::Cny => i128::from(spent.usd.nano()) * i128::from(rate.millionths()) / 1_000_000,
    }
}
