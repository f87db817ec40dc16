//! What accounts and keys have: for their owners, and to compare one fold with another.

use super::Ledger;
use crate::currency::saturate;
use crate::limit::SpendWindow;
use crate::{Currency, Factor, Money, NodeId, SpendLeft, Timestamp};

/// What an account has, in its currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Of all amounts.
    pub currency: Currency,
    /// The sum of its entries.
    pub balance: Money,
    /// Held by attempts for which it pays; where another account does, by its own attempts and those below it.
    pub held: Money,
    /// What may still be held: `None` when that has no end. Below zero after an overrun.
    pub left: Option<Money>,
    /// All that was charged to it and to those below it.
    pub spent: Money,
    /// Attempts under way, of its own and of those below it.
    pub running: u32,
}

/// What entries alone make of an account or key, to the last bit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountBooks {
    balance: i128,
    spent: i128,
    windows: Box<[SpendWindow]>,
}

impl Ledger {
    /// What an account or key has.
    ///
    /// # Panics
    ///
    /// When `node` is of another ledger.
    pub fn standing(&self, node: NodeId) -> Standing {
        let node = self.tree.at(node);
        Standing {
            currency: node.currency,
            balance: saturate(node.balance),
            held: saturate(if node.keeps_balance() { node.held } else { node.pending }),
            left: node.headroom().map(saturate),
            spent: saturate(node.spent),
            running: node.running,
        }
    }

    /// How many times the list price is charged to an account or key, all accounts above it included.
    pub fn multiplier(&self, node: NodeId) -> Factor {
        self.tree.at(node).effective
    }

    /// What is left of the spend limits of an account or key, in the order of its terms.
    pub fn spend_left(&self, node: NodeId, now: Timestamp) -> impl Iterator<Item = SpendLeft> {
        let node = self.tree.at(node);
        node.windows.iter().map(move |window| SpendLeft {
            span: window.limit.span,
            amount: window.limit.amount,
            spent: saturate(window.spent(now)),
            left: saturate(window.left(node.pending, now).max(0)),
            currency: node.currency,
            resets_at: window.resets_at(now),
        })
    }

    /// Requests and tokens that may still be used this minute; `None` where that is not limited.
    pub fn rates_left(&self, node: NodeId, now: Timestamp) -> (Option<u64>, Option<u64>) {
        let node = self.tree.at(node);
        (node.requests.map(|requests| requests.left(now)), node.tokens.map(|tokens| tokens.left(now)))
    }

    /// Whether a key, or an account on the way from it to the top, is limited in tokens a minute or in attempts at a time.
    pub fn shares_attempts(&self, node: NodeId) -> bool {
        let is_limited = |node: NodeId| {
            let node = self.tree.at(node);
            node.tokens.is_some() || node.concurrency.is_some()
        };
        std::iter::successors(Some(node), |&up| self.parent(up)).any(is_limited)
    }

    /// What entries alone make of every account and key, in the order in which they were opened: equal for two
    /// ledgers that had the same entries, whatever else was asked of them.
    pub fn account_books(&self) -> Vec<AccountBooks> {
        let books = self.tree.nodes.iter().map(|node| AccountBooks {
            balance: node.balance,
            spent: node.spent,
            windows: node.windows.clone(),
        });
        books.collect()
    }
}
