//! The second line of defence: no line leaves with a known secret, with what looks like one, or with a control character.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use crate::{
    common::secret::{OUR_PREFIXES, Secret},
    telemetry::text::plain,
};

/// What a secret becomes.
const MASK: &str = "***";

/// Longest line, in bytes; what is beyond is cut off.
const LINE_BYTES_MAX: usize = 16 << 10;

/// Shorter secrets are not masked: they would be found inside ordinary words.
const SECRET_BYTES_MIN: usize = 6;

/// Most secrets that are known at a time.
const SECRETS_MAX: usize = 10_000;

/// Bytes of a secret by which it is looked up.
const HEAD_BYTES: usize = 4;

/// How issuers begin their keys, besides our own. `eyJ` begins a JSON Web Token.
const KEY_PREFIXES: [&str; 11] =
    ["sk-", "sk_", "AIza", "gsk_", "xai-", "hf_", "pplx-", "nvapi-", "AKIA", "ya29.", "eyJ"];

/// Shortest rest of a key after its prefix, in bytes, if there is a digit in it …
const KEY_REST_MIN: usize = 8;

/// … and if there is none, where it may be words: `sk-` also begins names.
const KEY_REST_WITHOUT_DIGIT_MIN: usize = 24;

/// Masks secrets in log lines. Clones share what they know.
#[derive(Debug, Clone, Default)]
pub struct Redactor(Arc<RwLock<Known>>);

/// Secrets by their first bytes, so that a line costs the same however many there are.
#[derive(Default)]
struct Known {
    by_head: HashMap<[u8; HEAD_BYTES], Vec<Box<str>>>,
    count: usize,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Known").field("count", &self.count).finish_non_exhaustive()
    }
}

impl Redactor {
    /// Knows nothing yet but how keys usually look.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on these are masked too; those known before stay so, because a running exchange may still use them.
    ///
    /// Secrets of less than 6 bytes are left out, and all after the 10,000th.
    pub fn learn<'a>(&self, secrets: impl IntoIterator<Item = &'a Secret>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for secret in secrets {
            known.learn(secret.expose());
        }
    }

    /// One line as it may be written: secrets masked, control characters gone except a last line feed, not too long.
    pub(super) fn clean(&self, line: &[u8]) -> String {
        let text = String::from_utf8_lossy(line);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut clean = known.mask(&plain(text));
        drop(known);
        if clean.len() > LINE_BYTES_MAX {
            clean.truncate(clean.floor_char_boundary(LINE_BYTES_MAX));
            clean.push('…');
        }
        clean.push('\n');
        clean
    }
}

impl Known {
    fn learn(&mut self, secret: &str) {
        self.learn_form(secret);
        // As both forms of the log write a string with quotes or backslashes in it.
        let escaped = secret.replace('\\', r"\\").replace('"', "\\\"");
        if escaped != secret {
            self.learn_form(&escaped);
        }
    }

    fn learn_form(&mut self, secret: &str) {
        let Some(&head) = secret.as_bytes().first_chunk() else { return };
        if secret.len() < SECRET_BYTES_MIN || self.count >= SECRETS_MAX {
            return;
        }
        let same_head = self.by_head.entry(head).or_default();
        if same_head.iter().any(|known| **known == *secret) {
            return;
        }
        same_head.push(secret.into());
        // A secret that begins another must not hide half of it and leave the rest.
        same_head.sort_by_key(|known| std::cmp::Reverse(known.len()));
        self.count += 1;
    }

    fn mask(&self, line: &str) -> String {
        let mut masked = String::with_capacity(line.len() + 1);
        let mut rest = line;
        let mut before = ' ';
        while let Some(next) = rest.chars().next() {
            let secret = self.known_len(rest).or_else(|| if is_key(before) { None } else { key_len(rest) });
            if let Some(length) = secret {
                masked.push_str(MASK);
                rest = &rest[length..];
                before = '*';
            } else {
                masked.push(next);
                rest = &rest[next.len_utf8()..];
                before = next;
            }
        }
        masked
    }

    /// The length of the known secret that `text` begins with.
    fn known_len(&self, text: &str) -> Option<usize> {
        let same_head = self.by_head.get(text.as_bytes().first_chunk()?)?;
        same_head.iter().find(|known| text.starts_with(&***known)).map(|known| known.len())
    }
}

/// The length of what looks like a key at the beginning of `text`.
fn key_len(text: &str) -> Option<usize> {
    // People type codes in capitals.
    let is_ours = |prefix: &str| text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
    let ours = OUR_PREFIXES.iter().find(|prefix| is_ours(prefix));
    let prefix = ours.or_else(|| KEY_PREFIXES.iter().find(|prefix| text.starts_with(**prefix)))?.len();
    let rest = &text[prefix..];
    let rest = &rest[..rest.find(|c| !is_key(c)).unwrap_or(rest.len())];
    let shortest =
        if rest.bytes().any(|byte| byte.is_ascii_digit()) { KEY_REST_MIN } else { KEY_REST_WITHOUT_DIGIT_MIN };
    (rest.len() >= shortest).then_some(prefix + rest.len())
}

/// Letters of keys.
fn is_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}
