//! Names for new exchanges.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use roundelay_ledger::ExchangeId;

/// Hands out names that always grow, also when the clock steps back, and that no other run has handed out.
#[derive(Debug)]
pub struct ExchangeIds {
    last: AtomicU64,
    seed: RandomState,
}

impl ExchangeIds {
    /// Continues after the newest exchange of an earlier run.
    pub fn new(after: Option<ExchangeId>) -> Self {
        Self { last: AtomicU64::new(after.map_or(0, ExchangeId::as_u64)), seed: RandomState::new() }
    }

    /// The next name, at `unix_ms` milliseconds since 1970-01-01 UTC.
    pub fn next(&self, unix_ms: u64) -> ExchangeId {
        let first = ExchangeId::from_parts(unix_ms, self.serial(unix_ms)).as_u64();
        let after = |last: u64| first.max(last + 1);
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(after(last)));
        ExchangeId::from_u64(after(last.unwrap_or_else(|last| last)))
    }

    /// Where a millisecond begins to count: a place chosen by this run, in the lower half so that there is room above.
    /// Two runs within one millisecond, which the clock can bring about by stepping back, so hardly ever meet.
    fn serial(&self, unix_ms: u64) -> u64 {
        let mut hasher = self.seed.build_hasher();
        hasher.write_u64(unix_ms);
        hasher.finish() & ((1 << (ExchangeId::SERIAL_BITS - 1)) - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::{ExchangeId, ExchangeIds};

    const NOW: u64 = 1_800_000_000_000;

    #[test]
    fn names_grow_within_a_millisecond_and_when_the_clock_steps_back() {
        let ids = ExchangeIds::new(None);
        let names: Vec<ExchangeId> = [NOW, NOW, NOW, NOW + 1, NOW - 5_000, NOW + 1].map(|ms| ids.next(ms)).into();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
        assert_eq!(names[0].unix_ms(), NOW);
    }

    #[test]
    fn a_new_run_continues_after_the_last_one() {
        let last = ExchangeIds::new(None).next(NOW);
        assert!(ExchangeIds::new(Some(last)).next(NOW - 60_000) > last);
    }

    #[test]
    fn threads_never_share_a_name() {
        let ids = ExchangeIds::new(None);
        let mut names: Vec<u64> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..5_000).map(|_| ids.next(NOW).as_u64()).collect::<Vec<_>>()))
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 20_000);
    }
}
