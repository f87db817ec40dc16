//! OpenAI's Responses.
//!
//! Sources: OpenAI's API reference and its `OpenAPI` document 2.3.0, the Open Responses specification of 2026-04-24.

mod answer;
mod error;
mod item;
mod quirks;
mod request;
mod stream;
mod tokens;

pub use answer::{decode_answer, encode_answer};
pub use error::{decode_error, encode_error, status};
pub use quirks::Quirks;
pub use request::{decode_request, encode_request};
pub use stream::{Decoder, Encoder};
