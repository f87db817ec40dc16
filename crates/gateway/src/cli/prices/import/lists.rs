//! What three collections of prices say, in one form. Numbers stay the digits they were written with.

use std::collections::BTreeMap;

use roundelay_ledger::{Price, TokenPrices, UnitPrices};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::decimal::{BadPrice, Unit, nano_usd};

/// What a provider asks for a model, by the names of this gateway's known providers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) provider: &'static str,
    pub(super) upstream_model: String,
    pub(super) price: Price,
}

/// An entry that was left out, because one of its numbers is no price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    /// Counted from 1.
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) why: BadPrice,
}

/// A whole list.
#[derive(Debug, Default)]
pub(super) struct Offers {
    pub(super) offers: Vec<Offer>,
    pub(super) refused: Vec<Refused>,
}

/// An object of JSON, its values as they were written.
type Object<'a> = BTreeMap<String, &'a RawValue>;

/// The keys of the classes in a list: input, output, cache read, cache write, audio input, audio output.
type Keys<'k> = [&'k str; 6];

/// LiteLLM's price map: entries by name, USD for a token, tiers in keys that end in `_above_200k_tokens`.
pub(super) fn litellm(text: &str) -> Result<Offers, serde_json::Error> {
    let mut list = List::new(text);
    for (name, entry) in serde_json::from_str::<Object<'_>>(text)? {
        let Ok(entry) = serde_json::from_str::<Object<'_>>(entry.get()) else { continue };
        let word = |key: &str| entry.get(key).and_then(|value| serde_json::from_str::<String>(value.get()).ok());
        let (Some(theirs), Some(mode)) = (word("litellm_provider"), word("mode")) else { continue };
        let Some(provider) = known(LITELLM, &theirs) else { continue };
        let is_chat = ["chat", "responses", "completion"].contains(&mode.as_str());
        if !is_chat && !LITELLM_SERVICES.contains(&mode.as_str()) {
            continue;
        }
        let upstream_model =
            name.split_once('/').filter(|(prefix, _)| *prefix == theirs).map_or(&*name, |(_, rest)| rest);
        let tiers = litellm_tiers(&entry);
        let keys = |suffix: &str| LITELLM_KEYS.map(|key| format!("{key}{suffix}"));
        list.add(provider, upstream_model, &name, |list| {
            let base = if is_chat {
                list.classes(&entry, keys("").each_ref().map(String::as_str), Unit::Token)?
            } else {
                list.of_service(&entry, &mode)?
            };
            let Some(base) = base else { return Ok(None) };
            let mut above = Vec::new();
            for thousands in tiers {
                let keys = keys(&format!("_above_{thousands}k_tokens"));
                if let Some(tier) = list.classes(&entry, keys.each_ref().map(String::as_str), Unit::Token)? {
                    above.push((thousands * 1000, tier));
                }
            }
            Ok(Some((base, above)))
        });
    }
    Ok(list.offers)
}

fn litellm_tiers(entry: &Object<'_>) -> Vec<u64> {
    let size = |key: &String| key.strip_prefix("input_cost_per_token_above_")?.strip_suffix("k_tokens")?.parse().ok();
    let mut sizes: Vec<u64> = entry.keys().filter_map(size).filter(|size| *size < 1_000_000).collect();
    sizes.sort_unstable();
    sizes
}

/// models.dev: providers with models with a `cost` in USD for a million tokens.
pub(super) fn models_dev(text: &str) -> Result<Offers, serde_json::Error> {
    #[derive(Deserialize)]
    struct Provider<'a> {
        #[serde(borrow, default)]
        models: BTreeMap<String, Model<'a>>,
    }
    #[derive(Deserialize)]
    struct Model<'a> {
        #[serde(borrow)]
        cost: Option<Object<'a>>,
    }
    let mut list = List::new(text);
    for (theirs, entry) in serde_json::from_str::<Object<'_>>(text)? {
        let Some(provider) = known(MODELS_DEV, &theirs) else { continue };
        let entry: Provider<'_> = serde_json::from_str(entry.get())?;
        for (name, model) in entry.models {
            let Some(cost) = model.cost else { continue };
            list.add(provider, &name, &format!("{theirs}/{name}"), |list| {
                let Some(base) = list.classes(&cost, MODELS_DEV_KEYS, Unit::Million)? else { return Ok(None) };
                Ok(Some((base, list.models_dev_tiers(&cost)?)))
            });
        }
    }
    Ok(list.offers)
}

/// OpenRouter: models with `pricing` in USD for a token, written as texts.
pub(super) fn openrouter(text: &str) -> Result<Offers, serde_json::Error> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        data: Vec<Model<'a>>,
    }
    #[derive(Deserialize)]
    struct Model<'a> {
        id: String,
        #[serde(borrow)]
        pricing: Object<'a>,
    }
    let mut list = List::new(text);
    for Model { id, pricing } in serde_json::from_str::<Answer<'_>>(text)?.data {
        list.add("openrouter", &id, &id, |list| {
            Ok(list.classes(&pricing, OPENROUTER_KEYS, Unit::Token)?.map(|base| (base, Vec::new())))
        });
    }
    Ok(list.offers)
}

/// The list while it is read.
struct List<'t> {
    text: &'t str,
    offers: Offers,
}

/// A number that is no price, and where its digits begin.
type Bad = (usize, BadPrice);

type Tiers = Vec<(u64, TokenPrices)>;

impl<'t> List<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, offers: Offers::default() }
    }

    /// Adds what `read` finds: a base with tiers; nothing when the entry has no price a token.
    fn add(
        &mut self,
        provider: &'static str,
        upstream_model: &str,
        name: &str,
        read: impl FnOnce(&Self) -> Result<Option<(TokenPrices, Tiers)>, Bad>,
    ) {
        match read(self) {
            Ok(None) => {}
            Ok(Some((base, tiers))) => {
                let tiers = tiers.into_iter().map(|(above, tier)| (above, completed(tier, &base))).collect();
                // Sizes that come twice or out of order are nobody's price.
                if let Ok(price) = Price::tiered(base, tiers) {
                    let upstream_model = upstream_model.to_owned();
                    self.offers.offers.push(Offer { provider, upstream_model, price });
                }
            }
            Err((line, why)) => self.offers.refused.push(Refused { line, name: name.to_owned(), why }),
        }
    }

    fn classes(&self, entry: &Object<'_>, keys: Keys<'_>, unit: Unit) -> Result<Option<TokenPrices>, Bad> {
        let class = |key: &str| entry.get(key).map_or(Ok(None), |value| self.number(value, unit));
        let [input, output, cache_read, cache_write, audio_input, audio_output] = keys;
        let (Some(input), Some(output)) = (class(input)?, class(output)?) else { return Ok(None) };
        let cache_write = class(cache_write)?;
        Ok(Some(TokenPrices {
            input,
            output,
            cache_read: class(cache_read)?,
            // Lists say 0 where writing a cache is not charged for on its own: such writes are not reported either.
            cache_write: cache_write.filter(|price| *price > 0 || input == 0),
            audio_input: class(audio_input)?,
            audio_output: class(audio_output)?,
            ..TokenPrices::default()
        }))
    }

    /// What is asked for a service: by tokens where the entry has any price of them, else by its unit.
    fn of_service(&self, entry: &Object<'_>, mode: &str) -> Result<Option<TokenPrices>, Bad> {
        let class = |key: &str, unit: Unit| entry.get(key).map_or(Ok(None), |value| self.number(value, unit));
        let token = |key: &str| class(key, Unit::Token);
        // Images that come out are output, whose text costs another price that is never asked for.
        let image = token("output_cost_per_image_token")?;
        let output = if mode.starts_with("image") {
            image.or(token("output_cost_per_token")?)
        } else {
            token("output_cost_per_token")?
        };
        let input = token("input_cost_per_token")?;
        if input.is_some_and(|input| input > 0) || output.is_some_and(|output| output > 0) {
            return Ok(Some(TokenPrices {
                input: input.unwrap_or(0),
                output: output.unwrap_or(0),
                cache_read: token("cache_read_input_token_cost")?,
                audio_input: token("input_cost_per_audio_token")?,
                audio_output: token("output_cost_per_audio_token")?,
                image_input: token("input_cost_per_image_token")?,
                ..TokenPrices::default()
            }));
        }
        let is_free = input == Some(0) && matches!(mode, "moderation" | "embedding");
        let of = |key: &str, unit: Unit| class(key, unit).map(|price| price.unwrap_or(0));
        let units = match mode {
            "image_generation" | "image_edit" => UnitPrices {
                image: of("output_cost_per_image", Unit::Million)?.max(of("input_cost_per_image", Unit::Million)?),
                ..UnitPrices::default()
            },
            "audio_transcription" => {
                UnitPrices { second: of("input_cost_per_second", Unit::Million)?, ..UnitPrices::default() }
            }
            "audio_speech" => {
                UnitPrices { characters: of("input_cost_per_character", Unit::Token)?, ..UnitPrices::default() }
            }
            "rerank" => UnitPrices { search: of("input_cost_per_query", Unit::Million)?, ..UnitPrices::default() },
            _ => UnitPrices::default(),
        };
        let is_priced = is_free || units != UnitPrices::default();
        Ok(is_priced.then(|| TokenPrices { units, ..TokenPrices::default() }))
    }

    fn number(&self, value: &RawValue, unit: Unit) -> Result<Option<u64>, Bad> {
        let digits = value.get().trim_matches('"');
        if digits == "null" {
            return Ok(None);
        }
        nano_usd(digits, unit).map(Some).map_err(|why| (self.line_of(value), why))
    }

    /// The line of a value, which is a part of the text.
    fn line_of(&self, value: &RawValue) -> usize {
        let offset = (value.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize).min(self.text.len());
        self.text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// `tiers` with a size each, or the older `context_over_200k`.
    fn models_dev_tiers(&self, cost: &Object<'_>) -> Result<Tiers, Bad> {
        #[derive(Deserialize)]
        struct Size {
            size: u64,
        }
        let mut tiers = Vec::new();
        let listed = cost.get("tiers").and_then(|tiers| serde_json::from_str::<Vec<Object<'_>>>(tiers.get()).ok());
        for tier in listed.unwrap_or_default() {
            let size = tier.get("tier").and_then(|size| serde_json::from_str::<Size>(size.get()).ok());
            if let (Some(Size { size }), Some(classes)) = (size, self.classes(&tier, MODELS_DEV_KEYS, Unit::Million)?) {
                tiers.push((size, classes));
            }
        }
        let over = cost.get("context_over_200k").and_then(|tier| serde_json::from_str::<Object<'_>>(tier.get()).ok());
        if let (true, Some(over)) = (tiers.is_empty(), over) {
            tiers.extend(self.classes(&over, MODELS_DEV_KEYS, Unit::Million)?.map(|classes| (200_000, classes)));
        }
        Ok(tiers)
    }
}

/// A tier names every class that the base names: one the list leaves out is no cheaper than below the tier.
fn completed(tier: TokenPrices, base: &TokenPrices) -> TokenPrices {
    let class = |own: Option<u64>, base: Option<u64>, like: u64| own.or_else(|| base.map(|base| base.max(like)));
    TokenPrices {
        cache_read: class(tier.cache_read, base.cache_read, tier.input),
        cache_write: class(tier.cache_write, base.cache_write, tier.input),
        audio_input: class(tier.audio_input, base.audio_input, tier.input),
        audio_output: class(tier.audio_output, base.audio_output, tier.output),
        ..tier
    }
}

fn known(names: &[(&str, &'static str)], theirs: &str) -> Option<&'static str> {
    names.iter().find(|(name, _)| *name == theirs).map(|(_, ours)| *ours)
}

/// What LiteLLM calls what is no conversation.
const LITELLM_SERVICES: [&str; 7] =
    ["embedding", "rerank", "moderation", "image_generation", "image_edit", "audio_speech", "audio_transcription"];

const LITELLM_KEYS: Keys<'static> = [
    "input_cost_per_token",
    "output_cost_per_token",
    "cache_read_input_token_cost",
    "cache_creation_input_token_cost",
    "input_cost_per_audio_token",
    "output_cost_per_audio_token",
];
const MODELS_DEV_KEYS: Keys<'static> = ["input", "output", "cache_read", "cache_write", "input_audio", "output_audio"];
const OPENROUTER_KEYS: Keys<'static> =
    ["prompt", "completion", "input_cache_read", "input_cache_write", "audio", "audio_output"];

/// Providers as LiteLLM calls them. Its `dashscope` is Alibaba's international address.
const LITELLM: &[(&str, &str)] = &[
    ("openai", "openai"),
    ("anthropic", "anthropic"),
    ("gemini", "gemini"),
    ("deepseek", "deepseek"),
    ("mistral", "mistral"),
    ("groq", "groq"),
    ("openrouter", "openrouter"),
    ("moonshot", "moonshot"),
    ("dashscope", "dashscope-intl"),
    ("zai", "zai"),
    ("xai", "xai"),
    ("minimax", "minimax"),
    ("cerebras", "cerebras"),
    ("together_ai", "together"),
    ("fireworks_ai", "fireworks"),
    ("perplexity", "perplexity"),
    ("cohere_chat", "cohere"),
    ("cohere", "cohere"),
    ("deepinfra", "deepinfra"),
    ("novita", "novita"),
    ("nebius", "nebius"),
    ("baseten", "baseten"),
];

/// Providers as models.dev calls them. Those it converts from yuan are left out: a converted price is not exact.
const MODELS_DEV: &[(&str, &str)] = &[
    ("openai", "openai"),
    ("anthropic", "anthropic"),
    ("google", "gemini"),
    ("deepseek", "deepseek"),
    ("mistral", "mistral"),
    ("groq", "groq"),
    ("openrouter", "openrouter"),
    ("moonshotai", "moonshot"),
    ("alibaba", "dashscope-intl"),
    ("zai", "zai"),
    ("xai", "xai"),
    ("minimax", "minimax"),
    ("cerebras", "cerebras"),
    ("togetherai", "together"),
    ("fireworks-ai", "fireworks"),
    ("perplexity", "perplexity"),
    ("cohere", "cohere"),
    ("deepinfra", "deepinfra"),
    ("novita-ai", "novita"),
    ("nebius", "nebius"),
    ("baseten", "baseten"),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// `provider/model: input output cache_read cache_write`, then each tier after `>`; refused ones after `!`.
    fn told(list: Offers) -> Vec<String> {
        let numbers = |prices: &TokenPrices| {
            let all =
                [Some(prices.input), Some(prices.output), prices.cache_read, prices.cache_write, prices.audio_input];
            all.map(|price| price.map_or_else(|| "-".to_owned(), |price| price.to_string())).join(" ")
        };
        let offers = list.offers.into_iter().map(|Offer { provider, upstream_model, price }| {
            let tiers = price.tiers().iter().map(|(above, tier)| format!(" >{above}: {}", numbers(tier)));
            format!("{provider}/{upstream_model}: {}{}", numbers(price.base()), tiers.collect::<String>())
        });
        let refused =
            list.refused.into_iter().map(|refused| format!("!{} {}: {}", refused.line, refused.name, refused.why));
        offers.chain(refused).collect()
    }

    #[test]
    fn litellms_map_is_read_with_its_tiers() {
        let text = r#"{
            "sample_spec": {"mode": "one of: chat", "input_cost_per_token": "how much"},
            "gpt-x": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1.25e-06, "output_cost_per_token": 1e-05,
                "cache_read_input_token_cost": 1.25e-7, "cache_creation_input_token_cost": 0.0,
                "input_cost_per_token_above_200k_tokens": 2.5e-06, "output_cost_per_token_above_200k_tokens": 1.5e-05},
            "deepinfra/a/b": {"litellm_provider": "deepinfra", "mode": "chat", "input_cost_per_token": 0, "output_cost_per_token": null},
            "together_ai/a/b": {"litellm_provider": "together_ai", "mode": "chat", "input_cost_per_token": 3e-7, "output_cost_per_token": 1e308},
            "groq/c": {"litellm_provider": "groq", "mode": "chat", "input_cost_per_token": 1e-7,
                "output_cost_per_token": -1e-7},
            "groq/d": {"litellm_provider": "groq", "mode": "search", "input_cost_per_token": -1, "output_cost_per_token": 1},
            "nobody/x": {"litellm_provider": "nobody", "mode": "chat", "input_cost_per_token": 1, "output_cost_per_token": 1}
        }"#;
        assert_eq!(
            told(litellm(text).expect("JSON")),
            [
                "openai/gpt-x: 1250000000 10000000000 125000000 - - >200000: 2500000000 15000000000 2500000000 - -",
                "!9 groq/c: a price below zero",
                "!7 together_ai/a/b: a price of more than a dollar a token",
            ]
        );
        assert!(
            litellm("{\"gpt-x\": {\"input_cost_per_token\": NaN}}")
                .expect_err("no JSON")
                .to_string()
                .contains("line 1")
        );
    }

    #[test]
    fn litellms_services_are_read_by_tokens_or_by_their_unit() {
        let text = r#"{
            "e": {"litellm_provider": "openai", "mode": "embedding", "input_cost_per_token": 2e-08, "output_cost_per_token": 0.0},
            "f": {"litellm_provider": "openai", "mode": "moderation", "input_cost_per_token": 0.0, "output_cost_per_token": 0.0},
            "i": {"litellm_provider": "openai", "mode": "image_generation", "input_cost_per_token": 5e-06, "output_cost_per_token": 1e-05,
                "input_cost_per_image_token": 1e-05, "output_cost_per_image_token": 4e-05},
            "j": {"litellm_provider": "xai", "mode": "image_generation", "input_cost_per_image": 0.02},
            "r": {"litellm_provider": "cohere_chat", "mode": "rerank", "input_cost_per_query": 0.002, "input_cost_per_token": 0.0},
            "s": {"litellm_provider": "openai", "mode": "audio_speech", "input_cost_per_character": 1.5e-05},
            "t": {"litellm_provider": "openai", "mode": "audio_transcription", "input_cost_per_second": 0.0001, "output_cost_per_second": 0.0001},
            "u": {"litellm_provider": "openai", "mode": "image_generation", "input_cost_per_pixel": 1e-08}
        }"#;
        let list = litellm(text).expect("JSON").offers;
        let shown = list.iter().map(|offer| {
            let base = offer.price.base();
            (&*offer.upstream_model, base.input, base.output, base.image_input, base.units.list())
        });
        let free = [0; 4];
        assert_eq!(
            shown.collect::<Vec<_>>(),
            [
                ("e", 20_000_000, 0, None, free),
                ("f", 0, 0, None, free),
                ("i", 5_000_000_000, 40_000_000_000, Some(10_000_000_000), free),
                ("j", 0, 0, None, [20_000_000, 0, 0, 0]),
                ("r", 0, 0, None, [0, 0, 0, 2_000_000]),
                ("s", 0, 0, None, [0, 0, 15_000_000_000, 0]),
                ("t", 0, 0, None, [0, 100_000, 0, 0]),
            ]
        );
    }

    #[test]
    fn models_devs_answer_is_read_with_its_tiers() {
        let text = r#"{
            "google": {"models": {
                "g-1": {"cost": {"input": 1.25, "output": 10, "input_audio": 3, "context_over_200k": {"input": 2.5, "output": 15}}},
                "g-2": {"cost": {"input": 2, "output": 12, "tiers": [{"input": 4, "output": 18, "tier": {"type": "context", "size": 128000}}]}},
                "g-3": {}
            }},
            "alibaba-cn": {"models": {"q": {"cost": {"input": 0.345, "output": 1}}}}
        }"#;
        assert_eq!(
            told(models_dev(text).expect("JSON")),
            [
                "gemini/g-1: 1250000000 10000000000 - - 3000000000 >200000: 2500000000 15000000000 - - 3000000000",
                "gemini/g-2: 2000000000 12000000000 - - - >128000: 4000000000 18000000000 - - -",
            ]
        );
    }

    #[test]
    fn openrouters_answer_is_read_and_its_minus_one_is_not_a_price() {
        let text = r#"{"data": [
            {"id": "a/b", "pricing": {"prompt": "0.0000025", "completion": "0.00001", "input_cache_read": "0.00000125", "request": "0"}},
            {"id": "openrouter/auto", "pricing": {"prompt": "-1", "completion": "-1"}}
        ]}"#;
        let expected =
            ["openrouter/a/b: 2500000000 10000000000 1250000000 - -", "!3 openrouter/auto: a price below zero"];
        assert_eq!(told(openrouter(text).expect("JSON")), expected);
    }
}
