//! Usage, whose prompt and completion counts include what the details name again.

use crate::{
    chat::Json,
    json::{Malformed, Object, Reader},
    usage::{self, Usage},
};

/// Reads the value of a `usage` member.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<Option<Usage>, Malformed> {
    Ok(usage::read(reader)?.and_then(|(usage, _)| usage))
}

pub(super) fn write(object: &mut Object<'_>, usage: &Usage, cost: Option<&Json<'_>>) {
    let mut out = object.object("usage");
    out.number("prompt_tokens", usage.prompt());
    out.number("completion_tokens", usage.completion());
    out.number("total_tokens", usage.prompt() + usage.completion());
    let mut details = out.object("prompt_tokens_details");
    details.number("cached_tokens", usage.cache_read);
    if usage.cache_write > 0 {
        details.number("cache_write_tokens", usage.cache_write);
    }
    if usage.cache_write_long > 0 {
        let mut kept = details.object("cache_write_tokens_details");
        kept.number("ttl_30m_tokens", usage.cache_write.saturating_sub(usage.cache_write_long));
        kept.number("ttl_12h_tokens", usage.cache_write_long);
        kept.end();
    }
    details.number("audio_tokens", usage.audio_input);
    if usage.image > 0 {
        details.number("image_tokens", usage.image);
    }
    details.end();
    let mut details = out.object("completion_tokens_details");
    details.number("reasoning_tokens", usage.reasoning);
    details.number("audio_tokens", usage.audio_output);
    details.end();
    out.json_if("cost", cost);
    out.end();
}
