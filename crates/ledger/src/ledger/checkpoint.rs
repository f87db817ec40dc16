//! Books at an entry, so that a start reads the entries after it and not all there ever were.

use super::Ledger;
use crate::tree::Node;
use crate::{BadCheckpoint, Entry, NodeId, Sequence, Span, Timestamp};

/// What entries up to one have made, to be stored beside them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last entry that is counted.
    pub sequence: Sequence,
    /// What the house has, in nano-units: by [`crate::System`] and [`crate::Currency`], each in the order of its `ALL`.
    pub house: [[i128; 2]; 3],
    /// What accounts and keys have; those that are not named have nothing.
    pub nodes: Vec<NodeCheckpoint>,
}

/// What entries have made of an account or a key, in nano-units of its currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeCheckpoint {
    /// Which.
    pub node: NodeId,
    /// Its balance.
    pub balance: i128,
    /// All that was charged to it and to those below it.
    pub spent: i128,
    /// The same within the present periods of its spend limits, each with an instant of that period.
    pub periods: Vec<(Span, Timestamp, i128)>,
}

impl Ledger {
    /// The books as they are. What is held is not part of them.
    pub fn checkpoint(&self) -> Checkpoint {
        let nodes = (0u32..).map(NodeId).zip(&self.tree.nodes);
        // A charge of nothing begins a period too.
        let is_used = |node: &Node| {
            node.balance != 0 || node.spent != 0 || node.windows.iter().any(|window| window.present().is_some())
        };
        let nodes = nodes.filter(|(_, node)| is_used(node)).map(|(id, node)| {
            let periods = node.windows.iter().filter_map(|window| {
                let (start, spent) = window.present()?;
                Some((window.limit.span, start, spent))
            });
            NodeCheckpoint { node: id, balance: node.balance, spent: node.spent, periods: periods.collect() }
        });
        Checkpoint { sequence: self.books.sequence, house: self.books.house, nodes: nodes.collect() }
    }

    /// Begins with the books of a checkpoint, in a ledger whose accounts and keys are opened and that has no entries.
    /// [`Ledger::apply`] goes on with the entry after it.
    ///
    /// # Errors
    ///
    /// When there are entries, or an account is unknown; then nothing is changed.
    pub fn resume(&mut self, checkpoint: &Checkpoint) -> Result<(), BadCheckpoint> {
        if self.books.sequence != Sequence::default() {
            return Err(BadCheckpoint::HasEntries);
        }
        if checkpoint.nodes.iter().any(|at| at.node.index() >= self.tree.nodes.len()) {
            return Err(BadCheckpoint::Unknown);
        }
        self.books.sequence = checkpoint.sequence;
        self.books.house = checkpoint.house;
        for at in &checkpoint.nodes {
            let node = self.tree.at_mut(at.node);
            (node.balance, node.spent) = (at.balance, at.spent);
            for window in &mut node.windows {
                let present = at.periods.iter().find(|(span, ..)| *span == window.limit.span);
                if let Some(&(_, start, spent)) = present {
                    window.resume(start, spent);
                }
            }
            node.excuse();
        }
        Ok(())
    }

    /// Remembers an entry from before the checkpoint, so that it is not made again: acts of operators, and the last
    /// attempts that were charged. Its money is counted already.
    pub fn remember(&mut self, entry: &Entry) {
        if entry.sequence <= self.books.sequence {
            self.remember_once(entry);
        }
    }
}
