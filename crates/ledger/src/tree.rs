//! Accounts and keys as a tree, by dense index: what each one's conditions are, and what is held and spent there.

use std::collections::HashMap;

use crate::limit::{Bucket, SpendWindow};
use crate::{AccountId, AccountKind, BadTerms, Conversion, Currency, Factor, KeyId, Limits, Money, Terms, Timestamp};

/// The place of an account or a key in one [`crate::Ledger`], given out in the order in which they are opened. Not kept
/// in stores; in a ledger that has no such place it is a mistake that panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) u32);

impl NodeId {
    /// The number: 0 for the first account or key that was opened.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The name of an account or a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeName {
    /// An account.
    Account(AccountId),
    /// A key.
    Key(KeyId),
}

/// From a node up to the account at the top, the node first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Path {
    nodes: [NodeId; PATH_MAX],
    length: u8,
}

impl Path {
    fn over(node: NodeId, above: Option<&Self>) -> Option<Self> {
        let mut path = Self { nodes: [node; PATH_MAX], length: 1 };
        if let Some(above) = above {
            let above = above.as_slice();
            path.nodes.get_mut(1..=above.len())?.copy_from_slice(above);
            path.length += u8::try_from(above.len()).ok()?;
        }
        Some(path)
    }

    pub(crate) fn as_slice(&self) -> &[NodeId] {
        &self.nodes[..usize::from(self.length)]
    }
}

/// An account or a key.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) name: NodeName,
    pub(crate) path: Path,
    /// `Inherits` for keys.
    pub(crate) kind: AccountKind,
    pub(crate) currency: Currency,
    pub(crate) credit_line: Money,
    pub(crate) multiplier: Factor,
    /// The product along the path.
    pub(crate) effective: Factor,
    pub(crate) is_closed: bool,
    pub(crate) concurrency: Option<u32>,
    pub(crate) requests: Option<Bucket>,
    pub(crate) tokens: Option<Bucket>,
    pub(crate) windows: Box<[SpendWindow]>,
    /// The fold of entries, in nano-units.
    pub(crate) balance: i128,
    /// All that was ever charged through here and not by this account alone, in nano-units of its currency.
    pub(crate) spent: i128,
    /// Held here as the payer, in nano-units.
    pub(crate) held: i128,
    /// Held by exchanges of this node and those below it, whoever pays, in nano-units.
    pub(crate) pending: i128,
    /// Attempts under way.
    pub(crate) running: u32,
    /// How far the balance less what is held is allowed to be below what may be held, because something happened
    /// that could not be refused.
    pub(crate) excused: i128,
}

impl Node {
    pub(crate) fn keeps_balance(&self) -> bool {
        self.kind != AccountKind::Inherits
    }

    /// What may still be held here as the payer, in nano-units; `None` when that has no end.
    pub(crate) fn headroom(&self) -> Option<i128> {
        match self.kind {
            AccountKind::Prepaid => Some(self.balance + i128::from(self.credit_line.nano()) - self.held),
            AccountKind::Postpaid | AccountKind::Inherits => None,
        }
    }

    /// Notes that the headroom is below zero, for a cause that could not be refused; forgets it once it no longer is.
    pub(crate) fn excuse(&mut self) {
        self.excused = self.headroom().map_or(0, |headroom| (-headroom).max(0));
    }

    fn limit(&mut self, limits: &Limits, now: Timestamp) {
        let bucket = |old: Option<Bucket>, per_minute: Option<u32>| {
            let per_minute = per_minute?;
            let mut bucket = old.unwrap_or_else(|| Bucket::new(per_minute, now));
            bucket.change(per_minute, now);
            Some(bucket)
        };
        self.concurrency = limits.concurrency;
        self.requests = bucket(self.requests, limits.requests_per_minute);
        self.tokens = bucket(self.tokens, limits.tokens_per_minute);
        let window = |limit: &crate::SpendLimit| {
            let same = |old: &&SpendWindow| old.limit.span == limit.span && old.limit.zone == limit.zone;
            let old = self.windows.iter().find(same);
            old.map_or_else(|| SpendWindow::new(limit.clone()), |old| old.with_limit(limit.clone()))
        };
        self.windows = limits.spend.iter().map(window).collect();
    }
}

/// All accounts and keys.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
    by_name: HashMap<NodeName, NodeId>,
}

impl Tree {
    pub(crate) fn find(&self, name: &NodeName) -> Option<NodeId> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn at(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    pub(crate) fn at_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.index()]
    }

    /// The nearest account up the path that keeps a balance.
    pub(crate) fn payer(&self, id: NodeId) -> Option<NodeId> {
        self.at(id).path.as_slice().iter().copied().find(|&up| self.at(up).keeps_balance())
    }

    pub(crate) fn add(
        &mut self,
        name: NodeName,
        parent: Option<NodeId>,
        terms: &Terms,
        now: Timestamp,
    ) -> Result<NodeId, BadTerms> {
        check(terms)?;
        if self.by_name.contains_key(&name) {
            return Err(BadTerms::Exists);
        }
        let above = match parent {
            None => None,
            Some(parent) => Some(self.nodes.get(parent.index()).ok_or(BadTerms::NoParent)?),
        };
        if above.is_some_and(|above| matches!(above.name, NodeName::Key(_))) {
            return Err(BadTerms::NoParent);
        }
        let accounts = above.map_or(0, |above| above.path.as_slice().len());
        if matches!(name, NodeName::Account(_)) && accounts >= DEPTH_MAX {
            return Err(BadTerms::TooDeep);
        }
        let effective = product(above.map_or(Factor::ONE, |above| above.effective), terms.multiplier)?;
        let id = NodeId(u32::try_from(self.nodes.len()).map_err(|_| BadTerms::TooMany)?);
        let path = Path::over(id, above.map(|above| &above.path)).ok_or(BadTerms::TooDeep)?;
        let mut node = Node {
            name: name.clone(),
            path,
            kind: terms.kind,
            currency: terms.currency,
            credit_line: terms.credit_line,
            multiplier: terms.multiplier,
            effective,
            is_closed: terms.is_closed,
            concurrency: None,
            requests: None,
            tokens: None,
            windows: Box::default(),
            balance: 0,
            spent: 0,
            held: 0,
            pending: 0,
            running: 0,
            excused: 0,
        };
        node.limit(&terms.limits, now);
        self.nodes.push(node);
        self.by_name.insert(name, id);
        Ok(id)
    }

    /// Other terms from now on. Open holds stay as they are.
    pub(crate) fn change(&mut self, id: NodeId, terms: &Terms, now: Timestamp) -> Result<(), BadTerms> {
        check(terms)?;
        if self.at(id).currency != terms.currency {
            return Err(BadTerms::CurrencyIsFixed);
        }
        // A parent always has the smaller index, so that one pass from the changed node on meets parents first.
        let mut effective: Vec<Factor> = self.nodes.iter().map(|node| node.effective).collect();
        for index in id.index()..self.nodes.len() {
            let node = &self.nodes[index];
            if !node.path.as_slice().contains(&id) {
                continue;
            }
            let above = node.path.as_slice().get(1).map_or(Factor::ONE, |parent| effective[parent.index()]);
            let own = if index == id.index() { terms.multiplier } else { node.multiplier };
            effective[index] = product(above, own)?;
        }
        for (node, effective) in self.nodes.iter_mut().zip(effective) {
            node.effective = effective;
        }
        let node = self.at_mut(id);
        node.kind = terms.kind;
        node.credit_line = terms.credit_line;
        node.multiplier = terms.multiplier;
        node.is_closed = terms.is_closed;
        node.limit(&terms.limits, now);
        node.excuse();
        Ok(())
    }
}

fn check(terms: &Terms) -> Result<(), BadTerms> {
    let spend = &terms.limits.spend;
    let is_twice = |index: usize| spend[..index].iter().any(|limit| limit.span == spend[index].span);
    if terms.credit_line.is_negative() || spend.iter().any(|limit| limit.amount.is_negative()) {
        return Err(BadTerms::Negative);
    }
    if (0..spend.len()).any(is_twice) {
        return Err(BadTerms::SpanTwice);
    }
    Ok(())
}

fn product(above: Factor, own: Factor) -> Result<Factor, BadTerms> {
    let product = above.checked_mul(own).filter(|&product| product <= Conversion::MULTIPLIER_MAX);
    product.ok_or(BadTerms::MultiplierTooLarge)
}

/// How many accounts may be above one another.
pub(crate) const DEPTH_MAX: usize = 8;
/// A key, and the accounts above it.
const PATH_MAX: usize = DEPTH_MAX + 1;
