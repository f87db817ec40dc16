//! Exchanges, tokens and charges, added up where they are stored.

use std::{cmp::Ordering, collections::HashMap};

use roundelay_ledger::{AccountId, Currency, KeyId, Money};
use rusqlite::{Connection, Row, ToSql};

use super::{
    Store, StoreFault,
    days::{self, Ranges},
    rollup::{hour_of_ms, hour_of_us},
};
use crate::store::{Scope, Usage};

/// The sum of exchanges that are alike in what was asked for; other than that, their names are `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsageSum {
    /// The hour, in milliseconds since 1970-01-01 UTC at its beginning.
    pub hour_ms: Option<i64>,
    /// How they ended.
    pub outcome: Option<String>,
    /// The model whose answer was shown, where one was.
    pub model: Option<String>,
    /// The deployment whose answer was shown, where one was.
    pub deployment: Option<String>,
    /// The public part of the key that asked.
    pub key: Option<String>,
    /// Who asked.
    pub account: Option<String>,
    /// How many there are.
    pub exchanges: u64,
    /// When the first of them began, in milliseconds since 1970-01-01 UTC; where hours or days are
    /// added up, the beginning of the first of these.
    pub since_ms: i64,
    /// Their tokens; `estimated` when any of them are.
    pub usage: Usage,
    /// What those cost at list price whose cost is known, in nano-USD.
    pub cost_nano: i64,
    /// How many showed an answer whose cost is not known.
    pub unpriced: u64,
    /// What was charged, in all currencies, in dollars.
    pub charged_usd: Money,
    /// What was charged to accounts in dollars.
    pub in_usd: Money,
    /// What was charged to accounts in yuan, in yuan.
    pub in_cny: Money,
    /// What the house bore, in dollars.
    pub lost_usd: Money,
}

/// By what usage is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UsageBy {
    /// The hour in which exchanges began, and charges were made.
    Hour,
    /// Who asked.
    Account,
    /// The key that asked.
    Key,
    /// The model whose answer was shown.
    Model,
    /// The deployment whose answer was shown.
    Deployment,
    /// How it ended.
    Outcome,
}

impl UsageBy {
    const fn column(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Account => "account",
            Self::Key => "api_key",
            Self::Model => "model",
            Self::Deployment => "deployment",
            Self::Outcome => "outcome",
        }
    }
}

/// Which usage is meant; by default all of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsageFilter {
    /// From the beginning of the hour that this lies in, in milliseconds since 1970-01-01 UTC.
    pub since_ms: Option<i64>,
    /// To the end of the hour that the millisecond before this lies in.
    pub until_ms: Option<i64>,
    /// That of this account alone.
    pub account: Option<AccountId>,
    /// That of this key.
    pub key: Option<KeyId>,
    /// That of this model.
    pub model: Option<String>,
    /// That of this deployment.
    pub deployment: Option<String>,
    /// That of accounts in it.
    pub scope: Scope,
}

/// What was charged for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySpent {
    /// The key.
    pub key: KeyId,
    /// The currency of whoever paid.
    pub currency: Currency,
    /// How much, in that currency.
    pub amount: Money,
    /// The same in dollars.
    pub usd: Money,
}

impl Store {
    /// Adds up what was used, by hours and without reading a record: a sum for each combination there is of what is
    /// named in `by`, in the order of these. Where hours are forgotten, a day stands for its hours, and counts whole.
    pub fn usage_hours(&self, filter: &UsageFilter, by: &[UsageBy]) -> Result<Vec<UsageSum>, StoreFault> {
        let mut reader = self.reader();
        let view = reader.transaction()?;
        usage_in(&view, filter, by)
    }

    /// What was charged for each key since `since_us` (microseconds since 1970-01-01 UTC), a sum for each currency, in
    /// the order of the keys. The hour that this lies in counts whole, and its day where hours are forgotten.
    pub fn spent_by_key(&self, since_us: i64) -> Result<Vec<KeySpent>, StoreFault> {
        let mut reader = self.reader();
        let reader = reader.transaction()?;
        let kept = (days::begin(&reader)?, days::end(&reader)?);
        let ranges = Ranges::split(hour_of_us(since_us), i64::MAX, kept);
        // `sum` fails where 2⁶³ is passed, and sorts all rows to bring together what is alike.
        let mut sums: HashMap<String, [i64; 3]> = HashMap::new();
        for (table, range) in ranges.tables() {
            let sql = format!("SELECT api_key, usd_nano, cny_nano, cny_as_usd_nano FROM {table}");
            let mut statement = reader.prepare_cached(&sql)?;
            let mut rows = statement.query(range)?;
            while let Some(row) = rows.next()? {
                let key = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
                let sum = match sums.get_mut(key) {
                    Some(sum) => sum,
                    None => sums.entry(key.to_owned()).or_default(),
                };
                for (column, sum) in (1..).zip(sum) {
                    *sum = sum.saturating_add(row.get(column)?);
                }
            }
        }
        let mut spent = Vec::new();
        for (key, [in_usd, in_cny, cny_as_usd]) in sums {
            for (currency, amount, usd) in [(Currency::Usd, in_usd, in_usd), (Currency::Cny, in_cny, cny_as_usd)] {
                if (amount, usd) != (0, 0) {
                    let (amount, usd) = (Money::from_nano(amount), Money::from_nano(usd));
                    spent.push(KeySpent { key: KeyId::new(key.clone()), currency, amount, usd });
                }
            }
        }
        spent.sort_unstable_by(|one, other| (&one.key, one.currency).cmp(&(&other.key, other.currency)));
        Ok(spent)
    }
}

/// As [`Store::usage_hours`], within a transaction, so that no hours are added up or forgotten meanwhile.
pub(super) fn usage_in(
    connection: &Connection,
    filter: &UsageFilter,
    by: &[UsageBy],
) -> Result<Vec<UsageSum>, StoreFault> {
    let (from, to) = filter.hours();
    let begin = days::begin(connection)?;
    let end = if by.contains(&UsageBy::Hour) { begin } else { days::end(connection)? };
    let account = filter.account.as_ref().map(AccountId::as_str);
    let scope = filter.scope.list();
    let key = filter.key.as_ref().map(KeyId::as_str);
    let mut conditions = String::new();
    let mut named: Vec<&dyn ToSql> = Vec::new();
    for (condition, value) in [
        (" AND account = ?", account.as_ref().map(|account| account as &dyn ToSql)),
        (SCOPE, scope.as_ref().map(|scope| scope as &dyn ToSql)),
        (" AND api_key = ?", key.as_ref().map(|key| key as &dyn ToSql)),
        (" AND model = ?", filter.model.as_ref().map(|model| model as &dyn ToSql)),
        (" AND deployment = ?", filter.deployment.as_ref().map(|deployment| deployment as &dyn ToSql)),
    ] {
        if let Some(value) = value {
            named.push(value);
            conditions.push_str(&condition.replace('?', &format!("?{}", RANGE_VALUES + named.len())));
        }
    }
    let mut columns = COUNTS.to_owned();
    by.iter().for_each(|by| columns.extend([", ", by.column()]));
    let mut sums = Sums::new(by);
    for (table, (from, to)) in Ranges::split(from, to, (begin, end)).tables() {
        let mut statement = connection.prepare_cached(&format!("SELECT {columns} FROM {table}{conditions}"))?;
        let mut values: Vec<&dyn ToSql> = vec![&from, &to];
        values.extend(&named);
        let mut rows = statement.query(&*values)?;
        while let Some(row) = rows.next()? {
            sums.add(row)?;
        }
    }
    Ok(sums.in_order())
}

impl UsageFilter {
    /// From the first of these hours to before the second.
    fn hours(&self) -> (i64, i64) {
        let end = |until: i64| hour_of_ms(until.saturating_sub(1)).saturating_add(1);
        (self.since_ms.map_or(i64::MIN, hour_of_ms), self.until_ms.map_or(i64::MAX, end))
    }
}

/// Sums by name. `SQLite` would sort all rows to bring together what is alike, and fail where 2⁶³ is passed.
struct Sums<'b> {
    by: &'b [UsageBy],
    sums: HashMap<String, UsageSum>,
    name: String,
}

impl<'b> Sums<'b> {
    fn new(by: &'b [UsageBy]) -> Self {
        Self { by, sums: HashMap::new(), name: String::new() }
    }

    fn add(&mut self, row: &Row<'_>) -> Result<(), rusqlite::Error> {
        self.name.clear();
        for (column, by) in (FIRST_NAME..).zip(self.by) {
            match by {
                UsageBy::Hour => self.name.push_str(&row.get::<_, i64>(column)?.to_string()),
                _ => self.name.push_str(row.get_ref(column)?.as_str()?),
            }
            self.name.push('\0');
        }
        let sum = match self.sums.get_mut(&self.name) {
            Some(sum) => sum,
            None => self.sums.entry(self.name.clone()).or_insert(named(row, self.by)?),
        };
        add_counts(sum, row)
    }

    /// In the order of the first name, then of the second, and so on.
    fn in_order(self) -> Vec<UsageSum> {
        let mut sums: Vec<UsageSum> = self.sums.into_values().collect();
        let compare = |by: &UsageBy, one: &UsageSum, other: &UsageSum| match by {
            UsageBy::Hour => one.hour_ms.cmp(&other.hour_ms),
            UsageBy::Account => one.account.cmp(&other.account),
            UsageBy::Key => one.key.cmp(&other.key),
            UsageBy::Model => one.model.cmp(&other.model),
            UsageBy::Deployment => one.deployment.cmp(&other.deployment),
            UsageBy::Outcome => one.outcome.cmp(&other.outcome),
        };
        sums.sort_by(|one, other| {
            self.by.iter().fold(Ordering::Equal, |order, by| order.then_with(|| compare(by, one, other)))
        });
        sums
    }
}

fn named(row: &Row<'_>, by: &[UsageBy]) -> Result<UsageSum, rusqlite::Error> {
    let mut sum = UsageSum { since_ms: i64::MAX, ..UsageSum::default() };
    for (column, by) in (FIRST_NAME..).zip(by) {
        let name = |column: usize| row.get(column).map(|name| Some(name).filter(|name: &String| !name.is_empty()));
        match by {
            UsageBy::Hour => sum.hour_ms = Some(row.get::<_, i64>(column)?.saturating_mul(HOUR_MS)),
            UsageBy::Account => sum.account = name(column)?,
            UsageBy::Key => sum.key = name(column)?,
            UsageBy::Model => sum.model = name(column)?,
            UsageBy::Deployment => sum.deployment = name(column)?,
            UsageBy::Outcome => sum.outcome = name(column)?,
        }
    }
    Ok(sum)
}

fn add_counts(sum: &mut UsageSum, row: &Row<'_>) -> Result<(), rusqlite::Error> {
    sum.since_ms = sum.since_ms.min(row.get::<_, i64>(0)?.saturating_mul(HOUR_MS));
    sum.usage.estimated |= row.get::<_, i64>(3)? > 0;
    let usage = &mut sum.usage;
    let tokens =
        [&mut usage.input, &mut usage.cache_read, &mut usage.cache_write, &mut usage.output, &mut usage.reasoning];
    for (column, count) in [(1, &mut sum.exchanges), (2, &mut sum.unpriced)].into_iter().chain((4..).zip(tokens)) {
        *count = count.saturating_add(row.get::<_, i64>(column)?.unsigned_abs());
    }
    sum.cost_nano = sum.cost_nano.saturating_add(row.get(9)?);
    for (column, amount) in [(10, &mut sum.in_usd), (11, &mut sum.in_cny), (13, &mut sum.lost_usd)] {
        add(amount, row.get(column)?);
    }
    add(&mut sum.charged_usd, row.get(10)?);
    add(&mut sum.charged_usd, row.get(12)?);
    Ok(())
}

fn add(amount: &mut Money, nano: i64) {
    *amount = Money::from_nano(amount.nano().saturating_add(nano));
}

/// The values of a range: the first hour and the one behind the last.
const RANGE_VALUES: usize = 2;
const SCOPE: &str = " AND account IN (SELECT value FROM json_each(?))";
const HOUR_MS: i64 = 3_600_000;
/// The column behind those of `COUNTS`.
const FIRST_NAME: usize = 14;
const COUNTS: &str = "
    hour, exchanges, unpriced, estimated, input, cache_read, cache_write, output, reasoning,
    cost_nano, usd_nano, cny_nano, cny_as_usd_nano, lost_nano";
