//! Whose habits an upstream has: the same words mean different things at different providers.

/// The provider family whose error rules apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flavour {
    OpenAi,
    Anthropic,
    Gemini,
    Azure,
    Bedrock,
    DeepSeek,
    Mistral,
    Groq,
    OpenRouter,
    DashScope,
    Moonshot,
    Zhipu,
    Vllm,
    Ollama,
    LlamaCpp,
    /// A server nobody named: only the generic rules.
    #[default]
    Generic,
}

impl Flavour {
    /// Every flavour with the provider names that mean it, its own name first.
    pub const ALL: [(Self, &'static [&'static str]); 16] = [
        (Self::OpenAi, &["openai"]),
        (Self::Anthropic, &["anthropic", "claude"]),
        (Self::Gemini, &["gemini", "google", "vertex"]),
        (Self::Azure, &["azure", "azure-openai"]),
        (Self::Bedrock, &["bedrock", "aws", "amazon-bedrock"]),
        (Self::DeepSeek, &["deepseek"]),
        (Self::Mistral, &["mistral", "mistralai"]),
        (Self::Groq, &["groq"]),
        (Self::OpenRouter, &["openrouter"]),
        (Self::DashScope, &["dashscope", "dashscope-intl", "alibaba", "qwen", "aliyun", "bailian"]),
        (Self::Moonshot, &["moonshot", "moonshotai", "kimi"]),
        (Self::Zhipu, &["zhipu", "zhipuai", "zai", "z-ai", "z.ai", "bigmodel", "glm"]),
        (Self::Vllm, &["vllm"]),
        (Self::Ollama, &["ollama"]),
        (Self::LlamaCpp, &["llamacpp", "llama.cpp", "llama-cpp", "llama-server"]),
        (Self::Generic, &["generic"]),
    ];

    /// The flavour of a well-known provider name, whatever its case; `None` for any other name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, names)| names.iter().any(|known| known.eq_ignore_ascii_case(name)))
            .map(|(flavour, _)| *flavour)
    }

    /// The stable label for configuration, metrics and records.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(flavour, _)| *flavour == self).map_or("generic", |(_, names)| names[0])
    }
}
