//! Anthropic's Messages, in both API versions.
//!
//! Sources: Anthropic's API reference for `anthropic-version` 2023-06-01 and 2026-10-21, its pages on streaming,
//! extended thinking, prompt caching and citations, and the types of its Python SDK 2.12.

mod answer;
mod blocks;
mod error;
mod ids;
mod passing;
mod quirks;
mod request;
mod stop;
mod stream;
mod thoughts;
mod tokens;
mod vertex;

pub use answer::{decode_answer, encode_answer, write_answer};
pub(crate) use blocks::write_keep;
pub use error::{decode_error, encode_error, status};
pub use passing::{Scanner, scan_answer};
pub use quirks::{Quirks, Version};
pub use request::{decode_request, encode_request, write_request};
pub use stream::{Decoder, Encoder, Place, STOP, cut_short, with_stop};
pub use thoughts::{Readable, Readied, with_readable_thoughts};
pub use vertex::for_vertex;
