//! The ledger: balances as the fold of entries, and the holds in memory.
//!
//! Every act that moves money returns the entries it made, already counted; the caller stores them in order. After a
//! crash the same entries, applied to the same accounts, give the same balances; see [`crate::Recovery`] for what was
//! under way.

mod authorise;
mod books;
mod checkpoint;
mod end;
mod post;
mod recent;
mod standing;

use crate::hold::Holds;
use crate::tree::Tree;
use crate::{
    AccountId, AccountKind, BadTerms, Held, HoldId, KeyId, Limits, NodeId, NodeName, Sequence, Span, Terms, Timestamp,
};

pub use authorise::{Ask, Extension, NotExtended};
pub use books::{Fault, Wrong};
pub use checkpoint::{Checkpoint, NodeCheckpoint};
pub use end::{Expiry, Settlement};
pub use post::{Posted, Posting};
pub use standing::{AccountBooks, Standing};

use books::Books;
use recent::Recent;

/// Who may spend what, and who has.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub(crate) tree: Tree,
    pub(crate) books: Books,
    pub(crate) holds: Holds,
    recent: Recent,
    counts: Counts,
    settings: Settings,
}

/// Sizes and times of a [`Ledger`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How many holds may be open.
    pub holds_max: u32,
    /// How many of the last attempts that are over are remembered, so that none is authorised or charged again. A store
    /// of entries refuses charges of older ones.
    pub remembered_max: usize,
    /// For how long, in microseconds, an overdue attempt that was sent stays in doubt before it is settled by what is
    /// known of it.
    pub in_doubt_micros: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { holds_max: 1 << 20, remembered_max: 1 << 16, in_doubt_micros: 24 * 3_600 * 1_000_000 }
    }
}

/// What became of holds since the ledger was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Taken, reinstated ones included.
    pub taken: u64,
    /// Ended with a charge.
    pub settled: u64,
    /// Ended because there was nothing to charge.
    pub released: u64,
    /// Ended by their deadline before anything was sent.
    pub expired: u64,
}

impl Ledger {
    /// A ledger without accounts.
    pub fn new(settings: Settings) -> Self {
        Self {
            tree: Tree::default(),
            books: Books::default(),
            holds: Holds::new(settings.holds_max as usize),
            recent: Recent::new(settings.remembered_max),
            counts: Counts::default(),
            settings,
        }
    }

    /// Adds an account, below `parent` if there is one. Its place in the tree never changes.
    ///
    /// # Errors
    ///
    /// When the terms cannot be; then nothing is changed.
    pub fn open_account(
        &mut self,
        id: AccountId,
        parent: Option<NodeId>,
        terms: &Terms,
        now: Timestamp,
    ) -> Result<NodeId, BadTerms> {
        self.tree.add(NodeName::Account(id), parent, terms, now)
    }

    /// Adds a key of an account, with limits of its own in the account's currency.
    ///
    /// # Errors
    ///
    /// When the limits cannot be; then nothing is changed.
    pub fn open_key(&mut self, id: KeyId, account: NodeId, limits: Limits, now: Timestamp) -> Result<NodeId, BadTerms> {
        let currency = self.tree.nodes.get(account.index()).ok_or(BadTerms::NoParent)?.currency;
        let terms = Terms { currency, limits, ..Terms::new(AccountKind::Inherits) };
        self.tree.add(NodeName::Key(id), Some(account), &terms, now)
    }

    /// Gives an account other terms from `now` on. Holds that are open stay as they were agreed. A spend limit of
    /// another span or zone begins empty.
    ///
    /// # Errors
    ///
    /// When the terms cannot be; then nothing is changed.
    pub fn change_account(&mut self, account: NodeId, terms: &Terms, now: Timestamp) -> Result<(), BadTerms> {
        match self.tree.nodes.get(account.index()).map(|node| &node.name) {
            Some(NodeName::Account(_)) => self.tree.change(account, terms, now),
            Some(NodeName::Key(_)) => Err(BadTerms::KeyIsNoAccount),
            None => Err(BadTerms::NoParent),
        }
    }

    /// Gives a key other limits from `now` on, and closes or opens it; see [`Ledger::change_account`].
    ///
    /// # Errors
    ///
    /// When the limits cannot be; then nothing is changed.
    pub fn change_key(&mut self, key: NodeId, limits: Limits, is_closed: bool, now: Timestamp) -> Result<(), BadTerms> {
        let node = self.tree.nodes.get(key.index()).ok_or(BadTerms::NoParent)?;
        if matches!(node.name, NodeName::Account(_)) {
            return Err(BadTerms::KeyIsNoAccount);
        }
        let terms = Terms { currency: node.currency, limits, is_closed, ..Terms::new(AccountKind::Inherits) };
        self.tree.change(key, &terms, now)
    }

    /// Tells a spend limit that has begun empty what was spent in its present period, in nano-units: what an account or
    /// key has spent is known to whoever keeps its entries. One that has counted anything stays as it is.
    ///
    /// # Panics
    ///
    /// When `node` is of another ledger.
    pub fn fill_window(&mut self, node: NodeId, span: Span, spent: i128, now: Timestamp) {
        let windows = &mut self.tree.at_mut(node).windows;
        if let Some(window) = windows.iter_mut().find(|window| window.limit.span == span && window.present().is_none())
        {
            window.resume(now, spent);
        }
    }

    /// The account of that name.
    pub fn account(&self, id: &AccountId) -> Option<NodeId> {
        self.tree.find(&NodeName::Account(id.clone()))
    }

    /// The key of that name.
    pub fn key(&self, id: &KeyId) -> Option<NodeId> {
        self.tree.find(&NodeName::Key(id.clone()))
    }

    /// The name of an account or key.
    ///
    /// # Panics
    ///
    /// When `node` is of another ledger.
    pub fn name(&self, node: NodeId) -> &NodeName {
        &self.tree.at(node).name
    }

    /// The account above an account, or of a key.
    ///
    /// # Panics
    ///
    /// When `node` is of another ledger.
    pub fn parent(&self, node: NodeId) -> Option<NodeId> {
        self.tree.at(node).path.as_slice().get(1).copied()
    }

    /// The account that would pay for `node`: the nearest up the path that keeps a balance.
    pub fn payer(&self, node: NodeId) -> Option<NodeId> {
        self.tree.payer(node)
    }

    /// Every account and key, in the order in which they were opened.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &NodeName)> {
        (0u32..).map(NodeId).zip(self.tree.nodes.iter().map(|node| &node.name))
    }

    /// The number of the last entry; 0 before the first.
    pub fn sequence(&self) -> Sequence {
        self.books.sequence
    }

    /// What a hold holds; `None` once it has ended.
    pub fn held(&self, hold: HoldId) -> Option<&Held> {
        self.holds.find(hold)
    }

    /// The open holds, in an order that only depends on what was done.
    pub fn holds(&self) -> impl Iterator<Item = (HoldId, &Held)> {
        self.holds.iter()
    }

    /// How many holds are open.
    pub fn open_holds(&self) -> usize {
        self.holds.len()
    }

    /// When [`Ledger::expire`] has something to do next.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.holds.next_deadline()
    }

    /// What became of holds.
    pub const fn counts(&self) -> Counts {
        self.counts
    }
}
