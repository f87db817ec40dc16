//! What differs between models behind Converse, as data.

/// How a model wants what Converse has no words for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quirks {
    /// A Claude: takes `thinking`, `output_config` and `top_k` among the additional fields.
    pub claude: bool,
    /// `outputConfig.textFormat`.
    pub output_config: bool,
    /// `thinking: {"type": "adaptive"}`; older Claudes know only budgets.
    pub adaptive: bool,
}

impl Quirks {
    /// What is known of a model by its id: `anthropic.claude-…`, `us.anthropic.claude-…`, `amazon.nova-…`.
    pub fn of_model(id: &str) -> Self {
        Self { claude: id.contains("anthropic."), ..Self::default() }
    }
}

impl Default for Quirks {
    fn default() -> Self {
        Self { claude: true, output_config: true, adaptive: true }
    }
}
