//! What happened to money: immutable entries, each a transfer from one party to another.

use std::fmt;
use std::sync::Arc;

use crate::{Currency, ExchangeId, Factor, Money, NodeId, PriceId, Rate, Timestamp};

/// The number of an entry: 1 for the first, and no gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sequence(pub u64);

/// One transfer. Once made it is never changed; a correction is another entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place among all.
    pub sequence: Sequence,
    /// When, by the clock of who made it.
    pub at: Timestamp,
    /// What it is.
    pub kind: EntryKind,
    /// Who gives.
    pub debit: Party,
    /// Who gets.
    pub credit: Party,
    /// How much, zero or more, in `currency`.
    pub amount: Money,
    /// The currency of the account that gives or gets.
    pub currency: Currency,
    /// The amount in dollars, rounded by itself.
    pub usd: Money,
    /// Yuan for a dollar, as frozen when it was held or made.
    pub rate: Rate,
    /// How many times the list price was charged.
    pub multiplier: Factor,
    /// What the account has after it; zero where no account is concerned.
    pub balance: Money,
    /// The exchange it belongs to.
    pub exchange: Option<ExchangeId>,
    /// The attempt, 1 for the first; 0 without an exchange.
    pub attempt: u32,
    /// The key or account that asked, where spend limits count it.
    pub node: Option<NodeId>,
    /// The price it was charged at.
    pub price: Option<PriceId>,
    /// What had been held for it, in `currency`.
    pub held: Money,
    /// Why it is more than was held; `None` when it is not.
    pub overrun: Option<OverrunCause>,
    /// Whether our own count stands in for the provider's.
    pub is_estimated: bool,
    /// Why, in a person's words.
    pub reason: Option<Arc<str>>,
    /// The name under which whoever asked for it may ask again without a second effect.
    pub idempotency: Option<Arc<str>>,
}

impl Entry {
    /// The account whose balance it changes.
    pub fn account(&self) -> Option<NodeId> {
        match (self.debit, self.credit) {
            (Party::Account(account), _) | (_, Party::Account(account)) => Some(account),
            (Party::System(_), Party::System(_)) => None,
        }
    }

    /// By how much it changes the balance of its account, in nano-units.
    pub(crate) fn change(&self) -> i128 {
        let amount = i128::from(self.amount.nano());
        if matches!(self.debit, Party::Account(_)) { -amount } else { amount }
    }

    /// What spend limits in that currency count.
    pub(crate) fn spent_in(&self, currency: Currency) -> Money {
        match currency {
            _ if currency == self.currency => self.amount,
            Currency::Usd => self.usd,
            Currency::Cny => self.rate.of_usd(self.usd, currency),
        }
    }
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// Money comes in: treasury to account.
    TopUp,
    /// An attempt is paid: account to revenue.
    Charge,
    /// What an attempt cost and its caller does not pay, in dollars: loss to revenue.
    Loss,
    /// A charge is given back: revenue to account.
    Reversal,
    /// An operator's correction, either way between treasury and account.
    Adjustment,
}

impl EntryKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::TopUp, Self::Charge, Self::Loss, Self::Reversal, Self::Adjustment];

    /// The word for it in stores and commands.
    pub const fn label(self) -> &'static str {
        match self {
            Self::TopUp => "top-up",
            Self::Charge => "charge",
            Self::Loss => "loss",
            Self::Reversal => "reversal",
            Self::Adjustment => "adjustment",
        }
    }

    /// The kind a word stands for.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.label() == label)
    }

    pub(crate) const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// One side of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// The house.
    System(System),
    /// An account.
    Account(NodeId),
}

/// The accounts of the house, each in every currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum System {
    /// Where top-ups come from.
    Treasury,
    /// Where charges go.
    Revenue,
    /// What pays in a caller's place.
    Loss,
}

impl System {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Treasury, Self::Revenue, Self::Loss];

    /// The word for it in stores and commands.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Treasury => "treasury",
            Self::Revenue => "revenue",
            Self::Loss => "loss",
        }
    }
}

/// Why more was charged than was held. What a provider bills does not shrink because the hold was small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OverrunCause {
    /// The provider counted more than the bound that was held.
    UsageAboveBound,
    /// An extension was refused, and more came before the stream had stopped.
    ExtensionRefused,
    /// It was settled after a crash or long after its time.
    InDoubt,
}

impl OverrunCause {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::UsageAboveBound, Self::ExtensionRefused, Self::InDoubt];

    /// The word for it in stores and commands.
    pub const fn label(self) -> &'static str {
        match self {
            Self::UsageAboveBound => "usage_above_bound",
            Self::ExtensionRefused => "extension_refused",
            Self::InDoubt => "in_doubt",
        }
    }

    /// The cause a word stands for.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.label() == label)
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
