//! Series by their labels: made at the first event, found with a read lock afterwards, and never more than a limit.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

/// The label of what is not named, because a caller chose it or because there are too many.
pub(super) const OTHER: &str = "other";

/// A map that only grows.
#[derive(Debug)]
pub(super) struct Table<K, V>(RwLock<HashMap<K, V>>);

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<K: Eq + Hash, V> Table<K, V> {
    /// Calls `count` with the value of a key, which is made first if it is new.
    pub(super) fn with<R>(&self, key: K, count: impl FnOnce(&V) -> R) -> R
    where
        V: Default,
    {
        if let Some(value) = self.read().get(&key) {
            return count(value);
        }
        count(self.0.write().unwrap_or_else(PoisonError::into_inner).entry(key).or_default())
    }

    /// Calls `each` with every key and value, keys ascending.
    pub(super) fn for_each<E>(&self, mut each: impl FnMut(&K, &V) -> Result<(), E>) -> Result<(), E>
    where
        K: Ord,
    {
        let map = self.read();
        let mut entries: Vec<_> = map.iter().collect();
        entries.sort_unstable_by_key(|&(key, _)| key);
        entries.into_iter().try_for_each(|(key, value)| each(key, value))
    }

    /// A panic while counting leaves every count as it was, so a poisoned lock is as good as another.
    fn read(&self) -> RwLockReadGuard<'_, HashMap<K, V>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V: Default> Table<Arc<str>, V> {
    /// As [`Table::with`]; a new name beyond `limit` is counted under `instead`.
    pub(super) fn with_limit(&self, name: &Arc<str>, limit: usize, instead: &str, count: impl FnOnce(&V)) {
        let map = self.read();
        if let Some(value) = map.get(&**name) {
            return count(value);
        }
        let is_full = map.len() >= limit;
        drop(map);
        self.with(if is_full { instead.into() } else { Arc::clone(name) }, count);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use super::*;

    #[test]
    fn names_beyond_the_limit_are_counted_together() {
        let table: Table<Arc<str>, AtomicU64> = Table::default();
        for name in ["a", "b", "c", "d", "a"] {
            table.with_limit(&name.into(), 2, OTHER, |count| {
                count.fetch_add(1, Relaxed);
            });
        }
        let mut counts = Vec::new();
        table
            .for_each(|name, count| {
                counts.push((name.to_string(), count.load(Relaxed)));
                Ok::<_, ()>(())
            })
            .unwrap();
        assert_eq!(counts, [("a".to_owned(), 2), ("b".to_owned(), 1), ("other".to_owned(), 2)]);
    }
}
