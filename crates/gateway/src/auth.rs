//! Who is asking: API keys of callers, and tokens of operators.

mod keys;
mod operators;
mod pepper;
mod presented;
mod token;

pub use keys::{AuthRefusal, Caller, KeyFault, KeyWish, Keys};
pub use operators::{OperatorWish, Operators};
pub use pepper::{Pepper, PepperFault};
pub use presented::presented;
