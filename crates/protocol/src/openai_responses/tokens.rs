//! Writes usage, whose counts include what the details name again.

use crate::{chat::Json, json::Object, usage::Usage};

pub(super) fn write(object: &mut Object<'_>, usage: &Usage, cost: Option<&Json<'_>>) {
    let mut out = object.object("usage");
    out.number("input_tokens", usage.prompt());
    let mut details = out.object("input_tokens_details");
    details.number("cached_tokens", usage.cache_read);
    details.number("cache_write_tokens", usage.cache_write);
    if usage.cache_write_long > 0 {
        let mut kept = details.object("cache_write_tokens_details");
        kept.number("ttl_30m_tokens", usage.cache_write.saturating_sub(usage.cache_write_long));
        kept.number("ttl_12h_tokens", usage.cache_write_long);
        kept.end();
    }
    if usage.audio_input > 0 {
        details.number("audio_tokens", usage.audio_input);
    }
    if usage.image > 0 {
        details.number("image_tokens", usage.image);
    }
    details.end();
    out.number("output_tokens", usage.completion());
    let mut details = out.object("output_tokens_details");
    details.number("reasoning_tokens", usage.reasoning);
    details.end();
    out.number("total_tokens", usage.prompt() + usage.completion());
    out.json_if("cost", cost);
    out.end();
}
