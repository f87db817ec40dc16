//! Usage in the shape of Bedrock's Converse, whose input count leaves the cached tokens out.
//!
//! Source: Amazon Bedrock API reference, `TokenUsage`.

use super::{TOKENS_MAX, Usage};
use crate::{
    json::{Malformed, Reader},
    wire,
};

/// Reads a `usage` object; `None` when it is not one or counts nothing.
pub fn bedrock(object: &[u8]) -> Option<Usage> {
    read(&mut Reader::new(object).ok()?).ok().flatten()
}

/// Reads the value of a `usage` member.
pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Option<Usage>, Malformed> {
    let mut usage = Usage::default();
    let mut is_counted = false;
    wire::members(reader, |reader, name| {
        if name == "cacheDetails" {
            usage.cache_write_long = written_long(reader)?;
            return Ok(());
        }
        let slot = match name {
            "inputTokens" => &mut usage.input,
            "outputTokens" => &mut usage.output,
            "cacheReadInputTokens" => &mut usage.cache_read,
            "cacheWriteInputTokens" => &mut usage.cache_write,
            _ => return reader.pass(),
        };
        if let Some(count) = wire::whole(reader)?.filter(|count| *count <= TOKENS_MAX) {
            *slot = count;
            is_counted = true;
        }
        Ok::<_, Malformed>(())
    })?;
    usage.cache_write_long = usage.cache_write_long.min(usage.cache_write);
    Ok(is_counted.then_some(usage))
}

/// Of what was written, what is kept for an hour.
fn written_long(reader: &mut Reader<'_>) -> Result<u64, Malformed> {
    let mut long = 0_u64;
    wire::elements(reader, |reader| {
        let raw = reader.raw()?;
        let is_long = wire::member_text(raw, "ttl")?.is_some_and(|ttl| ttl.is("1h"));
        wire::members(&mut Reader::of(raw), |reader, name| match name {
            "inputTokens" if is_long => {
                let count = wire::whole(reader)?.filter(|count| *count <= TOKENS_MAX).unwrap_or(0);
                long = long.saturating_add(count).min(TOKENS_MAX);
                Ok(())
            }
            _ => reader.pass(),
        })
    })?;
    Ok(long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_tokens_stand_beside_the_input() {
        let usage = bedrock(br#"{"inputTokens":3,"outputTokens":9,"totalTokens":72,"cacheReadInputTokens":40,"cacheWriteInputTokens":20}"#);
        let expected = Usage { input: 3, cache_read: 40, cache_write: 20, output: 9, ..Usage::default() };
        assert_eq!(usage, Some(expected));
        let long = bedrock(br#"{"inputTokens":3,"cacheWriteInputTokens":20,"cacheDetails":[{"inputTokens":15,"ttl":"5m"},{"inputTokens":5,"ttl":"1h"}]}"#);
        assert_eq!(long, Some(Usage { input: 3, cache_write: 20, cache_write_long: 5, ..Usage::default() }));
        assert_eq!(bedrock(b"{}"), None);
    }
}
