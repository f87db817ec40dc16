//! A request, read and written.

mod content;
mod decode;
mod encode;
mod messages;
mod tools;

pub(super) use content::parts;
pub use decode::decode_request;
pub(crate) use encode::{CUSTOM_SCHEMA, default_name, wrapped_input, write_breakpoint};
pub use encode::{encode_request, write_request};
pub(super) use messages::{google_signature, tool_calls};
