//! Entries, read back.

use std::{cmp::Reverse, ops::ControlFlow};

use roundelay_ledger::{
    AccountId, Currency, EntryKind, ExchangeId, Factor, KeyId, Money, OverrunCause, PriceId, Rate, Sequence,
};
use rusqlite::{Row, ToSql};

use super::{Store, StoreFault, books, hours, rollup::hour_of_us, whole};
use crate::store::{EntryRow, Scope, StoredEntry};

/// Which entries are meant; by default all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EntryFilter {
    /// Those of this account alone.
    pub account: Option<AccountId>,
    /// Those of exchanges that this key asked for.
    pub key: Option<KeyId>,
    /// Those of this exchange; no index has them, so that the hours it ran in should be named too.
    pub exchange: Option<ExchangeId>,
    /// Those of this kind.
    pub kind: Option<EntryKind>,
    /// From then on, in microseconds since 1970-01-01 UTC.
    pub since_us: Option<i64>,
    /// Before then.
    pub until_us: Option<i64>,
    /// Before this one.
    pub before: Option<Sequence>,
    /// Those of accounts in it.
    pub scope: Scope,
}

impl Store {
    /// The latest entries that are meant, newest first: at most `limit`, and at most 1,000. The next page is what is
    /// before the last of these.
    pub fn entries(&self, filter: &EntryFilter, limit: usize) -> Result<Vec<StoredEntry>, StoreFault> {
        let limit = limit.min(PAGE_MAX);
        match (&filter.scope, &filter.account) {
            (Scope::All, account) => self.entries_of(account.as_ref(), filter, Sequence(0), limit),
            (scope, Some(account)) if scope.has(account) => self.entries_of(Some(account), filter, Sequence(0), limit),
            (_, Some(_)) => Ok(Vec::new()),
            (Scope::Accounts(accounts), None) => self.entries_of_all(accounts.iter(), filter, limit),
        }
    }

    /// Each account's by its index, and of these the latest: what is older than a full page is not read.
    fn entries_of_all<'a>(
        &self,
        accounts: impl IntoIterator<Item = &'a AccountId>,
        filter: &EntryFilter,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, StoreFault> {
        let mut page: Vec<StoredEntry> = Vec::new();
        for account in accounts {
            let least = page.last().filter(|_| page.len() == limit).map_or(Sequence(0), |last| last.sequence);
            page.extend(self.entries_of(Some(account), filter, least, limit)?);
            page.sort_unstable_by_key(|entry| Reverse(entry.sequence));
            page.truncate(limit);
        }
        Ok(page)
    }

    /// Those of one account, or of all, from the number `least` on; the filter's own account and scope are passed over.
    fn entries_of(
        &self,
        account: Option<&AccountId>,
        filter: &EntryFilter,
        least: Sequence,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, StoreFault> {
        let reader = self.reader();
        let (from, to) = (filter.since_us.map(hour_of_us), filter.until_us.map(hour_of_us));
        let Some((first, last)) = hours::span(&reader, "entry_hours", from, to)? else { return Ok(Vec::new()) };
        let first = first.max(whole(least.0));
        let last = filter.before.map_or(last, |before| last.min(whole(before.0).saturating_sub(1)));
        let mut values: Vec<&dyn ToSql> = vec![&first, &last];
        let (account, key) = (account.map(AccountId::as_str), filter.key.as_ref().map(KeyId::as_str));
        let kind = filter.kind.map(EntryKind::label);
        let exchange = filter.exchange.map(|exchange| whole(exchange.as_u64()));
        let asked: [Option<&dyn ToSql>; 6] = [
            account.as_ref().map(|account| account as _),
            key.as_ref().map(|key| key as _),
            exchange.as_ref().map(|exchange| exchange as _),
            kind.as_ref().map(|kind| kind as _),
            filter.since_us.as_ref().map(|since| since as _),
            filter.until_us.as_ref().map(|until| until as _),
        ];
        values.extend(asked.into_iter().flatten());
        let mut statement = reader.prepare_cached(&page(account.is_some(), filter, limit))?;
        let rows = statement.query_map(&*values, Columns::read)?;
        rows.map(|row| row?.stored()).collect()
    }

    /// Shows every entry in order until told to stop. A thousand are in memory at a time, and others may read and
    /// write meanwhile.
    pub fn walk_entries(&self, mut show: impl FnMut(&StoredEntry) -> ControlFlow<()>) -> Result<(), StoreFault> {
        let mut last = Sequence(0);
        loop {
            let page = self.entries_after(last)?;
            let Some(end) = page.last() else { return Ok(()) };
            last = end.sequence;
            if page.iter().try_for_each(&mut show).is_break() {
                return Ok(());
            }
        }
    }

    /// The number of the last entry; 0 when there is none.
    pub fn last_sequence(&self) -> Result<Sequence, StoreFault> {
        Ok(Sequence(books::last_sequence(&self.reader())?.unsigned_abs()))
    }

    fn entries_after(&self, last: Sequence) -> Result<Vec<StoredEntry>, StoreFault> {
        let reader = self.reader();
        let sql = format!("{SELECT} WHERE sequence > ?1 ORDER BY sequence LIMIT {PAGE_MAX}");
        let mut statement = reader.prepare_cached(&sql)?;
        let rows = statement.query_map([whole(last.0)], Columns::read)?;
        rows.map(|row| row?.stored()).collect()
    }
}

/// A page between two numbers; of what is asked for, the values follow in the order of these conditions.
fn page(has_account: bool, filter: &EntryFilter, limit: usize) -> String {
    let (key, is_act) = (&filter.key, filter.kind.is_some_and(|kind| kind != EntryKind::Charge));
    let mut sql = format!("{SELECT} WHERE sequence BETWEEN ?1 AND ?2");
    let mut number = 2;
    for (condition, is_asked) in [
        // Of the indexes of both, that of the key has less to read.
        (if key.is_some() { "+account =" } else { "account =" }, has_account),
        ("api_key =", key.is_some()),
        ("exchange =", filter.exchange.is_some()),
        ("kind =", filter.kind.is_some()),
        ("at_us >=", filter.since_us.is_some()),
        ("at_us <", filter.until_us.is_some()),
    ] {
        if is_asked {
            number += 1;
            sql.push_str(&format!(" AND {condition} ?{number}"));
        }
    }
    if is_act && !has_account && key.is_none() {
        sql.push_str(" AND kind <> 'charge'"); // the condition of an index
    }
    sql.push_str(&format!(" ORDER BY sequence DESC LIMIT {limit}"));
    sql
}

/// An entry whose words are not read yet.
pub(super) struct Columns {
    sequence: i64,
    at_us: i64,
    kind: String,
    account: Option<String>,
    change: i64,
    currency: String,
    usd: i64,
    rate: i64,
    multiplier: i64,
    exchange: Option<i64>,
    attempt: u32,
    key: Option<String>,
    price: Option<i64>,
    held: i64,
    overrun: Option<String>,
    is_estimated: bool,
    reason: Option<String>,
    idempotency: Option<String>,
    balance: i64,
}

impl Columns {
    pub(super) fn read(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            sequence: row.get(0)?,
            at_us: row.get(1)?,
            kind: row.get(2)?,
            account: row.get(3)?,
            change: row.get(4)?,
            currency: row.get(5)?,
            usd: row.get(6)?,
            rate: row.get(7)?,
            multiplier: row.get(8)?,
            exchange: row.get(9)?,
            attempt: row.get(10)?,
            key: row.get(11)?,
            price: row.get(12)?,
            held: row.get(13)?,
            overrun: row.get(14)?,
            is_estimated: row.get(15)?,
            reason: row.get(16)?,
            idempotency: row.get(17)?,
            balance: row.get(18)?,
        })
    }

    pub(super) fn stored(self) -> Result<StoredEntry, StoreFault> {
        let word = |what| StoreFault::Corrupt { what };
        let account = |text: String| AccountId::new(&text).map_err(|_| word("account id"));
        let cause = |label: String| {
            OverrunCause::ALL
                .into_iter()
                .find(|cause| cause.label() == label)
                .ok_or_else(|| word("cause of an overrun"))
        };
        let row = EntryRow {
            at_us: self.at_us,
            kind: EntryKind::from_label(&self.kind).ok_or_else(|| word("kind of entry"))?,
            account: self.account.map(account).transpose()?,
            change: Money::from_nano(self.change),
            currency: Currency::from_label(&self.currency).ok_or_else(|| word("currency"))?,
            usd: Money::from_nano(self.usd),
            rate: Rate::from_millionths(self.rate.unsigned_abs()).ok_or_else(|| word("rate"))?,
            multiplier: Factor::from_millionths(self.multiplier.unsigned_abs()),
            exchange: self.exchange.map(|number| ExchangeId::from_u64(number.unsigned_abs())),
            attempt: self.attempt,
            key: self.key.map(KeyId::new),
            price: self.price.map(|number| PriceId::from_u64(number.cast_unsigned())),
            held: Money::from_nano(self.held),
            overrun: self.overrun.map(cause).transpose()?,
            is_estimated: self.is_estimated,
            reason: self.reason,
            idempotency: self.idempotency,
        };
        let sequence = Sequence(self.sequence.unsigned_abs());
        Ok(StoredEntry { sequence, balance: Money::from_nano(self.balance), row })
    }
}

const PAGE_MAX: usize = 1_000;
pub(super) const SELECT: &str = "SELECT * FROM entries";

#[cfg(test)]
mod tests {
    use super::*;

    /// What `SQLite` says it reads.
    fn plan(filter: &EntryFilter) -> String {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(dir.path()).expect("a store");
        let reader = store.reader();
        let mut statement = reader
            .prepare(&format!("EXPLAIN QUERY PLAN {}", page(filter.account.is_some(), filter, 100)))
            .expect("a page");
        // A condition without a value compares with NULL, which changes no plan.
        let mut rows = statement.raw_query();
        let mut steps = String::new();
        while let Some(step) = rows.next().expect("a plan") {
            steps.push_str(&step.get::<_, String>(3).expect("a step"));
        }
        steps
    }

    #[test]
    fn a_page_is_read_from_an_index_and_never_sorted() {
        let all = EntryFilter::default;
        let (key, account) = (Some(KeyId::new("k1")), AccountId::new("a1").ok());
        let (since_us, before) = (Some(5), Some(Sequence(9)));
        for (filter, index) in [
            (all(), "USING INTEGER PRIMARY KEY"),
            (EntryFilter { since_us, before, ..all() }, "USING INTEGER PRIMARY KEY"),
            (EntryFilter { account: account.clone(), ..all() }, "USING INDEX entries_account"),
            (EntryFilter { key: key.clone(), ..all() }, "USING INDEX entries_key"),
            (EntryFilter { key: key.clone(), since_us, before, ..all() }, "USING INDEX entries_key"),
            (EntryFilter { key: key.clone(), account, ..all() }, "USING INDEX entries_key"),
            (EntryFilter { key: key.clone(), kind: Some(EntryKind::Charge), ..all() }, "USING INDEX entries_key"),
            (EntryFilter { key, kind: Some(EntryKind::Loss), ..all() }, "USING INDEX entries_key"),
            (EntryFilter { kind: Some(EntryKind::TopUp), ..all() }, "USING INDEX entries_acts"),
        ] {
            let plan = plan(&filter);
            assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{filter:?}: {plan}");
        }
    }
}
