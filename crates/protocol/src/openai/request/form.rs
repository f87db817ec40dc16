//! A request for a service as a form: `multipart/form-data` (RFC 7578), as images are edited and recordings transcribed.
//!
//! The form is read once, from delimiter to delimiter; files in it are measured and not copied.

use std::{borrow::Cow, ops::Range};

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
        let Some(parameters) = form_parameters(content_type) else {
            return Self::scan(Operation::Service(service), body);
        };
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

/// The content type that says how a body was read here: where callers name a form's boundary twice, servers differ in
/// which one they take.
pub fn content_type_as_read(content_type: &str) -> Cow<'_, str> {
    match form_parameters(content_type).and_then(boundary) {
        Some(boundary) => Cow::Owned(format!("multipart/form-data; boundary=\"{boundary}\"")),
        None => Cow::Borrowed(content_type),
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

/// The parameters of a form's content type; `None` when it is not one.
fn form_parameters(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    kind.trim().eq_ignore_ascii_case("multipart/form-data").then_some(parameters)
}

/// The first boundary among the parameters of a content type, in quotes or not.
fn boundary(parameters: &str) -> Option<&str> {
    let value = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    })?;
    // RFC 2046 §5.1.1.
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte);
    let is_one = (1..=70).contains(&value.len()) && value.as_bytes().iter().all(is_allowed) && !value.ends_with(' ');
    is_one.then_some(value)
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
    /// What stands at the beginning of a line between two parts.
    delimiter: Finder<'static>,
    /// Just behind a delimiter; `None` at the end.
    at: Option<usize>,
    count: usize,
}

impl<'a> Parts<'a> {
    fn new(body: &'a [u8], boundary: &str) -> Result<Self, BadRequest> {
        let delimiter = Finder::new(format!("--{boundary}").as_bytes()).into_owned();
        let mut parts = Self { body, delimiter, at: None, count: 0 };
        let first = parts.line(0)?;
        let first = first.ok_or_else(|| bad("the form does not have the `boundary` that its content-type names"))?;
        parts.at = Some(first.end);
        Ok(parts)
    }

    /// The next delimiter with the line break before it.
    ///
    /// Some servers take a line feed alone for a line break, and would see parts there that others do not.
    fn line(&self, from: usize) -> Result<Option<Range<usize>>, BadRequest> {
        let Some(at) = self.delimiter.find(&self.body[from..]).map(|at| from + at) else { return Ok(None) };
        let end = at + self.delimiter.needle().len();
        match self.body[..at].strip_suffix(b"\r\n") {
            Some(before) => Ok(Some(before.len()..end)),
            None if at == 0 => Ok(Some(0..end)),
            None => Err(bad("the form has its `boundary` within a line")),
        }
    }

    fn part(&mut self, at: usize) -> Result<Option<Part<'a>>, BadRequest> {
        let rest = &self.body[at..];
        if let Some(epilogue) = rest.strip_prefix(b"--") {
            let is_end = epilogue.trim_ascii().is_empty() || is_line_end(epilogue);
            let goes_on = self.delimiter.find(epilogue).is_some();
            return if is_end && !goes_on { Ok(None) } else { Err(bad("the form goes on behind its end")) };
        }
        self.count += 1;
        if self.count > PARTS_MAX {
            return Err(bad("the form has more than 256 parts"));
        }
        let cut = || bad("the form ends within a part");
        let line = memchr::memmem::find(&rest[..rest.len().min(HEAD_MAX)], b"\r\n").ok_or_else(cut)?;
        if !is_line_end(rest) {
            return Err(bad("a line with the form's `boundary` goes on behind it"));
        }
        let head = &rest[line..];
        let length = memchr::memmem::find(&head[..head.len().min(HEAD_MAX)], b"\r\n\r\n").ok_or_else(cut)?;
        let start = at + line + length + 4;
        let head = std::str::from_utf8(&head[..length]).unwrap_or_default();
        let Disposition { name, is_file } = Disposition::read(head).map_err(bad)?;
        // An empty value leaves the delimiter's own line break to the head's.
        let end = self.line(start)?.ok_or_else(cut)?;
        self.at = Some(end.end);
        Ok(Some(Part { name, is_file, value: start..end.start.max(start) }))
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Result<Part<'a>, BadRequest>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at.take()?;
        self.part(at).transpose()
    }
}

/// Whether only white space stands before the line break (RFC 2046 §5.1.1, `transport-padding`).
fn is_line_end(rest: &[u8]) -> bool {
    let padding = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    rest[padding..].starts_with(b"\r\n")
}

/// What a part's head says of it. A head that servers may read in different ways is refused: what one takes for a
/// language, another would take for the model.
struct Disposition<'a> {
    name: &'a str,
    is_file: bool,
}

impl<'a> Disposition<'a> {
    fn read(head: &'a str) -> Result<Self, &'static str> {
        let mut found = None;
        for field in head.split("\r\n").filter(|field| !field.is_empty()) {
            let pair = field.split_once(':').filter(|_| !field.contains(['\r', '\n', '\0']));
            // A line that goes on with the one before, and one that may be a delimiter.
            let pair = pair.filter(|(name, _)| !name.starts_with([' ', '\t', '-']));
            let (name, value) = pair.ok_or("a part of the form has a head whose lines are broken")?;
            let (name, value) = (name.trim(), value.trim());
            if name.eq_ignore_ascii_case("content-disposition") && found.replace(value).is_some() {
                return Err("a part of the form has more than one `content-disposition`");
            }
            let is_encoding = name.eq_ignore_ascii_case("content-transfer-encoding");
            if is_encoding && !["7bit", "8bit", "binary"].iter().any(|plain| value.eq_ignore_ascii_case(plain)) {
                return Err("a part of the form is encoded: send it as it is");
            }
        }
        Self::of(found.ok_or(NAMELESS)?)
    }

    fn of(field: &'a str) -> Result<Self, &'static str> {
        let (mut found, mut is_file) = (None, false);
        let mut rest = field.split_once(';').ok_or(NAMELESS)?.1.trim_ascii_start();
        while !rest.is_empty() {
            let (name, after) = rest.split_once('=').ok_or(UNREADABLE)?;
            let (value, after) = value(after.trim_ascii_start())?;
            let name = name.trim().to_ascii_lowercase();
            if name == "name" && found.replace(value).is_some() || name.starts_with("name*") {
                return Err("a part of the form has more than one name");
            }
            if name == "name" && value.contains('\\') {
                return Err(UNREADABLE);
            }
            is_file |= name == "filename" || name == "filename*";
            rest = after;
        }
        Ok(Self { name: found.ok_or(NAMELESS)?, is_file })
    }
}

const NAMELESS: &str = "a part of the form has no name";
const UNREADABLE: &str = "a part of the form has a `content-disposition` that cannot be read in one way only";

/// The value that a list of parameters goes on with, in quotes or not, and the parameters behind it.
fn value(rest: &str) -> Result<(&str, &str), &'static str> {
    let (value, rest) = match rest.strip_prefix('"') {
        // Some servers take a quote behind a backslash for the last one, and some do not.
        Some(quoted) => quoted.split_once('"').filter(|(value, _)| !value.ends_with('\\')).ok_or(UNREADABLE)?,
        None => {
            let (value, rest) = rest.split_at(rest.find(';').unwrap_or(rest.len()));
            (value.trim_end(), rest)
        }
    };
    if value.contains('"') {
        return Err(UNREADABLE);
    }
    let rest = rest.trim_ascii_start();
    match rest.strip_prefix(';') {
        Some(more) => Ok((value, more.trim_ascii_start())),
        None if rest.is_empty() => Ok((value, rest)),
        None => Err(UNREADABLE),
    }
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
    fn a_form_that_servers_read_in_different_ways_is_refused() {
        let whole = form(&[("model", "m"), ("language", "en"), ("file", "abc")]);
        #[track_caller]
        fn check(whole: &str, from: &str, to: &str, good: bool) {
            assert!(whole.contains(from), "{from}");
            let scanned = scan(Service::Transcriptions, &whole.replace(from, to));
            let scanned = scanned.map(|request| request.model).map_err(|bad| bad.code);
            assert_eq!(scanned, if good { Ok("m".to_owned()) } else { Err("invalid_form") }, "{to}");
        }
        let check = |from: &str, to: &str, good| check(&whole, from, to, good);
        let language = "Content-Disposition: form-data; name=\"language\"";
        let with = |more: &str| format!("{language}{more}");
        for more in [
            "; name=\"model\"",
            "; NAME=model",
            "; name*=utf-8''model",
            "; name*0=mo; name*1=del",
            ";\r\n name=model",
            "\r\nContent-Disposition: form-data; name=\"model\"",
            "\r\ncontent-disposition : form-data",
            "\nContent-Disposition: form-data; name=\"model\"",
            "; filename=\"a\\\"; name=\"model\"",
            "; filename=a\"; x=\"",
            "; filename=\"a\" name=model",
            "; filename",
            "; filename=\"a",
            "\r\nContent-Transfer-Encoding: quoted-printable",
        ] {
            check(language, &with(more), false);
        }
        for fine in
            ["; filename=\"; name=model\"", " ; FileName = a", ";", "\r\nContent-Transfer-Encoding: 8BIT", "\r\nx:"]
        {
            check(language, &with(fine), true);
        }
        check(language, "content-disposition:form-data;Name=language", true);
        check(language, "Content-Disposition:name=model", false);
        check(language, "name=:Content-Disposition", false);
        check(language, "Content-Disposition: form-data; name=\"mo\\del\"", false);
        for value in ["en\n--xyz\nContent-Disposition: form-data; name=model\n\nn", "--xyz", "--xyz: a", "\r--xyz"] {
            check("\r\nen\r\n", &format!("\r\n{value}\r\n"), false);
        }
        for line in ["--xyz-\r\nContent", "--xyzz\r\nContent", "--xyz\nContent", "--xyz\r\r\nContent"] {
            check("--xyz\r\nContent", line, false);
        }
        check("--xyz\r\nContent", "--xyz \t\r\nContent", true);
        for end in ["--xyz--x", "--xyz-- \r\n--xyz\r\n", "--xyz--\r\n\n--xyz"] {
            check("--xyz--", end, false);
        }
        check("--xyz--\r\n", "--xyz-- \r\nepilogue", true);
    }

    #[test]
    fn servers_are_told_the_boundary_that_was_read() {
        #[track_caller]
        fn check(content_type: &str, told: &str) {
            assert_eq!(content_type_as_read(content_type), told);
        }
        check("Multipart/Form-Data; charset=x; Boundary=a; boundary=b", "multipart/form-data; boundary=\"a\"");
        check("multipart/form-data; boundary=\"a b\"", "multipart/form-data; boundary=\"a b\"");
        check("multipart/form-data; boundary=\"a;boundary=b\"", "multipart/form-data; boundary=\"a\"");
        check("application/json; charset=utf-8", "application/json; charset=utf-8");
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
        check("multipart/form-data; boundary=\"x\\\"yz\"", &whole, "invalid_form");
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
