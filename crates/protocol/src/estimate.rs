//! How many input tokens a prompt can be at most, from its bytes: what is held before the upstream has counted.
//!
//! No tokenizer runs on the hot path. A byte-level BPE never makes more tokens than bytes, but that bound would
//! hold four times the true price of English. The bounds here are those of dense text: source code, numbers and
//! minified JSON stay above two bytes a token in every family below; prose has four or more. Lone symbols between
//! spaces exceed them (`2 + 2 = 4` is nine bytes and seven tokens); that is corrected by the upstream's own count.

/// Tokenizer families that count alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Tokenizer {
    /// 200,000 entries, trained on many scripts: OpenAI since GPT-4o, Gemini, Qwen, DeepSeek, GLM, Kimi, Llama 3.
    Wide,
    /// 100,000 entries, English first: OpenAI before GPT-4o, Claude. Other scripts cost up to a token a byte.
    Narrow,
    /// Not known: counted as `Narrow`.
    #[default]
    Unknown,
}

impl Tokenizer {
    /// The family of a model's name, by its vendor's prefix.
    pub fn of_model(model: &str) -> Self {
        let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
        if starts(&["gpt-3", "claude", "text-", "davinci"])
            || name.starts_with("gpt-4") && !starts(&["gpt-4o", "gpt-4."])
        {
            Self::Narrow
        } else if starts(&["gpt-", "o1", "o3", "o4", "chatgpt", "gemini", "gemma", "qwen", "deepseek", "glm", "kimi"]) {
            Self::Wide
        } else {
            Self::Unknown
        }
    }

    /// Tokens for each hundred ASCII bytes and each hundred other bytes.
    fn tokens_per_hundred(self) -> (u64, u64) {
        match self {
            // A Chinese character is three bytes and at most 1.5 tokens.
            Self::Wide => (50, 50),
            Self::Narrow | Self::Unknown => (50, 100),
        }
    }
}

/// What a prompt is made of. All figures are as written in the body, escapes included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Bytes of text: contents, names, tool calls, tool definitions, schemas.
    pub text_bytes: u64,
    /// Those of `text_bytes` that are not ASCII.
    pub wide_bytes: u64,
    /// Tokens that came as numbers.
    pub tokens: u64,
    pub images: u64,
    /// Bytes of encoded audio.
    pub audio_bytes: u64,
    /// Bytes of encoded files and video.
    pub file_bytes: u64,
}

/// An upper bound of the prompt's tokens; see the module for what it can miss.
pub fn input_tokens(tokenizer: Tokenizer, size: &Size, messages: u32) -> u64 {
    let (ascii, wide) = tokenizer.tokens_per_hundred();
    let wide_bytes = size.wide_bytes.min(size.text_bytes);
    let text = ((size.text_bytes - wide_bytes).saturating_mul(ascii))
        .saturating_add(wide_bytes.saturating_mul(wide))
        .div_ceil(100);
    [
        size.tokens,
        u64::from(messages) * MESSAGE_TOKENS,
        REQUEST_TOKENS,
        size.images.saturating_mul(IMAGE_TOKENS),
        size.audio_bytes.div_ceil(AUDIO_BYTES_PER_TOKEN),
        size.file_bytes.div_ceil(FILE_BYTES_PER_TOKEN),
    ]
    .into_iter()
    .fold(text, u64::saturating_add)
}

/// Role marks and separators around a message: 3 to 7 in published chat templates.
const MESSAGE_TOKENS: u64 = 8;
/// What a template adds once: start marks, a default system line, the answer's opening.
const REQUEST_TOKENS: u64 = 64;
/// 1,536 patches times 2.46, the most a patch-counting model charges (OpenAI's vision guide); tile-counting ones
/// charge up to 1,445. `gpt-4o-mini` alone inflates its count to tens of thousands and is not covered.
const IMAGE_TOKENS: u64 = 4_000;
/// Ten audio tokens a second (OpenAI) against 8 kB/s of base64 MP3 at 48 kbit/s.
const AUDIO_BYTES_PER_TOKEN: u64 = 400;
/// A page of a PDF is sent as its text and an image; 20 encoded bytes a token covers text-only files.
const FILE_BYTES_PER_TOKEN: u64 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(tokenizer: Tokenizer, text: &str, true_tokens: u64) {
        let wide_bytes = text.bytes().filter(|b| !b.is_ascii()).count() as u64;
        let size = Size { text_bytes: text.len() as u64, wide_bytes, ..Size::default() };
        let bound = input_tokens(tokenizer, &size, 0) - REQUEST_TOKENS;
        assert!(bound >= true_tokens, "{text}: {bound} is below {true_tokens}");
    }

    #[test]
    fn the_bound_is_above_known_counts() {
        // Counts published in OpenAI's tokenizer cookbook, o200k_base and cl100k_base.
        check(Tokenizer::Wide, "antidisestablishmentarianism", 6);
        check(Tokenizer::Narrow, "antidisestablishmentarianism", 6);
        check(Tokenizer::Wide, "お誕生日おめでとう", 8);
        check(Tokenizer::Narrow, "お誕生日おめでとう", 9);
    }

    #[test]
    fn every_part_of_a_prompt_counts_and_nothing_overflows() {
        let size = Size { images: 2, tokens: 7, ..Size::default() };
        assert_eq!(input_tokens(Tokenizer::Wide, &size, 3), 2 * IMAGE_TOKENS + 7 + 24 + REQUEST_TOKENS);
        let huge = Size { text_bytes: u64::MAX, images: u64::MAX, ..Size::default() };
        assert!(input_tokens(Tokenizer::Unknown, &huge, u32::MAX) > u64::MAX / 100);
    }

    #[test]
    fn a_models_family_is_known_by_its_name() {
        assert_eq!(Tokenizer::of_model("openai/gpt-4o-mini"), Tokenizer::Wide);
        assert_eq!(Tokenizer::of_model("gpt-4.1"), Tokenizer::Wide);
        assert_eq!(Tokenizer::of_model("gpt-4-turbo-preview"), Tokenizer::Narrow);
        assert_eq!(Tokenizer::of_model("claude-sonnet-4-6"), Tokenizer::Narrow);
        assert_eq!(Tokenizer::of_model("my-model"), Tokenizer::Unknown);
    }
}
