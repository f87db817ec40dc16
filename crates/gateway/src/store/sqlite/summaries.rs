//! Sealed summaries of conversations: what they say is known to nobody here.

use roundelay_ledger::AccountId;
use rusqlite::TransactionBehavior;

use super::{Store, StoreFault};

/// A summary as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SummaryRow {
    /// The keyed hash of the turns that it stands for.
    pub prefix: [u8; 32],
    /// Whose conversation it is.
    pub account: AccountId,
    /// When it was made, in unix milliseconds.
    pub made_at: i64,
    /// The first unix second at which it is worth nothing.
    pub expires_at: i64,
    /// A nonce, and the text under the operator's key.
    pub sealed: Vec<u8>,
}

impl Store {
    /// Keeps a summary in place of an older one of the same turns, and no more of them than `rows_max`: the oldest go.
    pub fn keep_summary(&self, row: &SummaryRow, rows_max: usize) -> Result<(), StoreFault> {
        let mut writer = self.writer()?;
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.prepare_cached("INSERT OR REPLACE INTO summaries VALUES (?1, ?2, ?3, ?4, ?5)")?.execute((
            row.prefix,
            row.account.as_str(),
            row.made_at,
            row.expires_at,
            &row.sealed,
        ))?;
        let beyond = "DELETE FROM summaries WHERE made_at <= \
                      (SELECT made_at FROM summaries ORDER BY made_at DESC LIMIT 1 OFFSET ?1)";
        transaction.prepare_cached(beyond)?.execute([i64::try_from(rows_max).unwrap_or(i64::MAX)])?;
        Ok(transaction.commit()?)
    }

    /// The summaries that are worth something at `now` (unix seconds), the oldest first.
    pub fn summaries(&self, now: i64) -> Result<Vec<SummaryRow>, StoreFault> {
        let pages = self.pages();
        let mut statement = pages.prepare_cached(
            "SELECT prefix, account, made_at, expires_at, sealed FROM summaries WHERE expires_at > ?1 ORDER BY made_at",
        )?;
        let rows = statement.query_map([now], |row| {
            let account: String = row.get(1)?;
            Ok((row.get(0)?, account, row.get(2)?, row.get(3)?, row.get(4)?))
        })?;
        let mut summaries = Vec::new();
        for row in rows {
            let (prefix, account, made_at, expires_at, sealed) = row?;
            // A name that is none belongs to nobody who could ask for it.
            if let Ok(account) = AccountId::new(&account) {
                summaries.push(SummaryRow { prefix, account, made_at, expires_at, sealed });
            }
        }
        Ok(summaries)
    }

    /// Forgets up to `most` summaries that are worth nothing at `now` (unix seconds), and says how many.
    pub fn forget_summaries(&self, now: i64, most: usize) -> Result<usize, StoreFault> {
        let old =
            "DELETE FROM summaries WHERE prefix IN (SELECT prefix FROM summaries WHERE expires_at <= ?1 LIMIT ?2)";
        Ok(self.writer()?.prepare_cached(old)?.execute((now, i64::try_from(most).unwrap_or(i64::MAX)))?)
    }
}
