//! Money set aside before an exchange, and the one end each such hold has.
//!
//! ```text
//!            hold                settle(charged)
//!  available ────▶ held ──┬────────────────────▶ charged, the rest available again
//!                         └── release, or drop ─▶ available again
//! ```

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::{AccountId, AccountKind, Money};

/// What an account has left, shared by everybody who spends from it.
///
/// `available` is the balance less everything held. It is one number, so that two holds taken at the same time can
/// never both take the last of it.
#[derive(Debug)]
pub struct Purse {
    account: AccountId,
    kind: AccountKind,
    available_nano: AtomicI64,
    open_holds: AtomicU64,
}

impl Purse {
    /// A purse with that balance and nothing held.
    pub fn new(account: AccountId, kind: AccountKind, balance: Money) -> Arc<Self> {
        Arc::new(Self { account, kind, available_nano: AtomicI64::new(balance.nano()), open_holds: AtomicU64::new(0) })
    }

    /// Whose it is.
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// The balance less everything held; below zero for an account that pays later.
    pub fn available(&self) -> Money {
        Money::from_nano(self.available_nano.load(Ordering::Acquire))
    }

    /// How many holds have not ended.
    pub fn open_holds(&self) -> u64 {
        self.open_holds.load(Ordering::Acquire)
    }

    /// Sets `amount` (zero or more) aside.
    ///
    /// A prepaid account refuses what it does not have, and refuses even a hold of zero once nothing is left. A
    /// postpaid account refuses only what cannot be written.
    pub fn hold(self: &Arc<Self>, amount: Money) -> Result<Hold, HoldRefusal> {
        if amount.is_negative() {
            return Err(HoldRefusal::Negative);
        }
        self.take(amount)?;
        self.open_holds.fetch_add(1, Ordering::AcqRel);
        Ok(Hold { purse: Arc::clone(self), amount, ended: false })
    }

    fn take(&self, amount: Money) -> Result<(), HoldRefusal> {
        let after = |available: i64| {
            let left = available.checked_sub(amount.nano())?;
            let affordable = match self.kind {
                AccountKind::Postpaid => true,
                AccountKind::Prepaid => available > 0 && left >= 0,
            };
            affordable.then_some(left)
        };
        self.available_nano
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, after)
            .map(drop)
            .map_err(|available| HoldRefusal::Insufficient { available: Money::from_nano(available), wanted: amount })
    }

    /// Gives back, or takes more when negative. A number that cannot be written stays at its end of the range: what
    /// happened upstream has happened, and must not be forgotten by wrapping round.
    fn give(&self, amount_nano: i64) {
        let after = |available: i64| Some(available.saturating_add(amount_nano));
        let _always_some = self.available_nano.fetch_update(Ordering::AcqRel, Ordering::Acquire, after);
    }
}

/// Money set aside for one exchange. It ends exactly once: settled, released, or given back when dropped.
#[derive(Debug)]
#[must_use = "dropping a hold gives the money back"]
pub struct Hold {
    purse: Arc<Purse>,
    amount: Money,
    ended: bool,
}

impl Hold {
    /// Who pays.
    pub fn account(&self) -> &AccountId {
        &self.purse.account
    }

    /// How much is set aside.
    pub fn amount(&self) -> Money {
        self.amount
    }

    /// Charges what was used (below zero counts as zero) and gives the rest back. More than was held is charged
    /// too, and reported as an overrun: the upstream's bill does not shrink because the hold was small.
    pub fn settle(mut self, charged: Money) -> Settlement {
        let charged = charged.max(Money::ZERO);
        let rest = self.amount.nano().saturating_sub(charged.nano());
        self.end(rest);
        Settlement {
            account: self.purse.account.clone(),
            charged,
            released: Money::from_nano(rest.max(0)),
            overrun: Money::from_nano(rest.min(0).saturating_neg()),
        }
    }

    /// Gives everything back.
    pub fn release(mut self) -> Release {
        self.end(self.amount.nano());
        Release { account: self.purse.account.clone(), released: self.amount }
    }

    fn end(&mut self, rest_nano: i64) {
        self.ended = true;
        self.purse.give(rest_nano);
        self.purse.open_holds.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if !self.ended {
            self.end(self.amount.nano());
        }
    }
}

/// How a hold was settled: `charged = held − released + overrun`, and not both of the last two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// Who paid.
    pub account: AccountId,
    /// What was taken.
    pub charged: Money,
    /// What was held and not needed.
    pub released: Money,
    /// What was needed and not held.
    pub overrun: Money,
}

/// How a hold was released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Who did not have to pay.
    pub account: AccountId,
    /// What was held.
    pub released: Money,
}

/// Why money could not be set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldRefusal {
    /// There is less than that.
    Insufficient {
        /// What could still be set aside.
        available: Money,
        /// What was asked for.
        wanted: Money,
    },
    /// A hold of less than nothing.
    Negative,
}

impl fmt::Display for HoldRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Insufficient { available, wanted } => {
                write!(f, "{wanted} USD are needed and {available} USD are available")
            }
            Self::Negative => f.write_str("a hold cannot be below zero"),
        }
    }
}

impl std::error::Error for HoldRefusal {}
