//! Exchanges and tokens, added up where they are stored.

use super::{Store, StoreFault};
use crate::store::Usage;

/// The sum of exchanges that are alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageSum {
    /// How they ended.
    pub outcome: String,
    /// The model whose answer was shown.
    pub model: Option<String>,
    /// The public part of the key that asked.
    pub key: String,
    /// Who pays.
    pub account: String,
    /// How many there are.
    pub exchanges: u64,
    /// When the first of them began, in milliseconds since 1970-01-01 UTC.
    pub since_ms: i64,
    /// Their tokens; `estimated` when any of them are.
    pub usage: Usage,
    /// What those cost whose cost is known, in nano-USD.
    pub cost_nano: i64,
    /// How many showed an answer whose cost is not known.
    pub unpriced: u64,
}

impl Store {
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
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

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
