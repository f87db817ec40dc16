//! An audit: all balances again, from the entries alone, by code that shares nothing with the ledger's own fold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::{error::Error, fmt};

use crate::{Currency, Entry, EntryKind, ExchangeId, Money, Party, Sequence, System, invariants};

/// An audit under way. Entries come in their order; what is found first is what is told.
#[derive(Debug, Clone, Default)]
pub struct Audit {
    sequence: Sequence,
    balances: BTreeMap<(Party, Currency), i128>,
    seen: BTreeSet<(ExchangeId, u32, EntryKind)>,
    acts: BTreeSet<Arc<str>>,
}

impl Audit {
    /// An audit that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next entry.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it. The audit is over then.
    pub fn entry(&mut self, entry: &Entry) -> Result<(), Difference> {
        let account = entry.account().map(Party::Account).unwrap_or(entry.debit);
        let differs = |found| Difference { sequence: entry.sequence, account, found };
        let next = Sequence(self.sequence.0 + 1);
        if entry.sequence != next {
            return Err(differs(Found::Gap { expected: next }));
        }
        self.sequence = next;
        invariants::entry(entry).map_err(|broken| differs(Found::Broken(broken.promise)))?;
        let is_new_attempt =
            entry.exchange.is_none_or(|exchange| self.seen.insert((exchange, entry.attempt, entry.kind)));
        let is_new_act = entry.idempotency.as_ref().is_none_or(|key| self.acts.insert(Arc::clone(key)));
        if !is_new_attempt || !is_new_act {
            return Err(differs(Found::Twice));
        }
        for (party, sign) in [(entry.debit, -1), (entry.credit, 1)] {
            *self.balances.entry((party, entry.currency)).or_default() += sign * i128::from(entry.amount.nano());
        }
        match entry.account() {
            Some(_) => self.compare(account, entry.currency, entry.balance),
            None => Ok(()),
        }
    }

    /// Compares what an account is said to have after the entries so far.
    ///
    /// # Errors
    ///
    /// When they give something else.
    pub fn claim(&self, party: Party, currency: Currency, balance: Money) -> Result<(), Difference> {
        self.compare(party, currency, balance)
    }

    /// What every party has, in the order of parties and currencies.
    pub fn balances(&self) -> impl Iterator<Item = (Party, Currency, i128)> {
        self.balances.iter().map(|(&(party, currency), &nano)| (party, currency, nano))
    }

    /// The last entry that was seen.
    pub const fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// What a party of the house has, in nano-units.
    pub fn house_nano(&self, system: System, currency: Currency) -> i128 {
        self.balances.get(&(Party::System(system), currency)).copied().unwrap_or(0)
    }

    fn compare(&self, party: Party, currency: Currency, claimed: Money) -> Result<(), Difference> {
        let counted = self.balances.get(&(party, currency)).copied().unwrap_or(0);
        // What is shown of a balance beyond 64 bits is the end of their range.
        let shown = counted.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        if shown == i128::from(claimed.nano()) {
            return Ok(());
        }
        let found = Found::Balance { counted_nano: counted, claimed };
        Err(Difference { sequence: self.sequence, account: party, found })
    }
}

/// The first thing that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// At which entry.
    pub sequence: Sequence,
    /// Whose.
    pub account: Party,
    /// What was found.
    pub found: Found,
}

/// What an audit finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// An entry is missing, or out of its place.
    Gap {
        /// Which should have come.
        expected: Sequence,
    },
    /// An entry cannot be right.
    Broken(invariants::Promise),
    /// The attempt or the idempotency key has an entry of that kind.
    Twice,
    /// A balance is not what the entries give.
    Balance {
        /// What they give, in nano-units.
        counted_nano: i128,
        /// What is said.
        claimed: Money,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {}: ", self.sequence)?;
        match self.found {
            Found::Gap { expected } => write!(f, "entry {expected} was expected"),
            Found::Broken(promise) => write!(f, "it breaks {promise:?}"),
            Found::Twice => f.write_str("there is one of that kind for that attempt, or of that idempotency key"),
            Found::Balance { counted_nano, claimed } => {
                write!(f, "the entries give {counted_nano} nano-units, and {claimed} is claimed")
            }
        }
    }
}

impl Error for Difference {}
