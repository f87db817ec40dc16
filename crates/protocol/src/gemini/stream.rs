//! A streamed answer: every event is a whole response with the next parts, and there is no mark of the end.

mod arguments;
mod cut_short;
mod decoder;
mod encoder;

pub use cut_short::{cut_short, with_stop};
pub use decoder::Decoder;
pub use encoder::Encoder;
