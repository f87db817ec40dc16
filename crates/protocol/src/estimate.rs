//! How many tokens a prompt or an answer is, from its bytes: before the upstream has counted, or where it does not.
//!
//! For a prompt there are two figures. [`input_tokens`] is what it is likely to be at most, by which a context window is
//! chosen. [`input_bound`] is what it can cost at most, for which money is held: it counts also what may be no part of
//! the prompt, and what is not in the body but only named there.
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
    /// Bytes of encoded files.
    pub file_bytes: u64,
    /// Bytes of encoded video.
    pub video_bytes: u64,
    /// Bytes of members that may belong to the prompt and are not known.
    pub other_bytes: u64,
    /// Those of `other_bytes` that are not ASCII.
    pub other_wide_bytes: u64,
    /// Files that the body only names, by an address or an id.
    pub named_files: u64,
    /// Recordings that it only names.
    pub named_audios: u64,
    /// Earlier spoken answers that it names.
    pub named_answers: u64,
    /// Videos that it only names.
    pub named_videos: u64,
    /// Images that stand for a video.
    pub frames: u64,
}

/// About the most tokens that a prompt has, of what stands in the body.
pub fn input_tokens(tokenizer: Tokenizer, size: &Size, messages: u32) -> u64 {
    [
        text_tokens(tokenizer, size.text_bytes, size.wide_bytes),
        size.tokens,
        u64::from(messages) * MESSAGE_TOKENS,
        REQUEST_TOKENS,
        size.images.saturating_mul(IMAGE_TOKENS),
        size.audio_bytes.div_ceil(AUDIO_BYTES_PER_TOKEN),
        size.file_bytes.div_ceil(FILE_BYTES_PER_TOKEN),
        size.video_bytes.div_ceil(VIDEO_BYTES_PER_TOKEN),
    ]
    .into_iter()
    .fold(0, u64::saturating_add)
}

/// An upper bound of the tokens that a prompt is billed as; see the module for what it can miss. Never below
/// [`input_tokens`].
pub fn input_bound(tokenizer: Tokenizer, size: &Size, messages: u32) -> u64 {
    [
        text_tokens(tokenizer, size.other_bytes, size.other_wide_bytes),
        size.file_bytes.div_ceil(FILE_BYTES_PER_TOKEN_MIN) - size.file_bytes.div_ceil(FILE_BYTES_PER_TOKEN),
        size.named_files.saturating_mul(NAMED_FILE_TOKENS),
        size.named_audios.saturating_mul(NAMED_AUDIO_TOKENS),
        size.named_answers.saturating_mul(NAMED_ANSWER_TOKENS),
        size.named_videos.saturating_mul(NAMED_VIDEO_TOKENS),
        size.frames.saturating_mul(IMAGE_TOKENS),
    ]
    .into_iter()
    .fold(input_tokens(tokenizer, size, messages), u64::saturating_add)
}

/// As [`input_tokens`] and [`input_bound`], of what no chat template is put around: so many pieces, each read on its own.
pub fn plain_tokens(tokenizer: Tokenizer, size: &Size, pieces: u32) -> (u64, u64) {
    let without = |tokens: u64| tokens.saturating_sub(REQUEST_TOKENS);
    let marks = u64::from(pieces).saturating_mul(PIECE_TOKENS);
    (without(input_tokens(tokenizer, size, 0)), without(input_bound(tokenizer, size, 0)).saturating_add(marks))
}

fn text_tokens(tokenizer: Tokenizer, bytes: u64, wide_bytes: u64) -> u64 {
    let (ascii, wide) = tokenizer.tokens_per_hundred();
    let wide_bytes = wide_bytes.min(bytes);
    ((bytes - wide_bytes).saturating_mul(ascii)).saturating_add(wide_bytes.saturating_mul(wide)).div_ceil(100)
}

/// How much of an answer has come, as written and without it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Bytes of words, names and arguments of tool calls, as written: escapes count.
    pub text_bytes: u64,
    /// Base64 of speech.
    pub audio_bytes: u64,
    pub images: u64,
}

/// Tokens of an answer, in the classes that have prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputTokens {
    pub text: u64,
    pub audio: u64,
    /// Images, whose tokens are among those of `text`.
    pub images: u64,
}

impl Output {
    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        Self {
            text_bytes: self.text_bytes.saturating_add(more.text_bytes),
            audio_bytes: self.audio_bytes.saturating_add(more.audio_bytes),
            images: self.images.saturating_add(more.images),
        }
    }

    /// What has come since there was `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            text_bytes: self.text_bytes.saturating_sub(earlier.text_bytes),
            audio_bytes: self.audio_bytes.saturating_sub(earlier.audio_bytes),
            images: self.images.saturating_sub(earlier.images),
        }
    }

    /// What it is likely to be. The tokens of images count as text.
    pub fn tokens(self) -> OutputTokens {
        let images = self.images.saturating_mul(ANSWER_IMAGE_TOKENS);
        OutputTokens {
            text: self.text_bytes.div_ceil(BYTES_PER_TOKEN).saturating_add(images),
            audio: self.audio_bytes.div_ceil(ANSWER_AUDIO_BYTES_PER_TOKEN),
            images: self.images,
        }
    }

    /// The most that it can be.
    pub fn bound(self) -> u64 {
        [
            self.text_bytes.div_ceil(BYTES_PER_TOKEN_MIN),
            self.audio_bytes.div_ceil(ANSWER_AUDIO_BYTES_PER_TOKEN_MIN),
            self.images.saturating_mul(ANSWER_IMAGE_TOKENS_MAX),
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }
}

impl OutputTokens {
    /// All of them.
    pub fn total(self) -> u64 {
        self.text.saturating_add(self.audio)
    }
}

/// Bytes of an answer's words to a token: the usual figure for English prose.
const BYTES_PER_TOKEN: u64 = 4;
/// The same for dense text, numbers and other scripts: as few as there may be.
const BYTES_PER_TOKEN_MIN: u64 = 2;
/// Streamed speech is 16-bit PCM at 24 kHz, 64,000 bytes of base64 a second, and 20 tokens are a second of it (OpenAI,
/// "Managing costs" of its speech models: one for each 50 ms).
const ANSWER_AUDIO_BYTES_PER_TOKEN: u64 = 3_200;
/// Half of that, for vendors that count more finely.
const ANSWER_AUDIO_BYTES_PER_TOKEN_MIN: u64 = 1_600;
/// An image of up to 2,048 pixels a side (Google, Gemini 3 Pro Image).
const ANSWER_IMAGE_TOKENS: u64 = 1_120;
/// One of 4,096 pixels a side.
const ANSWER_IMAGE_TOKENS_MAX: u64 = 2_000;

/// Role marks and separators around a message: 3 to 7 in published chat templates.
const MESSAGE_TOKENS: u64 = 8;
/// Marks around a text that is embedded or ranked: two or three.
const PIECE_TOKENS: u64 = 4;
/// What a template adds once: start marks, a default system line, the answer's opening.
const REQUEST_TOKENS: u64 = 64;
/// 1,536 patches times 2.46, the most a patch-counting model charges (OpenAI's vision guide); tile-counting ones
/// charge up to 1,445. `gpt-4o-mini` alone inflates its count to tens of thousands and is not covered.
const IMAGE_TOKENS: u64 = 4_000;
/// Ten audio tokens a second (OpenAI) against 8 kB/s of base64 MP3 at 48 kbit/s.
const AUDIO_BYTES_PER_TOKEN: u64 = 400;
/// A page of a PDF is read as its text and an image, some 3,000 tokens for 60 kB or more.
const FILE_BYTES_PER_TOKEN: u64 = 20;
/// Plain text in base64 is 5.3 bytes a token, at four letters a token; markup and tables are denser.
const FILE_BYTES_PER_TOKEN_MIN: u64 = 4;
/// 300 tokens a second (Google, "video understanding") against 6 kB/s of base64 at 36 kbit/s.
const VIDEO_BYTES_PER_TOKEN: u64 = 20;
/// A PDF of 100 pages, the most that Anthropic takes for most models, at 3,000 tokens of text and 1,600 of image each
/// ("PDF support": 1,500 to 3,000 of text a page, and the page as an image). Google's thousand pages at 258 are fewer.
const NAMED_FILE_TOKENS: u64 = 460_000;
/// An hour at Google's 32 tokens a second ("audio understanding"); OpenAI counts 10.
const NAMED_AUDIO_TOKENS: u64 = 115_200;
/// The most output that OpenAI's speech models give, which is the most that an earlier answer can have been.
const NAMED_ANSWER_TOKENS: u64 = 16_384;
/// An hour, which is what fits a context of a million, at 300 tokens a second (Google, "video understanding").
const NAMED_VIDEO_TOKENS: u64 = 1_080_000;

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
    fn what_is_only_named_and_what_is_not_known_are_in_the_bound_alone() {
        #[track_caller]
        fn check(size: Size, more: u64) {
            let tokens = input_tokens(Tokenizer::Wide, &size, 1);
            assert_eq!(input_bound(Tokenizer::Wide, &size, 1) - tokens, more, "{size:?}");
        }
        let none = Size::default();
        check(none, 0);
        check(Size { text_bytes: 1_000, audio_bytes: 1_000, video_bytes: 1_000, images: 1, ..none }, 0);
        check(Size { other_bytes: 500_000, ..none }, 250_000);
        check(Size { named_files: 2, ..none }, 920_000);
        check(Size { named_audios: 1, named_videos: 1, named_answers: 1, ..none }, 115_200 + 1_080_000 + 16_384);
        check(Size { frames: 3, ..none }, 3 * IMAGE_TOKENS);
        check(Size { file_bytes: 4_000, ..none }, 1_000 - 200);
        let huge = Size { other_bytes: u64::MAX, named_videos: u64::MAX, file_bytes: u64::MAX, ..none };
        assert!(input_bound(Tokenizer::Unknown, &huge, u32::MAX) > u64::MAX / 100);
    }

    #[test]
    fn an_answer_is_counted_by_what_it_is_made_of() {
        #[track_caller]
        fn check(output: Output, text: u64, audio: u64, bound: u64) {
            let images = output.images;
            assert_eq!((output.tokens(), output.bound()), (OutputTokens { text, audio, images }, bound), "{output:?}");
        }
        let none = Output::default();
        check(none, 0, 0, 0);
        check(Output { text_bytes: 9, ..none }, 3, 0, 5);
        // A second of speech.
        check(Output { audio_bytes: 64_000, ..none }, 0, 20, 40);
        check(Output { images: 2, ..none }, 2_240, 0, 4_000);
        let both = Output { text_bytes: 4, audio_bytes: 3_200, images: 1 };
        check(both, 1_121, 1, 2 + 2 + 2_000);
        assert_eq!(both.plus(both).since(both), both);
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
