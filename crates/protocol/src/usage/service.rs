//! Usage of embeddings, rerankers, images and audio: tokens by either of OpenAI's names, seconds, or searches.
//!
//! Sources: OpenAI API reference (embeddings `usage`; images `usage` with `input_tokens_details` and
//! `output_tokens_details`; transcriptions `usage` of type `tokens` or `duration`; `speech.audio.done`); Cohere API reference
//! (`meta.billed_units`); Jina and Voyage API references (`usage.total_tokens` alone).

use super::{
    CostPlace, TOKENS_MAX, Usage,
    openai::{count, details, keep, take},
};
use crate::json::{Kind, Malformed, Reader};

/// Reads a `usage` object; `None` when it is not one or counts nothing. Zero is a count, absence is not.
pub fn service(object: &[u8]) -> Option<Usage> {
    let mut reader = Reader::new(object).ok()?;
    read(&mut reader).ok()??.0
}

/// Reads the value of a `usage` member, or of what stands for one; `None` when it is no object.
pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Option<(Option<Usage>, CostPlace)>, Malformed> {
    if reader.kind()? != Kind::Object {
        reader.pass()?;
        return Ok(None);
    }
    let mut counts = Counts::default();
    let mut place = CostPlace::First { at: reader.offset() + 1, is_only: true };
    reader.object(|reader, key| {
        if let CostPlace::First { is_only, .. } = &mut place {
            *is_only = false;
        }
        match key {
            "cost" => {
                let value = reader.skip()?;
                place = CostPlace::Value { start: value.start, end: value.end };
                Ok(())
            }
            _ => counts.member(reader, key),
        }
    })?;
    Ok(Some((counts.disjoint(), place)))
}

/// The counts as the upstream wrote them.
#[derive(Default)]
struct Counts {
    input: Option<u64>,
    output: Option<u64>,
    total: Option<u64>,
    cached: Option<u64>,
    audio_input: Option<u64>,
    image: Option<u64>,
    audio_output: Option<u64>,
    audio_ms: Option<u64>,
    characters: Option<u64>,
    searches: Option<u64>,
}

impl Counts {
    fn member(&mut self, reader: &mut Reader<'_>, key: &str) -> Result<(), Malformed> {
        match key {
            "prompt_tokens" | "input_tokens" => keep(&mut self.input, count(reader)?),
            "completion_tokens" | "output_tokens" => keep(&mut self.output, count(reader)?),
            "total_tokens" => keep(&mut self.total, count(reader)?),
            "search_units" => keep(&mut self.searches, count(reader)?),
            "seconds" => self.audio_ms = from_seconds(reader.raw()?),
            "characters" | "input_characters" => keep(&mut self.characters, count(reader)?),
            "prompt_tokens_details" | "input_tokens_details" | "input_token_details" => {
                details(reader, |reader, key| {
                    match key {
                        "cached_tokens" => keep(&mut self.cached, count(reader)?),
                        "audio_tokens" => keep(&mut self.audio_input, count(reader)?),
                        "image_tokens" => keep(&mut self.image, count(reader)?),
                        _ => reader.pass()?,
                    }
                    Ok(())
                })?;
            }
            "completion_tokens_details" | "output_tokens_details" | "output_token_details" => {
                details(reader, |reader, key| {
                    match key {
                        "audio_tokens" => keep(&mut self.audio_output, count(reader)?),
                        _ => reader.pass()?,
                    }
                    Ok(())
                })?;
            }
            _ => reader.pass()?,
        }
        Ok(())
    }

    /// Takes each detail out of the count that includes it, never below zero.
    fn disjoint(self) -> Option<Usage> {
        let is_counted = [self.input, self.output, self.total, self.audio_ms, self.characters, self.searches];
        if is_counted.iter().all(Option::is_none) {
            return None;
        }
        let mut completion = self.output.unwrap_or(0);
        // Where only the whole is told, none of it is output.
        let mut prompt = self.input.or_else(|| Some(self.total?.saturating_sub(completion))).unwrap_or(0);
        let cache_read = take(&mut prompt, self.cached);
        let audio_input = take(&mut prompt, self.audio_input);
        let image = take(&mut prompt, self.image);
        let audio_output = take(&mut completion, self.audio_output);
        let units = super::Units {
            images: 0,
            audio_ms: self.audio_ms.unwrap_or(0),
            characters: self.characters.unwrap_or(0),
            searches: self.searches.unwrap_or(0),
        };
        let (input, output) = (prompt, completion);
        Some(Usage { input, cache_read, output, audio_input, audio_output, image, units, ..Usage::default() })
    }
}

/// Milliseconds from a JSON number of seconds, what is less than one counted as one; `None` for what is no length of time.
pub fn from_seconds(raw: &str) -> Option<u64> {
    let seconds: f64 = raw.parse().ok()?;
    let ms = (seconds * 1_000.0).ceil();
    (ms >= 0.0 && ms <= TOKENS_MAX as f64).then_some(ms as u64)
}

#[cfg(test)]
mod tests {
    use super::{super::Units, *};

    #[track_caller]
    fn check(object: &str, expected: Option<Usage>) {
        assert_eq!(service(object.as_bytes()), expected, "{object}");
    }

    #[test]
    fn every_service_gives_disjoint_classes() {
        let none = Usage::default();
        check(r#"{"prompt_tokens":8,"total_tokens":8}"#, Some(Usage { input: 8, ..none }));
        check(r#"{"total_tokens":8}"#, Some(Usage { input: 8, ..none }));
        check(
            r#"{"total_tokens":4210,"input_tokens":50,"output_tokens":4160,
                "input_tokens_details":{"text_tokens":10,"image_tokens":40}}"#,
            Some(Usage { input: 10, image: 40, output: 4_160, ..none }),
        );
        check(
            r#"{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":4,"audio_tokens":10},
                "output_tokens":5,"total_tokens":19}"#,
            Some(Usage { input: 4, audio_input: 10, output: 5, ..none }),
        );
        let heard = |audio_ms| Some(Usage { units: Units { audio_ms, ..Units::default() }, ..none });
        check(r#"{"type":"duration","seconds":9}"#, heard(9_000));
        check(r#"{"type":"duration","seconds":8.4701}"#, heard(8_471));
        let searched = Usage { units: Units { searches: 2, ..Units::default() }, ..none };
        check(r#"{"search_units":2}"#, Some(searched));
        check(r#"{"input_tokens":7,"search_units":2}"#, Some(Usage { input: 7, ..searched }));
    }

    #[test]
    fn what_counts_nothing_or_the_impossible_is_unknown() {
        check("{}", None);
        check("null", None);
        check(r#"{"seconds":-1}"#, None);
        check(r#"{"seconds":1e300}"#, None);
        check(r#"{"prompt_tokens":"8"}"#, None);
        check(r#"{"prompt_tokens":0}"#, Some(Usage::default()));
        check(
            r#"{"input_tokens":3,"input_tokens_details":{"image_tokens":9}}"#,
            Some(Usage { image: 3, ..Usage::default() }),
        );
    }
}
