//! Chat completions, translated: OpenAI's dialect and that of everybody who copied it.
//!
//! [`crate::openai`] passes the same dialect through without reading it whole; this is for the way to and from others.
//! Sources: OpenAI's API reference and its `OpenAPI` document 2.3.0; for reasoning the pages of `DeepSeek`
//! (`reasoning_content`), `OpenRouter` (`reasoning`, `reasoning_details`) and Mistral (`thinking` parts), for Gemini's
//! signatures Google's page on OpenAI compatibility (`extra_content.google.thought_signature`).

mod answer;
mod error;
mod quirks;
mod reasoning;
mod request;
mod stop;
mod stream;
mod tokens;

pub use answer::{decode_answer, encode_answer, write_answer};
pub use error::{decode_error, encode_error, status};
pub use quirks::{OutputLimit, Prefill, Quirks, Replay};
pub(crate) use request::{CUSTOM_SCHEMA, default_name, wrapped_input, write_breakpoint};
pub use request::{decode_request, encode_request, write_request};
pub use stream::{Decoder, Encoder};
