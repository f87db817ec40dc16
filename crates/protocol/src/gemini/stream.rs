//! A streamed answer: every event is a whole response with the next parts, and there is no mark of the end.

mod arguments;
mod decoder;
mod encoder;

pub use decoder::Decoder;
pub use encoder::Encoder;
