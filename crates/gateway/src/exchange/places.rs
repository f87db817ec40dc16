//! Bounds on what costs nobody anything: answers that are read to their end for nobody but the bill, counts of tokens, and
//! connections that stay open.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use roundelay_ledger::KeyId;

/// How many are under way, for whom.
#[derive(Debug)]
pub struct Places {
    taken: Taken,
    /// How many there may be of all, and of one key.
    max: (usize, usize),
}

type Taken = Arc<Mutex<HashMap<KeyId, usize>>>;

impl Places {
    /// For work at providers.
    pub(super) fn at_providers() -> Self {
        Self { taken: Taken::default(), max: (DRAINS_MAX, DRAINS_PER_KEY_MAX) }
    }

    /// For sockets, which are connections as well, and bounded as such.
    pub(super) fn of_sockets() -> Self {
        Self { taken: Taken::default(), max: (usize::MAX, SOCKETS_PER_KEY_MAX) }
    }

    /// Room for one more; `None` when there are as many as there may be, of all or of this key.
    pub fn admit(&self, key: &KeyId) -> Option<Place> {
        let mut taken = lock(&self.taken);
        let of_key = taken.get(key).copied().unwrap_or(0);
        if taken.values().sum::<usize>() >= self.max.0 || of_key >= self.max.1 {
            return None;
        }
        taken.insert(key.clone(), of_key + 1);
        Some(Place { taken: Arc::clone(&self.taken), key: key.clone() })
    }

    /// How many are under way.
    pub fn under_way(&self) -> usize {
        lock(&self.taken).values().sum()
    }
}

/// One that is under way; counted until it is dropped.
#[derive(Debug)]
pub struct Place {
    taken: Taken,
    key: KeyId,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        if let Some(of_key) = taken.get_mut(&self.key) {
            *of_key -= 1;
            if *of_key == 0 {
                taken.remove(&self.key);
            }
        }
    }
}

fn lock(taken: &Taken) -> MutexGuard<'_, HashMap<KeyId, usize>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long an answer may be read for nobody.
pub(super) const DRAIN_WAIT: Duration = Duration::from_secs(120);
const DRAINS_MAX: usize = 64;
/// A key whose callers leave in masses does not take the room of all others.
const DRAINS_PER_KEY_MAX: usize = 16;
/// Sockets of one key: each may hold a few conversations.
pub(super) const SOCKETS_PER_KEY_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> KeyId {
        KeyId::new(name)
    }

    #[test]
    fn one_key_leaves_room_for_others_and_all_together_have_a_bound() {
        let places = Places::at_providers();
        let mut one: Vec<_> = (0..DRAINS_PER_KEY_MAX).map(|_| places.admit(&key("one")).expect("room")).collect();
        assert!(places.admit(&key("one")).is_none());
        one.pop();
        one.push(places.admit(&key("one")).expect("one has ended"));
        let others = (0..DRAINS_MAX).map_while(|index| places.admit(&key(&format!("k{index}"))));
        let others: Vec<_> = others.collect();
        assert_eq!(one.len() + others.len(), DRAINS_MAX);
        drop((one, others));
        assert!(lock(&places.taken).is_empty());
    }
}
