//! Providers known by name: where their endpoint is, OpenAI-compatible but for those of Anthropic and Google, and which
//! variables carry their key.
//!
//! Addresses and variables are those of each vendor's own API reference and quick start.

use super::base_url::{BaseUrl, Host};

/// A provider that needs no `base_url`.
#[derive(Debug)]
pub(super) struct KnownProvider {
    pub(super) name: &'static str,
    pub(super) base_url: &'static str,
    /// Variables that may carry the key; the first that is set is used. Empty for servers that ask for none.
    pub(super) key_variables: &'static [&'static str],
    /// The variable that may move the endpoint.
    pub(super) base_url_variable: &'static str,
    /// Whether it stops working, and billing, when its answer is no longer read.
    pub(super) stops_on_cancel: bool,
    /// Whether OpenAI's Responses are served there.
    pub(super) responses: bool,
}

/// The provider of that name.
pub(super) fn known_provider(name: &str) -> Option<&'static KnownProvider> {
    KNOWN_PROVIDERS.iter().find(|provider| provider.name == name)
}

/// The provider whose own address that is, with or without the last `/v1`. What is below another path of the same host
/// is something else, such as a plan that is not paid by the token.
pub(super) fn vendor_at(base_url: &BaseUrl) -> Option<&'static str> {
    let is_there = |known: &&KnownProvider| {
        let address = BaseUrl::parse(known.base_url).expect("a test parses every known address");
        // Google has several versions and dialects of one API there, and nothing else.
        let is_path = address.is_gemini()
            || address.path_prefix == base_url.path_prefix
            || address.path_prefix.strip_suffix("/v1") == Some(&*base_url.path_prefix);
        is_path && (&address.host, address.port) == (&base_url.host, base_url.port)
    };
    let hosted = KNOWN_PROVIDERS.iter().filter(|known| !known.key_variables.is_empty());
    hosted.into_iter().find(is_there).map(|known| known.name)
}

/// The provider that has that host, or one above it, whatever the path.
pub(super) fn vendor_of_host(host: &Host) -> Option<&'static str> {
    let Host::Name(host) = host else { return None };
    let has = |known: &&KnownProvider| {
        let address = BaseUrl::parse(known.base_url).expect("a test parses every known address");
        let Host::Name(own) = address.host else { return false };
        host.strip_suffix(&*own).is_some_and(|before| before.is_empty() || before.ends_with('.'))
    };
    let mut hosted = KNOWN_PROVIDERS.iter().filter(|known| !known.key_variables.is_empty());
    hosted.find(has).map(|known| known.name)
}

const fn hosted(
    name: &'static str,
    base_url: &'static str,
    key_variables: &'static [&'static str],
    base_url_variable: &'static str,
) -> KnownProvider {
    KnownProvider { name, base_url, key_variables, base_url_variable, stops_on_cancel: false, responses: false }
}

/// OpenRouter's documentation of stream cancellation lists who stops and who works, and bills, to the end.
const fn stopping(provider: KnownProvider) -> KnownProvider {
    KnownProvider { stops_on_cancel: true, ..provider }
}

const fn local(name: &'static str, base_url: &'static str) -> KnownProvider {
    KnownProvider { name, base_url, key_variables: &[], base_url_variable: "", stops_on_cancel: true, responses: false }
}

/// OpenAI's, OpenRouter's and xAI's API references.
const fn responding(provider: KnownProvider) -> KnownProvider {
    KnownProvider { responses: true, ..provider }
}

/// In the order in which a start without a file takes them.
pub(super) const KNOWN_PROVIDERS: &[KnownProvider] = &[
    responding(stopping(hosted("openai", "https://api.openai.com/v1", &["OPENAI_API_KEY"], "OPENAI_BASE_URL"))),
    stopping(hosted("anthropic", "https://api.anthropic.com/v1", &["ANTHROPIC_API_KEY"], "ANTHROPIC_BASE_URL")),
    hosted(
        "gemini",
        "https://generativelanguage.googleapis.com/v1beta",
        &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        "GEMINI_BASE_URL",
    ),
    stopping(hosted("deepseek", "https://api.deepseek.com/v1", &["DEEPSEEK_API_KEY"], "DEEPSEEK_BASE_URL")),
    hosted("mistral", "https://api.mistral.ai/v1", &["MISTRAL_API_KEY"], "MISTRAL_BASE_URL"),
    hosted("groq", "https://api.groq.com/openai/v1", &["GROQ_API_KEY"], "GROQ_BASE_URL"),
    responding(hosted("openrouter", "https://openrouter.ai/api/v1", &["OPENROUTER_API_KEY"], "OPENROUTER_BASE_URL")),
    hosted("moonshot", "https://api.moonshot.ai/v1", &["MOONSHOT_API_KEY", "KIMI_API_KEY"], "MOONSHOT_BASE_URL"),
    hosted(
        "dashscope",
        "https://dashscope.aliyuncs.com/compatible-mode/v1",
        &["DASHSCOPE_API_KEY"],
        "DASHSCOPE_BASE_URL",
    ),
    hosted("zhipu", "https://open.bigmodel.cn/api/paas/v4", &["ZHIPUAI_API_KEY", "ZHIPU_API_KEY"], "ZHIPU_BASE_URL"),
    hosted("zai", "https://api.z.ai/api/paas/v4", &["ZAI_API_KEY"], "ZAI_BASE_URL"),
    responding(stopping(hosted("xai", "https://api.x.ai/v1", &["XAI_API_KEY"], "XAI_BASE_URL"))),
    hosted("minimax", "https://api.minimax.io/v1", &["MINIMAX_API_KEY"], "MINIMAX_BASE_URL"),
    hosted("cerebras", "https://api.cerebras.ai/v1", &["CEREBRAS_API_KEY"], "CEREBRAS_BASE_URL"),
    stopping(hosted("together", "https://api.together.xyz/v1", &["TOGETHER_API_KEY"], "TOGETHER_BASE_URL")),
    stopping(hosted(
        "fireworks",
        "https://api.fireworks.ai/inference/v1",
        &["FIREWORKS_API_KEY"],
        "FIREWORKS_BASE_URL",
    )),
    hosted("perplexity", "https://api.perplexity.ai", &["PERPLEXITY_API_KEY"], "PERPLEXITY_BASE_URL"),
    hosted("siliconflow", "https://api.siliconflow.cn/v1", &["SILICONFLOW_API_KEY"], "SILICONFLOW_BASE_URL"),
    hosted("nvidia", "https://integrate.api.nvidia.com/v1", &["NVIDIA_API_KEY"], "NVIDIA_BASE_URL"),
    stopping(hosted("cohere", "https://api.cohere.ai/compatibility/v1", &["COHERE_API_KEY"], "COHERE_BASE_URL")),
    hosted(
        "dashscope-intl",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        &["DASHSCOPE_INTL_API_KEY"],
        "DASHSCOPE_INTL_BASE_URL",
    ),
    hosted("deepinfra", "https://api.deepinfra.com/v1/openai", &["DEEPINFRA_API_KEY"], "DEEPINFRA_BASE_URL"),
    hosted("novita", "https://api.novita.ai/openai/v1", &["NOVITA_API_KEY"], "NOVITA_BASE_URL"),
    hosted("nebius", "https://api.tokenfactory.nebius.com/v1", &["NEBIUS_API_KEY"], "NEBIUS_BASE_URL"),
    hosted("baseten", "https://inference.baseten.co/v1", &["BASETEN_API_KEY"], "BASETEN_BASE_URL"),
    local("ollama", "http://127.0.0.1:11434/v1"),
    local("vllm", "http://127.0.0.1:8000/v1"),
    local("llamacpp", "http://127.0.0.1:8080/v1"),
    local("lmstudio", "http://127.0.0.1:1234/v1"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_address_is_one() {
        for known in KNOWN_PROVIDERS {
            let base_url = BaseUrl::parse(known.base_url).expect(known.name);
            assert_eq!(base_url.to_string(), known.base_url, "written as it would be printed");
            assert_eq!(base_url.https, !known.key_variables.is_empty(), "{}: a key goes over TLS alone", known.name);
        }
    }

    #[test]
    fn names_and_variables_are_unique() {
        let mut seen = std::collections::BTreeSet::new();
        for known in KNOWN_PROVIDERS {
            assert!(seen.insert(known.name), "{}", known.name);
            for variable in known.key_variables {
                assert!(seen.insert(variable), "{variable}");
            }
        }
    }
}
