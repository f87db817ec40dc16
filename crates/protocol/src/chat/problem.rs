//! An error answer, in words that every dialect has.

use super::Text;

/// What went wrong, for a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem<'a> {
    pub kind: ProblemKind,
    pub message: Text<'a>,
    /// The vendor's own word for it, finer than the kind.
    pub code: Option<Text<'a>>,
    /// The member of the request at fault.
    pub param: Option<Text<'a>>,
}

/// The closed list of kinds; each has a name and a status in every dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    InvalidRequest,
    Authentication,
    Billing,
    Permission,
    NotFound,
    TooLarge,
    RateLimit,
    Timeout,
    Overloaded,
    Server,
}

impl ProblemKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::InvalidRequest,
        Self::Authentication,
        Self::Billing,
        Self::Permission,
        Self::NotFound,
        Self::TooLarge,
        Self::RateLimit,
        Self::Timeout,
        Self::Overloaded,
        Self::Server,
    ];

    /// The kind an HTTP status stands for, where nothing says more.
    pub fn of_status(status: u16) -> Self {
        match status {
            401 => Self::Authentication,
            402 => Self::Billing,
            403 => Self::Permission,
            404 => Self::NotFound,
            408 | 504 => Self::Timeout,
            413 => Self::TooLarge,
            429 => Self::RateLimit,
            503 | 529 => Self::Overloaded,
            400..=499 => Self::InvalidRequest,
            _ => Self::Server,
        }
    }
}

impl Problem<'_> {
    pub fn into_owned(self) -> Problem<'static> {
        Problem {
            kind: self.kind,
            message: self.message.into_owned(),
            code: self.code.map(Text::into_owned),
            param: self.param.map(Text::into_owned),
        }
    }
}
