//! How much of the store somebody may see, and the store as they see it.

use std::{collections::BTreeSet, sync::Arc};

use roundelay_ledger::{AccountId, EntryKind, ExchangeId, KeyId, Sequence};

use super::{
    AccountRow, ActFilter, ActRow, EntryFilter, ExchangeFilter, KeyRow, OperatorId, OperatorRow, Record, SentRow,
    Store, StoreFault, StoredEntry, UsageBy, UsageFilter, UsageSum,
};

/// Which accounts somebody may see.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Scope {
    /// All, and what belongs to none.
    #[default]
    All,
    /// These alone: an account and all below it.
    Accounts(Arc<BTreeSet<AccountId>>),
}

impl Scope {
    /// Whether that account is in it.
    pub fn has(&self, account: &AccountId) -> bool {
        match self {
            Self::All => true,
            Self::Accounts(accounts) => accounts.contains(account),
        }
    }

    /// Whether what belongs to that account, or to none, is in it.
    pub fn has_owner(&self, account: Option<&AccountId>) -> bool {
        account.map_or(*self == Self::All, |account| self.has(account))
    }

    /// A JSON list of its accounts; `None` is every one there is.
    pub(super) fn list(&self) -> Option<String> {
        match self {
            Self::All => None,
            Self::Accounts(accounts) => {
                Some(serde_json::json!(accounts.iter().map(AccountId::as_str).collect::<Vec<_>>()).to_string())
            }
        }
    }
}

/// The store, as far as a scope goes: what is outside it is not there.
///
/// Every page of the operator's side reads through this, so that no page can forget whom it is for.
#[derive(Debug, Clone, Copy)]
pub struct Within<'a> {
    store: &'a Store,
    scope: &'a Scope,
}

impl Store {
    /// The store, as far as the scope goes.
    pub fn within<'a>(&'a self, scope: &'a Scope) -> Within<'a> {
        Within { store: self, scope }
    }
}

impl Within<'_> {
    /// Every account, those above before those below, and otherwise by id.
    pub fn accounts(&self) -> Result<Vec<AccountRow>, StoreFault> {
        let mut rows = self.store.accounts()?;
        rows.retain(|row| self.scope.has(&row.account.id));
        Ok(rows)
    }

    /// The account of that id.
    pub fn account(&self, id: &AccountId) -> Result<Option<AccountRow>, StoreFault> {
        if self.scope.has(id) { self.store.account(id) } else { Ok(None) }
    }

    /// Every key, revoked ones too, oldest first.
    pub fn keys(&self) -> Result<Vec<KeyRow>, StoreFault> {
        let mut rows = self.store.keys()?;
        rows.retain(|row| self.scope.has(&row.key.account));
        Ok(rows)
    }

    /// The key of that id. Errors with `Missing` when there is none.
    pub fn key(&self, id: &KeyId) -> Result<KeyRow, StoreFault> {
        let row = self.store.key(id)?;
        let missing = || StoreFault::Missing { what: "key", name: id.to_string() };
        if self.scope.has(&row.key.account) { Ok(row) } else { Err(missing()) }
    }

    /// Every operator, revoked ones too, oldest first.
    pub fn operators(&self) -> Result<Vec<OperatorRow>, StoreFault> {
        let mut rows = self.store.operators()?;
        rows.retain(|row| self.scope.has_owner(row.account.as_ref()));
        Ok(rows)
    }

    /// The operator of that id. Errors with `Missing` when there is none.
    pub fn operator(&self, id: &OperatorId) -> Result<OperatorRow, StoreFault> {
        let row = self.store.operator(id)?;
        let missing = || StoreFault::Missing { what: "operator", name: id.to_string() };
        if self.scope.has_owner(row.account.as_ref()) { Ok(row) } else { Err(missing()) }
    }

    /// See [`Store::entries`].
    pub fn entries(&self, filter: &EntryFilter, limit: usize) -> Result<Vec<StoredEntry>, StoreFault> {
        self.store.entries(&EntryFilter { scope: self.scope.clone(), ..filter.clone() }, limit)
    }

    /// The entry of that number.
    pub fn entry(&self, sequence: Sequence) -> Result<Option<StoredEntry>, StoreFault> {
        let entry = self.store.entry(sequence)?;
        Ok(entry.filter(|entry| self.scope.has_owner(entry.row.account.as_ref())))
    }

    /// The record of an exchange.
    pub fn exchange(&self, id: ExchangeId) -> Result<Option<Record>, StoreFault> {
        Ok(self.store.exchange(id)?.filter(|record| self.scope.has(&record.account)))
    }

    /// What was charged and lost for an exchange that is in it, in order: all of it, though an account above may have paid.
    ///
    /// Entries are made when an exchange ends. No index leads to them: only those of its key in the hours in which it can
    /// have ended are read, so that asking keeps nobody waiting for long.
    pub fn paid(&self, record: &Record) -> Result<Vec<StoredEntry>, StoreFault> {
        let began = record.started_at_ms.saturating_mul(1_000);
        let ended = began.saturating_add(i64::try_from(record.duration_us).unwrap_or(i64::MAX));
        let filter = EntryFilter {
            exchange: Some(record.id),
            key: Some(record.key.clone()),
            since_us: Some(began),
            until_us: Some(ended.saturating_add(LATE_US)),
            ..EntryFilter::default()
        };
        let mut found = self.store.entries(&filter, PAID_MAX)?;
        found.retain(|entry| matches!(entry.row.kind, EntryKind::Charge | EntryKind::Loss));
        found.reverse();
        Ok(found)
    }

    /// Its attempts that are in doubt, the first one first.
    pub fn in_doubt_of(&self, id: ExchangeId) -> Result<Vec<SentRow>, StoreFault> {
        let mut sent = self.store.in_doubt_of(id)?;
        if *self.scope != Scope::All && !sent.is_empty() {
            let keys = self.keys()?;
            sent.retain(|one| keys.iter().any(|row| row.key.id == one.key));
        }
        Ok(sent)
    }

    /// See [`Store::was_in_doubt`]. Whose it was is not kept there, so that only those know who see all.
    pub fn was_in_doubt(&self, id: ExchangeId) -> Result<bool, StoreFault> {
        Ok(*self.scope == Scope::All && self.store.was_in_doubt(id)?)
    }

    /// See [`Store::recent_exchanges`].
    pub fn recent_exchanges(&self, filter: &ExchangeFilter, limit: usize) -> Result<Vec<Record>, StoreFault> {
        self.store.recent_exchanges(&ExchangeFilter { scope: self.scope.clone(), ..filter.clone() }, limit)
    }

    /// See [`Store::usage_hours`].
    pub fn usage_hours(&self, filter: &UsageFilter, by: &[UsageBy], most: usize) -> Result<Vec<UsageSum>, StoreFault> {
        self.store.usage_hours(&UsageFilter { scope: self.scope.clone(), ..filter.clone() }, by, most)
    }

    /// The latest acts that are meant, newest first: at most `limit`, and at most 1,000.
    pub fn acts(&self, filter: &ActFilter, limit: usize) -> Result<Vec<ActRow>, StoreFault> {
        self.store.acts(filter, self.scope, limit)
    }
}

/// More charges and losses than the attempts of one exchange can have.
const PAID_MAX: usize = 100;
/// Longer than an answer is read for its usage after its caller has left.
const LATE_US: i64 = 300_000_000;
