//! What was spent in the present periods of limits that are about to change, so that no change of a spend limit is a
//! fresh allowance.

use std::collections::HashSet;

use roundelay_ledger::{Currency, KeyId, Ledger, Limits, NodeId, NodeName, Rate, Span, Timestamp};

use super::{Billing, load::nano_in, now};
use crate::store::{KeySpent, Store, StoreFault};

/// What the periods of spend limits begin with.
#[derive(Debug, Default)]
pub struct Windows {
    at: Timestamp,
    periods: Vec<(Span, i128)>,
    /// All that the store had of it; `None` where it cannot be compared to what the memory has.
    stored: Option<i128>,
}

impl Billing {
    /// Reads what an account or a key spent in the present periods of these limits, at that rate (yuan for a dollar).
    /// Blocks for as long as the store takes; the limits are not in force yet.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn windows(&self, store: &Store, whose: &NodeName, limits: &Limits, rate: Rate) -> Result<Windows, StoreFault> {
        let at = now();
        let Some((keys, currency)) = self.keys_below(whose).filter(|_| !limits.spend.is_empty()) else {
            return Ok(Windows { at, ..Windows::default() });
        };
        let spent = |since: i64| -> Result<(i128, bool), StoreFault> {
            let mut parts = store.spent_by_key(since)?;
            parts.retain(|part| keys.contains(&part.key));
            let is_exact = parts.iter().all(|part: &KeySpent| part.currency == currency);
            Ok((parts.iter().map(|part| nano_in(currency, part, rate)).sum(), is_exact))
        };
        // Read before the periods: what the store takes in between is counted twice rather than never.
        let (stored, is_exact) = spent(i64::MIN)?;
        let period = |limit: &roundelay_ledger::SpendLimit| {
            let began = limit.span.began(&limit.zone, at);
            Ok((limit.span, spent(began.0)?.0))
        };
        let periods = limits.spend.iter().map(period).collect::<Result<_, StoreFault>>()?;
        Ok(Windows { at, periods, stored: is_exact.then_some(stored) })
    }

    /// The keys whose spending counts for an account or a key, and the currency it is counted in.
    fn keys_below(&self, whose: &NodeName) -> Option<(HashSet<KeyId>, Currency)> {
        let ledger = self.ledger();
        let node = match whose {
            NodeName::Account(id) => ledger.account(id)?,
            NodeName::Key(id) => ledger.key(id)?,
        };
        let is_below = |of: NodeId| std::iter::successors(Some(of), |&up| ledger.parent(up)).any(|up| up == node);
        let keys = ledger.nodes().filter_map(|(of, name)| match name {
            NodeName::Key(key) if is_below(of) => Some(key.clone()),
            NodeName::Key(_) | NodeName::Account(_) => None,
        });
        Some((keys.collect(), ledger.standing(node).currency))
    }
}

impl Windows {
    /// Tells the limits that begin empty. What the store had not heard of yet counts in each.
    pub(super) fn fill(&self, ledger: &mut Ledger, node: NodeId) {
        let known = i128::from(ledger.standing(node).spent.nano());
        let on_its_way = self.stored.map_or(0, |stored| (known - stored).max(0));
        for &(span, spent) in &self.periods {
            ledger.fill_window(node, span, spent + on_its_way, self.at);
        }
    }
}
