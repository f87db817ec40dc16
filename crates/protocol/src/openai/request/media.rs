//! Files, recordings and videos of a prompt: in the body, or only named there.

use super::Request;
use crate::json::{Kind, Malformed, Reader, Text};

/// What a part of a message brings besides text and images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Medium {
    Audio,
    File,
    Video,
    /// It names something: as large as a file at most, and nothing that a model must be able to do is known of it.
    Unknown,
}

/// What the value of such a part holds.
#[derive(Debug, Default)]
struct Held {
    bytes: u64,
    /// Addresses and ids.
    names: u64,
    /// Strings of a list.
    listed: u64,
}

impl Request {
    /// Reads the value of a part. What is no data is taken for a name of something that the upstream looks up, which may
    /// be as large as any.
    pub(super) fn read_medium(&mut self, reader: &mut Reader<'_>, key: &str, medium: Medium) -> Result<(), Malformed> {
        let mut held = Held::default();
        held.read(reader, key)?;
        let (needs, size) = (&mut self.needs, &mut self.size);
        match medium {
            Medium::Audio => {
                needs.audio_input = true;
                size.audio_bytes += held.bytes;
                size.named_audios += held.names;
            }
            Medium::File | Medium::Unknown => {
                needs.files |= medium == Medium::File;
                size.file_bytes += held.bytes;
                size.named_files += held.names;
            }
            Medium::Video => {
                needs.vision = true;
                size.video_bytes += held.bytes;
                // A list is one of frames, each of them an image.
                size.frames += held.listed;
                size.named_videos += if held.listed > 0 { 0 } else { held.names };
            }
        }
        Ok(())
    }
}

impl Held {
    fn read(&mut self, reader: &mut Reader<'_>, key: &str) -> Result<(), Malformed> {
        match reader.kind()? {
            Kind::String => self.text(key, reader.string()?),
            Kind::Object => reader.object(|reader, key| self.member(reader, key))?,
            Kind::Array => reader.array(|reader| {
                self.listed += 1;
                self.member(reader, key)
            })?,
            Kind::Number | Kind::True | Kind::False | Kind::Null => reader.pass()?,
        }
        Ok(())
    }

    fn member(&mut self, reader: &mut Reader<'_>, key: &str) -> Result<(), Malformed> {
        match reader.kind()? {
            Kind::String => self.text(key, reader.string()?),
            // Nobody documents any: it may name whatever it likes.
            Kind::Object | Kind::Array => {
                self.bytes += reader.skip()?.len() as u64;
                self.names += 1;
            }
            Kind::Number | Kind::True | Kind::False | Kind::Null => reader.pass()?,
        }
        Ok(())
    }

    fn text(&mut self, key: &str, text: Text<'_>) {
        self.bytes += text.raw.len() as u64;
        let is_id = (key == "id" || key.ends_with("_id")) && !text.raw.is_empty();
        self.names += u64::from(is_id || has_scheme(text));
    }
}

/// Whether a string begins like an address of something elsewhere. Base64 has no colon, and an escape could be one.
fn has_scheme(text: Text<'_>) -> bool {
    let begin = text.raw.trim_ascii_start().as_bytes();
    let begin = &begin[..begin.len().min(SCHEME_MAX)];
    let is_data = begin.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"data:"));
    !is_data && (begin.contains(&b':') || text.is_escaped && begin.windows(2).any(|escape| escape == b"\\u"))
}

/// Within how many bytes a scheme ends; the longest that is registered has 36.
const SCHEME_MAX: usize = 64;
