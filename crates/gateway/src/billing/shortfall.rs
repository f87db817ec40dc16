//! Why money, or a limit, stands in the way of an attempt: with the name of whose it is.

use roundelay_ledger::{Ledger, Money, NodeName, Refused, Shortage};

/// Why nothing was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shortfall {
    /// Something is short.
    Short {
        /// Whose.
        whose: NodeName,
        /// What.
        shortage: Shortage,
        /// What requests under way hold of its balance or limit, in its currency.
        held: Money,
    },
    /// No price is known, and whoever can run out of money is not served without one.
    NoPrice,
}

impl Shortfall {
    pub(super) fn of(ledger: &Ledger, refused: Refused) -> Self {
        let Refused { node, shortage } = refused;
        Self::Short { whose: ledger.name(node).clone(), shortage, held: ledger.standing(node).held }
    }
}
