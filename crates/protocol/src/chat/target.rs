//! What an encoder must know of the model it writes for.

use super::Issuer;

/// The deployment a request is written for.
#[derive(Clone, Copy, Debug)]
pub struct Target<'t> {
    /// The name sent on; empty keeps the caller's.
    pub model: &'t str,
    pub capabilities: Capabilities,
    /// Whose signatures it can read.
    pub issuer: Option<Issuer>,
    /// Tokens of output, where the dialect demands a limit and the caller gave none.
    pub output_max: u64,
}

impl Default for Target<'_> {
    fn default() -> Self {
        Self { model: "", capabilities: Capabilities::default(), issuer: None, output_max: 4096 }
    }
}

/// What a model takes. The default is a current model of a large vendor.
#[expect(clippy::struct_excessive_bools, reason = "each is one fact of the catalogue, and any mix is valid")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    pub tools: bool,
    pub parallel_tools: bool,
    /// A tool may be forced by name, or any one required.
    pub forced_tools: bool,
    /// An answer by a JSON schema.
    pub json_schema: bool,
    pub vision: bool,
    pub audio: bool,
    /// PDFs and other documents.
    pub files: bool,
    pub thinking: bool,
    /// A system prompt.
    pub system: bool,
    /// System turns between the others.
    pub system_between: bool,
    /// `temperature`, `top_p`, `top_k`.
    pub sampling: bool,
    /// A last assistant turn that the model continues.
    pub prefill: bool,
    /// Explicit marks of what the prompt cache keeps.
    pub cache_marks: bool,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            tools: true,
            parallel_tools: true,
            forced_tools: true,
            json_schema: true,
            vision: true,
            audio: true,
            files: true,
            thinking: true,
            system: true,
            system_between: true,
            sampling: true,
            prefill: false,
            cache_marks: true,
        }
    }
}
