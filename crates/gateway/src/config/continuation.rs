//! `continuation`: whether another model carries on an answer that was cut after content was shown.

use super::{reader::Section, roster::Roster};

/// What is done with a stream that breaks off after some of its text was shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Continuation {
    /// It ends with an error.
    #[default]
    Off,
    /// It is carried on by a model that goes on from a text, or that says the same beginning again.
    On,
    /// As [`Self::On`], and a model that cannot go on from a text is asked to in words.
    Prompt,
}

impl Continuation {
    /// Whether it is carried on at all.
    pub fn is_on(self) -> bool {
        self != Self::Off
    }

    /// Reads `false`, `true` or `"prompt"`.
    pub(super) fn read(section: &Section<'_>) -> Self {
        const KEY: &str = "continuation";
        const CHOICES: [(&str, Continuation); 3] =
            [("false", Continuation::Off), ("true", Continuation::On), ("prompt", Continuation::Prompt)];
        if section.is_boolean(KEY) {
            return if section.boolean(KEY).unwrap_or(false) { Self::On } else { Self::Off };
        }
        section.choice(KEY, &CHOICES).unwrap_or_default()
    }

    /// Warns where nobody of a pool goes on from a beginning, so that an answer can be carried on by an equal one alone.
    ///
    /// `everyone` are its models, those of pools in its fallback left out: where there are such, nothing is said.
    pub(super) fn advise(self, section: &Section<'_>, everyone: &[usize], roster: &Roster<'_>) {
        let goes_on = |model: &usize| roster.model(*model).capabilities.prefill;
        if self != Self::On || everyone.is_empty() || everyone.iter().any(goes_on) {
            return;
        }
        let message = "no model of this pool goes on from a beginning: each is asked the same once more, and carries an \
                       answer on only where it says the same again";
        let instead = "write `continuation = \"prompt\"` to have them asked in words, or `capabilities = { prefill = true }` \
                       for a model that goes on from a beginning";
        section.reading().warn(&section.place_of("continuation"), message, Some(instead.to_owned()));
    }
}
