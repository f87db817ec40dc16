//! The models everybody knows, as data built into the binary: `catalogue/models.toml`.

use std::{collections::BTreeMap, sync::LazyLock};

use roundelay_routing::Capabilities;
use serde::Deserialize;

/// What the catalogue knows of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KnownModel {
    /// Its name at each provider that serves it.
    pub(super) at: BTreeMap<String, String>,
    /// Input and output together, in tokens.
    pub(super) context_window: Option<u64>,
    /// The longest output, in tokens.
    pub(super) max_output: Option<u64>,
    pub(super) capabilities: Capabilities,
    /// The date on which its vendor stopped serving it.
    pub(super) retired: Option<String>,
}

/// The model of that name.
pub(super) fn known_model(name: &str) -> Option<&'static KnownModel> {
    CATALOGUE.get(name)
}

/// All models, by name.
pub(super) fn known_models() -> impl Iterator<Item = (&'static str, &'static KnownModel)> {
    CATALOGUE.iter().map(|(name, model)| (name.as_str(), model))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    models: BTreeMap<String, Block>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Block {
    at: BTreeMap<String, String>,
    context_window: Option<u64>,
    max_output: Option<u64>,
    capabilities: Vec<Capability>,
    retired: Option<String>,
    /// Where the facts are from, and of which day: for people who check them.
    #[serde(rename = "source")]
    _source: String,
    #[serde(rename = "date")]
    _date: String,
}

/// What models differ in. What is missing in a block the model cannot do.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Capability {
    Tools,
    ParallelTools,
    Vision,
    Audio,
    Documents,
    JsonSchema,
    Reasoning,
    Prefill,
}

static CATALOGUE: LazyLock<BTreeMap<String, KnownModel>> = LazyLock::new(|| {
    let file: File = toml::from_str(MODELS).expect("a test reads the catalogue");
    file.models.into_iter().map(|(name, block)| (name, KnownModel::from(block))).collect()
});

const MODELS: &str = include_str!("../../../../catalogue/models.toml");

impl From<Block> for KnownModel {
    fn from(block: Block) -> Self {
        // A chat model answers in JSON when told to, and gives log probabilities or says that it does not.
        let mut capabilities = Capabilities { json_object: true, logprobs: true, ..Capabilities::NONE };
        for capability in block.capabilities {
            match capability {
                Capability::Tools => capabilities.tools = true,
                Capability::ParallelTools => capabilities.parallel_tools = true,
                Capability::Vision => capabilities.vision = true,
                Capability::Audio => capabilities.audio = true,
                Capability::Documents => capabilities.documents = true,
                Capability::JsonSchema => capabilities.json_schema = true,
                Capability::Reasoning => capabilities.reasoning = true,
                Capability::Prefill => capabilities.prefill = true,
            }
        }
        Self {
            at: block.at,
            context_window: block.context_window,
            max_output: block.max_output,
            capabilities,
            retired: block.retired,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::known_providers::known_provider, *};

    #[test]
    fn every_model_is_served_by_known_providers_and_has_sane_numbers() {
        assert!(known_models().count() >= 60);
        for (name, model) in known_models() {
            assert!(!model.at.is_empty(), "{name}");
            for provider in model.at.keys() {
                assert!(known_provider(provider).is_some(), "{name}: {provider}");
            }
            let window = model.context_window.expect(name);
            assert!((4_096..=10_000_000).contains(&window), "{name}: {window}");
            assert!(model.max_output.unwrap_or(1) < window, "{name}");
            if let Some(date) = &model.retired {
                assert!(date.parse::<jiff::civil::Date>().is_ok(), "{name}: {date}");
            }
        }
    }

    #[test]
    fn what_vendors_document_is_what_the_catalogue_says() {
        let window = |name| known_model(name).and_then(|model| model.context_window);
        assert_eq!(window("gpt-4o"), Some(128_000));
        assert_eq!(window("gpt-5"), Some(400_000));
        assert_eq!(window("claude-sonnet-4-5"), Some(200_000));
        let gpt_4o = known_model("gpt-4o").expect("gpt-4o").capabilities;
        assert!(gpt_4o.tools && gpt_4o.vision && gpt_4o.json_schema && !gpt_4o.reasoning && !gpt_4o.embeddings);
        let opus = known_model("claude-opus-4-6").expect("claude-opus-4-6").capabilities;
        assert!(!opus.prefill, "Anthropic refuses prefill from Opus 4.6 on");
    }
}
