//! Who is asking: API keys of callers, and tokens of operators.

mod codes;
mod compaction_key;
mod keys;
mod operators;
mod pepper;
mod presented;
mod receipt_key;
mod token;

pub use codes::{Codes, Presented};
pub use compaction_key::CompactionKey;
pub use keys::{AuthRefusal, Caller, KeyFault, KeyWish, Keys};
pub use operators::{OperatorWish, Operators};
pub use pepper::{Pepper, PepperFault};
pub use presented::presented;
pub use receipt_key::ReceiptKey;
