//! Usage in Gemini's shape: the prompt includes what was cached, the candidates leave the thoughts out.
//!
//! Source: Gemini API reference, `UsageMetadata`.

use super::{TOKENS_MAX, Usage};
use crate::{
    json::{Malformed, Reader},
    wire,
};

/// Reads a `usageMetadata` object; `None` when it is not one or counts nothing.
pub fn gemini(object: &[u8]) -> Option<Usage> {
    read(&mut Reader::new(object).ok()?).ok().flatten()
}

/// Reads the value of a `usageMetadata` member.
pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Option<Usage>, Malformed> {
    let (mut prompt, mut cached, mut tools, mut candidates, mut thoughts) = (None, 0, 0, None, 0);
    let (mut audio, mut image, mut audio_output) = (0, 0, 0);
    let count = |reader: &mut Reader<'_>| Ok::<_, Malformed>(wire::whole(reader)?.filter(|count| *count <= TOKENS_MAX));
    wire::members(reader, |reader, name| {
        match name {
            "promptTokenCount" => prompt = count(reader)?,
            "cachedContentTokenCount" => cached = count(reader)?.unwrap_or(0),
            "toolUsePromptTokenCount" => tools = count(reader)?.unwrap_or(0),
            "candidatesTokenCount" => candidates = count(reader)?,
            "thoughtsTokenCount" => thoughts = count(reader)?.unwrap_or(0),
            "promptTokensDetails" => modalities(reader, |modality, tokens| match modality {
                "AUDIO" => audio = tokens,
                "IMAGE" => image = tokens,
                _ => {}
            })?,
            "candidatesTokensDetails" => modalities(reader, |modality, tokens| {
                if modality == "AUDIO" {
                    audio_output = tokens;
                }
            })?,
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    // Chunks before the last may name a traffic class and nothing else.
    if prompt.is_none() && candidates.is_none() {
        return Ok(None);
    }
    let mut rest = prompt.unwrap_or(0);
    let mut take = |part: u64| {
        let part = part.min(rest);
        rest -= part;
        part
    };
    let (cache_read, audio_input, image) = (take(cached), take(audio), take(image));
    let candidates = candidates.unwrap_or(0);
    let audio_output = audio_output.min(candidates);
    Ok(Some(Usage {
        input: rest.saturating_add(tools).min(TOKENS_MAX),
        cache_read,
        output: (candidates - audio_output).saturating_add(thoughts).min(TOKENS_MAX),
        reasoning: thoughts,
        audio_input,
        audio_output,
        image,
        ..Usage::default()
    }))
}

fn modalities(reader: &mut Reader<'_>, mut each: impl FnMut(&str, u64)) -> Result<(), Malformed> {
    wire::elements(reader, |reader| {
        let (mut modality, mut tokens) = (None, 0);
        wire::members(reader, |reader, name| {
            match name {
                "modality" => modality = wire::text(reader)?,
                "tokenCount" => tokens = wire::whole(reader)?.unwrap_or(0),
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        each(modality.as_ref().map_or("", |modality| modality.written()), tokens);
        Ok::<_, Malformed>(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thoughts_are_added_and_caches_taken_out() {
        let usage = gemini(
            br#"{"promptTokenCount":100,"cachedContentTokenCount":40,"candidatesTokenCount":9,"thoughtsTokenCount":30,
                "toolUsePromptTokenCount":5,"totalTokenCount":144,"promptTokensDetails":[{"modality":"IMAGE","tokenCount":20}]}"#,
        );
        let expected = Usage { input: 45, cache_read: 40, image: 20, output: 39, reasoning: 30, ..Usage::default() };
        assert_eq!(usage, Some(expected));
        assert_eq!(gemini(br#"{"trafficType":"ON_DEMAND"}"#), None);
        assert_eq!(gemini(b"null"), None);
    }
}
