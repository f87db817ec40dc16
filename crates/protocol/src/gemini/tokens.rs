//! Writes usage: the prompt includes what was cached, the candidates leave the thoughts out.

use crate::{chat::Json, json::Object, usage::Usage};

pub(super) fn write(object: &mut Object<'_>, usage: &Usage, cost: Option<&Json<'_>>) {
    let mut out = object.object("usageMetadata");
    out.number("promptTokenCount", usage.prompt());
    if usage.cache_read > 0 {
        out.number("cachedContentTokenCount", usage.cache_read);
    }
    out.number("candidatesTokenCount", usage.completion() - usage.reasoning);
    if usage.reasoning > 0 {
        out.number("thoughtsTokenCount", usage.reasoning);
    }
    out.number("totalTokenCount", usage.prompt() + usage.completion());
    if usage.audio_input + usage.image > 0 {
        let text = usage.prompt() - usage.audio_input - usage.image;
        let mut list = out.array("promptTokensDetails");
        for (modality, tokens) in [("TEXT", text), ("AUDIO", usage.audio_input), ("IMAGE", usage.image)] {
            if tokens > 0 {
                let mut one = list.object();
                one.word("modality", modality);
                one.number("tokenCount", tokens);
                one.end();
            }
        }
        list.end();
    }
    out.json_if("cost", cost);
    out.end();
}
