//! The summaries that are kept: each for one beginning of one account's conversation, bounded, and for a time.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use roundelay_ledger::AccountId;

use super::seal::Seal;
use crate::{
    common::clock::unix_time,
    config,
    store::{Store, StoreFault, SummaryRow},
    telemetry::events,
};

/// A keyed hash of the turns that a summary stands for.
pub(super) type Prefix = [u8; 32];

/// The summaries of all accounts.
///
/// A hash is keyed with its account, so that a conversation that two accounts have word for word is two.
#[derive(Debug)]
pub struct Summaries {
    /// What hashes are keyed with where nothing outlives the process.
    base: [u8; 32],
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    of: HashMap<Prefix, Entry>,
    shares: HashMap<AccountId, Share>,
    /// Counts uses.
    uses: u64,
    bytes: usize,
}

/// What an account has of it.
#[derive(Debug, Default)]
struct Share {
    /// By when each was used last.
    order: BTreeMap<u64, Prefix>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    account: AccountId,
    text: Arc<str>,
    /// The first unix second at which it is worth nothing.
    expires_at: i64,
    used: u64,
}

impl Default for Summaries {
    fn default() -> Self {
        let mut base = [0; 32];
        getrandom::fill(&mut base).expect("the system gives random bytes");
        Self { base, kept: Mutex::default() }
    }
}

impl Summaries {
    /// What the hashes of this account's conversations are keyed with.
    pub(super) fn key(&self, account: &AccountId, settings: &config::Summaries) -> [u8; 32] {
        let base = settings.sealed_with.as_ref().map_or(self.base, |secret| Seal::of(secret).base());
        *blake3::keyed_hash(&base, account.as_str().as_bytes()).as_bytes()
    }

    /// Whether there may be one for anybody: where there is none, nothing need be hashed.
    pub(super) fn is_empty(&self) -> bool {
        self.kept().of.is_empty()
    }

    /// The account's summary of those turns. One whose time is over is gone.
    pub(super) fn find(&self, account: &AccountId, prefix: &Prefix) -> Option<Arc<str>> {
        let mut kept = self.kept();
        let entry = kept.of.get(prefix).filter(|entry| entry.account == *account)?;
        if entry.expires_at <= now() {
            kept.forget(prefix);
            return None;
        }
        kept.uses += 1;
        let Kept { of, shares, uses, .. } = &mut *kept;
        let (entry, share) = (of.get_mut(prefix)?, shares.get_mut(account)?);
        share.order.remove(&entry.used);
        entry.used = *uses;
        share.order.insert(*uses, *prefix);
        Some(Arc::clone(&entry.text))
    }

    /// Keeps a summary in memory. Where there is too much, the account that has most lets go of what it has not used for
    /// longest, so that nobody pushes out what others have.
    pub(super) fn keep(&self, account: &AccountId, prefix: Prefix, text: Arc<str>, expires_at: i64) {
        let mut kept = self.kept();
        kept.forget(&prefix);
        kept.uses += 1;
        let (used, bytes) = (kept.uses, text.len() + ENTRY_BYTES);
        kept.bytes += bytes;
        let share = kept.shares.entry(account.clone()).or_default();
        share.bytes += bytes;
        share.order.insert(used, prefix);
        kept.of.insert(prefix, Entry { account: account.clone(), text, expires_at, used });
        while let Some(oldest) = kept.too_much() {
            kept.forget(&oldest);
        }
    }

    /// Forgets all whose time is over.
    pub fn sweep(&self) {
        let (mut kept, now) = (self.kept(), now());
        let over: Vec<Prefix> =
            kept.of.iter().filter(|(_, entry)| entry.expires_at <= now).map(|(prefix, _)| *prefix).collect();
        over.iter().for_each(|prefix| kept.forget(prefix));
    }

    /// Keeps a summary in the store as well, sealed. Blocks.
    pub(super) fn store(
        store: &Store,
        secret: &crate::common::secret::Secret,
        (account, prefix, text): (&AccountId, Prefix, &str),
        expires_at: i64,
    ) -> Result<(), StoreFault> {
        let sealed = Seal::of(secret).seal(account, &prefix, text);
        let made_at = i64::try_from(unix_time().as_millis()).unwrap_or(i64::MAX);
        let row = SummaryRow { prefix, account: account.clone(), made_at, expires_at, sealed };
        store.keep_summary(&row, ENTRIES_MAX, BYTES_MAX)
    }

    /// Reads what is sealed in the store, where the configuration has a key for it, and forgets what has expired. What
    /// another key has sealed stays unread. Blocks.
    ///
    /// # Errors
    /// When the store does; then nothing is kept but what is made from now on.
    pub fn load(&self, store: &Store, settings: &config::Summaries) -> Result<(), StoreFault> {
        while store.forget_summaries(now(), AT_ONCE)? > 0 {}
        let Some(secret) = &settings.sealed_with else { return Ok(()) };
        let (seal, mut unread) = (Seal::of(secret), 0);
        for SummaryRow { prefix, account, expires_at, sealed, .. } in store.summaries(now(), BYTES_MAX)? {
            match seal.open(&account, &prefix, &sealed) {
                Some(text) => self.keep(&account, prefix, text.into(), expires_at),
                None => unread += 1,
            }
        }
        if unread > 0 {
            events::summaries_unread(unread);
        }
        Ok(())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn forget(&mut self, prefix: &Prefix) {
        let Some(entry) = self.of.remove(prefix) else { return };
        let bytes = entry.text.len() + ENTRY_BYTES;
        self.bytes -= bytes;
        let Some(share) = self.shares.get_mut(&entry.account) else { return };
        share.order.remove(&entry.used);
        share.bytes -= bytes;
        if share.order.is_empty() {
            self.shares.remove(&entry.account);
        }
    }

    /// What has to go, where there is too much: of who has most of that.
    fn too_much(&self) -> Option<Prefix> {
        let largest = if self.bytes > BYTES_MAX {
            self.shares.values().max_by_key(|share| share.bytes)
        } else if self.of.len() > ENTRIES_MAX {
            self.shares.values().max_by_key(|share| share.order.len())
        } else {
            None
        };
        largest?.order.first_key_value().map(|(_, prefix)| *prefix)
    }
}

fn now() -> i64 {
    unix_time().as_secs().cast_signed()
}

/// Of all accounts together.
const ENTRIES_MAX: usize = 16_384;
const BYTES_MAX: usize = 64 << 20;
/// What an entry takes beside its text, about.
const ENTRY_BYTES: usize = 256;
/// Rows a transaction.
const AT_ONCE: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> AccountId {
        AccountId::new(name).unwrap()
    }

    fn prefix(number: u64) -> Prefix {
        *blake3::hash(&number.to_le_bytes()).as_bytes()
    }

    #[test]
    fn a_summary_is_its_accounts_and_for_a_time() {
        let summaries = Summaries::default();
        summaries.keep(&account("mine"), prefix(1), "blue".into(), now() + 60);
        summaries.keep(&account("mine"), prefix(2), "red".into(), now());
        assert_eq!(summaries.find(&account("mine"), &prefix(1)).as_deref(), Some("blue"));
        assert_eq!(summaries.find(&account("other"), &prefix(1)), None);
        assert_eq!(summaries.find(&account("mine"), &prefix(2)), None, "its time is over");
        let settings = config::Summaries::default();
        assert_ne!(summaries.key(&account("mine"), &settings), summaries.key(&account("other"), &settings));
        assert_ne!(summaries.key(&account("mine"), &settings), Summaries::default().key(&account("mine"), &settings));
    }

    #[test]
    fn there_are_never_too_many_and_what_is_used_stays() {
        let summaries = Summaries::default();
        let (mine, end) = (account("mine"), now() + 60);
        let text: Arc<str> = "x".repeat(1 << 20).into();
        for number in 0..200 {
            summaries.keep(&mine, prefix(number), Arc::clone(&text), end);
            assert!(summaries.find(&mine, &prefix(0)).is_some(), "it was used just now ({number})");
        }
        let kept = summaries.kept();
        let ordered: usize = kept.shares.values().map(|share| share.order.len()).sum();
        assert!(kept.bytes <= BYTES_MAX && kept.of.len() == ordered, "{} in {}", kept.of.len(), kept.bytes);
        assert_eq!(kept.bytes, kept.of.values().map(|entry| entry.text.len() + ENTRY_BYTES).sum::<usize>());
        drop(kept);
        assert!(summaries.find(&mine, &prefix(1)).is_none());
        for number in 0..2 * ENTRIES_MAX as u64 {
            summaries.keep(&mine, prefix(number), "y".into(), end);
        }
        assert_eq!(summaries.kept().of.len(), ENTRIES_MAX);
    }

    #[test]
    fn nobody_pushes_out_what_others_have() {
        let summaries = Summaries::default();
        let (mine, greedy, end) = (account("mine"), account("greedy"), now() + 60);
        summaries.keep(&mine, prefix(0), "x".repeat(1 << 20).into(), end);
        for number in 1..100 {
            summaries.keep(&greedy, prefix(number), "x".repeat(1 << 20).into(), end);
        }
        assert!(summaries.find(&mine, &prefix(0)).is_some() && summaries.find(&greedy, &prefix(1)).is_none());
        for number in 100..2 * ENTRIES_MAX as u64 {
            summaries.keep(&greedy, prefix(number), "y".into(), end);
        }
        assert!(summaries.find(&mine, &prefix(0)).is_some());
        assert_eq!(summaries.kept().of.len(), ENTRIES_MAX);
    }

    #[test]
    fn what_has_expired_is_no_longer_in_memory() {
        let (summaries, mine) = (Summaries::default(), account("mine"));
        for number in 1..=3 {
            summaries.keep(&mine, prefix(number), "blue".into(), now() - 1);
        }
        summaries.keep(&mine, prefix(4), "red".into(), now() + 60);
        assert_eq!(summaries.find(&mine, &prefix(1)), None);
        assert_eq!(summaries.kept().of.len(), 3);
        summaries.sweep();
        let kept = summaries.kept();
        assert_eq!((kept.of.len(), kept.bytes), (1, "red".len() + ENTRY_BYTES));
    }

    #[test]
    fn what_is_sealed_survives_and_another_key_reads_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let sealed = |letter: &str| config::Summaries {
            sealed_with: Some(crate::common::secret::Secret::new(letter.repeat(32))),
            ..config::Summaries::default()
        };
        let (mine, secret) = (account("mine"), sealed("k").sealed_with.unwrap());
        Summaries::store(&store, &secret, (&mine, prefix(1), "blue"), now() + 60).unwrap();
        Summaries::store(&store, &secret, (&mine, prefix(2), "old"), now() - 1).unwrap();
        let read = |settings: &config::Summaries| {
            let summaries = Summaries::default();
            summaries.load(&store, settings).unwrap();
            summaries.find(&mine, &prefix(1))
        };
        assert_eq!(read(&sealed("k")).as_deref(), Some("blue"));
        assert_eq!(read(&sealed("x")), None);
        assert_eq!(read(&config::Summaries::default()), None);
        assert_eq!(store.summaries(0, BYTES_MAX).unwrap().len(), 1, "what has expired is gone");
        let (a, b) = (Summaries::default(), Summaries::default());
        assert_eq!(a.key(&mine, &sealed("k")), b.key(&mine, &sealed("k")), "hashes mean the same after a restart");
    }
}
