//! OpenAI's Responses.
//!
//! Sources: OpenAI's API reference and its `OpenAPI` document 2.3.0, the Open Responses specification of 2026-04-24.

mod answer;
mod compaction;
mod error;
mod frame;
mod identity;
mod item;
mod namespace;
mod quirks;
mod reference;
mod request;
mod stream;
mod thread;
mod tokens;

pub use answer::{decode_answer, encode_answer, encode_answer_as, write_answer};
pub use compaction::{
    Compacted, Kept, SEALED_HERE, SealedItem, holds_compaction, kept_messages, sealed_here, stream_of, with_issuer,
    with_messages,
};
pub use error::{decode_error, encode_error, status};
pub use frame::{Create, Frame};
pub(crate) use identity::is_unsealed;
pub use identity::{Echo, Identity};
pub(crate) use namespace::{flattened, name_of_flat, renamed};
pub use quirks::Quirks;
pub(crate) use reference::is_reference;
pub use reference::{Reference, references, with_items};
pub use request::{decode_request, encode_request};
pub use stream::{Begun, Decoder, Encoder, Shown, ended_with, with_stop};
pub use thread::{Said, Thread, named_items, said};
