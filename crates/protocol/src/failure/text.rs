//! Patterns in error texts, and texts made fit for a caller.

use super::mask;

/// Ways to say that the prompt does not fit, where no code says it. All lowercase.
///
/// Collected from the providers' own messages; the tests hold one of each in full.
const TOO_LONG: [&str; 17] = [
    "exceed context limit",
    "maximum context length",
    "requested token count exceeds the model's maximum",
    "model's maximum context limit",
    "is longer than the model's context length",
    "input tokens exceed the configured limit",
    "`inputs` tokens + `max_new_tokens` must be",
    "exceeds the available context size",
    "exceeds the maximum number of tokens allowed",
    "prompt is too long",
    "input is too long",
    "input context is too long",
    "exceed model maximum",
    "exceeded model token limit",
    "range of input length should be",
    "input too long",
    "exceeds the context window",
];

/// Whether a message says that the prompt does not fit. A single long string is another fault.
pub(super) fn says_too_long(lowercase: &str) -> bool {
    if lowercase.contains("string too long") || lowercase.contains("string_above_max_length") {
        return false;
    }
    let is_length_and_limit = lowercase.contains("current length is") && lowercase.contains("while limit is");
    is_length_and_limit || TOO_LONG.iter().any(|pattern| lowercase.contains(pattern))
}

/// What is worth keeping of an edge's error page: its title and Cloudflare's Ray id.
pub(super) fn html_summary(page: &str) -> String {
    let lowercase = page.to_ascii_lowercase();
    let title = between(page, &lowercase, "<title", "</title>")
        .and_then(|inner| inner.split_once('>'))
        .map_or("an HTML page instead of an answer", |(_, title)| title.trim());
    let ray = ["cloudflare ray id:", "ray id:"].into_iter().find_map(|mark| {
        let start = lowercase.find(mark)? + mark.len();
        page[start..].split(|c: char| !c.is_ascii_alphanumeric()).find(|word| is_ray(word))
    });
    match ray {
        Some(ray) => format!("{title} (ray id {ray})"),
        None => title.to_owned(),
    }
}

/// Sixteen hex digits; tags such as `strong` may stand between the words and the id.
fn is_ray(word: &str) -> bool {
    word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn between<'a>(page: &'a str, lowercase: &str, from: &str, to: &str) -> Option<&'a str> {
    let start = lowercase.find(from)? + from.len();
    let length = lowercase[start..].find(to)?;
    Some(&page[start..start + length])
}

const MESSAGE_MAX: usize = 2048;

/// One line without control characters or secrets, at most 2 KiB.
pub(super) fn clean(message: &str) -> String {
    clean_to(message, MESSAGE_MAX)
}

pub(super) fn clean_to(message: &str, bytes_max: usize) -> String {
    // A secret cut in half would no longer look like one: mask before the last cut, after a generous first.
    let message = &message[..message.floor_char_boundary(bytes_max * 4)];
    let line: String = message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut clean = mask(&words.join(" "));
    clean.truncate(clean.floor_char_boundary(bytes_max));
    clean
}
