//! Tokens as they are paid for.

use crate::Units;

/// Tokens of one answer, in classes that do not overlap, so that each is paid for once; and what is billed otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Input that touched no cache and is neither audio nor image.
    pub input: u64,
    /// Input read from a cache.
    pub cache_read: u64,
    /// Input written to a cache, for the shortest time there is.
    pub cache_write: u64,
    /// Input written to a cache to be kept for longer.
    pub cache_write_long: u64,
    /// Output, reasoning included, audio excluded.
    pub output: u64,
    /// Input that was heard.
    pub audio_input: u64,
    /// Output that was spoken.
    pub audio_output: u64,
    /// Input that came from images.
    pub image: u64,
    /// What is no token.
    pub units: Units,
}

impl Tokens {
    /// All input, which is what price tiers go by; the largest number when the sum cannot be written.
    pub fn total_input(&self) -> u64 {
        let parts = [self.cache_read, self.cache_write, self.cache_write_long, self.audio_input, self.image];
        parts.into_iter().fold(self.input, u64::saturating_add)
    }

    /// All output; the largest number when the sum cannot be written.
    pub fn total_output(&self) -> u64 {
        self.output.saturating_add(self.audio_output)
    }
}
