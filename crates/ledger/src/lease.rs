//! Leases: a gateway takes a part of a balance out of a shared store, spends within it from memory, and gives the rest
//! back. Several gateways can then share an account, and none waits for the store while it serves.
//!
//! The [`Pot`] is what the store keeps, each step one transaction; the [`Lease`] is what a gateway has in memory. All
//! that crosses between them is cumulative, so that a step that is repeated after a crash changes nothing:
//!
//! ```text
//!  free ── take ─▶ granted to a lease ── report: its spending so far ─▶ spent
//!    ▲                     │
//!    └──── give back ──────┘  granted − spent, once; the lease is over
//! ```

use std::collections::BTreeMap;
use std::{error::Error, fmt};

use crate::Money;

/// The name of a lease, never used again for the same account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub u64);

/// The balance of an account as a shared store keeps it: a part that is free, and what was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pot {
    free: Money,
    spent: Money,
    granted: BTreeMap<LeaseId, Row>,
    next: u64,
}

/// A lease as the store keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    granted: Money,
    spent: Money,
}

impl Pot {
    /// A balance of which nothing is granted.
    pub const fn new(balance: Money) -> Self {
        Self { free: balance, spent: Money::ZERO, granted: BTreeMap::new(), next: 1 }
    }

    /// Adds to what is free, as a top-up does, or takes from it when negative.
    ///
    /// # Errors
    ///
    /// When it cannot be written, or takes more than is free; then nothing is changed.
    pub fn add(&mut self, amount: Money) -> Result<(), LeaseFault> {
        let free = self.free.checked_add(amount).ok_or(LeaseFault::TooLarge)?;
        if amount.is_negative() && free.is_negative() {
            return Err(LeaseFault::NotFree);
        }
        self.free = free;
        Ok(())
    }

    /// Grants up to `wanted` of what is free; `None` when nothing is.
    pub fn take(&mut self, wanted: Money) -> Option<Lease> {
        let granted = wanted.min(self.free);
        if granted <= Money::ZERO {
            return None;
        }
        let id = LeaseId(self.next);
        self.next += 1;
        self.free = minus(self.free, granted);
        self.granted.insert(id, Row { granted, spent: Money::ZERO });
        Some(Lease { id, granted, spent: Money::ZERO, held: Money::ZERO })
    }

    /// Grants up to `wanted` more to a lease, which has `granted` so far: of two that ask the same, one is heard.
    /// Returns what it has now.
    ///
    /// # Errors
    ///
    /// When the lease is over.
    pub fn take_more(&mut self, lease: LeaseId, granted: Money, wanted: Money) -> Result<Money, LeaseFault> {
        let row = self.granted.get_mut(&lease).ok_or(LeaseFault::Over)?;
        if row.granted == granted {
            let more = wanted.min(self.free).max(Money::ZERO);
            row.granted = row.granted.checked_add(more).ok_or(LeaseFault::TooLarge)?;
            self.free = minus(self.free, more);
        }
        Ok(row.granted)
    }

    /// Hears how much a lease has spent since it was taken. Less than it said before is an old report.
    ///
    /// # Errors
    ///
    /// When the lease is over and had spent less: that spending is then unknown to this balance.
    pub fn report(&mut self, lease: LeaseId, spent: Money) -> Result<(), LeaseFault> {
        let row = self.granted.get_mut(&lease).ok_or(LeaseFault::Over)?;
        if spent > row.spent {
            let more = minus(spent, row.spent);
            self.spent = self.spent.checked_add(more).ok_or(LeaseFault::TooLarge)?;
            row.spent = spent;
        }
        Ok(())
    }

    /// Ends a lease that has spent so much; what it did not spend is free again, and what it spent beyond its grant
    /// (overruns) is taken from there. Returns what was not spent; below zero after overruns.
    ///
    /// After a crash the gateway, or whoever has its entries, says what it had spent.
    ///
    /// # Errors
    ///
    /// When the lease is over: it was given back before.
    pub fn give_back(&mut self, lease: LeaseId, spent: Money) -> Result<Money, LeaseFault> {
        self.report(lease, spent)?;
        let row = self.granted[&lease];
        let rest = row.granted.checked_sub(row.spent).ok_or(LeaseFault::TooLarge)?;
        self.free = self.free.checked_add(rest).ok_or(LeaseFault::TooLarge)?;
        self.granted.remove(&lease);
        Ok(rest)
    }

    /// What may be granted.
    pub const fn free(&self) -> Money {
        self.free
    }

    /// What all leases have spent, as far as they told.
    pub const fn spent(&self) -> Money {
        self.spent
    }

    /// Granted and not known to be spent, in nano-units.
    pub fn outstanding_nano(&self) -> i128 {
        self.granted.values().map(|row| i128::from(row.granted.nano()) - i128::from(row.spent.nano())).sum()
    }

    /// The leases that are not over.
    pub fn leases(&self) -> impl Iterator<Item = LeaseId> {
        self.granted.keys().copied()
    }
}

/// A part of a balance in the memory of the gateway that took it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    id: LeaseId,
    granted: Money,
    spent: Money,
    held: Money,
}

impl Lease {
    /// Its name.
    pub const fn id(&self) -> LeaseId {
        self.id
    }

    /// All that was granted to it.
    pub const fn granted(&self) -> Money {
        self.granted
    }

    /// All that it has spent.
    pub const fn spent(&self) -> Money {
        self.spent
    }

    /// What may still be held.
    pub fn left(&self) -> Money {
        minus(minus(self.granted, self.spent), self.held)
    }

    /// Hears what [`Pot::take_more`] returned.
    pub fn grow(&mut self, granted: Money) {
        self.granted = self.granted.max(granted);
    }

    /// Holds an amount, zero or more, if it is there.
    pub fn hold(&mut self, amount: Money) -> bool {
        let fits = !amount.is_negative() && amount <= self.left();
        if fits {
            self.held = self.held.checked_add(amount).expect("it is within what was granted");
        }
        fits
    }

    /// Ends a hold of `held` with a charge; more than was held is charged too.
    ///
    /// # Errors
    ///
    /// When the sum cannot be written; then nothing is changed.
    pub fn settle(&mut self, held: Money, charged: Money) -> Result<(), LeaseFault> {
        self.spent = self.spent.checked_add(charged.max(Money::ZERO)).ok_or(LeaseFault::TooLarge)?;
        self.held = minus(self.held, held).max(Money::ZERO);
        Ok(())
    }
}

/// A difference of amounts of which neither is near the end of the range.
fn minus(one: Money, other: Money) -> Money {
    Money::from_nano(one.nano().saturating_sub(other.nano()))
}

/// Why a step of a lease is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseFault {
    /// It was given back.
    Over,
    /// More than is free.
    NotFree,
    /// An amount that cannot be written.
    TooLarge,
}

impl fmt::Display for LeaseFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Over => "this lease was given back",
            Self::NotFree => "more than is free",
            Self::TooLarge => "an amount that cannot be written",
        })
    }
}

impl Error for LeaseFault {}
