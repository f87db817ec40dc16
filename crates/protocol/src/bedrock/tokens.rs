//! Writes usage, whose input count leaves the cached tokens out.

use crate::{
    chat::{Losses, Why},
    json::Object,
    usage::Usage,
};

/// Audio and images are input here, and reasoning is not counted apart.
pub(super) fn write(object: &mut Object<'_>, usage: &Usage, losses: &mut Losses) {
    if usage.reasoning > 0 {
        losses.add(Why::Label, "answer.usage.reasoning", "counted as output");
    }
    let input = usage.input + usage.audio_input + usage.image;
    let mut out = object.object("usage");
    out.number("inputTokens", input);
    out.number("outputTokens", usage.completion());
    out.number("totalTokens", usage.prompt() + usage.completion());
    out.number("cacheReadInputTokens", usage.cache_read);
    out.number("cacheWriteInputTokens", usage.cache_write);
    if usage.cache_write_long > 0 {
        let key = out.key("cacheDetails");
        let short = usage.cache_write.saturating_sub(usage.cache_write_long);
        let detail = |tokens: u64, ttl: &str| format!("{{\"inputTokens\":{tokens},\"ttl\":\"{ttl}\"}}");
        key.extend(format!("[{},{}]", detail(short, "5m"), detail(usage.cache_write_long, "1h")).into_bytes());
    }
    out.end();
}
