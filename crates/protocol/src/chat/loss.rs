//! What a conversion could not carry.

use std::{borrow::Cow, fmt};

/// One thing that the target does not get as the caller said it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Where it stood in the caller's own words, as `messages.3.content.0.image_url.detail`.
    pub path: String,
    /// What became of it or what it was, as a lowercase fragment.
    pub what: Cow<'static, str>,
    pub why: Why,
}

/// Why something is not carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// The target's dialect has no words for it.
    NoPeer,
    /// The target's model or server does not take it.
    Unsupported,
    /// It was signed or sealed by another deployment, which alone can read it.
    Issuer,
    /// It is carried, but not exactly.
    Changed,
    /// A name or a hint that no answer depends on.
    Label,
}

impl Why {
    /// The stable label for records and headers.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoPeer => "no_peer",
            Self::Unsupported => "unsupported",
            Self::Issuer => "issuer",
            Self::Changed => "changed",
            Self::Label => "label",
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.what)
    }
}

/// The losses of one conversion: each once, the first [`Losses::MAX`] of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    kept: Vec<Loss>,
    more: u32,
}

impl Losses {
    /// Where an answer's call stood whose arguments are no object, in dialects that have no other words for them.
    pub const BROKEN_ARGUMENTS: &str = "answer.arguments";

    /// Beyond this many they are counted only: a long conversation may repeat one thousands of times.
    pub const MAX: usize = 64;

    pub fn add(&mut self, why: Why, path: impl Into<String>, what: impl Into<Cow<'static, str>>) {
        let loss = Loss { path: path.into(), what: what.into(), why };
        if self.kept.contains(&loss) {
            return;
        }
        if self.kept.len() < Self::MAX { self.kept.push(loss) } else { self.more = self.more.saturating_add(1) }
    }

    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Loss> {
        self.kept.iter()
    }

    /// How many are not listed.
    pub fn unlisted(&self) -> u32 {
        self.more
    }

    /// Whether something that stood at `path` is among them.
    pub fn names(&self, path: &str) -> bool {
        self.kept.iter().any(|loss| loss.path == path)
    }
}
