//! The fold: entries become balances, spend limits and the memory of what was done.

use std::collections::HashMap;
use std::sync::Arc;
use std::{error::Error, fmt};

use super::Ledger;
use crate::currency::saturate;
use crate::{Currency, Entry, EntryKind, Money, NodeId, NodeName, Party, Sequence, System, invariants};

/// What is not kept with an account.
#[derive(Debug, Clone, Default)]
pub(crate) struct Books {
    pub(crate) sequence: Sequence,
    /// By party of the house and currency, in nano-units.
    pub(crate) house: [[i128; 2]; 3],
    /// Acts of operators by idempotency key. Only looked up, never walked.
    pub(super) acts: HashMap<Arc<str>, Entry>,
}

impl Ledger {
    /// Counts an entry that was made before, as after a restart. Entries come in order, from the first on.
    ///
    /// # Errors
    ///
    /// When it is not the next one or cannot be right; then nothing is changed.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), Fault> {
        self.check(entry).map_err(|wrong| Fault { sequence: entry.sequence, account: entry.account(), wrong })?;
        self.post(entry);
        if let Some(account) = entry.account() {
            self.tree.at_mut(account).excuse();
        }
        Ok(())
    }

    /// What is wrong with an entry that claims to be the next.
    pub(super) fn check(&self, entry: &Entry) -> Result<(), Wrong> {
        let next = self.next_sequence();
        if entry.sequence != next {
            return Err(Wrong::Order { expected: next });
        }
        invariants::entry(entry).map_err(|broken| Wrong::Shape(broken.promise))?;
        for node in entry.account().into_iter().chain(entry.node) {
            self.tree.nodes.get(node.index()).ok_or(Wrong::Unknown)?;
        }
        if let Some(exchange) = entry.exchange
            && self.recent.has((exchange, entry.attempt), entry.kind)
        {
            return Err(Wrong::Twice);
        }
        if entry.idempotency.as_ref().is_some_and(|key| self.books.acts.contains_key(key)) {
            return Err(Wrong::Twice);
        }
        let Some(account) = entry.account() else {
            return Ok(());
        };
        let node = self.tree.at(account);
        if matches!(node.name, NodeName::Key(_)) || node.currency != entry.currency {
            return Err(Wrong::Currency);
        }
        let expected = saturate(node.balance + entry.change());
        if entry.balance != expected {
            return Err(Wrong::Balance { expected, found: entry.balance });
        }
        Ok(())
    }

    /// Counts an entry that is right.
    pub(super) fn post(&mut self, entry: &Entry) {
        debug_assert_eq!(self.check(entry), Ok(()), "{entry:?}");
        self.books.sequence = entry.sequence;
        self.move_money(entry.debit, entry, -1);
        self.move_money(entry.credit, entry, 1);
        if entry.kind == EntryKind::Charge
            && let Some(node) = entry.node
        {
            self.spend(node, entry);
        }
        self.remember_once(entry);
    }

    /// Remembers that it was made.
    pub(super) fn remember_once(&mut self, entry: &Entry) {
        if let Some(exchange) = entry.exchange {
            self.recent.enter((exchange, entry.attempt), entry.kind);
        }
        if let Some(key) = &entry.idempotency {
            self.books.acts.insert(Arc::clone(key), entry.clone());
        }
    }

    pub(super) fn next_sequence(&self) -> Sequence {
        Sequence(self.books.sequence.0 + 1)
    }

    /// What an account will have after a change, as an entry shows it.
    pub(super) fn balance_after(&self, account: NodeId, change: i128) -> Money {
        saturate(self.tree.at(account).balance + change)
    }

    fn move_money(&mut self, party: Party, entry: &Entry, sign: i128) {
        let amount = sign * i128::from(entry.amount.nano());
        match party {
            Party::System(system) => self.books.house[system as usize][entry.currency as usize] += amount,
            Party::Account(account) => self.tree.at_mut(account).balance += amount,
        }
    }

    /// Counts a charge on every spend limit from the node up.
    fn spend(&mut self, node: NodeId, entry: &Entry) {
        let path = self.tree.at(node).path;
        for &up in path.as_slice() {
            let node = self.tree.at_mut(up);
            let amount = entry.spent_in(node.currency).nano();
            node.spent += i128::from(amount);
            for window in &mut node.windows {
                window.charge(amount, entry.at);
            }
        }
    }

    /// What a party of the house has, in nano-units; more than [`Money`] holds when many accounts are large.
    pub fn house_nano(&self, system: System, currency: Currency) -> i128 {
        self.books.house[system as usize][currency as usize]
    }
}

/// An entry that cannot be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Which.
    pub sequence: Sequence,
    /// The account it concerns.
    pub account: Option<NodeId>,
    /// What is wrong.
    pub wrong: Wrong,
}

/// What is wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// It is not the next one.
    Order {
        /// Which would be.
        expected: Sequence,
    },
    /// It breaks a promise about entries.
    Shape(invariants::Promise),
    /// It names an account or key that does not exist.
    Unknown,
    /// There is one of that kind for that attempt, or of that idempotency key.
    Twice,
    /// The account keeps another currency, or none.
    Currency,
    /// The balance it shows is not the one that the entries before it give.
    Balance {
        /// What they give.
        expected: Money,
        /// What it shows.
        found: Money,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {}: ", self.sequence)?;
        match self.wrong {
            Wrong::Order { expected } => write!(f, "entry {expected} was expected"),
            Wrong::Shape(promise) => write!(f, "it breaks {promise:?}"),
            Wrong::Unknown => f.write_str("it names an account or key that does not exist"),
            Wrong::Twice => f.write_str("it was made before"),
            Wrong::Currency => f.write_str("its account keeps another currency"),
            Wrong::Balance { expected, found } => write!(f, "it shows a balance of {found} in place of {expected}"),
        }
    }
}

impl Error for Fault {}
