//! A prompt cache: blocks of prefixes, of which the least recently used goes first.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use super::workload::BLOCK_TOKENS;
use crate::config;

/// The prompt cache of one deployment.
#[derive(Debug)]
pub(super) struct PrefixCache {
    idle: Duration,
    blocks_max: usize,
    /// By block: when it was last used, and its place in `by_use`.
    blocks: HashMap<u64, (Duration, u64)>,
    /// Oldest use first.
    by_use: BTreeMap<u64, u64>,
    uses: u64,
}

impl PrefixCache {
    pub(super) fn new(settings: config::Cache) -> Self {
        let blocks = settings.tokens_max.map_or(u64::MAX, |tokens| tokens / u64::from(BLOCK_TOKENS));
        Self {
            idle: settings.idle,
            blocks_max: usize::try_from(blocks).unwrap_or(usize::MAX).min(BLOCKS_MAX),
            blocks: HashMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
        }
    }

    /// How many tokens of a prompt are here already. Blocks count from the beginning up to the first that is missing.
    pub(super) fn cached(&self, prefix: &[u64], input_tokens: u32, now: Duration) -> u32 {
        let is_here =
            |block: &&u64| self.blocks.get(*block).is_some_and(|(used, _)| now.saturating_sub(*used) <= self.idle);
        let blocks = prefix.iter().take_while(is_here).count();
        // The last block of a prompt is rarely full, and a vendor computes at least the last token.
        (blocks as u32).saturating_mul(BLOCK_TOKENS).min(input_tokens.saturating_sub(1))
    }

    /// Keeps a prompt's blocks.
    pub(super) fn keep(&mut self, prefix: &[u64], now: Duration) {
        // From the end, so that what leads to a block is used after it and outlives it.
        for &block in prefix.iter().rev() {
            self.uses += 1;
            if let Some((_, place)) = self.blocks.insert(block, (now, self.uses)) {
                self.by_use.remove(&place);
            }
            self.by_use.insert(self.uses, block);
        }
        self.make_room(now);
    }

    fn make_room(&mut self, now: Duration) {
        while let Some((&place, &block)) = self.by_use.first_key_value() {
            let is_idle = self.blocks.get(&block).is_some_and(|(used, _)| now.saturating_sub(*used) > self.idle);
            if !is_idle && self.blocks.len() <= self.blocks_max {
                return;
            }
            self.by_use.remove(&place);
            self.blocks.remove(&block);
        }
    }
}

/// Some hundred megabytes.
const BLOCKS_MAX: usize = 4_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cache: &PrefixCache, prefix: &[u64], at_s: u64, expected: u32) {
        assert_eq!(cache.cached(prefix, 10_000, Duration::from_secs(at_s)), expected);
    }

    fn cache(blocks: u64) -> PrefixCache {
        let tokens_max = Some(blocks * u64::from(BLOCK_TOKENS));
        PrefixCache::new(config::Cache { idle: Duration::from_secs(60), tokens_max })
    }

    #[test]
    fn only_an_unbroken_beginning_counts() {
        let mut cache = cache(10);
        cache.keep(&[1, 2, 3], Duration::ZERO);
        check(&cache, &[1, 2, 9, 3], 1, 1024);
        check(&cache, &[9, 1, 2], 1, 0);
        assert_eq!(cache.cached(&[1, 2], 1024, Duration::ZERO), 1023, "the last token is always computed");
    }

    #[test]
    fn what_is_idle_or_oldest_goes() {
        let mut cache = cache(3);
        cache.keep(&[1, 2], Duration::ZERO);
        cache.keep(&[3, 4], Duration::from_secs(30));
        check(&cache, &[1, 2], 31, 512);
        check(&cache, &[3, 4], 90, 1024);
        check(&cache, &[3, 4], 91, 0);
        check(&cache, &[1], 61, 0);
    }
}
