//! The summaries that are made or wait for their turn: so many, of so many bytes, so many a key, and none twice.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use roundelay_ledger::KeyId;
use tokio::sync::Semaphore;

use super::summaries::Prefix;

/// Who waits, and who is at work.
#[derive(Debug)]
pub(super) struct Queue {
    /// So many at once.
    pub(super) turns: Semaphore,
    held: Arc<Mutex<Held>>,
    claimed: Arc<Mutex<HashSet<Prefix>>>,
}

#[derive(Debug, Default)]
struct Held {
    count: usize,
    bytes: usize,
    of_key: HashMap<KeyId, usize>,
}

impl Default for Queue {
    fn default() -> Self {
        Self { turns: Semaphore::new(AT_ONCE_MAX), held: Arc::default(), claimed: Arc::default() }
    }
}

impl Queue {
    /// Lets in one of that key with a body of so many bytes; `None` where there is too much.
    pub(super) fn admit(&self, key: &KeyId, bytes: usize) -> Option<Place> {
        let mut held = lock(&self.held);
        let of_key = held.of_key.get(key).copied().unwrap_or(0);
        if held.count >= WAITING_MAX || held.bytes.saturating_add(bytes) > BYTES_MAX || of_key >= OF_KEY_MAX {
            return None;
        }
        held.count += 1;
        held.bytes += bytes;
        held.of_key.insert(key.clone(), of_key + 1);
        Some(Place { held: Arc::clone(&self.held), key: key.clone(), bytes })
    }

    /// Takes it on to sum up those turns; `None` where somebody does already.
    pub(super) fn claim(&self, prefix: Prefix) -> Option<Claim> {
        lock(&self.claimed).insert(prefix).then(|| Claim { claimed: Arc::clone(&self.claimed), prefix })
    }
}

/// The place of one that waits or is made, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    held: Arc<Mutex<Held>>,
    key: KeyId,
    bytes: usize,
}

impl Place {
    /// Its body is gone.
    pub(super) fn lightened(&mut self) {
        lock(&self.held).bytes -= std::mem::take(&mut self.bytes);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.lightened();
        let mut held = lock(&self.held);
        held.count -= 1;
        if let Some(count) = held.of_key.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                held.of_key.remove(&self.key);
            }
        }
    }
}

/// That those turns are being summed up, until it is dropped.
#[derive(Debug)]
pub(super) struct Claim {
    claimed: Arc<Mutex<HashSet<Prefix>>>,
    pub(super) prefix: Prefix,
}

impl Drop for Claim {
    fn drop(&mut self) {
        lock(&self.claimed).remove(&self.prefix);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Conversations that wait for their summary, those included that are being made.
const WAITING_MAX: usize = 64;
/// Of their bodies.
const BYTES_MAX: usize = 64 << 20;
/// Of one key, so that nobody takes all the places.
const OF_KEY_MAX: usize = 2;
const AT_ONCE_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> KeyId {
        KeyId::new(format!("key-{number}").as_str())
    }

    #[test]
    fn only_so_many_wait_and_only_so_much() {
        let queue = Queue::default();
        let places: Vec<_> = (0..).map_while(|number| queue.admit(&key(number / OF_KEY_MAX), 1)).collect();
        assert_eq!(places.len(), WAITING_MAX);
        drop(places);
        let places: Vec<_> = (0..).map_while(|_| queue.admit(&key(1), 1)).collect();
        assert_eq!(places.len(), OF_KEY_MAX);
        drop(places);
        let mut large = queue.admit(&key(1), BYTES_MAX - 10).unwrap();
        assert!(queue.admit(&key(2), 11).is_none());
        large.lightened();
        assert!(queue.admit(&key(2), 11).is_some());
        drop(large);
        let held = lock(&queue.held);
        assert_eq!((held.count, held.bytes, held.of_key.len()), (0, 0, 0));
    }

    #[test]
    fn nothing_is_summed_up_twice_at_once() {
        let queue = Queue::default();
        let claim = queue.claim([1; 32]).unwrap();
        assert!(queue.claim([1; 32]).is_none() && queue.claim([2; 32]).is_some());
        drop(claim);
        assert!(queue.claim([1; 32]).is_some());
    }
}
