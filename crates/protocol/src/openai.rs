//! OpenAI's dialect: chat completions, legacy completions, services beside conversation, the models list, errors.

pub mod answer;
pub mod chunk;
mod cost;
mod envelope;
pub mod error;
mod finish;
pub mod models;
mod request;
pub mod service;
pub mod stream;

pub use cost::with_cost;
pub(crate) use envelope::is_empty;
pub use finish::Finish;
pub use request::{
    Asked, BUDGET_MIN, BadRequest, Holds, Needs, OutputField, OutputMax, Request, Rewrite, as_stream,
    content_type_as_read,
};
pub use service::Service;

use crate::chat::Dialect;

/// Which endpoint a request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `POST /v1/chat/completions`
    Chat,
    /// `POST /v1/completions`
    Completions,
    /// `POST /v1/messages`, Anthropic's: what routing and money need to know of it is learnt like that of the others.
    Messages,
    /// `POST /v1/responses`
    Responses,
    /// `POST /v1/models/{model}:generateContent`, Gemini's, and `:streamGenerateContent`: what its body does not say, the
    /// model and whether to stream, is set by who knows the path.
    Generate,
    /// Bedrock's `POST /model/{model}/converse` and `converse-stream`, to providers alone: no caller asks in its words.
    Converse,
    /// What is no conversation: passed on byte for byte to providers of the same API.
    Service(Service),
}

impl Operation {
    /// The dialect of its requests.
    pub fn dialect(self) -> Dialect {
        match self {
            Self::Chat | Self::Completions | Self::Service(_) => Dialect::OpenaiChat,
            Self::Messages => Dialect::Anthropic,
            Self::Responses => Dialect::OpenaiResponses,
            Self::Generate => Dialect::Gemini,
            Self::Converse => Dialect::Bedrock,
        }
    }

    /// What is asked for, where that is no conversation.
    pub fn service(self) -> Option<Service> {
        match self {
            Self::Service(service) => Some(service),
            _ => None,
        }
    }

    /// The path under the provider's base URL; where the model stands in it, its beginning.
    pub fn path(self) -> &'static str {
        match self {
            Self::Chat => "/chat/completions",
            Self::Completions => "/completions",
            Self::Messages => "/messages",
            Self::Responses => "/responses",
            Self::Generate => "/models",
            Self::Converse => "/model",
            Self::Service(service) => service.path(),
        }
    }
}

/// What kind of content a chunk or an answer carries. Empty strings are not content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Content {
    #[default]
    None,
    Reasoning,
    Audio,
    Image,
    Refusal,
    Text,
    ToolCall,
}
