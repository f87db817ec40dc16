//! Exchanges, tokens and charges, added up where they are stored.

use roundelay_ledger::{AccountId, Currency, KeyId, Money};
use rusqlite::{Row, ToSql};

use super::{
    Store, StoreFault,
    rollup::{hour_of_ms, hour_of_us},
};
use crate::store::Usage;

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
    /// When the first of them began, in milliseconds since 1970-01-01 UTC; by the hour where hours are added up.
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
    /// named in `by`, in the order of these.
    pub fn usage_hours(&self, filter: &UsageFilter, by: &[UsageBy]) -> Result<Vec<UsageSum>, StoreFault> {
        let reader = self.reader();
        let (from, to) = filter.hours();
        let mut sql = format!("SELECT {HOUR_SUMS}");
        by.iter().for_each(|by| sql.extend([", ", by.column()]));
        sql.push_str(" FROM usage_hours WHERE hour >= ?1 AND hour < ?2");
        let mut values: Vec<&dyn ToSql> = vec![&from, &to];
        let account = filter.account.as_ref().map(AccountId::as_str);
        let key = filter.key.as_ref().map(KeyId::as_str);
        for (condition, value) in [
            (" AND account = ?", account.as_ref().map(|account| account as &dyn ToSql)),
            (" AND api_key = ?", key.as_ref().map(|key| key as &dyn ToSql)),
            (" AND model = ?", filter.model.as_ref().map(|model| model as &dyn ToSql)),
            (" AND deployment = ?", filter.deployment.as_ref().map(|deployment| deployment as &dyn ToSql)),
        ] {
            if let Some(value) = value {
                values.push(value);
                sql.push_str(condition);
                sql.push_str(&values.len().to_string());
            }
        }
        if !by.is_empty() {
            let columns: Vec<&str> = by.iter().map(|by| by.column()).collect();
            let columns = columns.join(", ");
            sql.push_str(&format!(" GROUP BY {columns} ORDER BY {columns}"));
        }
        let mut statement = reader.prepare_cached(&sql)?;
        let rows = statement.query_map(&*values, |row| hour_sum(row, by))?;
        let sums = rows.filter(|row| !matches!(row, Ok(None))).map(|row| row.map(Option::unwrap_or_default));
        Ok(sums.collect::<Result<_, _>>()?)
    }

    /// What was charged for each key since `since_us` (microseconds since 1970-01-01 UTC), a sum for each currency. The
    /// hour that this lies in counts whole.
    pub fn spent_by_key(&self, since_us: i64) -> Result<Vec<KeySpent>, StoreFault> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(
            "SELECT api_key, sum(usd_nano), sum(cny_nano), sum(cny_as_usd_nano) FROM usage_hours WHERE hour >= ?1
             GROUP BY api_key ORDER BY api_key",
        )?;
        let rows = statement.query_map([hour_of_us(since_us)], |row| {
            let amount = |column| row.get(column).map(Money::from_nano);
            Ok((KeyId::new(row.get::<_, String>(0)?), amount(1)?, amount(2)?, amount(3)?))
        })?;
        let mut spent = Vec::new();
        for row in rows {
            let (key, in_usd, in_cny, cny_as_usd) = row?;
            for (currency, amount, usd) in [(Currency::Usd, in_usd, in_usd), (Currency::Cny, in_cny, cny_as_usd)] {
                if (amount, usd) != (Money::ZERO, Money::ZERO) {
                    spent.push(KeySpent { key: key.clone(), currency, amount, usd });
                }
            }
        }
        Ok(spent)
    }

    /// Adds up those of the latest `last` exchanges that began at `since_ms` (milliseconds since 1970-01-01 UTC) or later: a sum for each outcome, model, key and account there is among them. More
    /// than 2⁴⁰ tokens, or nano-USD, of one exchange count as so many.
    pub fn usage(&self, last: u64, since_ms: i64) -> Result<Vec<UsageSum>, StoreFault> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(SUMS)?;
        let rows = statement.query_map([i64::try_from(last).unwrap_or(i64::MAX), since_ms], |row| {
            let count = |column: &str| row.get::<_, i64>(column).map(i64::unsigned_abs);
            Ok(UsageSum {
                outcome: row.get("outcome")?,
                model: row.get("model")?,
                key: row.get("api_key")?,
                account: row.get("account")?,
                exchanges: count("exchanges")?,
                since_ms: row.get("since_ms")?,
                usage: Usage {
                    input: count("input")?,
                    cache_read: count("cache_read")?,
                    cache_write: count("cache_write")?,
                    output: count("output")?,
                    reasoning: count("reasoning")?,
                    estimated: row.get("estimated")?,
                },
                cost_nano: row.get("cost")?,
                unpriced: count("unpriced")?,
                ..UsageSum::default()
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl UsageFilter {
    /// From the first of these hours to before the second.
    fn hours(&self) -> (i64, i64) {
        let end = |until: i64| hour_of_ms(until.saturating_sub(1)).saturating_add(1);
        (self.since_ms.map_or(i64::MIN, hour_of_ms), self.until_ms.map_or(i64::MAX, end))
    }
}

/// `None` where nothing was added up.
fn hour_sum(row: &Row<'_>, by: &[UsageBy]) -> Result<Option<UsageSum>, rusqlite::Error> {
    let count = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
    let Some(first) = row.get::<_, Option<i64>>(0)? else { return Ok(None) };
    let (in_usd, cny_as_usd): (i64, i64) = (row.get(10)?, row.get(12)?);
    let mut sum = UsageSum {
        since_ms: first.saturating_mul(HOUR_MS),
        exchanges: count(1)?,
        unpriced: count(2)?,
        usage: Usage {
            estimated: row.get::<_, i64>(3)? > 0,
            input: count(4)?,
            cache_read: count(5)?,
            cache_write: count(6)?,
            output: count(7)?,
            reasoning: count(8)?,
        },
        cost_nano: row.get(9)?,
        charged_usd: Money::from_nano(in_usd.saturating_add(cny_as_usd)),
        in_usd: Money::from_nano(in_usd),
        in_cny: Money::from_nano(row.get(11)?),
        lost_usd: Money::from_nano(row.get(13)?),
        ..UsageSum::default()
    };
    for (index, by) in by.iter().enumerate() {
        let column = FIRST_NAME + index;
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
    Ok(Some(sum))
}

const HOUR_MS: i64 = 3_600_000;
/// The column behind those of `HOUR_SUMS`.
const FIRST_NAME: usize = 14;
/// Tokens are what upstreams claim, so their sums must not fail at 2⁶³; to 2⁵³ they are exact.
const HOUR_SUMS: &str = "
    min(hour), sum(exchanges), sum(unpriced), sum(estimated),
    cast(total(input) AS INTEGER), cast(total(cache_read) AS INTEGER), cast(total(cache_write) AS INTEGER),
    cast(total(output) AS INTEGER), cast(total(reasoning) AS INTEGER),
    sum(cost_nano), sum(usd_nano), sum(cny_nano), sum(cny_as_usd_nano), sum(lost_nano)";

/// An upstream may claim any number of tokens, and `sum` fails where 2⁶³ is passed: 2⁴⁰ is far more than any exchange
/// has, and eight million of these still fit.
const SUMS: &str = "
    SELECT outcome, model, api_key, account, count(*) AS exchanges, min(started_at_ms) AS since_ms,
           sum(min(input, 1 << 40)) AS input,
           sum(min(cache_read, 1 << 40)) AS cache_read,
           sum(min(cache_write, 1 << 40)) AS cache_write,
           sum(min(output, 1 << 40)) AS output,
           sum(min(reasoning, 1 << 40)) AS reasoning,
           max(estimated) AS estimated,
           coalesce(sum(min(cost_nano, 1 << 40)), 0) AS cost,
           sum(cost_nano IS NULL AND model IS NOT NULL) AS unpriced
    FROM (SELECT * FROM exchanges ORDER BY id DESC LIMIT ?1)
    WHERE started_at_ms >= ?2
    GROUP BY outcome, model, api_key, account";
