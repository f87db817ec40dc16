//! A request for a service as a form: `multipart/form-data` (RFC 7578), as images are edited and recordings transcribed.
//!
//! The form is read once, from delimiter to delimiter; files in it are measured and not copied.

use std::ops::Range;

use memchr::memmem::Finder;

use super::{
    Asked, BadRequest, Request,
    asked::{ImagesAsked, Quality},
    recording,
    rewrite::ModelSplice,
    service::{is_dearer, is_text},
};
use crate::openai::{Operation, Service};

/// Parts that a form may have; those of OpenAI have a dozen fields and sixteen images.
const PARTS_MAX: usize = 256;
/// Bytes of a part's head: a name, a file's name and a type.
const HEAD_MAX: usize = 8 * 1024;

impl Request {
    /// Reads a request for a service, whose body is JSON or, as `content_type` says, a form.
    ///
    /// # Errors
    /// When the body is neither, when `model` or what is to be worked on is missing, when a member that decides routing or
    /// money has the wrong type or is written twice (servers differ in which one they take).
    pub fn scan_service(service: Service, content_type: &str, body: &[u8]) -> Result<Self, BadRequest> {
        let (kind, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
        if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
            return Self::scan(Operation::Service(service), body);
        }
        let boundary = boundary(parameters).ok_or_else(|| bad("the content-type of a form names its `boundary`"))?;
        let mut said = Said {
            request: Self::blank(Operation::Service(service)),
            images: ImagesAsked::default(),
            seen: [false; ONCE.len()],
            heard: None,
            is_text: false,
        };
        said.images.count = 1;
        for part in Parts::new(body, boundary)? {
            let part = part?;
            said.part(service, &part, body)?;
        }
        said.finish(service)
    }
}

/// What was read so far.
struct Said {
    request: Request,
    images: ImagesAsked,
    seen: [bool; ONCE.len()],
    /// How long the recording lasts, in milliseconds, as is likely and at most.
    heard: Option<(u64, u64)>,
    is_text: bool,
}

/// Fields that decide routing or money, and so may not be there twice.
const ONCE: [&str; 9] =
    ["model", "stream", "file", "prompt", "n", "quality", "size", "partial_images", "response_format"];

impl Said {
    fn part(&mut self, service: Service, part: &Part<'_>, body: &[u8]) -> Result<(), BadRequest> {
        if let Some(index) = ONCE.iter().position(|known| *known == part.name)
            && std::mem::replace(&mut self.seen[index], true)
        {
            return Err(BadRequest::duplicate(ONCE[index], part.value.start));
        }
        let bytes = &body[part.value.clone()];
        let request = &mut self.request;
        let text = || std::str::from_utf8(bytes).unwrap_or_default().trim();
        match part.name {
            "model" => {
                request.model = std::str::from_utf8(bytes).unwrap_or_default().to_owned();
                request.model_span = part.value.clone();
                request.model_splice = ModelSplice::Plain;
                if request.model.is_empty() {
                    let message = "`model` is empty: write the name of a model or pool".to_owned();
                    return Err(BadRequest::value("model", message));
                }
            }
            "stream" => request.stream = matches!(text(), "true" | "True" | "1"),
            "file" => {
                self.heard = Some(recording::length_ms(bytes));
                request.size.audio_bytes += bytes.len() as u64;
            }
            "image" | "image[]" | "images[]" | "mask" => request.size.images += 1,
            "prompt" | "instructions" => request.add_text(part.value.clone(), body),
            "n" if service.makes_images() => {
                let n = text().parse().ok().filter(|n| (1..=128).contains(n));
                let n: u32 =
                    n.ok_or_else(|| BadRequest::wrong_type("n", "a whole number from 1 to 128", part.value.start))?;
                (self.images.count, request.choices) = (n.into(), n);
            }
            "quality" => {
                self.images.quality = Quality::read(text());
                request.note_surcharge("quality", is_dearer(text()));
            }
            "size" => request.note_surcharge("size", is_dearer(text())),
            "partial_images" => self.images.previews = text().parse().unwrap_or(0),
            "response_format" => self.is_text = is_text(text()),
            "user" => request.user = Some(text().to_owned()).filter(|user| !user.is_empty()),
            // Chunks, languages, timestamps: settings, and a few bytes each.
            _ if !part.is_file => request.size.other_bytes += bytes.len() as u64,
            // No server is known to want another file; should one, it is not free.
            _ => request.size.file_bytes += bytes.len() as u64,
        }
        Ok(())
    }

    fn finish(self, service: Service) -> Result<Request, BadRequest> {
        let Self { mut request, images, heard, is_text, seen } = self;
        if !seen[0] {
            return Err(BadRequest::missing("model", "model=NAME"));
        }
        request.asked = if service.makes_images() {
            if request.size.images == 0 {
                return Err(BadRequest::missing("image", "image=@FILE"));
            }
            Asked::images(images)
        } else if service.hears() {
            Asked::transcript(heard.ok_or_else(|| BadRequest::missing("file", "file=@FILE"))?, is_text)
        } else {
            return Err(bad("this is asked for in JSON: send `content-type: application/json`"));
        };
        request.asked.pieces = 1;
        request.messages = 1;
        Ok(request)
    }
}

fn bad(message: &str) -> BadRequest {
    BadRequest { message: message.to_owned(), param: None, code: "invalid_form" }
}

/// The boundary among the parameters of a content type, in quotes or not.
fn boundary(parameters: &str) -> Option<&str> {
    let value = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    })?;
    // RFC 2046 §5.1.1.
    (1..=70).contains(&value.len()).then_some(value)
}

/// One field of a form.
#[derive(Debug)]
struct Part<'a> {
    name: &'a str,
    is_file: bool,
    /// Where its value stands in the body.
    value: Range<usize>,
}

/// The parts of a form, in order.
struct Parts<'a> {
    body: &'a [u8],
    delimiter: Finder<'static>,
    length: usize,
    /// Just behind a delimiter; `None` at the end.
    at: Option<usize>,
    count: usize,
}

impl<'a> Parts<'a> {
    fn new(body: &'a [u8], boundary: &str) -> Result<Self, BadRequest> {
        let delimiter = format!("\r\n--{boundary}");
        let finder = Finder::new(delimiter.as_bytes()).into_owned();
        // The first may stand at the very beginning, without the line break that belongs to it.
        let at = if body.starts_with(&delimiter.as_bytes()[2..]) {
            Some(delimiter.len() - 2)
        } else {
            finder.find(body).map(|at| at + delimiter.len())
        };
        if at.is_none() {
            return Err(bad("the form does not have the `boundary` that its content-type names"));
        }
        Ok(Self { body, delimiter: finder, length: delimiter.len(), at, count: 0 })
    }

    fn part(&mut self, at: usize) -> Result<Option<Part<'a>>, BadRequest> {
        let rest = &self.body[at..];
        if rest.starts_with(b"--") {
            return Ok(None);
        }
        self.count += 1;
        if self.count > PARTS_MAX {
            return Err(bad("the form has more than 256 parts"));
        }
        let cut = || bad("the form ends within a part");
        // White space may follow a delimiter.
        let line = memchr::memmem::find(&rest[..rest.len().min(HEAD_MAX)], b"\r\n").ok_or_else(cut)?;
        let head = &rest[line..];
        let length = memchr::memmem::find(&head[..head.len().min(HEAD_MAX)], b"\r\n\r\n").ok_or_else(cut)?;
        let start = at + line + length + 4;
        let head = std::str::from_utf8(&head[..length]).unwrap_or_default();
        let (name, is_file) = disposition(head).ok_or_else(|| bad("a part of the form has no name"))?;
        // An empty value leaves the delimiter's own line break to the head's.
        let end = self.delimiter.find(&self.body[start - 2..]).ok_or_else(cut)? + start - 2;
        self.at = Some(end + self.length);
        Ok(Some(Part { name, is_file, value: start..end.max(start) }))
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Result<Part<'a>, BadRequest>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at.take()?;
        self.part(at).transpose()
    }
}

/// The name of a part, and whether it is a file.
fn disposition(head: &str) -> Option<(&str, bool)> {
    let field = head.split("\r\n").find_map(|field| {
        let (name, value) = field.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let parameter = |wanted: &str| {
        // A file's name may hold anything, `; name=` too: it is looked for behind what comes first.
        let at = field.match_indices(wanted).map(|(at, _)| at);
        at.filter(|&at| matches!(field.as_bytes()[at - 1], b' ' | b';' | b'\t'))
            .map(|at| &field[at + wanted.len()..])
            .next()
    };
    let name = parameter("name=")?;
    let name = match name.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?.0,
        None => name.split(';').next()?.trim(),
    };
    let is_file = parameter("filename=").is_some() || parameter("filename*=").is_some();
    Some((name, is_file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openai::Rewrite;

    const KIND: &str = "multipart/form-data; boundary=xyz";

    fn form(fields: &[(&str, &str)]) -> String {
        let part = |(name, value): &(&str, &str)| {
            let more = if *name == "file" { "; filename=\"a; name=model.wav\"\r\ncontent-type: audio/wav" } else { "" };
            format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{value}\r\n")
        };
        fields.iter().map(part).collect::<String>() + "--xyz--\r\n"
    }

    fn scan(service: Service, body: &str) -> Result<Request, BadRequest> {
        Request::scan_service(service, KIND, body.as_bytes())
    }

    #[test]
    fn a_form_tells_what_routing_and_money_need() {
        let body = form(&[("file", &"x".repeat(16_000)), ("model", "whisper-1"), ("response_format", "srt")]);
        let request = scan(Service::Transcriptions, &body).unwrap();
        assert_eq!((&*request.model, request.stream, request.asked.is_text), ("whisper-1", false, true));
        assert_eq!((request.asked.units.audio_ms, request.asked.units_max.audio_ms), (1_000, 16_000));
        let body = form(&[
            ("image[]", "1"),
            ("image[]", "2"),
            ("model", "m"),
            ("n", "3"),
            ("stream", "true"),
            ("prompt", "a hat"),
        ]);
        let request = scan(Service::ImageEdits, &body).unwrap();
        assert_eq!((request.size.images, request.asked.units.images, request.stream), (2, 3, true));
        assert_eq!(request.size.text_bytes, 5);
    }

    #[test]
    fn only_the_models_name_changes() {
        for (sent, told) in [("whisper-1", "their/name"), ("a", "b\"c"), ("long-name", "")] {
            let body =
                form(&[("file", "\r\n--xy\r\n--xyy\0\u{7f}"), ("model", sent), ("language", ""), ("temperature", "0")]);
            let request = scan(Service::Transcriptions, &body).unwrap();
            let rewrite = Rewrite { upstream_model: told, ask_usage: false, output_max: None };
            let rewritten = request.rewrite(body.as_bytes(), &rewrite);
            let expected = body.replace(&format!("\r\n\r\n{sent}\r\n"), &format!("\r\n\r\n{told}\r\n"));
            assert_eq!(String::from_utf8(rewritten.to_vec()).unwrap(), expected);
        }
    }

    #[test]
    fn a_preamble_a_bare_name_and_an_empty_value_are_read() {
        let body = "hello\r\n--xyz \r\nContent-Disposition: form-data; name=model\r\n\r\nm\r\n--xyz\r\nContent-Disposition: form-data; name=\"language\"\r\n\r\n\r\n--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nabc\r\n--xyz--";
        let quoted = Request::scan_service(
            Service::Translations,
            "Multipart/Form-Data; charset=utf-8; boundary=\"xyz\"",
            body.as_bytes(),
        );
        assert_eq!(quoted.unwrap().model, "m");
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let whole = form(&[("model", "m"), ("file", "abc")]);
        #[track_caller]
        fn check(content_type: &str, body: &str, code: &str) {
            let bad = Request::scan_service(Service::Transcriptions, content_type, body.as_bytes()).unwrap_err();
            assert_eq!(bad.code, code, "{bad}");
        }
        check("multipart/form-data", &whole, "invalid_form");
        check("multipart/form-data; boundary=other", &whole, "invalid_form");
        check("application/json", &whole, "invalid_type");
        check(KIND, &whole[..whole.len() - 9], "invalid_form");
        check(KIND, &whole.replace("name=\"model\"", "x"), "invalid_form");
        check(KIND, &form(&[("model", "m")]), "missing_required_parameter");
        check(KIND, &form(&[("file", "m")]), "missing_required_parameter");
        check(KIND, &form(&[("model", "m"), ("file", "a"), ("model", "n")]), "duplicate_parameter");
        check(KIND, &form(&[("model", ""), ("file", "a")]), "invalid_value");
        check(KIND, &form(&vec![("x", "y"); 300]), "invalid_form");
        for cut in 0..whole.len() - 8 {
            assert!(Request::scan_service(Service::Transcriptions, KIND, &whole.as_bytes()[..cut]).is_err(), "{cut}");
        }
    }
}
