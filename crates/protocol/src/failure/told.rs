//! What an upstream's error says, whatever shape it has.

use std::time::Duration;

use serde_json::Value;

use super::{Class, Failure, Headers, text, wait};

/// The words of an error answer or event.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) message: String,
    pub(super) code: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) param: Option<String>,
    /// Every code, type, status and reason, lowercase and without a trailing `exception`.
    pub(super) words: Vec<String>,
    /// Message and nested messages, lowercase, for patterns.
    pub(super) text: String,
    /// The HTTP status an error inside a 200 names.
    pub(super) status: Option<u16>,
    /// Google's `retryDelay`.
    pub(super) retry_delay: Option<Duration>,
    /// A stated reset, as written: RFC 3339 or Unix time in seconds or milliseconds.
    pub(super) resets_at: Option<String>,
    pub(super) is_html: bool,
    pub(super) is_json: bool,
    pub(super) is_blank: bool,
    pub(super) is_error: bool,
}

/// More of a body is not read: errors are short, and pages that are not have their title in front.
const BODY_MAX: usize = 64 * 1024;
const FIELD_MAX: usize = 256;

impl Told {
    pub(super) fn read(body: &[u8], headers: &dyn Headers) -> Self {
        let mut told = Self::default();
        if let Some(kind) = headers.header("x-amzn-errortype") {
            told.word(kind.split(':').next().unwrap_or(kind));
        }
        let body = &body[..body.len().min(BODY_MAX)];
        let trimmed = body.trim_ascii();
        told.is_blank = trimmed.is_empty();
        let is_html_type = headers.header("content-type").is_some_and(|kind| kind.contains("text/html"));
        match serde_json::from_slice::<Value>(trimmed) {
            Ok(value) => told.read_json(&value),
            Err(_) if trimmed.starts_with(b"<") || is_html_type && !told.is_blank => {
                told.is_html = true;
                told.message = text::html_summary(&String::from_utf8_lossy(trimmed));
            }
            Err(_) => told.message = String::from_utf8_lossy(trimmed).into_owned(),
        }
        told.text.push_str(&told.message.to_lowercase());
        told
    }

    pub(super) fn into_failure(self, class: Class, otherwise: &str) -> Failure {
        let message = text::clean(&self.message);
        let mut failure = Failure::new(class, if message.is_empty() { otherwise } else { &message });
        let field = |value: Option<String>| value.map(|v| text::clean_to(&v, FIELD_MAX)).filter(|v| !v.is_empty());
        (failure.code, failure.kind, failure.param) = (field(self.code), field(self.kind), field(self.param));
        failure
    }

    /// Finds the object that holds the error; see the shapes in the tests.
    fn read_json(&mut self, value: &Value) {
        self.is_json = true;
        // Gemini's streams without SSE are arrays.
        let value = value.get(0).unwrap_or(value);
        self.read_choice(&value["choices"][0]);
        self.read_gemini(value);
        let places = [&value["error"], &value["choices"][0]["error"], &value["response"]["error"]];
        for place in places {
            match place {
                Value::String(message) if !message.is_empty() => {
                    self.is_error = true;
                    self.message.clone_from(message);
                    self.read_error(value);
                    return;
                }
                Value::Object(fields) if !fields.is_empty() => return self.read_error(place),
                _ => {}
            }
        }
        match &value["detail"] {
            Value::Null => {}
            detail => {
                self.is_error = true;
                self.message = validation_message(detail);
                return;
            }
        }
        let is_bare = value["object"] == "error" || value["type"] == "error";
        let has_message = value["message"].is_string() || value["Message"].is_string();
        if is_bare || has_message && value["choices"].is_null() {
            self.read_error(value);
        }
    }

    fn read_error(&mut self, error: &Value) {
        self.is_error = true;
        match [&error["message"], &error["Message"]].into_iter().find(|m| !m.is_null()) {
            Some(Value::String(message)) => self.message.clone_from(message),
            Some(other) => self.message = validation_message(&other["detail"]),
            None => {}
        }
        self.code = scalar(&error["code"]);
        self.kind = scalar(&error["type"]);
        self.param = scalar(&error["param"]);
        let status = [&error["code"], &error["status"], &error["originalStatusCode"], &error["raw_status_code"]];
        self.status = status.into_iter().find_map(http_status);
        for word in [&error["code"], &error["type"], &error["status"], &error["innererror"]["code"]] {
            self.value_word(word);
        }
        // AWS's exceptions, whose name may come with that of its list: `com.amazon.coral#ThrottlingException`.
        if let Some(kind) = error["__type"].as_str() {
            self.word(kind.rsplit('#').next().unwrap_or(kind));
        }
        self.read_details(&error["details"]);
        self.read_metadata(&error["metadata"]);
        self.resets_at = self.resets_at.take().or_else(|| scalar(&error["resets_at"]));
    }

    /// Anthropic's details are an object, Google's a list.
    fn read_details(&mut self, details: &Value) {
        self.value_word(&details["error_code"]);
        for detail in details.as_array().into_iter().flatten() {
            self.value_word(&detail["reason"]);
            if let Some(delay) = detail["retryDelay"].as_str() {
                self.retry_delay = wait::go_duration(delay);
            }
            for violation in detail["violations"].as_array().into_iter().flatten() {
                self.value_word(&violation["quotaId"]);
            }
        }
    }

    /// OpenRouter's account of whose error it was.
    fn read_metadata(&mut self, metadata: &Value) {
        for word in ["error_type", "provider_code", "limit_source"] {
            self.value_word(&metadata[word]);
        }
        if let Some(raw) = metadata["raw"].as_str() {
            self.text.push_str(&raw.to_lowercase());
            self.text.push(' ');
        }
        self.resets_at = scalar(&metadata["resets_at"]);
    }

    fn read_choice(&mut self, choice: &Value) {
        if let Some(reason) = choice["finish_reason"].as_str() {
            self.word(reason);
            self.is_error |= matches!(reason, "error" | "network_error" | "insufficient_system_resource");
        }
    }

    fn read_gemini(&mut self, value: &Value) {
        self.value_word(&value["candidates"][0]["finishReason"]);
        if let Some(reason) = value["promptFeedback"]["blockReason"].as_str() {
            self.word("prompt_blocked");
            self.message = format!("the prompt was blocked: {reason}");
        }
    }

    fn value_word(&mut self, value: &Value) {
        if let Some(word) = scalar(value) {
            self.word(&word);
        }
    }

    fn word(&mut self, word: &str) {
        let word = word.trim().to_lowercase();
        let word = word.strip_suffix("exception").unwrap_or(&word);
        if !word.is_empty() {
            self.words.push(word.to_owned());
        }
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn http_status(value: &Value) -> Option<u16> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    u16::try_from(number).ok().filter(|status| (400..600).contains(status))
}

/// The `detail` of `FastAPI` servers: a sentence, or a list of objects with `msg` and `loc`.
fn validation_message(detail: &Value) -> String {
    match detail {
        Value::String(message) => message.clone(),
        Value::Array(faults) => {
            let messages: Vec<_> = faults.iter().filter_map(|fault| fault["msg"].as_str()).collect();
            messages.join("; ")
        }
        other => other["message"].as_str().unwrap_or_default().to_owned(),
    }
}
