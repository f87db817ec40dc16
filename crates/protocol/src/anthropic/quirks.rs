//! What differs between versions and models, as data.

/// The `anthropic-version` header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Version {
    #[default]
    V2023_06_01,
    /// Knows no `temperature`, `top_p` and `top_k`, not even with their defaults.
    V2026_10_21,
}

impl Version {
    /// The value of the header.
    pub fn name(self) -> &'static str {
        match self {
            Self::V2023_06_01 => "2023-06-01",
            Self::V2026_10_21 => "2026-10-21",
        }
    }
}

/// How a server wants what the dialect says in more than one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quirks {
    pub version: Version,
    /// `thinking: {"type": "adaptive"}` and `output_config.effort`; older models know only budgets.
    pub adaptive: bool,
    /// `output_config.format`; where it is absent a schema cannot be asked for.
    pub output_format: bool,
}

impl Default for Quirks {
    fn default() -> Self {
        Self { version: Version::default(), adaptive: true, output_format: true }
    }
}
