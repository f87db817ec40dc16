//! Gemini's `generateContent` and `streamGenerateContent`, of AI Studio and Vertex.
//!
//! The model and whether to stream stand in the path here, not in the body: the caller of this module sets them.
//! Sources: Google's Gemini API reference (v1beta) and its pages on function calling, thinking and thought signatures;
//! Vertex AI's page on streaming function call arguments.

mod answer;
mod error;
mod logprobs;
mod parts;
mod quirks;
mod request;
mod schema;
mod signature;
mod stop;
mod stream;
mod tokens;

pub use answer::{decode_answer, encode_answer, write_answer};
pub use error::{decode_error, encode_error, status};
pub(crate) use parts::camel;
pub use quirks::Quirks;
pub use request::{decode_request, encode_request};
pub use stream::{Decoder, Encoder, cut_short, with_stop};
