//! A streamed answer: chunks with deltas, told apart by the index of their choice and of their tool call.

mod calls;
mod decoder;
mod delta;
mod encoder;

pub use decoder::Decoder;
pub(super) use decoder::broken_off;
pub use encoder::Encoder;
