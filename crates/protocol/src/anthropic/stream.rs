//! A streamed answer: named events, blocks one after the other.

mod cut_short;
mod decoder;
mod encoder;

pub use cut_short::{Place, STOP, cut_short, with_stop};
pub use decoder::Decoder;
pub use encoder::Encoder;
