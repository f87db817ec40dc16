//! Hides what looks like a key, and whose account is used: upstreams repeat ours in their complaints.

use std::borrow::Cow;

/// Beginnings of keys as their issuers write them.
const KEY_PREFIXES: [&str; 18] = [
    "sk-", "sk_", "rk-", "pk-", "aiza", "gsk_", "xai-", "pplx-", "hf_", "akia", "asia", "ghp_", "r8_", "nvapi-", "eyj",
    "ya29.", "rl-", "rladmin-",
];

/// Words after which a secret stands, as in `Bearer …`, `key=…`, `api_key: …`.
const ANNOUNCING: [&str; 9] =
    ["bearer", "basic", "key", "api_key", "api-key", "apikey", "x-api-key", "token", "access_token"];

/// Replaces every word that looks like a key, or stands where one stands, with `***`.
pub fn mask(text: &str) -> String {
    let text = without_accounts(text);
    let mut out = String::with_capacity(text.len());
    let mut announced = Announced::No;
    let mut rest = &*text;
    while !rest.is_empty() {
        let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        let gap_length = after.find(is_word).unwrap_or(after.len());
        let (gap, next) = after.split_at(gap_length);
        out.push_str(if announced.hides(word) || looks_like_key(word) { "***" } else { word });
        out.push_str(gap);
        announced = Announced::by(word, gap);
        rest = next;
    }
    out
}

/// Names at AWS (`arn:aws:iam::123456789012:user/…`) tell the number of the account, and who in it asks.
fn without_accounts(text: &str) -> Cow<'_, str> {
    if !text.contains(ARN) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(ARN) {
        let (before, name) = rest.split_at(at);
        let length = name.find(|c: char| !is_word(c) && !matches!(c, ':' | '@' | '=' | ',')).unwrap_or(name.len());
        let (name, after) = name.split_at(length);
        let has_account = name.split(':').nth(4).is_some_and(|part| part.bytes().any(|byte| byte.is_ascii_digit()));
        out.push_str(before);
        out.push_str(if has_account { "arn:***" } else { name });
        rest = after;
    }
    out.push_str(rest);
    out.into()
}

const ARN: &str = "arn:aws";

/// Whether the word before says that a secret follows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Announced {
    No,
    /// `bearer …` and `key: …` also stand in sentences: only what is long or has a digit is hidden.
    Loosely,
    ByAssignment,
}

impl Announced {
    fn by(word: &str, gap: &str) -> Self {
        let word = word.to_ascii_lowercase();
        if !ANNOUNCING.contains(&word.as_str()) {
            return Self::No;
        }
        let is_scheme = matches!(word.as_str(), "bearer" | "basic");
        match gap.trim_matches(['"', '\'', ' ']).chars().next() {
            Some('=') => Self::ByAssignment,
            Some(':') => Self::Loosely,
            _ if is_scheme => Self::Loosely,
            _ => Self::No,
        }
    }

    fn hides(self, word: &str) -> bool {
        match self {
            Self::No => false,
            Self::Loosely => word.len() >= 16 || word.len() >= 6 && word.bytes().any(|b| b.is_ascii_digit()),
            Self::ByAssignment => word.len() >= 6 && !ANNOUNCING.contains(&word.to_ascii_lowercase().as_str()),
        }
    }
}

/// Letters of keys; the asterisk because some providers mask half a key themselves.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '*' | '+' | '/')
}

fn looks_like_key(word: &str) -> bool {
    let lowercase = word.to_ascii_lowercase();
    if KEY_PREFIXES.iter().any(|prefix| holds_key(&lowercase, prefix)) {
        return true;
    }
    // Keys without a prefix are one long run of letters and digits; names have hyphens or dots.
    let runs = word.split(|c: char| !c.is_ascii_alphanumeric());
    runs.filter(|run| run.len() >= 32)
        .any(|run| run.bytes().any(|b| b.is_ascii_digit()) && run.bytes().any(|b| b.is_ascii_alphabetic()))
}

/// Whether a key with this prefix begins somewhere in the word, as in a path; `task-…` holds no `sk-…`.
fn holds_key(word: &str, prefix: &str) -> bool {
    word.match_indices(prefix).any(|(at, _)| {
        let begins_there = !word[..at].ends_with(|c: char| c.is_ascii_alphabetic());
        begins_there && word.len() - at >= KEY_LENGTH_MIN
    })
}

/// Shorter words that begin like a key are words.
const KEY_LENGTH_MIN: usize = 10;

#[cfg(test)]
mod tests {
    use super::mask;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(mask(text), expected);
    }

    #[test]
    fn keys_are_hidden_and_words_are_not() {
        check("Incorrect API key provided: sk-proj-abc123def456.", "Incorrect API key provided: ***");
        check("Incorrect API key provided: sk-ab***********wxyz. See", "Incorrect API key provided: *** See");
        check("API key AIzaSyD-1234567890abcdefg not valid", "API key *** not valid");
        check("GET /v1?key=abcdef123&alt=sse", "GET /v1?key=***&alt=sse");
        check(r#"{"api_key": "hunter22"}"#, r#"{"api_key": "***"}"#);
        check("Authorization: Bearer abcdefghijklmnopqrst", "Authorization: Bearer ***");
        check("Authorization: Bearer short1", "Authorization: Bearer ***");
        check("key 0123456789abcdef0123456789abcdef is bad", "key *** is bad");
        check("id.0123456789abcdef0123456789abcdef.AbCdEf", "***");
        check(
            "the model `meta-llama-3.1-405b-instruct-turbo-fp8` is busy",
            "the model `meta-llama-3.1-405b-instruct-turbo-fp8` is busy",
        );
        check("missing bearer authentication in header", "missing bearer authentication in header");
        check("密钥 sk-1234567890abcdef 无效", "密钥 *** 无效");
        check("https://api.example.com/v1/sk-1234567890/models", "https:***");
        check("key rl-0a1b2c3d4e5f is bad", "key *** is bad");
        check("key rladmin-0a1b2c3d4e5f is bad", "key *** is bad");
        check("rdl-nobody-writes-this", "rdl-nobody-writes-this");
        check("a curl-based-client", "a curl-based-client");
        check("a long task-management-model", "a long task-management-model");
        check("unknown key: temperature", "unknown key: temperature");
        check(
            "User: arn:aws:iam::123456789012:user/bob is not authorized to perform: bedrock:InvokeModel on resource: \
             arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-v2:1 because",
            "User: arn:*** is not authorized to perform: bedrock:InvokeModel on resource: \
             arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-v2:1 because",
        );
        check("", "");
    }
}
