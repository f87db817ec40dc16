//! Writes usage, whose input count leaves the cached tokens out.

use crate::{chat::Json, json::Object, usage::Usage};

/// Audio and images are input here.
pub(super) fn write(object: &mut Object<'_>, usage: &Usage, cost: Option<&Json<'_>>) {
    let mut out = object.object("usage");
    out.number("input_tokens", usage.input + usage.audio_input + usage.image);
    out.number("cache_creation_input_tokens", usage.cache_write);
    if usage.cache_write_long > 0 {
        let mut kept = out.object("cache_creation");
        kept.number("ephemeral_5m_input_tokens", usage.cache_write.saturating_sub(usage.cache_write_long));
        kept.number("ephemeral_1h_input_tokens", usage.cache_write_long);
        kept.end();
    }
    out.number("cache_read_input_tokens", usage.cache_read);
    out.number("output_tokens", usage.completion());
    if usage.reasoning > 0 {
        let mut details = out.object("output_tokens_details");
        details.number("thinking_tokens", usage.reasoning);
        details.end();
    }
    out.json_if("cost", cost);
    out.end();
}
