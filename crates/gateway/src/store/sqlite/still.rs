//! Balances and sums as one transaction left them, however many come meanwhile.

use roundelay_ledger::Sequence;

use super::{Store, StoreFault, UsageBy, UsageFilter, UsageSum, accounts, accounts::AccountRow, books, usage};

/// The state after one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Still {
    /// The last entry that is in it; 0 when there is none.
    pub last: Sequence,
    /// Every account with its balance, those above before those below.
    pub accounts: Vec<AccountRow>,
    /// All that was used, by key.
    pub used: Vec<UsageSum>,
}

impl Store {
    /// Looks at balances and sums in one go: nothing that is written meanwhile is in one of them and not in another.
    pub fn still(&self) -> Result<Still, StoreFault> {
        let mut reader = self.reader();
        let view = reader.transaction()?;
        Ok(Still {
            last: Sequence(books::last_sequence(&view)?.unsigned_abs()),
            accounts: accounts::accounts_in(&view)?,
            used: usage::usage_in(&view, &UsageFilter::default(), &[UsageBy::Key])?,
        })
    }
}
