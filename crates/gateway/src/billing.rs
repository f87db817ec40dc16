//! Money on the request's path: the ledger in memory under a lock that is held for microseconds, and what it hands to
//! the journal and the store.
//!
//! ```text
//!  payer ─▶ hold: set aside, on every account up the tree ─▶ extend while it streams ─▶ settle: entries for the record
//! ```
//!
//! The gateway that has the data folder's lock is the only one that spends from its balances, so what it has in memory
//! is what may be spent: no request asks the store. Entries reach the store in the transaction that records their
//! exchange, and the store numbers them; numbers of the ledger in memory mean nothing outside it.

mod hold;
mod load;
mod post;
mod rows;
mod shortfall;
mod windows;

use std::sync::{Mutex, MutexGuard, PoisonError};

use roundelay_ledger::{
    AccountId, BadTerms, Expiry, KeyId, Ledger, Limits, ListCost, NodeId, NodeName, Rate, SpendLeft, Standing, Terms,
    Timestamp,
};

pub use self::{
    hold::{Advance, Hold, Need, Settled, Unpriced},
    load::LoadFault,
    post::PostFault,
    shortfall::Shortfall,
    windows::Windows,
};
use crate::{
    common::clock::unix_time,
    store::{AccountRow, EntryRow},
};

/// Who may spend what, as the only gateway of a data folder knows it.
#[derive(Debug)]
pub struct Billing {
    ledger: Mutex<Ledger>,
}

/// Who pays for an exchange, looked up once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payer {
    node: NodeId,
    /// The most that may be set aside now, at list price; `None` when money does not limit it.
    pub spendable: Option<ListCost>,
}

/// What a caller may know of its own money.
#[derive(Debug, Clone)]
pub struct CallerStanding {
    /// The account that pays.
    pub payer: AccountId,
    /// What it has.
    pub account: Standing,
    /// What was spent by the key itself.
    pub key: Standing,
    /// Every spend limit on the way from the key to the top, with whose it is.
    pub spend: Vec<(NodeName, SpendLeft)>,
    /// Requests and tokens that the key may still use this minute; `None` where that is not limited.
    pub rates: (Option<u64>, Option<u64>),
    /// How many times the list price is charged, in millionths.
    pub multiplier_millionths: u64,
}

impl Billing {
    /// Who pays for a key, and how much there is at that rate (yuan for a dollar). `None` when its account is not there.
    ///
    /// A key that was made since the start is taken up here, with its limits.
    pub fn payer(&self, key: &KeyId, account: &AccountId, limits: &Limits, rate: Rate) -> Option<Payer> {
        let now = now();
        let mut ledger = self.ledger();
        let node = match ledger.key(key) {
            Some(node) => node,
            None => {
                let account = ledger.account(account)?;
                ledger.open_key(key.clone(), account, limits.clone(), now).ok()?
            }
        };
        Some(Payer { node, spendable: ledger.spendable(node, rate, now) })
    }

    /// Takes up an account that the store has. One that is there stays as it is.
    ///
    /// # Errors
    /// When its terms cannot be.
    pub fn open_account(&self, row: &AccountRow) -> Result<(), BadTerms> {
        let mut ledger = self.ledger();
        let parent = row.parent.as_ref().map(|id| ledger.account(id).ok_or(BadTerms::NoParent)).transpose()?;
        ledger.open_account(row.account.id.clone(), parent, &row.terms, now()).map(drop)
    }

    /// Gives an account other terms from now on; what is held stays as it was agreed. New spend limits begin with what
    /// was spent, as [`Billing::windows`] read it.
    ///
    /// # Errors
    /// When the terms cannot be; then nothing is changed.
    pub fn change_account(&self, id: &AccountId, terms: &Terms, windows: &Windows) -> Result<(), BadTerms> {
        let mut ledger = self.ledger();
        let node = ledger.account(id).ok_or(BadTerms::NoParent)?;
        ledger.change_account(node, terms, now())?;
        windows.fill(&mut ledger, node);
        Ok(())
    }

    /// Gives a key of that account other limits from now on, as [`Billing::change_account`] does. One that has asked
    /// nothing yet is taken up with them: a request that knows it by those before may be under way.
    ///
    /// # Errors
    /// When the limits cannot be; then nothing is changed.
    pub fn change_key(
        &self,
        id: &KeyId,
        account: &AccountId,
        limits: &Limits,
        windows: &Windows,
    ) -> Result<(), BadTerms> {
        let mut ledger = self.ledger();
        let Some(node) = ledger.key(id) else {
            let account = ledger.account(account).ok_or(BadTerms::NoParent)?;
            return ledger.open_key(id.clone(), account, limits.clone(), now()).map(drop);
        };
        ledger.change_key(node, limits.clone(), false, now())?;
        windows.fill(&mut ledger, node);
        Ok(())
    }

    /// What an account has; `None` when there is none of that name.
    pub fn standing(&self, id: &AccountId) -> Option<Standing> {
        let ledger = self.ledger();
        ledger.account(id).map(|node| ledger.standing(node))
    }

    /// What a caller may know of its own money; `None` when its account is not there.
    pub fn caller_standing(&self, key: &KeyId, account: &AccountId, limits: &Limits) -> Option<CallerStanding> {
        let node = self.payer(key, account, limits, Rate::ONE)?.node;
        let (now, ledger) = (now(), self.ledger());
        let payer = ledger.payer(node)?;
        let NodeName::Account(payer_id) = ledger.name(payer).clone() else { return None };
        let path = std::iter::successors(Some(node), |&up| ledger.parent(up));
        let spend = path.flat_map(|up| ledger.spend_left(up, now).map(move |left| (up, left)));
        let spend = spend.map(|(up, left)| (ledger.name(up).clone(), left)).collect();
        Some(CallerStanding {
            payer: payer_id,
            account: ledger.standing(payer),
            key: ledger.standing(node),
            spend,
            rates: ledger.rates_left(node, now),
            multiplier_millionths: ledger.multiplier(node).millionths(),
        })
    }

    /// Whether what a payer is limited to, or an account above it, is used up by each attempt: tokens a minute, attempts at
    /// a time.
    pub fn shares_attempts(&self, payer: &Payer) -> bool {
        self.ledger().shares_attempts(payer.node)
    }

    /// Deals with what is overdue, and returns the entries of attempts that were in doubt for so long that they are
    /// settled by what is known of them. To be called every second or so.
    pub fn expire(&self) -> Vec<EntryRow> {
        let mut ledger = self.ledger();
        let mut late = Vec::new();
        while let Some(expiry) = ledger.expire(now()) {
            if let Expiry::Estimated(_, settlement) = expiry {
                late.extend(rows::of_settlement(&ledger, &settlement));
            }
        }
        late
    }

    /// How many holds are open, attempts in doubt included.
    pub fn open_holds(&self) -> usize {
        self.ledger().open_holds()
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The wall clock as the ledger reads it.
fn now() -> Timestamp {
    Timestamp(i64::try_from(unix_time().as_micros()).unwrap_or(i64::MAX))
}
