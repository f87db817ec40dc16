//! Who is asking: API keys of callers, and the one token of the operator.

pub mod admin;
mod keys;
mod pepper;
mod presented;
mod token;

pub use keys::{AuthRefusal, Caller, KeyFault, KeyWish, Keys};
pub use pepper::{Pepper, PepperFault};
pub use presented::presented;
