//! What providers do besides conversation: embeddings, rerankers, moderations, images, speech, transcriptions.
//!
//! Requests and answers pass byte for byte; what is read of them is the model, and what money needs. Sources: OpenAI API
//! reference (embeddings, moderations, images, audio); Cohere API reference, "rerank"; Jina, "reranker API".

pub mod answer;
pub mod event;

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// `POST /v1/embeddings`
    Embeddings,
    /// `POST /v1/rerank`, of Cohere, Jina and vLLM.
    Rerank,
    /// `POST /v1/moderations`
    Moderations,
    /// `POST /v1/images/generations`
    Images,
    /// `POST /v1/images/edits`
    ImageEdits,
    /// `POST /v1/images/variations`
    ImageVariations,
    /// `POST /v1/audio/speech`
    Speech,
    /// `POST /v1/audio/transcriptions`
    Transcriptions,
    /// `POST /v1/audio/translations`
    Translations,
}

impl Service {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 9] = [
        Self::Embeddings,
        Self::Rerank,
        Self::Moderations,
        Self::Images,
        Self::ImageEdits,
        Self::ImageVariations,
        Self::Speech,
        Self::Transcriptions,
        Self::Translations,
    ];

    /// The path under the provider's base URL, and under the callers' `/v1`.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Embeddings => "/embeddings",
            Self::Rerank => "/rerank",
            Self::Moderations => "/moderations",
            Self::Images => "/images/generations",
            Self::ImageEdits => "/images/edits",
            Self::ImageVariations => "/images/variations",
            Self::Speech => "/audio/speech",
            Self::Transcriptions => "/audio/transcriptions",
            Self::Translations => "/audio/translations",
        }
    }

    /// Whether its answer is images.
    pub const fn makes_images(self) -> bool {
        matches!(self, Self::Images | Self::ImageEdits | Self::ImageVariations)
    }

    /// Whether audio goes in.
    pub const fn hears(self) -> bool {
        matches!(self, Self::Transcriptions | Self::Translations)
    }

    /// Whether audio goes in or comes out, which has prices of its own.
    pub const fn has_audio(self) -> bool {
        self.hears() || matches!(self, Self::Speech)
    }
}
