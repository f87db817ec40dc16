//! Who is asking: API keys of callers, and the one token of the operator.

pub mod admin;
mod codes;
mod keys;
mod pepper;
mod presented;
mod receipt_key;
mod token;

pub use codes::{Codes, Presented};
pub use keys::{AuthRefusal, Caller, KeyFault, KeyWish, Keys};
pub use pepper::{Pepper, PepperFault};
pub use presented::presented;
pub use receipt_key::ReceiptKey;
