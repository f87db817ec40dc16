//! Amazon Bedrock's Converse and its event stream.
//!
//! The model and whether to stream stand in the path here, not in the body: the caller of this module sets them.
//! Sources: the Amazon Bedrock API reference (`Converse`, `ConverseStream`) and the specification of the event stream
//! encoding (`application/vnd.amazon.eventstream`).

mod answer;
mod blocks;
mod error;
pub mod frame;
mod quirks;
mod request;
mod stop;
mod stream;
mod tokens;

pub use answer::{decode_answer, encode_answer};
pub use error::{decode_error, encode_error, status};
pub use quirks::Quirks;
pub use request::{decode_request, encode_request};
pub use stream::{Decoder, Encoder};
