//! A streamed answer: named events, blocks one after the other.

mod decoder;
mod encoder;

pub use decoder::Decoder;
pub use encoder::Encoder;
