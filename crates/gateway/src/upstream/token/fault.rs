//! Why no token was given.

use std::fmt;

use roundelay_protocol::failure::mask;

use crate::config::BaseUrl;

/// Why there is no token. Holds nothing of the credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFault {
    /// Who was asked, and where.
    asked: Option<Box<str>>,
    why: Box<str>,
    /// What was said of it by whoever gives tokens out: for the log alone.
    words: Option<Box<str>>,
}

impl TokenFault {
    pub(super) fn new(why: impl Into<Box<str>>) -> Self {
        Self { asked: None, why: why.into(), words: None }
    }

    /// An answer without a token.
    pub(super) fn said(status: u16, words: Option<String>) -> Self {
        let cleaned = |words: String| mask(&words).chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect();
        Self { words: words.map(cleaned), ..Self::new(format!("the answer has status {status}")) }
    }

    /// The fault of who was asked, where that is not known yet. Of the address no path is told, which may be a secret.
    pub(super) fn of(self, (source, url): (&str, &BaseUrl)) -> Self {
        let scheme = if url.https { "https" } else { "http" };
        let asked = || format!("{source} at {scheme}://{}", url.authority()).into();
        Self { asked: self.asked.or_else(|| Some(asked())), ..self }
    }

    /// Without what others said.
    pub(super) fn in_short(&self) -> String {
        let asked = self.asked.as_deref().map(|asked| format!("{asked}: ")).unwrap_or_default();
        format!("{asked}{}", self.why)
    }
}

impl fmt::Display for TokenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_short())?;
        self.words.as_ref().map_or(Ok(()), |words| write!(f, ": {words}"))
    }
}

/// Letters of a refusal that are kept.
const WORDS_MAX: usize = 300;
