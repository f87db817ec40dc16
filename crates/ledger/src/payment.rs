//! Who pays what: one total function from how an attempt ended to what its caller and the house owe.

use crate::{ChargeTooLarge, ListCost, Quote, Tokens, Units};

/// How an attempt ended, as far as money is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Case {
    /// Refused before dispatch, or answered with an error that no provider bills.
    Unbilled,
    /// Dispatched, and nothing came but an error or an empty end.
    Blank,
    /// Its typed end came.
    Complete,
    /// Given up from this side, at a provider that stops when its connection closes.
    Cancelled,
    /// Given up from this side, at a provider that works on.
    CancelledRunning,
    /// The provider failed after content.
    FailedMidStream,
    /// Another attempt's answer was used: the loser of a hedge, or one that was tried again without knowing its end.
    Superseded,
    /// The gateway ended first.
    Crashed,
}

impl Case {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Unbilled,
        Self::Blank,
        Self::Complete,
        Self::Cancelled,
        Self::CancelledRunning,
        Self::FailedMidStream,
        Self::Superseded,
        Self::Crashed,
    ];
}

/// The part of an attempt that its caller pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Share {
    /// None of it.
    Nothing,
    /// The output that was delivered, not the input.
    Output,
    /// The input, and the output that was delivered.
    Delivered,
    /// All that the provider bills.
    Full,
}

/// The caller's share in each case that leaves a choice, for one provider. What is not the caller's share is the
/// house's loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// In [`Case::Blank`].
    pub blank: Share,
    /// In [`Case::Cancelled`].
    pub cancelled: Share,
    /// In [`Case::CancelledRunning`].
    pub cancelled_running: Share,
    /// In [`Case::FailedMidStream`].
    pub failed: Share,
    /// In [`Case::Superseded`].
    pub superseded: Share,
    /// In [`Case::Crashed`].
    pub crashed: Share,
}

/// A caller pays for what it caused and got: not for an empty answer, nor for the input of one that failed.
impl Default for Policy {
    fn default() -> Self {
        Self {
            blank: Share::Nothing,
            cancelled: Share::Delivered,
            cancelled_running: Share::Full,
            failed: Share::Output,
            superseded: Share::Nothing,
            crashed: Share::Delivered,
        }
    }
}

/// What is known of an attempt's tokens at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Observed {
    /// What the provider says: `Some` of zeros is zero, `None` is unknown.
    pub usage: Option<Tokens>,
    /// Our own count: the input, and the output that came.
    pub delivered: Tokens,
    /// Our own bound: the input, and all output that was asked for.
    pub worst: Tokens,
    /// Tokens of output that said once more what the caller had from an earlier attempt. Of the provider's count they are a
    /// part, and beside our own.
    pub wasted: u64,
}

/// Which tokens the caller pays, and which the provider bills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payment {
    /// What the caller pays.
    pub caller: Tokens,
    /// What the provider is believed to bill.
    pub upstream: Tokens,
    /// Whether our own count stands in for the provider's.
    pub is_estimated: bool,
}

impl Payment {
    /// Decides a case.
    pub fn of(case: Case, policy: &Policy, observed: &Observed) -> Self {
        let upstream = billed(case, observed);
        let share = match case {
            Case::Unbilled => Share::Nothing,
            Case::Complete => Share::Full,
            Case::Blank => policy.blank,
            Case::Cancelled => policy.cancelled,
            Case::CancelledRunning => policy.cancelled_running,
            Case::FailedMidStream => policy.failed,
            Case::Superseded => policy.superseded,
            Case::Crashed => policy.crashed,
        };
        // What was said twice is paid once, and the house has asked for the second time.
        let said_once = Tokens { output: upstream.output.saturating_sub(observed.wasted), ..upstream };
        // Of what nobody counted, its caller is charged no more than is known to have come; the rest of a guess is the
        // house's.
        let counted = if observed.usage.is_some() { said_once } else { observed.delivered };
        let caller = caller_part(share, &counted, &observed.delivered);
        let is_estimated = observed.usage.is_none() && upstream != Tokens::default();
        Self { caller, upstream, is_estimated }
    }

    /// What both come to at the frozen price.
    ///
    /// # Errors
    ///
    /// When one is above [`ListCost::MAX`].
    pub fn bill(&self, quote: &Quote) -> Result<Bill, ChargeTooLarge> {
        // The whole input chooses the tier, also of a part.
        let prices = quote.price.of(self.upstream.total_input());
        let cost = |tokens| ListCost::from_parts(prices.exact(tokens).ok_or(ChargeTooLarge)?);
        Ok(Bill {
            caller: cost(&self.caller)?,
            upstream: cost(&self.upstream)?,
            tokens: self.upstream.total_input().saturating_add(self.upstream.total_output()),
            is_estimated: self.is_estimated,
        })
    }
}

/// What an attempt cost, at list price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bill {
    /// What the caller pays, before its multiplier.
    pub caller: ListCost,
    /// What the provider bills; where it is more, the house pays the difference.
    pub upstream: ListCost,
    /// All tokens, for limits of tokens a minute.
    pub tokens: u64,
    /// Whether our own count stands in for the provider's.
    pub is_estimated: bool,
}

impl Bill {
    /// One that the caller pays whole.
    pub const fn full(cost: ListCost, tokens: u64) -> Self {
        Self { caller: cost, upstream: cost, tokens, is_estimated: false }
    }
}

fn billed(case: Case, observed: &Observed) -> Tokens {
    let guess = match case {
        Case::Unbilled => return Tokens::default(),
        Case::CancelledRunning => observed.worst,
        Case::Blank | Case::Complete | Case::Cancelled | Case::FailedMidStream | Case::Superseded | Case::Crashed => {
            let output = observed.delivered.output.saturating_add(observed.wasted);
            Tokens { output, ..observed.delivered }
        }
    };
    observed.usage.unwrap_or(guess)
}

/// Never more than the provider bills in any class: a caller is not charged for our own miscount.
fn caller_part(share: Share, upstream: &Tokens, delivered: &Tokens) -> Tokens {
    let output = upstream.output.min(delivered.output);
    let audio_output = upstream.audio_output.min(delivered.audio_output);
    let images = upstream.units.images.min(delivered.units.images);
    match share {
        Share::Nothing => Tokens::default(),
        Share::Output => {
            Tokens { output, audio_output, units: Units { images, ..Units::default() }, ..Tokens::default() }
        }
        Share::Delivered => Tokens { output, audio_output, units: Units { images, ..upstream.units }, ..*upstream },
        Share::Full => *upstream,
    }
}
