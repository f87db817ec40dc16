//! Usage in Anthropic's shape, whose input count leaves the cached tokens out.
//!
//! Source: Anthropic API reference, "messages", `usage`; "compaction", "understanding usage": the counts beside
//! `iterations` leave the compaction's own out.

use super::{TOKENS_MAX, Usage};
use crate::{
    json::{Malformed, Reader},
    wire,
};

/// Counts as they come: a stream says some at its beginning and some at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    input: Option<u64>,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
    /// Of what was written, by how long it is kept: five minutes, an hour.
    kept: [Option<u64>; 2],
    output: Option<u64>,
    thinking: Option<u64>,
    /// The sum of all iterations, when a compaction is among them.
    iterations: Option<Usage>,
}

impl Counts {
    /// Reads a `usage` object over what is known already.
    pub(crate) fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        wire::members(reader, |reader, name| {
            match name {
                "input_tokens" => set(&mut self.input, reader)?,
                "cache_read_input_tokens" => set(&mut self.cache_read, reader)?,
                "cache_creation_input_tokens" => set(&mut self.cache_write, reader)?,
                "cache_creation" => wire::members(reader, |reader, name| match name {
                    "ephemeral_5m_input_tokens" => set(&mut self.kept[0], reader),
                    "ephemeral_1h_input_tokens" => set(&mut self.kept[1], reader),
                    _ => reader.pass(),
                })?,
                "output_tokens" => set(&mut self.output, reader)?,
                "output_tokens_details" => wire::members(reader, |reader, name| match name {
                    "thinking_tokens" => set(&mut self.thinking, reader),
                    _ => reader.pass(),
                })?,
                "iterations" => self.iterations = iterations(reader)?,
                _ => reader.pass()?,
            }
            Ok(())
        })
    }

    /// `None` when nothing was counted.
    pub(crate) fn usage(&self) -> Option<Usage> {
        if self.input.is_none() && self.output.is_none() {
            return None;
        }
        let output = self.output.unwrap_or(0);
        let [short, long] = self.kept.map(Option::unwrap_or_default);
        let cache_write = self.cache_write.unwrap_or_else(|| (short + long).min(TOKENS_MAX));
        let usage = Usage {
            input: self.input.unwrap_or(0),
            cache_read: self.cache_read.unwrap_or(0),
            cache_write,
            cache_write_long: long.min(cache_write),
            output,
            reasoning: self.thinking.unwrap_or(0).min(output),
            ..Usage::default()
        };
        Some(self.iterations.map_or(usage, |all| Usage { reasoning: usage.reasoning.min(all.output), ..all }))
    }
}

fn set(slot: &mut Option<u64>, reader: &mut Reader<'_>) -> Result<(), Malformed> {
    *slot = wire::whole(reader)?.filter(|count| *count <= TOKENS_MAX).or(*slot);
    Ok(())
}

fn iterations(reader: &mut Reader<'_>) -> Result<Option<Usage>, Malformed> {
    let mut sum = Usage::default();
    let mut has_compaction = false;
    wire::elements(reader, |reader| {
        let raw = reader.raw()?;
        has_compaction |= wire::member_text(raw, "type")?.is_some_and(|kind| kind.is("compaction"));
        let mut counts = Counts::default();
        let mut reader = Reader::of(raw);
        counts.read(&mut reader)?;
        let one = counts.usage().unwrap_or_default();
        for (whole, part) in [
            (&mut sum.input, one.input),
            (&mut sum.cache_read, one.cache_read),
            (&mut sum.cache_write, one.cache_write),
            (&mut sum.cache_write_long, one.cache_write_long),
            (&mut sum.output, one.output),
        ] {
            *whole = whole.saturating_add(part).min(TOKENS_MAX);
        }
        Ok::<_, Malformed>(())
    })?;
    Ok(has_compaction.then_some(sum))
}

/// Reads a whole `usage` object; `None` when it is not one or counts nothing.
pub fn anthropic(object: &[u8]) -> Option<Usage> {
    let mut counts = Counts::default();
    counts.read(&mut Reader::new(object).ok()?).ok()?;
    counts.usage()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(object: &str, expected: Option<Usage>) {
        assert_eq!(anthropic(object.as_bytes()), expected, "{object}");
    }

    #[test]
    fn cached_tokens_stand_beside_the_input() {
        check(
            r#"{"input_tokens":3,"cache_read_input_tokens":40,"cache_creation_input_tokens":20,
                "cache_creation":{"ephemeral_5m_input_tokens":20},"output_tokens":9,"output_tokens_details":{"thinking_tokens":4}}"#,
            Some(Usage { input: 3, cache_read: 40, cache_write: 20, output: 9, reasoning: 4, ..Usage::default() }),
        );
        let long =
            |cache_write, cache_write_long| Some(Usage { input: 3, cache_write, cache_write_long, ..Usage::default() });
        let kept = r#""cache_creation":{"ephemeral_5m_input_tokens":20,"ephemeral_1h_input_tokens":7}"#;
        check(&format!(r#"{{"input_tokens":3,"cache_creation_input_tokens":27,{kept}}}"#), long(27, 7));
        check(&format!(r#"{{"input_tokens":3,{kept}}}"#), long(27, 7));
        check(&format!(r#"{{"input_tokens":3,"cache_creation_input_tokens":5,{kept}}}"#), long(5, 5));
        check("{}", None);
        check("null", None);
    }

    #[test]
    fn a_compaction_is_counted_although_the_outer_counts_leave_it_out() {
        check(
            r#"{"input_tokens":612,"output_tokens":2819,"iterations":[
                {"type":"compaction","input_tokens":60385,"output_tokens":522},{"type":"message","input_tokens":612,"output_tokens":2819}]}"#,
            Some(Usage { input: 60_997, output: 3341, ..Usage::default() }),
        );
        check(
            r#"{"input_tokens":412,"output_tokens":264,"iterations":[
                {"type":"message","input_tokens":408,"output_tokens":0},{"type":"fallback_message","input_tokens":412,"output_tokens":264}]}"#,
            Some(Usage { input: 412, output: 264, ..Usage::default() }),
        );
        check(
            r#"{"output_tokens":9,"output_tokens_details":{"thinking_tokens":9},"iterations":[{"type":"compaction","output_tokens":1}]}"#,
            Some(Usage { output: 1, reasoning: 1, ..Usage::default() }),
        );
    }
}
