//! A streamed answer: items with parts, each told in deltas and then once more as a whole.

mod decoder;
mod encoder;

pub use decoder::Decoder;
pub use encoder::Encoder;
