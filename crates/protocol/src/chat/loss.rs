//! What a conversion could not carry.

use std::{borrow::Cow, fmt};

use super::words;

/// One thing that the target does not get as the caller said it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Where it stood: in the common form, as `turns.3.parts.1.detail`, until [`crate::translate::locate`] has put it in
    /// the caller's words.
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

/// One loss, or many that are alike, as they are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// As `messages[3].name`, and of many `messages[].name`.
    pub place: String,
    pub why: Why,
    pub what: Cow<'static, str>,
    pub times: u32,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)?;
        if self.times > 1 { write!(f, " ({})", self.times) } else { Ok(()) }
    }
}

/// So many of a kind are told one by one.
const EACH_MAX: usize = 3;

/// `messages[3].content[1]` as `messages[].content[]`.
fn without_numbers(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut is_inside = false;
    for letter in path.chars() {
        match letter {
            '[' => is_inside = true,
            ']' => is_inside = false,
            _ if is_inside => continue,
            _ => {}
        }
        out.push(letter);
    }
    out
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
        debug_assert!(words::in_chinese(&loss.what).is_some(), "`{}` is not among the words of losses", loss.what);
        if self.kept.contains(&loss) {
            return;
        }
        if self.kept.len() < Self::MAX { self.kept.push(loss) } else { self.more = self.more.saturating_add(1) }
    }

    /// Tells each anew; those that turn out to be none are left out, and those that say the same stay one.
    pub(crate) fn retell(&mut self, mut told: impl FnMut(Loss) -> Option<Loss>) {
        for loss in std::mem::take(&mut self.kept) {
            if let Some(loss) = told(loss).filter(|loss| !self.kept.contains(loss)) {
                self.kept.push(loss);
            }
        }
    }

    /// Leaves out which element of a list of the caller's they stood in, where it is not the list that was written:
    /// `input[7].content[1]` becomes `input[].content[1]`.
    pub fn forget_numbers(&mut self, list: &str) {
        self.retell(|mut loss| {
            let rest = loss.path.strip_prefix(list).and_then(|rest| rest.strip_prefix('['));
            if let Some((_, rest)) = rest.and_then(|rest| rest.split_once(']')) {
                loss.path = format!("{list}[]{rest}");
            }
            Some(loss)
        });
    }

    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Loss> {
        self.kept.iter()
    }

    /// What is told of them: the same in many places is told once, with how often.
    pub fn told(&self) -> Vec<Told> {
        let mut told: Vec<(Told, Vec<&Loss>)> = Vec::new();
        for loss in &self.kept {
            let place = without_numbers(&loss.path);
            let is_alike = |(told, _): &&mut (Told, Vec<&Loss>)| {
                told.place == place && told.why == loss.why && told.what == loss.what
            };
            match told.iter_mut().find(is_alike) {
                Some((told, losses)) => {
                    told.times += 1;
                    losses.push(loss);
                }
                None => {
                    let first = Told { place, why: loss.why, what: loss.what.clone(), times: 1 };
                    told.push((first, vec![loss]));
                }
            }
        }
        let each = told.into_iter().flat_map(|(told, losses)| {
            let is_many = losses.len() > EACH_MAX;
            let each = losses.into_iter().filter(move |_| !is_many);
            let each =
                each.map(|loss| Told { place: loss.path.clone(), why: loss.why, what: loss.what.clone(), times: 1 });
            is_many.then_some(told).into_iter().chain(each).collect::<Vec<_>>()
        });
        each.collect()
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
