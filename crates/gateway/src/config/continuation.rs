//! `continuation`: whether another model carries on an answer that was cut after content was shown.

use super::reader::{At, Section};

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
        if section.is_text(KEY) {
            let Some(At { value, place }) = section.text(KEY) else { return Self::Off };
            return match value.text.as_str() {
                "prompt" => Self::Prompt,
                "true" => Self::On,
                "false" => Self::Off,
                _ => {
                    let message = format!("`{}` is not one of the choices", value.shown());
                    let instead = "write `false`, `true` or `\"prompt\"`".to_owned();
                    section.reading().complain(&place, message, Some(instead));
                    Self::Off
                }
            };
        }
        if section.boolean(KEY).unwrap_or(false) { Self::On } else { Self::Off }
    }
}
