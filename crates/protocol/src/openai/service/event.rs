//! One event of a streamed answer of a service: a preview of an image, a piece of speech, a part of a transcript.
//!
//! Source: OpenAI API reference, "streaming events" of images (`image_generation.partial_image`, `….completed`,
//! `image_edit.…`), of speech (`speech.audio.delta`, `….done`) and of transcriptions (`transcript.text.delta`, `.segment`,
//! `….done`).

use crate::{
    json::{Kind, Malformed, Reader},
    openai::{Content, chunk::Chunk},
    usage,
};

/// Reads the data of one event, and says whether it is an end: of the answer, or of one of its images.
///
/// # Errors
/// When the data is not a JSON object.
pub fn scan(data: &[u8]) -> Result<(Chunk, bool), Malformed> {
    let mut reader = Reader::new(data)?;
    let (mut chunk, mut is_end, mut is_image, mut is_speech) = (Chunk::default(), false, false, false);
    reader.object(|reader, key| {
        match key {
            "type" if reader.kind()? == Kind::String => {
                let kind = reader.string()?.decode();
                is_image = kind.starts_with("image");
                is_speech = kind.starts_with("speech");
                is_end = kind.ends_with(".done") || kind.ends_with(".completed");
                chunk.is_error |= kind == "error" || kind.ends_with(".failed");
            }
            "delta" if reader.kind()? == Kind::String => {
                chunk.content = Content::Text;
                chunk.output.text_bytes += reader.string()?.raw.len() as u64;
            }
            "audio" if reader.kind()? == Kind::String => {
                chunk.content = Content::Text;
                chunk.output.audio_bytes += reader.string()?.raw.len() as u64;
            }
            "b64_json" | "text" => {
                chunk.content = Content::Text;
                reader.pass()?;
            }
            "usage" => {
                if let Some((usage, place)) = usage::read_service(reader)? {
                    (chunk.usage, chunk.cost_place) = (usage, Some(place));
                }
            }
            "error" => chunk.is_error |= reader.raw()? != "null",
            _ => reader.pass()?,
        }
        Ok::<_, Malformed>(())
    })?;
    reader.end()?;
    chunk.output.images = u64::from(is_end && is_image);
    if let Some(usage) = &mut chunk.usage {
        usage.units.images = chunk.output.images;
        if is_speech {
            // All that comes out is spoken.
            usage.audio_output += std::mem::take(&mut usage.output);
        }
    }
    Ok((chunk, is_end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::{Units, Usage};

    #[track_caller]
    fn check(data: &str, (is_end, is_error): (bool, bool), usage: Option<Usage>) {
        let (chunk, ended) = scan(data.as_bytes()).unwrap();
        assert_eq!((ended, chunk.is_error, chunk.usage), (is_end, is_error, usage), "{data}");
        assert_eq!(chunk.has_content(), !is_error, "{data}");
    }

    #[test]
    fn the_end_of_each_stream_is_known_by_its_type() {
        let none = Usage::default();
        check(r#"{"type":"transcript.text.delta","delta":"Hi"}"#, (false, false), None);
        let text = r#"{"type":"transcript.text.done","text":"Hi","usage":{"type":"tokens","input_tokens":3,"output_tokens":1}}"#;
        check(text, (true, false), Some(Usage { input: 3, output: 1, ..none }));
        check(r#"{"type":"speech.audio.delta","audio":"AAAA"}"#, (false, false), None);
        let preview = r#"{"type":"image_generation.partial_image","b64_json":"A","partial_image_index":0}"#;
        check(preview, (false, false), None);
        let image = r#"{"type":"image_edit.completed","b64_json":"A","usage":{"input_tokens":1,"output_tokens":272}}"#;
        let one = Units { images: 1, ..Units::default() };
        check(image, (true, false), Some(Usage { input: 1, output: 272, units: one, ..none }));
        check(r#"{"type":"error","error":{"message":"m"}}"#, (false, true), None);
        check(r#"{"type":"image_generation.failed"}"#, (false, true), None);
        assert!(scan(b"[DONE]").is_err());
    }

    #[test]
    fn the_end_of_speech_has_usage_that_was_spoken() {
        let done = r#"{"type":"speech.audio.done","usage":{"input_tokens":14,"output_tokens":101,"total_tokens":115}}"#;
        let (chunk, is_end) = scan(done.as_bytes()).unwrap();
        assert!(is_end && !chunk.has_content());
        assert_eq!(chunk.usage, Some(Usage { input: 14, audio_output: 101, ..Usage::default() }));
    }
}
