//! Carrying on a cut answer: what was shown of it, how another model is asked to go on, and where its words begin anew.
//!
//! ```text
//! events of the first stream ──▶ Shown          what stands at the caller
//! its request ── carry_on ──▶ the next request   by prefill, by prompt, or the same once more
//! events of the next stream ──▶ Seam ──▶ the first stream's encoder, as if nothing had happened
//! ```
//!
//! Nothing here makes up a word: what a caller reads are the models' own, each exactly once, or an error.

mod align;
mod asked;
mod letters;
mod overlap;
mod period;
mod repeat;
mod shown;
mod splice;

pub use asked::{carry_on, prefill_of, takes_prefill, unfit_request};
pub use shown::Shown;
pub use splice::Seam;

/// How the next model comes to carry on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// What was shown is the beginning of its own answer.
    Prefill {
        /// Its server gives that beginning back before what is new.
        echoes: bool,
    },
    /// It is told in a turn of the user to go on.
    Prompt,
    /// It is asked the same once more, and has to begin with what was shown.
    Again,
}

impl Way {
    /// The stable label for records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prefill { .. } => "prefill",
            Self::Prompt => "prompt",
            Self::Again => "again",
        }
    }
}

/// Letters, white space not counted, that are alike by more than chance.
///
/// Below it a repetition cannot be told from an answer that happens to begin alike.
const ALIKE_MIN: usize = 16;
/// Letters of a whole beginning from which on nobody says it twice of his own accord.
const ECHO_MIN: usize = 48;
