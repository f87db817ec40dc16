//! Where an act on money is done: in the store, and in the memory of the gateway that runs.

use std::collections::HashMap;

use roundelay_ledger::{AccountId, Currency, Ledger, Money, Rate, Settings, Timestamp};

use super::{Fault, operator::Operator};
use crate::{
    billing::Billing,
    common::clock::unix_time,
    store::{AccountRow, EntryRow, Store, StoredEntry, Within},
};

/// The books that an operator's act changes.
#[derive(Debug, Clone, Copy)]
pub struct Books<'a> {
    /// Where they are kept.
    pub store: &'a Store,
    /// The memory of the gateway that runs on that store, if one does.
    pub running: Option<&'a Billing>,
    /// Yuan for a dollar, as configured; `None` where no configuration could be read.
    pub rate: Option<Rate>,
    /// Who acts.
    pub by: &'a Operator,
}

/// What an account has, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub(super) balance: Money,
    /// Unknown without a running gateway.
    pub(super) held: Option<Money>,
    /// `None` has no end.
    pub(super) left: Option<Money>,
    pub(super) spent: Option<Money>,
    /// Unknown without a running gateway.
    pub(super) running: Option<u32>,
}

impl Books<'_> {
    /// The store, as far as whoever acts may see.
    pub(super) fn within(&self) -> Within<'_> {
        self.store.within(self.by.scope())
    }

    /// Makes an operator's entry, once however often it is asked for under its idempotency key; says whether it is new.
    pub(super) fn post(&self, row: EntryRow) -> Result<(StoredEntry, bool), Fault> {
        match self.running {
            Some(billing) => Ok(billing.post(self.store, &row)?),
            None => Ok(self.store.post(&row)?),
        }
    }

    /// A ledger that knows every account and no entry: what it refuses cannot be.
    pub(super) fn tree(&self) -> Result<Ledger, Fault> {
        let mut ledger = Ledger::new(Settings::default());
        for row in self.store.accounts()? {
            open(&mut ledger, &row)?;
        }
        Ok(ledger)
    }

    /// What each of these accounts has.
    pub(super) fn standings(&self, rows: &[AccountRow]) -> Result<HashMap<AccountId, Standing>, Fault> {
        let spent = if self.running.is_some() { HashMap::new() } else { self.spent(rows)? };
        let standing = |row: &AccountRow| {
            let id = &row.account.id;
            match self.running.and_then(|billing| billing.standing(id)) {
                Some(known) => Standing {
                    balance: known.balance,
                    held: Some(known.held),
                    left: known.left,
                    spent: Some(known.spent),
                    running: Some(known.running),
                },
                None => Standing {
                    balance: row.balance,
                    held: None,
                    left: left(row),
                    spent: spent.get(id).copied().flatten(),
                    running: None,
                },
            }
        };
        Ok(rows.iter().map(|row| (row.account.id.clone(), standing(row))).collect())
    }

    /// What was charged to each account and those below it, added up from its keys; `None` where that takes a rate
    /// that was not kept.
    fn spent(&self, rows: &[AccountRow]) -> Result<HashMap<AccountId, Option<Money>>, Fault> {
        let of_key: HashMap<_, _> = self.store.keys()?.into_iter().map(|row| (row.key.id, row.key.account)).collect();
        let by_id: HashMap<&AccountId, &AccountRow> = rows.iter().map(|row| (&row.account.id, row)).collect();
        let mut sums: HashMap<AccountId, Option<Money>> =
            rows.iter().map(|row| (row.account.id.clone(), Some(Money::ZERO))).collect();
        for spent in self.store.spent_by_key(i64::MIN)? {
            let mut next = of_key.get(&spent.key);
            while let Some(row) = next.and_then(|id| by_id.get(id)) {
                let currency = row.terms.currency;
                let amount = match currency {
                    _ if currency == spent.currency => Some(spent.amount),
                    Currency::Usd => Some(spent.usd),
                    Currency::Cny => None,
                };
                let sum = sums.entry(row.account.id.clone()).or_insert(Some(Money::ZERO));
                *sum = sum.zip(amount).and_then(|(sum, amount)| sum.checked_add(amount));
                next = row.parent.as_ref();
            }
        }
        Ok(sums)
    }
}

/// Opens an account in a ledger that has those above it.
pub(super) fn open(ledger: &mut Ledger, row: &AccountRow) -> Result<(), Fault> {
    let parent = match &row.parent {
        None => None,
        Some(parent) => {
            let missing = || Fault::not_found(format!("no account `{parent}` to be above `{}`", row.account.id));
            Some(ledger.account(parent).ok_or_else(missing)?)
        }
    };
    ledger.open_account(row.account.id.clone(), parent, &row.terms, Timestamp(0))?;
    Ok(())
}

/// What a prepaid account may still spend, nothing being held; `None` has no end.
fn left(row: &AccountRow) -> Option<Money> {
    let is_prepaid = row.terms.kind == roundelay_ledger::AccountKind::Prepaid;
    is_prepaid.then(|| row.balance.checked_add(row.terms.credit_line).unwrap_or(Money::MAX))
}

/// Microseconds since 1970-01-01 UTC.
pub(super) fn now_us() -> i64 {
    i64::try_from(unix_time().as_micros()).unwrap_or(i64::MAX)
}
