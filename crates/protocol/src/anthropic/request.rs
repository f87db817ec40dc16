//! A request, read and written.

mod decode;
mod encode;
mod turns;

pub use decode::decode_request;
pub use encode::{encode_request, write_request};
