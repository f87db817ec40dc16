//! The refusal of a code that is to be redeemed.

use super::Wire;
use crate::store::CodeRefusal;

/// Why a code brought no money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotPaid {
    /// It is worth nothing to who presents it.
    Code(CodeRefusal),
    /// The key has presented too many that were none.
    TooMany {
        /// Seconds until it may present another.
        wait: i64,
    },
}

impl NotPaid {
    pub(super) fn wire(&self) -> Wire<'_> {
        let refused = |status, kind, code, message: String| Wire {
            code: Some(code),
            param: Some("code"),
            ..Wire::new(status, kind, message)
        };
        let bad = "invalid_request_error";
        match *self {
            Self::Code(refusal @ CodeRefusal::Unknown) => {
                refused(404, "not_found_error", "code_unknown", refusal.to_string())
            }
            Self::Code(refusal @ CodeRefusal::Taken) => refused(409, bad, "code_redeemed", refusal.to_string()),
            Self::Code(refusal @ CodeRefusal::Expired) => refused(410, bad, "code_expired", refusal.to_string()),
            Self::Code(refusal @ CodeRefusal::Revoked) => refused(410, bad, "code_revoked", refusal.to_string()),
            Self::TooMany { wait } => refused(
                429,
                "rate_limit_error",
                "too_many_codes",
                format!("this key has presented too many codes that are none: wait {} minutes", (wait + 59) / 60),
            ),
        }
    }
}
