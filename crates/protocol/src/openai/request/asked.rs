//! What a service is asked for, in what it may be billed by: before anybody has counted, or where nobody does.

use crate::{openai::Service, usage::Units};

/// Figures of one request. What only its answer can tell is guessed, and bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// What it is likely to be billed for: images, seconds, characters, searches.
    pub units: Units,
    /// The most of each.
    pub units_max: Units,
    /// Tokens of output that it is likely to have.
    pub output: u64,
    /// The most of them.
    pub output_max: u64,
    /// Pieces that are each read on their own, and fit a context window each: texts to embed, documents to rank.
    pub pieces: u32,
    /// Whether the answer is no JSON: a transcript as text or subtitles.
    pub is_text: bool,
}

/// What the members of a request say of images.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ImagesAsked {
    pub(super) count: u64,
    /// Previews of each while it is streamed.
    pub(super) previews: u64,
    pub(super) quality: Quality,
}

/// How much work an image is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Quality {
    Low,
    Medium,
    /// High, or left to the model.
    #[default]
    Any,
}

impl Quality {
    pub(super) fn read(name: &str) -> Self {
        match name {
            "low" => Self::Low,
            "medium" => Self::Medium,
            _ => Self::Any,
        }
    }

    /// Tokens of an image, likely and at most. OpenAI, "image generation", "cost and latency": 272 to 408 of low quality,
    /// 1,056 to 1,584 of medium and 4,160 to 6,240 of high.
    const fn tokens(self) -> (u64, u64) {
        match self {
            Self::Low => (272, 408),
            Self::Medium => (1_056, 1_584),
            Self::Any => (1_056, 6_240),
        }
    }
}

impl Asked {
    pub(super) fn images(asked: ImagesAsked) -> Self {
        let (likely, most) = asked.quality.tokens();
        let previews = asked.previews.saturating_mul(PREVIEW_TOKENS);
        let units = Units { images: asked.count, ..Units::default() };
        let of_each = |tokens: u64| asked.count.saturating_mul(tokens.saturating_add(previews));
        Self { units, units_max: units, output: of_each(likely), output_max: of_each(most), ..Self::default() }
    }

    pub(super) fn speech(characters: u64) -> Self {
        let units = Units { characters, ..Units::default() };
        Self {
            units,
            units_max: units,
            output: characters.saturating_mul(AUDIO_TOKENS_PER_SECOND).div_ceil(CHARACTERS_PER_SECOND),
            output_max: characters.saturating_mul(AUDIO_TOKENS_PER_SECOND).div_ceil(CHARACTERS_PER_SECOND_MIN),
            ..Self::default()
        }
    }

    /// A transcript of audio that lasts so long, as is likely and at most, in milliseconds.
    pub(super) fn transcript((likely, most): (u64, u64), is_text: bool) -> Self {
        let tokens = |ms: u64| ms.saturating_mul(SPOKEN_TOKENS_PER_SECOND).div_ceil(1_000);
        Self {
            units: Units { audio_ms: likely, ..Units::default() },
            units_max: Units { audio_ms: most, ..Units::default() },
            output: tokens(likely),
            output_max: tokens(most).max(TRANSCRIPT_TOKENS_MIN),
            is_text,
            ..Self::default()
        }
    }

    /// A search among so many documents. Cohere ("how does pricing work"): a search is a query with up to 100 documents, and
    /// a document of more than 500 tokens counts as several.
    pub(super) fn search(documents: u64, text_bytes: u64) -> Self {
        let units = |searches| Units { searches, ..Units::default() };
        let most = documents.saturating_add(text_bytes / DOCUMENT_BYTES).div_ceil(DOCUMENTS_PER_SEARCH);
        Self {
            units: units(documents.div_ceil(DOCUMENTS_PER_SEARCH).max(1)),
            units_max: units(most.max(1)),
            pieces: u32::try_from(documents).unwrap_or(u32::MAX),
            ..Self::default()
        }
    }
}

impl Service {
    /// How long audio of so many bytes lasts where nothing tells it, as is likely and at most, in milliseconds: at 128
    /// kbit/s, the usual rate of MP3, and at 8 kbit/s, below which speech is not understood.
    pub(super) const fn audio_ms(bytes: u64) -> (u64, u64) {
        (bytes.div_ceil(16), bytes)
    }
}

/// A preview of an image. OpenAI, "image generation", "streaming": 100 tokens of output each.
const PREVIEW_TOKENS: u64 = 100;
/// OpenAI counts a token of speech for each 50 ms.
const AUDIO_TOKENS_PER_SECOND: u64 = 20;
/// Read aloud, English is about 150 words a minute.
const CHARACTERS_PER_SECOND: u64 = 15;
/// Chinese is about four characters a second.
const CHARACTERS_PER_SECOND_MIN: u64 = 4;
/// Fast speech has four words a second.
const SPOKEN_TOKENS_PER_SECOND: u64 = 5;
const TRANSCRIPT_TOKENS_MIN: u64 = 64;
const DOCUMENTS_PER_SEARCH: u64 = 100;
/// 500 tokens of dense text.
const DOCUMENT_BYTES: u64 = 1_000;
