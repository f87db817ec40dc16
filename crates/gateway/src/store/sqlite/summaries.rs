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
    /// Keeps a summary in place of an older one of the same turns, and no more of them than `rows_max`, nor more than
    /// `bytes_max` of what is sealed: the oldest go.
    pub fn keep_summary(&self, row: &SummaryRow, rows_max: usize, bytes_max: usize) -> Result<(), StoreFault> {
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
        let bytes_max = i64::try_from(bytes_max).unwrap_or(i64::MAX);
        let bytes: i64 = transaction
            .prepare_cached("SELECT coalesce(sum(length(sealed)), 0) FROM summaries")?
            .query_row([], |row| row.get(0))?;
        if bytes > bytes_max {
            let beyond = "DELETE FROM summaries WHERE made_at <= (SELECT max(made_at) FROM \
                          (SELECT made_at, sum(length(sealed)) OVER (ORDER BY made_at DESC) AS bytes FROM summaries) \
                          WHERE bytes > ?1)";
            transaction.prepare_cached(beyond)?.execute([bytes_max])?;
        }
        Ok(transaction.commit()?)
    }

    /// The summaries that are worth something at `now` (unix seconds), the oldest first: the newest of them, as many as
    /// together are at most `bytes_max` of what is sealed.
    pub fn summaries(&self, now: i64, bytes_max: usize) -> Result<Vec<SummaryRow>, StoreFault> {
        let pages = self.pages();
        let mut statement = pages.prepare_cached(
            "SELECT prefix, account, made_at, expires_at, sealed FROM summaries WHERE expires_at > ?1 \
             ORDER BY made_at DESC",
        )?;
        let rows = statement.query_map([now], |row| {
            let (account, sealed): (String, Vec<u8>) = (row.get(1)?, row.get(4)?);
            Ok((row.get(0)?, account, row.get(2)?, row.get(3)?, sealed))
        })?;
        let (mut summaries, mut bytes) = (Vec::new(), 0usize);
        for row in rows {
            let (prefix, account, made_at, expires_at, sealed) = row?;
            bytes = bytes.saturating_add(sealed.len());
            if bytes > bytes_max {
                break;
            }
            // A name that is none belongs to nobody who could ask for it.
            if let Ok(account) = AccountId::new(&account) {
                summaries.push(SummaryRow { prefix, account, made_at, expires_at, sealed });
            }
        }
        summaries.reverse();
        Ok(summaries)
    }

    /// Forgets up to `most` summaries that are worth nothing at `now` (unix seconds), and says how many.
    pub fn forget_summaries(&self, now: i64, most: usize) -> Result<usize, StoreFault> {
        let old =
            "DELETE FROM summaries WHERE prefix IN (SELECT prefix FROM summaries WHERE expires_at <= ?1 LIMIT ?2)";
        Ok(self.writer()?.prepare_cached(old)?.execute((now, i64::try_from(most).unwrap_or(i64::MAX)))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u8) -> SummaryRow {
        let account = AccountId::default_account();
        SummaryRow { prefix: [number; 32], account, made_at: number.into(), expires_at: 100, sealed: vec![number; 100] }
    }

    #[test]
    fn no_more_is_kept_nor_read_than_was_allowed_and_the_oldest_go() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let numbers =
            |bytes_max| -> Vec<i64> { store.summaries(0, bytes_max).unwrap().iter().map(|row| row.made_at).collect() };
        for number in 1..=9 {
            store.keep_summary(&row(number), 100, 550).unwrap();
        }
        assert_eq!(numbers(usize::MAX), [5, 6, 7, 8, 9]);
        assert_eq!(numbers(250), [8, 9]);
        store.keep_summary(&row(10), 3, 550).unwrap();
        assert_eq!(numbers(usize::MAX), [8, 9, 10]);
    }
}
