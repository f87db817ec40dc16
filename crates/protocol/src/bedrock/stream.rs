//! A streamed answer: typed events in binary frames, blocks one after the other.

mod decoder;
mod encoder;

pub use decoder::Decoder;
pub use encoder::Encoder;
