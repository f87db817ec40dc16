//! Setting money aside: on every node from the key up, or on none.

use std::{error::Error, fmt};

use super::Ledger;
use crate::currency::saturate;
use crate::{
    AccountKind, Conversion, Currency, Ended, ExchangeId, Held, HoldId, ListCost, Money, NodeId, PriceId, Rate,
    Refused, Shortage, Stage, Timestamp, invariants,
};

/// What an attempt is going to need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// The exchange.
    pub exchange: ExchangeId,
    /// Its attempt, 1 for the first.
    pub attempt: u32,
    /// Whether it counts as a request: later attempts of an exchange do not.
    pub is_first: bool,
    /// A bound of what it costs, at list price; more can be asked for on the way.
    pub cost: ListCost,
    /// A bound of its tokens, for limits of tokens a minute.
    pub tokens: u64,
    /// The price it was quoted.
    pub price: Option<PriceId>,
    /// Yuan for a dollar, to be frozen.
    pub rate: Rate,
    /// When it is overdue.
    pub expires_at: Timestamp,
}

/// What a stream needs besides what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extension {
    /// More money, at list price.
    pub cost: ListCost,
    /// More tokens. Limits of tokens a minute count them and never refuse them: what was let in may end.
    pub tokens: u64,
    /// Another deadline.
    pub expires_at: Option<Timestamp>,
}

impl Ledger {
    /// Sets aside what an attempt needs, or says what is short; then nothing is changed.
    ///
    /// What costs nothing is not refused for want of money.
    ///
    /// # Errors
    ///
    /// What is short: first what is closed, at its limit of attempts or over a rate, then spend limits, then the balance;
    /// of these the first on the way up.
    pub fn authorise(&mut self, node: NodeId, ask: &Ask, now: Timestamp) -> Result<HoldId, Refused> {
        let refused = |shortage| Refused { node, shortage };
        if self.recent.is_known((ask.exchange, ask.attempt)) {
            return Err(refused(Shortage::Duplicate));
        }
        if self.holds.is_full() {
            return Err(refused(Shortage::HoldsFull));
        }
        let payer = self.tree.payer(node).ok_or_else(|| refused(Shortage::NoPayer))?;
        let conversion = self.conversion(node, ask.rate);
        let mut held = Held {
            exchange: ask.exchange,
            attempt: ask.attempt,
            node,
            payer,
            price: ask.price,
            conversion,
            cost: ListCost::ZERO,
            usd: Money::ZERO,
            cny: Money::ZERO,
            tokens: ask.tokens,
            delivered: ListCost::ZERO,
            stage: Stage::Held,
            is_refused_more: false,
            expires_at: ask.expires_at,
        };
        held.resize(ask.cost);
        self.check_rates(node, ask, now)?;
        self.check_money(&held, [held.usd, held.cny], now)?;
        self.take_rates(node, ask, now);
        let hold = self.open(held);
        debug_assert_eq!(invariants::granted(self, hold, now), Ok(()), "{ask:?}");
        Ok(hold)
    }

    /// Sets more aside for an attempt; when refused, what it holds stays as it is.
    ///
    /// # Errors
    ///
    /// When the hold has ended, or what is short.
    pub fn extend(&mut self, hold: HoldId, more: &Extension, now: Timestamp) -> Result<(), NotExtended> {
        let known = self.holds.find(hold).filter(|held| held.stage != Stage::InDoubt);
        let before = *known.ok_or(NotExtended::Ended(Ended))?;
        let mut after = before;
        after.resize(before.cost.plus(more.cost));
        after.tokens = before.tokens.saturating_add(more.tokens);
        let part = |after: Money, before: Money| Money::from_nano(after.nano() - before.nano());
        let parts = [part(after.usd, before.usd), part(after.cny, before.cny)];
        if let Err(refused) = self.check_open(before.node).and_then(|()| self.check_money(&before, parts, now)) {
            let held = self.holds.find_mut(hold).expect("it was found above");
            held.is_refused_more = true;
            return Err(NotExtended::Refused(refused));
        }
        self.add_to_path(&before, parts, 1);
        *self.holds.find_mut(hold).expect("it was found above") = after;
        let path = self.tree.at(before.node).path;
        for &up in path.as_slice() {
            if let Some(tokens) = &mut self.tree.at_mut(up).tokens {
                tokens.take(more.tokens, now);
            }
        }
        if let Some(expires_at) = more.expires_at {
            self.holds.postpone(hold, expires_at);
        }
        Ok(())
    }

    /// Sets as much of `more` aside for an attempt as there is money for, and says how much that was.
    ///
    /// # Errors
    ///
    /// When the hold has ended.
    pub fn extend_as_far(&mut self, hold: HoldId, more: ListCost, now: Timestamp) -> Result<ListCost, Ended> {
        let held = self.holds.find(hold).ok_or(Ended)?;
        let affordable = self.affordable(held.node, held.conversion, now);
        let cost = affordable.map_or(more, |affordable| affordable.min(more));
        match self.extend(hold, &Extension { cost, ..Extension::default() }, now) {
            Ok(()) => Ok(cost),
            Err(NotExtended::Refused(_)) => Ok(ListCost::ZERO),
            Err(NotExtended::Ended(ended)) => Err(ended),
        }
    }

    /// Notes that an attempt is about to be sent, and says what a journal has to keep so that a crash does not forget
    /// it; see [`crate::Recovery`].
    ///
    /// # Errors
    ///
    /// When the hold has ended or is in doubt: then nothing may be sent.
    pub fn dispatched(&mut self, hold: HoldId) -> Result<Held, Ended> {
        let held = self.holds.find_mut(hold).filter(|held| held.stage != Stage::InDoubt).ok_or(Ended)?;
        held.stage = Stage::Dispatched;
        Ok(*held)
    }

    /// Notes what has been delivered by now, at list price, input included. Less than was noted before is an old
    /// report and changes nothing.
    ///
    /// # Errors
    ///
    /// When the hold has ended.
    pub fn progress(&mut self, hold: HoldId, delivered: ListCost) -> Result<(), Ended> {
        let held = self.holds.find_mut(hold).ok_or(Ended)?;
        held.delivered = held.delivered.max(delivered);
        Ok(())
    }

    /// The largest cost at list price that [`Ledger::authorise`] would set aside now; `None` when money does not
    /// limit it. Nothing for what is closed.
    pub fn spendable(&self, node: NodeId, rate: Rate, now: Timestamp) -> Option<ListCost> {
        self.affordable(node, self.conversion(node, rate), now)
    }

    fn affordable(&self, node: NodeId, conversion: Conversion, now: Timestamp) -> Option<ListCost> {
        let (Some(payer), Ok(())) = (self.tree.payer(node), self.check_open(node)) else {
            return Some(ListCost::ZERO);
        };
        let affords = |left: i128, currency| ListCost::within(saturate(left.max(0)), conversion, currency);
        let payer = self.tree.at(payer);
        let of_balance = payer.headroom().and_then(|left| affords(left, payer.currency));
        let of_limits = self.tree.at(node).path.as_slice().iter().flat_map(|&up| {
            let node = self.tree.at(up);
            let left = node.windows.iter().map(|window| window.left(node.pending, now));
            left.filter_map(|left| affords(left, node.currency)).min()
        });
        of_balance.into_iter().chain(of_limits).min()
    }

    /// Opens a hold that nothing is short for, or that cannot be refused.
    pub(super) fn open(&mut self, held: Held) -> HoldId {
        self.add_to_path(&held, [held.usd, held.cny], 1);
        if held.stage != Stage::InDoubt {
            self.count_running(held.node, true);
        }
        self.recent.hold((held.exchange, held.attempt));
        self.counts.taken += 1;
        self.holds.insert(held)
    }

    /// Adds amounts (in dollars and in yuan) to what is held on the path, or takes them off.
    pub(super) fn add_to_path(&mut self, held: &Held, amounts: [Money; 2], sign: i128) {
        let amount = |currency: Currency| sign * i128::from(amounts[currency as usize].nano());
        let path = self.tree.at(held.node).path;
        for &up in path.as_slice() {
            let node = self.tree.at_mut(up);
            node.pending += amount(node.currency);
        }
        let payer = self.tree.at_mut(held.payer);
        payer.held += amount(payer.currency);
    }

    pub(super) fn count_running(&mut self, node: NodeId, begins: bool) {
        let path = self.tree.at(node).path;
        for &up in path.as_slice() {
            let running = &mut self.tree.at_mut(up).running;
            *running = if begins { *running + 1 } else { *running - 1 };
        }
    }

    fn conversion(&self, node: NodeId, rate: Rate) -> Conversion {
        let multiplier = self.tree.at(node).effective;
        Conversion::new(multiplier, rate).expect("terms with a larger multiplier are refused")
    }

    fn check_open(&self, node: NodeId) -> Result<(), Refused> {
        let mut path = self.tree.at(node).path.as_slice().iter();
        match path.find(|&&up| self.tree.at(up).is_closed) {
            Some(&node) => Err(Refused { node, shortage: Shortage::Closed }),
            None => Ok(()),
        }
    }

    fn check_rates(&mut self, node: NodeId, ask: &Ask, now: Timestamp) -> Result<(), Refused> {
        let path = self.tree.at(node).path;
        for &up in path.as_slice() {
            let node = self.tree.at_mut(up);
            let refused = |shortage| Err(Refused { node: up, shortage });
            if node.is_closed {
                return refused(Shortage::Closed);
            }
            if let Some(limit) = node.concurrency.filter(|&limit| node.running >= limit) {
                return refused(Shortage::Concurrency { limit });
            }
            if let Some(requests) = node.requests.as_mut().filter(|_| ask.is_first)
                && let Err(wait) = requests.check(1, now)
            {
                return refused(Shortage::Requests { per_minute: requests.per_minute(), retry_at: wait.until() });
            }
            if let Some(tokens) = node.tokens.as_mut()
                && let Err(wait) = tokens.check(ask.tokens, now)
            {
                let (needed, left) = (ask.tokens, tokens.left(now));
                return refused(Shortage::Tokens { needed, left, retry_at: wait.until() });
            }
        }
        Ok(())
    }

    fn take_rates(&mut self, node: NodeId, ask: &Ask, now: Timestamp) {
        let path = self.tree.at(node).path;
        for &up in path.as_slice() {
            let node = self.tree.at_mut(up);
            if let Some(requests) = node.requests.as_mut().filter(|_| ask.is_first) {
                requests.take(1, now);
            }
            if let Some(tokens) = &mut node.tokens {
                tokens.take(ask.tokens, now);
            }
        }
    }

    /// Whether amounts (in dollars and in yuan) can be held besides what is.
    fn check_money(&self, held: &Held, amounts: [Money; 2], now: Timestamp) -> Result<(), Refused> {
        for &up in self.tree.at(held.node).path.as_slice() {
            let node = self.tree.at(up);
            let (needed, currency) = (amounts[node.currency as usize], node.currency);
            for window in &node.windows {
                let left = window.left(node.pending, now);
                if is_short(needed, left) {
                    let (span, left) = (window.limit.span, saturate(left.max(0)));
                    let resets_at = window.resets_at(now);
                    let shortage = Shortage::Spend { span, needed, left, currency, resets_at };
                    return Err(Refused { node: up, shortage });
                }
            }
        }
        let payer = self.tree.at(held.payer);
        let (needed, currency) = (amounts[payer.currency as usize], payer.currency);
        let shortage = match payer.kind {
            AccountKind::Prepaid | AccountKind::Inherits => {
                let left = payer.headroom().unwrap_or(0);
                let left_shown = saturate(left.max(0));
                is_short(needed, left).then_some(Shortage::Balance { needed, left: left_shown, currency })
            }
            AccountKind::Postpaid => {
                let after = payer.balance - payer.held - i128::from(needed.nano());
                (after < i128::from(i64::MIN)).then_some(Shortage::TooLarge)
            }
        };
        shortage.map_or(Ok(()), |shortage| Err(Refused { node: held.payer, shortage }))
    }
}

fn is_short(needed: Money, left: i128) -> bool {
    needed > Money::ZERO && i128::from(needed.nano()) > left
}

/// Why no more was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotExtended {
    /// The hold has ended.
    Ended(Ended),
    /// Something is short: the stream ends with what it has.
    Refused(Refused),
}

impl fmt::Display for NotExtended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(ended) => ended.fmt(f),
            Self::Refused(refused) => refused.fmt(f),
        }
    }
}

impl Error for NotExtended {}
