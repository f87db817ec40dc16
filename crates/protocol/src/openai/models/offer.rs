//! What a model can do and costs, in the members that OpenRouter's clients read.
//!
//! Source: OpenRouter API reference, "list all models and their properties". Prices are decimal texts in USD a token.
//! `pricing_min`, `pricing_until` and `unpriced_deployments` are this gateway's own.

use serde::{Serialize, Serializer};

/// What whoever asks may expect of a model, wherever it is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// The most that is asked for a token of each class now; `None` where no price is known.
    pub pricing: Option<Pricing>,
    /// The least, where it is another.
    pub pricing_min: Option<Pricing>,
    /// When other prices may hold, in Unix seconds; `None` where that never comes.
    pub pricing_until: Option<i64>,
    /// How many deployments have no known price.
    pub unpriced: usize,
    /// Input and output together, in tokens, where known.
    pub context_length: Option<u64>,
    /// The largest answer in tokens, where known.
    pub max_completion_tokens: Option<u64>,
    pub input_modalities: Vec<&'static str>,
    pub supported_parameters: Vec<&'static str>,
}

/// Prices in 10⁻¹⁵ USD a token, which is nano-USD for a million; and of what is no token, where that has a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Pricing {
    #[serde(serialize_with = "usd")]
    pub prompt: u64,
    #[serde(serialize_with = "usd")]
    pub completion: u64,
    #[serde(serialize_with = "usd")]
    pub input_cache_read: u64,
    #[serde(serialize_with = "usd")]
    pub input_cache_write: u64,
    /// An image that is made.
    #[serde(serialize_with = "usd", skip_serializing_if = "is_free")]
    pub image_output: u64,
    /// A second of audio that is heard.
    #[serde(serialize_with = "usd", skip_serializing_if = "is_free")]
    pub audio_second: u64,
    /// A character that is spoken.
    #[serde(serialize_with = "usd", skip_serializing_if = "is_free")]
    pub character: u64,
    /// A search of a reranker.
    #[serde(serialize_with = "usd", skip_serializing_if = "is_free")]
    pub search: u64,
}

impl Pricing {
    /// Class by class, what `choose` makes of both.
    pub fn zip(self, other: Self, choose: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            prompt: choose(self.prompt, other.prompt),
            completion: choose(self.completion, other.completion),
            input_cache_read: choose(self.input_cache_read, other.input_cache_read),
            input_cache_write: choose(self.input_cache_write, other.input_cache_write),
            image_output: choose(self.image_output, other.image_output),
            audio_second: choose(self.audio_second, other.audio_second),
            character: choose(self.character, other.character),
            search: choose(self.search, other.search),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn usd<S: Serializer>(femto: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&usd_text(*femto))
}

/// Exact, without zeros at the end.
fn usd_text(femto: u64) -> String {
    const USD: u64 = 1_000_000_000_000_000;
    let text = format!("{}.{:015}", femto / USD, femto % USD);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[derive(Serialize)]
pub(super) struct Shown<'a> {
    name: &'a str,
    canonical_slug: &'a str,
    pricing: Option<Pricing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pricing_min: Option<Pricing>,
    pricing_until: Option<i64>,
    #[serde(skip_serializing_if = "is_zero")]
    unpriced_deployments: usize,
    context_length: Option<u64>,
    architecture: Architecture<'a>,
    top_provider: TopProvider,
    supported_parameters: &'a [&'static str],
}

#[derive(Serialize)]
struct Architecture<'a> {
    input_modalities: &'a [&'static str],
    output_modalities: [&'static str; 1],
    modality: String,
}

#[derive(Serialize)]
struct TopProvider {
    context_length: Option<u64>,
    max_completion_tokens: Option<u64>,
    is_moderated: bool,
}

impl<'a> Shown<'a> {
    pub(super) fn of(id: &'a str, name: &'a str, offer: &'a Offer) -> Self {
        let &Offer { context_length, max_completion_tokens, .. } = offer;
        Self {
            name,
            canonical_slug: id,
            pricing: offer.pricing,
            pricing_min: offer.pricing_min,
            pricing_until: offer.pricing_until,
            unpriced_deployments: offer.unpriced,
            context_length,
            architecture: Architecture {
                input_modalities: &offer.input_modalities,
                output_modalities: ["text"],
                modality: format!("{}->text", offer.input_modalities.join("+")),
            },
            top_provider: TopProvider { context_length, max_completion_tokens, is_moderated: false },
            supported_parameters: &offer.supported_parameters,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_free(femto: &u64) -> bool {
    *femto == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_exact_decimals() {
        for (femto, text) in [
            (0, "0"),
            (1, "0.000000000000001"),
            // 2.50 USD for a million tokens.
            (2_500_000_000, "0.0000025"),
            (1_000_000_000_000_000, "1"),
            (u64::MAX, "18446.744073709551615"),
        ] {
            assert_eq!(usd_text(femto), text);
        }
    }
}
