//! A request, read and written.

mod contents;
mod decode;
mod encode;

pub use decode::decode_request;
pub use encode::encode_request;
