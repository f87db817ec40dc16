//! The one pass over the JSON body of a request for a service.

use super::{
    Asked, BadRequest, Request,
    asked::{ImagesAsked, Quality},
    bad_request::Fault,
    fields::{boolean, choices, optional_text},
    rewrite::ModelSplice,
    scan::Scan,
};
use crate::{
    json::{Kind, Malformed, Reader},
    openai::Service,
};

/// Members that decide routing or money, and so may not be written twice.
const ONCE: [&str; 12] = [
    "model",
    "stream",
    "stream_format",
    "input",
    "query",
    "documents",
    "prompt",
    "n",
    "quality",
    "size",
    "partial_images",
    "response_format",
];

/// What is put together only after the last member.
#[derive(Default)]
struct Said {
    images: ImagesAsked,
    /// Characters to be spoken.
    characters: u64,
    /// Bytes of what is searched for.
    query_bytes: u64,
    pieces: u32,
    user: Option<String>,
    is_text: bool,
}

impl Scan<'_> {
    pub(super) fn service(
        mut self,
        service: Service,
        mut reader: Reader<'_>,
        first_member: usize,
    ) -> Result<Request, Fault> {
        let mut said = Said::default();
        said.images.count = 1;
        reader.object(|reader, key| self.service_member(service, reader, key, &mut said))?;
        reader.end()?;
        for (member, example) in service.needs() {
            if !self.has_one_of(member, &ONCE) {
                return Err(BadRequest::missing(member, example).into());
            }
        }
        if !self.has_one_of("model", &ONCE) {
            let usual = service.usual_model().ok_or_else(|| BadRequest::missing("model", r#""model": "NAME""#))?;
            usual.clone_into(&mut self.request.model);
            self.request.model_span = first_member..first_member;
            self.request.model_splice = ModelSplice::NewMember;
        }
        let mut request = self.request;
        request.user = said.user;
        request.asked = match service {
            Service::Embeddings | Service::Moderations => Asked::default(),
            Service::Rerank => {
                // A model that reads each document with the query reads the query as often.
                let again = said.query_bytes.saturating_mul(u64::from(said.pieces.saturating_sub(1)));
                request.size.text_bytes = request.size.text_bytes.saturating_add(again);
                Asked::search(said.pieces.into(), request.size.text_bytes)
            }
            Service::Images | Service::ImageEdits | Service::ImageVariations => Asked::images(said.images),
            Service::Speech => Asked::speech(said.characters),
            // By an address, as some servers take it: how long it is, nobody knows.
            Service::Transcriptions | Service::Translations => Asked::transcript(NAMED_AUDIO_MS, said.is_text),
        };
        request.asked.pieces = said.pieces.max(1);
        request.messages = request.asked.pieces;
        Ok(request)
    }

    fn service_member(
        &mut self,
        service: Service,
        reader: &mut Reader<'_>,
        key: &str,
        said: &mut Said,
    ) -> Result<(), Fault> {
        self.refuse_second(reader, key, &ONCE)?;
        let body = self.body;
        let request = &mut self.request;
        match key {
            "model" => self.model(reader)?,
            "stream" if service.makes_images() || service.hears() => request.stream = boolean(reader, "stream")?,
            "stream_format" if service == Service::Speech => request.stream = reader.raw()? == "\"sse\"",
            "input" if service == Service::Speech => {
                if reader.kind()? != Kind::String {
                    return Err(BadRequest::wrong_type("input", "a string", reader.offset()).into());
                }
                let start = reader.offset();
                said.characters = reader.string()?.decode().chars().count() as u64;
                request.add_text(start..reader.position(), body);
            }
            "input" => said.pieces = request.read_pieces(reader, body, "input")?,
            "documents" => said.pieces = request.read_pieces(reader, body, "documents")?,
            "query" => {
                let span = reader.skip()?;
                said.query_bytes = span.len() as u64;
                request.add_text(span, body);
            }
            "prompt" | "instructions" => {
                let span = reader.skip()?;
                request.add_text(span, body);
            }
            "image" | "images" | "mask" => {
                let images = if reader.kind()? == Kind::Array { count(reader)? } else { reader.pass().map(|()| 1)? };
                request.size.images += u64::from(images);
            }
            "n" if service.makes_images() => {
                said.images.count = choices(reader, "n")?.into();
                request.choices = u32::try_from(said.images.count).unwrap_or(u32::MAX);
            }
            "quality" => {
                let quality = optional_text(reader)?.unwrap_or_default();
                said.images.quality = Quality::read(&quality);
                request.note_surcharge("quality", is_dearer(&quality));
            }
            "size" => {
                let size = optional_text(reader)?.unwrap_or_default();
                request.note_surcharge("size", is_dearer(&size));
            }
            "partial_images" => said.images.previews = previews(reader.raw()?),
            "response_format" => said.is_text = is_text(&optional_text(reader)?.unwrap_or_default()),
            "user" => said.user = optional_text(reader)?,
            _ => request.add_other(reader, body)?,
        }
        Ok(())
    }
}

impl Request {
    /// A text, tokens, or a list of texts, of lists of tokens, or of parts. Says how many pieces that are.
    fn read_pieces(&mut self, reader: &mut Reader<'_>, body: &[u8], member: &'static str) -> Result<u32, Fault> {
        let start = reader.offset();
        match reader.kind()? {
            Kind::String => self.add_text(reader.skip()?, body),
            Kind::Object => self.read_piece(reader, body)?,
            Kind::Array => {
                let (mut pieces, mut tokens) = (0_u32, 0_u64);
                reader.array(|reader| {
                    match reader.kind()? {
                        Kind::Number => {
                            tokens += 1;
                            return reader.pass();
                        }
                        Kind::Array => self.size.tokens += u64::from(count(reader)?),
                        Kind::Object => self.read_piece(reader, body)?,
                        Kind::String | Kind::True | Kind::False | Kind::Null => self.add_text(reader.skip()?, body),
                    }
                    pieces = pieces.saturating_add(1);
                    Ok::<_, Malformed>(())
                })?;
                self.size.tokens += tokens;
                return Ok(pieces.max(1));
            }
            Kind::Number | Kind::True | Kind::False | Kind::Null => {
                return Err(BadRequest::wrong_type(member, "a string or a list", start).into());
            }
        }
        Ok(1)
    }

    /// A text with a name, or an image, in the words of any of the vendors.
    fn read_piece(&mut self, reader: &mut Reader<'_>, body: &[u8]) -> Result<(), Malformed> {
        reader.object(|reader, key| {
            match key {
                "type" => reader.pass()?,
                "image" | "image_url" => {
                    reader.pass()?;
                    self.size.images += 1;
                }
                _ => self.add_text(reader.skip()?, body),
            }
            Ok(())
        })
    }
}

fn count(reader: &mut Reader<'_>) -> Result<u32, Malformed> {
    let mut count = 0_u32;
    reader.array(|reader| {
        count = count.saturating_add(1);
        reader.pass()
    })?;
    Ok(count)
}

impl Service {
    /// Members without which no provider can do it, each with how it is written.
    const fn needs(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Embeddings | Self::Moderations | Self::Speech => &[("input", r#""input": "…""#)],
            Self::Rerank => &[("query", r#""query": "…""#), ("documents", r#""documents": ["…"]"#)],
            Self::Images | Self::ImageEdits => &[("prompt", r#""prompt": "…""#)],
            Self::ImageVariations | Self::Transcriptions | Self::Translations => &[],
        }
    }

    /// The model that is meant where none is named. OpenAI API reference, "create moderation".
    pub(super) const fn usual_model(self) -> Option<&'static str> {
        if matches!(self, Self::Moderations) { Some("omni-moderation-latest") } else { None }
    }
}

/// Qualities and sizes of DALL·E 3 that cost more than its list price; models that count tokens have others.
pub(super) fn is_dearer(word: &str) -> bool {
    matches!(word, "hd" | "1792x1024" | "1024x1792")
}

/// Images that are shown before an image is done. OpenAI, "image generation": three at most, so that a number written in
/// another way is no more.
fn previews(raw: &str) -> u64 {
    if raw == "null" { 0 } else { raw.parse().unwrap_or(3) }
}

/// Forms of a transcript that are no JSON.
pub(super) fn is_text(format: &str) -> bool {
    matches!(format, "text" | "srt" | "vtt")
}

/// A recording that is only named: some minutes, and an hour at most.
const NAMED_AUDIO_MS: (u64, u64) = (300_000, 3_600_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn previews_are_set_aside_for_however_their_number_is_written() {
        let most = |number: &str| {
            let body = format!(r#"{{"model":"m","prompt":"x","quality":"low","partial_images":{number}}}"#);
            Request::scan_service(Service::Images, "application/json", body.as_bytes()).unwrap().asked.output_max
        };
        for (number, tokens) in [("null", 408), ("0", 408), ("2", 608), ("2.0", 708), ("3e0", 708), (r#""3""#, 708)] {
            assert_eq!(most(number), tokens, "{number}");
        }
    }
}
