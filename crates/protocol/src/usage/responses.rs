//! Usage in the shape of OpenAI's Responses, whose input count includes what the details name again.
//!
//! Source: OpenAI API reference, "the response object", `usage`.

use super::{TOKENS_MAX, Usage};
use crate::{
    json::{Malformed, Reader},
    wire,
};

/// Reads a `usage` object; `None` when it is not one or counts nothing.
pub fn responses(object: &[u8]) -> Option<Usage> {
    read(&mut Reader::new(object).ok()?).ok().flatten()
}

/// Reads the value of a `usage` member.
pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Option<Usage>, Malformed> {
    let (mut input, mut output) = (None, None);
    let mut usage = Usage::default();
    let count = |reader: &mut Reader<'_>| Ok(wire::whole(reader)?.filter(|count| *count <= TOKENS_MAX));
    wire::members(reader, |reader, name| {
        match name {
            "input_tokens" => input = count(reader)?,
            "output_tokens" => output = count(reader)?,
            "input_tokens_details" => wire::members(reader, |reader, name| {
                if name == "cache_write_tokens_details" {
                    usage.cache_write_long = written_long(reader)?;
                    return Ok(());
                }
                let slot = match name {
                    "cached_tokens" => &mut usage.cache_read,
                    "cache_write_tokens" => &mut usage.cache_write,
                    "audio_tokens" => &mut usage.audio_input,
                    "image_tokens" => &mut usage.image,
                    _ => return reader.pass(),
                };
                *slot = count(reader)?.unwrap_or(0);
                Ok(())
            })?,
            "output_tokens_details" => wire::members(reader, |reader, name| match name {
                "reasoning_tokens" => count(reader).map(|found| usage.reasoning = found.unwrap_or(0)),
                _ => reader.pass(),
            })?,
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    if input.is_none() && output.is_none() {
        return Ok(None);
    }
    let mut rest = input.unwrap_or(0);
    for part in [&mut usage.cache_read, &mut usage.cache_write, &mut usage.audio_input, &mut usage.image] {
        *part = (*part).min(rest);
        rest -= *part;
    }
    usage.input = rest;
    usage.output = output.unwrap_or(0);
    usage.reasoning = usage.reasoning.min(usage.output);
    usage.cache_write_long = usage.cache_write_long.min(usage.cache_write);
    Ok(Some(usage))
}

/// What of the tokens that were written to a cache is kept for longer, by their details.
pub(super) fn written_long(reader: &mut Reader<'_>) -> Result<u64, Malformed> {
    let mut long = 0;
    wire::members(reader, |reader, name| match name {
        "ttl_12h_tokens" => {
            long = wire::whole(reader)?.filter(|count| *count <= TOKENS_MAX).unwrap_or(0);
            Ok(())
        }
        _ => reader.pass(),
    })?;
    Ok(long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_taken_out_of_the_input() {
        let usage = responses(
            br#"{"input_tokens":100,"input_tokens_details":{"cached_tokens":40,"cache_write_tokens":20},
                "output_tokens":9,"output_tokens_details":{"reasoning_tokens":4},"total_tokens":109}"#,
        );
        let expected =
            Usage { input: 40, cache_read: 40, cache_write: 20, output: 9, reasoning: 4, ..Usage::default() };
        assert_eq!(usage, Some(expected));
        let long = responses(
            br#"{"input_tokens":100,"input_tokens_details":{"cache_write_tokens_details":{"ttl_30m_tokens":15,"ttl_12h_tokens":5},
                "cache_write_tokens":20},"output_tokens":0}"#,
        );
        let expected = Usage { input: 80, cache_write: 20, cache_write_long: 5, ..Usage::default() };
        assert_eq!(long, Some(expected));
        assert_eq!(responses(b"{}"), None);
        assert_eq!(responses(b"null"), None);
        let clamped = responses(br#"{"input_tokens":3,"input_tokens_details":{"cached_tokens":9}}"#).unwrap();
        assert_eq!((clamped.input, clamped.cache_read), (0, 3));
    }
}
