//! Prices, exact: decimal digits in, integer nano-USD out, no floating point between.

use super::reader::Section;

/// What a model costs, in nano-USD (10⁻⁹ USD) for a million tokens of each class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// Input tokens that were neither read from nor written to a cache.
    pub input: u64,
    /// Output tokens, reasoning included.
    pub output: u64,
    /// Input tokens read from a cache; those of `input` when not written.
    pub cache_read: Option<u64>,
    /// Input tokens written to a cache; those of `input` when not written.
    pub cache_write: Option<u64>,
    /// Input tokens of audio.
    pub audio_input: Option<u64>,
    /// Output tokens of audio.
    pub audio_output: Option<u64>,
}

/// Reads a price, when one was written.
pub(super) fn read(model: &Section<'_>) -> Option<Price> {
    let section = model.section("price");
    let input = section.nano_usd("input");
    let output = section.nano_usd("output");
    let rest = Price {
        input: input.unwrap_or(0),
        output: output.unwrap_or(0),
        cache_read: section.nano_usd("cache_read"),
        cache_write: section.nano_usd("cache_write"),
        audio_input: section.nano_usd("audio_input"),
        audio_output: section.nano_usd("audio_output"),
    };
    let is_written = model.has("price");
    for key in ["input", "output"] {
        if is_written && !section.has(key) {
            let instead = format!("write `{key} = 3.00`, in USD for a million tokens; 0 when it is free");
            section.complain(key, format!("a price needs `{key}`"), Some(instead));
        }
    }
    section.finish();
    (is_written && input.is_some() && output.is_some()).then_some(rest)
}
