//! What is done at providers for no answer of its own, so that it has bounds: answers that are read to their end for
//! nobody but the bill, and counts of tokens.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use roundelay_ledger::KeyId;

/// How many are under way, for whom.
#[derive(Debug, Default)]
pub struct Drains(Mutex<HashMap<KeyId, usize>>);

impl Drains {
    /// Room for one more; `None` when there are as many as there may be, of all or of this key.
    pub(super) fn admit(&self, key: &KeyId) -> Option<Drain<'_>> {
        let mut running = self.running();
        let of_key = running.get(key).copied().unwrap_or(0);
        if running.values().sum::<usize>() >= DRAINS_MAX || of_key >= DRAINS_PER_KEY_MAX {
            return None;
        }
        running.insert(key.clone(), of_key + 1);
        Some(Drain { drains: self, key: key.clone() })
    }

    fn running(&self) -> MutexGuard<'_, HashMap<KeyId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that is under way; counted until it is dropped.
#[derive(Debug)]
pub(super) struct Drain<'a> {
    drains: &'a Drains,
    key: KeyId,
}

impl Drop for Drain<'_> {
    fn drop(&mut self) {
        let mut running = self.drains.running();
        if let Some(of_key) = running.get_mut(&self.key) {
            *of_key -= 1;
            if *of_key == 0 {
                running.remove(&self.key);
            }
        }
    }
}

/// How long one may take.
pub(super) const DRAIN_WAIT: Duration = Duration::from_secs(120);
const DRAINS_MAX: usize = 64;
/// A key whose callers leave in masses does not take the room of all others.
const DRAINS_PER_KEY_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> KeyId {
        KeyId::new(name)
    }

    #[test]
    fn one_key_leaves_room_for_others_and_all_together_have_a_bound() {
        let drains = Drains::default();
        let mut one: Vec<_> = (0..DRAINS_PER_KEY_MAX).map(|_| drains.admit(&key("one")).expect("room")).collect();
        assert!(drains.admit(&key("one")).is_none());
        one.pop();
        one.push(drains.admit(&key("one")).expect("one has ended"));
        let others = (0..DRAINS_MAX).map_while(|index| drains.admit(&key(&format!("k{index}"))));
        let others: Vec<_> = others.collect();
        assert_eq!(one.len() + others.len(), DRAINS_MAX);
        drop((one, others));
        assert!(drains.running().is_empty());
    }
}
