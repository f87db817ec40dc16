//! Usage in OpenAI's shape, whose prompt count includes what the details name again.
//!
//! Sources: OpenAI API reference, "the chat completion object", `usage`; DeepSeek "context caching"
//! (`prompt_cache_hit_tokens`); Moonshot (`cached_tokens` beside the counts); Alibaba "context cache"
//! (`cache_creation_input_tokens` among the prompt's details); recorded answers of xAI, whose
//! completion count leaves reasoning out, and of Azure's DeepSeek (`reasoning_tokens` beside the counts).

use std::ops::Range;

use super::{TOKENS_MAX, Usage, responses::written_long};
use crate::json::{Kind, Malformed, Reader};

/// Reads a `usage` object; `None` when it is not one or counts nothing. Zero is a count, absence is not.
pub fn openai(object: &[u8]) -> Option<Usage> {
    let mut reader = Reader::new(object).ok()?;
    read(&mut reader).ok()??.0
}

/// Where the cost of an answer stands in its usage, or would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CostPlace {
    /// There is one: where its value begins and ends.
    Value { start: usize, end: usize },
    /// There is none: it becomes the first member, or the only one.
    First { at: usize, is_only: bool },
}

impl CostPlace {
    /// The same in a text that has so many bytes in front.
    #[must_use]
    pub fn behind(self, bytes: usize) -> Self {
        match self {
            Self::Value { start, end } => Self::Value { start: start + bytes, end: end + bytes },
            Self::First { at, is_only } => Self::First { at: at + bytes, is_only },
        }
    }

    /// In the usage at `span` of `text`; `None` where that is no object.
    pub(crate) fn within(text: &str, span: &Range<usize>) -> Result<Option<Self>, Malformed> {
        let mut reader = Reader::of(&text[span.clone()]);
        if reader.kind()? != Kind::Object {
            return Ok(None);
        }
        let mut place = Self::First { at: span.start + 1, is_only: true };
        reader.object(|reader, name| {
            if let Self::First { is_only, .. } = &mut place {
                *is_only = false;
            }
            let value = reader.skip()?;
            if name == "cost" {
                place = Self::Value { start: span.start + value.start, end: span.start + value.end };
            }
            Ok::<_, Malformed>(())
        })?;
        Ok(Some(place))
    }

    /// In the member of usage that was written at `member` of `out`; `None` where that holds no object.
    pub(crate) fn written(out: &[u8], member: Range<usize>) -> Option<Self> {
        let before = memchr::memchr(b'{', out.get(member.clone())?)?;
        let object = member.start + before;
        // What is written here has no spaces, and its names no escapes.
        if memchr::memmem::find(&out[object..member.end], b"\"cost\"").is_none() {
            return Some(Self::First { at: object + 1, is_only: out.get(object + 1) == Some(&b'}') });
        }
        let text = std::str::from_utf8(&out[object..member.end]).ok()?;
        Some(Self::within(text, &(0..text.len())).ok()??.behind(object))
    }
}

/// Reads the value of a `usage` member; `None` when it is no object.
pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Option<(Option<Usage>, CostPlace)>, Malformed> {
    if reader.kind()? != Kind::Object {
        reader.skip()?;
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
            }
            "prompt_tokens" => counts.prompt = count(reader)?,
            "completion_tokens" => counts.completion = count(reader)?,
            "total_tokens" => counts.total = count(reader)?,
            "prompt_cache_hit_tokens" | "cached_tokens" => keep(&mut counts.cached, count(reader)?),
            "reasoning_tokens" => keep(&mut counts.reasoning, count(reader)?),
            "prompt_tokens_details" => counts.prompt_details(reader)?,
            "completion_tokens_details" => counts.completion_details(reader)?,
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    Ok(Some((counts.disjoint(), place)))
}

/// The counts as the upstream wrote them.
#[derive(Default)]
struct Counts {
    prompt: Option<u64>,
    completion: Option<u64>,
    total: Option<u64>,
    cached: Option<u64>,
    cache_write: Option<u64>,
    cache_write_long: u64,
    audio_input: Option<u64>,
    image: Option<u64>,
    reasoning: Option<u64>,
    audio_output: Option<u64>,
}

impl Counts {
    fn prompt_details(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        details(reader, |reader, key| {
            match key {
                "cached_tokens" => keep(&mut self.cached, count(reader)?),
                "cache_write_tokens" | "cache_creation_tokens" | "cache_creation_input_tokens" => {
                    keep(&mut self.cache_write, count(reader)?);
                }
                "cache_write_tokens_details" => self.cache_write_long = written_long(reader)?,
                "audio_tokens" => self.audio_input = count(reader)?,
                "image_tokens" => self.image = count(reader)?,
                _ => reader.pass()?,
            }
            Ok(())
        })
    }

    fn completion_details(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        details(reader, |reader, key| {
            match key {
                "reasoning_tokens" => keep(&mut self.reasoning, count(reader)?),
                "audio_tokens" => self.audio_output = count(reader)?,
                _ => reader.pass()?,
            }
            Ok(())
        })
    }

    /// Takes each detail out of the count that includes it, never below zero.
    fn disjoint(self) -> Option<Usage> {
        if self.prompt.is_none() && self.completion.is_none() {
            return None;
        }
        let mut prompt = self.prompt.unwrap_or(0);
        let mut completion = self.completion_with_reasoning();
        let cache_read = take(&mut prompt, self.cached);
        let cache_write = take(&mut prompt, self.cache_write);
        let audio_input = take(&mut prompt, self.audio_input);
        let image = take(&mut prompt, self.image);
        let audio_output = take(&mut completion, self.audio_output);
        let reasoning = self.reasoning.unwrap_or(0).min(completion);
        Some(Usage {
            input: prompt,
            cache_read,
            cache_write,
            cache_write_long: self.cache_write_long.min(cache_write),
            output: completion,
            reasoning,
            audio_input,
            audio_output,
            image,
            ..Usage::default()
        })
    }

    /// xAI's completion count leaves reasoning out; its total tells.
    fn completion_with_reasoning(&self) -> u64 {
        let (completion, reasoning) = (self.completion.unwrap_or(0), self.reasoning.unwrap_or(0));
        let all = self.prompt.unwrap_or(0) + completion + reasoning;
        if self.total == Some(all) { completion + reasoning } else { completion }
    }
}

pub(super) fn details(
    reader: &mut Reader<'_>,
    member: impl FnMut(&mut Reader<'_>, &str) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    match reader.kind()? {
        Kind::Object => reader.object(member),
        _ => reader.pass(),
    }
}

/// A count as some servers write it: `12`, `12.0`; anything else is unknown.
pub(super) fn count(reader: &mut Reader<'_>) -> Result<Option<u64>, Malformed> {
    let raw = reader.raw()?;
    let plain = |raw: &str| raw.parse().ok();
    let whole = || {
        let (whole, zeros) = raw.split_once('.')?;
        zeros.bytes().all(|b| b == b'0').then_some(whole).and_then(plain)
    };
    Ok(plain(raw).or_else(whole).filter(|count| *count <= TOKENS_MAX))
}

/// Two members may name one class; a later `null` or zero does not undo a count.
pub(super) fn keep(slot: &mut Option<u64>, seen: Option<u64>) {
    *slot = (*slot).max(seen);
}

pub(super) fn take(whole: &mut u64, part: Option<u64>) -> u64 {
    let part = part.unwrap_or(0).min(*whole);
    *whole -= part;
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(object: &str, expected: Option<Usage>) {
        assert_eq!(openai(object.as_bytes()), expected, "{object}");
    }

    #[test]
    fn every_dialect_gives_disjoint_classes() {
        let plain = Usage { input: 10, output: 5, ..Usage::default() };
        check(r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}"#, Some(plain));
        check(r#"{"prompt_tokens":10.0,"completion_tokens":5,"new":{"a":[1]}}"#, Some(plain));
        check(
            r#"{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,
                "prompt_tokens_details":{"cached_tokens":40,"cache_write_tokens":20,"audio_tokens":5,"image_tokens":3},
                "completion_tokens_details":{"reasoning_tokens":30,"audio_tokens":8}}"#,
            Some(Usage {
                input: 32,
                cache_read: 40,
                cache_write: 20,
                cache_write_long: 0,
                output: 42,
                reasoning: 30,
                audio_input: 5,
                audio_output: 8,
                image: 3,
                ..Usage::default()
            }),
        );
        let deepseek = Usage { input: 175, cache_read: 320, output: 144, reasoning: 118, ..Usage::default() };
        check(
            r#"{"prompt_tokens":495,"completion_tokens":144,"total_tokens":639,"prompt_tokens_details":{"cached_tokens":320},
                "completion_tokens_details":{"reasoning_tokens":118},"prompt_cache_hit_tokens":320,"prompt_cache_miss_tokens":175}"#,
            Some(deepseek),
        );
        let moonshot = Usage { input: 10, cache_read: 10, output: 30, reasoning: 22, ..Usage::default() };
        check(
            r#"{"prompt_tokens":20,"completion_tokens":30,"total_tokens":50,"cached_tokens":10,
                "completion_tokens_details":{"reasoning_tokens":22}}"#,
            Some(moonshot),
        );
        let xai = Usage { input: 10, cache_read: 2, output: 229, reasoning: 228, ..Usage::default() };
        check(
            r#"{"prompt_tokens":12,"completion_tokens":1,"total_tokens":241,"prompt_tokens_details":{"cached_tokens":2},
                "completion_tokens_details":{"reasoning_tokens":228}}"#,
            Some(xai),
        );
    }

    #[test]
    fn zero_is_a_count_and_absence_is_not() {
        check(r#"{"prompt_tokens":0,"completion_tokens":0}"#, Some(Usage::default()));
        check("{}", None);
        check("null", None);
        check("[1]", None);
        check(r#"{"prompt_tokens":null}"#, None);
    }

    #[test]
    fn an_impossible_count_is_unknown() {
        check(r#"{"prompt_tokens":18446744073709551616}"#, None);
        check(r#"{"prompt_tokens":-1,"completion_tokens":1e308}"#, None);
        let clamped = Usage { cache_read: 3, ..Usage::default() };
        check(r#"{"prompt_tokens":3,"prompt_tokens_details":{"cached_tokens":9}}"#, Some(clamped));
    }
}
