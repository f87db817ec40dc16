//! `[models.NAME] refuses`: what a model answers with an error, though its dialect has words for it.

use super::super::reader::Section;

/// What is left out of requests to a model, and told of in the answer's head.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refuses {
    /// `temperature`, `top_p`, `top_k` and what else chooses among likely words.
    pub sampling: bool,
    /// A tool that must be used.
    pub forced_tools: bool,
    /// A system prompt: it is said as the user's.
    pub system: bool,
}

const NAMES: [&str; 3] = ["sampling", "forced_tools", "system"];

impl Refuses {
    pub(in super::super) fn member(&mut self, name: &str) -> Option<&mut bool> {
        match name {
            "sampling" => Some(&mut self.sampling),
            "forced_tools" => Some(&mut self.forced_tools),
            "system" => Some(&mut self.system),
            _ => None,
        }
    }

    /// What was written; `None` where nothing was.
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let written = section.texts("refuses")?;
        let mut refuses = Self::default();
        for name in written {
            match refuses.member(name.value.shown()) {
                Some(refused) => *refused = true,
                None => {
                    let message = format!("`{}` is nothing that a model is known to refuse", name.value.shown());
                    section.reading().complain(
                        &name.place,
                        message,
                        Some(format!("write one of {}", NAMES.join(", "))),
                    );
                }
            }
        }
        Some(refuses)
    }
}
