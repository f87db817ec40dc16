//! A streamed answer: items with parts, each told in deltas and then once more as a whole.

mod decoder;
mod encoder;
mod shown;

pub use decoder::Decoder;
pub use encoder::Encoder;
pub use shown::{Begun, Shown, ended_with, with_stop};
