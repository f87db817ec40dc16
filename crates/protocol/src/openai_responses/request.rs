//! A request, read and written.

mod decode;
mod encode;
mod input;
mod tools;

pub use decode::decode_request;
pub use encode::encode_request;
pub(super) use tools::read_tool;
