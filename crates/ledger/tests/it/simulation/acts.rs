//! What happens in a simulated world, one thing a step.

use roundelay_ledger::{
    Ask, Bill, Currency, EntryKind, ExchangeId, Expiry, Extension, Factor, Held, HoldId, Limits, ListCost, Money,
    NodeId, NotExtended, OverrunCause, PostRefused, Posting, Rate, Settlement, Shortage, Stage, Terms, Timestamp,
    invariants,
};

use super::{Attempt, Line, Seen, Work, World, note};
use crate::world::{cost, nano};

impl World {
    pub(super) fn authorise(&mut self, seen: &mut Seen) {
        let node = self.askers[self.dice.below(self.askers.len())];
        let last = self.works.get(&(ExchangeId::from_u64(self.exchanges), 1));
        let is_again = last.is_some() && self.dice.below(15) == 0;
        let second = (ExchangeId::from_u64(self.exchanges), 2);
        let is_fallback = self.exchanges > 0 && !self.works.contains_key(&second) && self.dice.below(8) == 0;
        let attempt = if is_fallback { 2 } else { 1 };
        if !is_again && !is_fallback {
            self.exchanges += 1;
        }
        let amount = [0, 1, 300, 900, 2_500][self.dice.below(5)];
        let far = [2_000_000, 60_000_000, 40 * 60 * 1_000_000][self.dice.below(3)];
        let ask = Ask {
            exchange: ExchangeId::from_u64(self.exchanges),
            attempt,
            is_first: !is_fallback,
            cost: cost(amount).plus(ListCost::from_parts(u128::from(self.dice.word() % 1_000_000)).unwrap()),
            tokens: [0, 500, 3_000][self.dice.below(3)],
            price: None,
            rate: Rate::from_millionths([7_123_456, 6_900_001][self.dice.below(2)]).unwrap(),
            expires_at: self.now.plus(far),
        };
        let ask = if amount == 0 { Ask { cost: ListCost::ZERO, ..ask } } else { ask };
        let spendable = self.ledger.spendable(node, ask.rate, self.now);
        let before = self.ledger.clone();
        match self.ledger.authorise(node, &ask, self.now) {
            Ok(hold) => {
                note(seen, "authorised");
                assert!(!self.works.contains_key(&(ask.exchange, attempt)), "it was sent before");
                assert!(spendable.is_none_or(|most| ask.cost <= most), "more than was spendable: {spendable:?}");
                invariants::granted(&self.ledger, hold, self.now).unwrap();
                let payer = self.ledger.payer(node).unwrap();
                let left = self.ledger.standing(payer).left;
                assert!(amount == 0 || left.is_none_or(|left| left >= Money::ZERO));
                if amount == 0 && left.is_some_and(|left| left <= Money::ZERO) {
                    note(seen, "hold of nothing on an empty balance");
                }
                if is_fallback {
                    note(seen, "second attempt");
                }
                self.open.push((hold, (ask.exchange, attempt)));
            }
            Err(refused) => {
                let name = match refused.shortage {
                    Shortage::Balance { needed, left, .. } => {
                        assert!(needed > left && spendable.is_some_and(|most| ask.cost > most));
                        "refused Balance"
                    }
                    Shortage::Spend { needed, left, resets_at, .. } => {
                        assert!(needed > left && resets_at.is_none_or(|at| at > self.now));
                        assert!(spendable.is_some_and(|most| ask.cost > most));
                        "refused Spend"
                    }
                    Shortage::Requests { retry_at, .. } => {
                        self.check_retry(node, &ask, retry_at);
                        "refused Requests"
                    }
                    Shortage::Tokens { retry_at, .. } => {
                        self.check_retry(node, &ask, retry_at);
                        "refused Tokens"
                    }
                    Shortage::Concurrency { .. } => "refused Concurrency",
                    Shortage::Closed => "refused Closed",
                    Shortage::Duplicate => "refused Duplicate",
                    Shortage::HoldsFull => "refused HoldsFull",
                    Shortage::NoPayer | Shortage::TooLarge => panic!("{refused}"),
                };
                note(seen, name);
                invariants::twice_is_once(&before, &self.ledger).expect("a refusal changes nothing");
            }
        }
    }

    /// A refusal names an instant at which the same is not refused for the same rate, if nobody else comes.
    pub(super) fn check_retry(&mut self, node: NodeId, ask: &Ask, retry_at: Option<Timestamp>) {
        let retry_at = retry_at.expect("no test asks for more than a minute's");
        assert!(retry_at > self.now && retry_at.since(self.now) <= 180_000_000);
        let shortage =
            self.ledger.clone().authorise(node, ask, retry_at).err().map(|refused| (refused.node, refused.shortage));
        let first =
            self.ledger.clone().authorise(node, ask, self.now).err().map(|refused| (refused.node, refused.shortage));
        let same = |one: &Shortage, other: &Shortage| std::mem::discriminant(one) == std::mem::discriminant(other);
        if let (Some((there, now)), Some((then_there, then))) = (first, shortage) {
            assert!(there != then_there || !same(&now, &then), "told to come back for nothing: {then:?}");
        }
    }

    pub(super) fn pick(&mut self) -> Option<(HoldId, Attempt)> {
        (!self.open.is_empty()).then(|| self.open[self.dice.below(self.open.len())])
    }

    pub(super) fn forget(&mut self, hold: HoldId) {
        self.open.retain(|&(open, _)| open != hold);
        self.ended.push(hold);
    }

    pub(super) fn dispatch(&mut self, seen: &mut Seen) {
        let Some((hold, attempt)) = self.pick() else { return };
        if self.works.contains_key(&attempt) {
            return;
        }
        let Ok(held) = self.ledger.dispatched(hold) else { return };
        if !self.is_calm && self.dice.below(30) == 0 {
            note(seen, "crash before dispatch was written");
            return self.crash(seen); // the line never reached the journal, and so nothing was sent
        }
        self.journal.push(Line::Dispatched(held));
        let share = [0, 40, 90, 100, 100, 130][self.dice.below(6)];
        let cost = ListCost::from_parts(held.cost.parts() * share / 100).unwrap();
        self.works.insert(attempt, Work { cost, is_billed: true });
    }

    pub(super) fn extend(&mut self, seen: &mut Seen) {
        let Some((hold, attempt)) = self.pick() else { return };
        let before = self.ledger.clone();
        let held = before.held(hold).copied();
        let expires_at = (self.dice.below(3) == 0).then(|| self.now.plus(120_000_000));
        let more = Extension { cost: cost([10, 700, 5_000][self.dice.below(3)]), tokens: 100, expires_at };
        match self.ledger.extend(hold, &more, self.now) {
            Ok(()) => {
                note(seen, "extended");
                invariants::granted(&self.ledger, hold, self.now).unwrap();
                let after = *self.ledger.held(hold).unwrap();
                assert_eq!(after.cost, held.unwrap().cost.plus(more.cost));
                if let Some(work) = self.works.get_mut(&attempt) {
                    work.cost = work.cost.plus(more.cost);
                    self.journal.push(Line::Dispatched(after));
                }
            }
            Err(NotExtended::Refused(_)) => {
                note(seen, "extension refused");
                let after = *self.ledger.held(hold).unwrap();
                assert_eq!(after, Held { is_refused_more: true, ..held.unwrap() });
                // The stream is stopped, a little late.
                if let Some(work) = self.works.get_mut(&attempt).filter(|_| self.dice.below(2) == 0) {
                    work.cost = after.cost.plus(cost(7));
                }
            }
            Err(NotExtended::Ended(_)) => {
                note(seen, "extension of an ended hold");
                invariants::twice_is_once(&before, &self.ledger).unwrap();
            }
        }
    }

    pub(super) fn progress(&mut self, seen: &mut Seen) {
        let Some((hold, attempt)) = self.pick() else { return };
        let Some(work) = self.works.get(&attempt) else { return };
        let so_far = ListCost::from_parts(work.cost.parts() * self.dice.below(101) as u128 / 100).unwrap();
        let before = self.ledger.held(hold).map(|held| held.delivered);
        if self.ledger.progress(hold, so_far).is_ok() {
            let after = self.ledger.held(hold).unwrap().delivered;
            assert!(Some(after) >= before && after >= so_far);
            if before > Some(so_far) {
                note(seen, "old progress");
            }
            self.journal.push(Line::Progress(attempt, so_far));
        }
    }

    pub(super) fn settle(&mut self, seen: &mut Seen) {
        let Some((hold, attempt)) = self.pick() else { return };
        let Some(work) = self.works.get(&attempt).copied() else { return };
        let caller = [work.cost, work.cost, ListCost::ZERO][self.dice.below(3)];
        let bill = Bill { caller, upstream: work.cost, tokens: 400, is_estimated: false };
        let (before, held) = (self.ledger.clone(), self.ledger.held(hold).copied());
        let Ok(settlement) = self.ledger.settle(hold, &bill, self.now) else {
            note(seen, "late report after expiry");
            invariants::twice_is_once(&before, &self.ledger).unwrap();
            return self.forget(hold);
        };
        if !self.is_calm && self.dice.below(15) == 0 {
            note(seen, "crash between settlement and its entry");
            return self.crash(seen); // nobody was told, and the disk knows nothing of it
        }
        let held = held.expect("it was settled");
        if held.stage == Stage::InDoubt {
            note(seen, "in doubt, then settled");
        }
        self.settled(&held, &bill, settlement, seen);
        self.forget(hold);
    }

    /// Stores the entries of a settlement, having counted again what they should say.
    pub(super) fn settled(&mut self, held: &Held, bill: &Bill, settlement: Settlement, seen: &mut Seen) {
        note(seen, "settled");
        let charge = &settlement.charge;
        // Half up, by a way that differs from the ledger's: twice the amount, one added, halved.
        let parts = bill.caller.parts() * u128::from(charge.multiplier.millionths());
        let half_up = |numerator: u128, denominator: u128| (2 * numerator / denominator).div_ceil(2);
        let usd = half_up(parts, 1_000_000_000_000);
        let in_currency = match charge.currency {
            Currency::Usd => usd,
            Currency::Cny => half_up(parts * u128::from(charge.rate.millionths()), 1_000_000_000_000_000_000),
        };
        assert_eq!((charge.usd.nano(), charge.amount.nano()), (usd as i64, in_currency as i64));
        let excess = charge.amount.nano() - charge.held.nano();
        assert_eq!(settlement.overrun.nano(), excess.max(0));
        assert_eq!(settlement.released.nano(), (-excess).max(0));
        assert_eq!(charge.held, held.amount(charge.currency));
        assert_eq!(charge.amount <= charge.held, bill.caller <= held.cost || charge.overrun.is_none());
        let lost = bill.upstream.less(bill.caller).usd();
        assert_eq!(settlement.loss.as_ref().map_or(Money::ZERO, |loss| loss.amount), lost);
        let names = [
            (settlement.loss.is_some(), "settled with a loss"),
            (charge.is_estimated, "settled as an estimate"),
            (charge.currency == Currency::Cny, "settled in yuan"),
            (charge.multiplier < Factor::ONE, "settled below list price"),
            (charge.overrun == Some(OverrunCause::UsageAboveBound), "overrun UsageAboveBound"),
            (charge.overrun == Some(OverrunCause::ExtensionRefused), "overrun ExtensionRefused"),
            (charge.overrun == Some(OverrunCause::InDoubt), "overrun InDoubt"),
            (charge.overrun.is_some() && charge.balance.is_negative(), "balance below zero after an overrun"),
        ];
        names.iter().filter(|(is_so, _)| *is_so).for_each(|(_, name)| note(seen, name));
        self.entries.push(settlement.charge);
        self.entries.extend(settlement.loss);
    }

    pub(super) fn release(&mut self, seen: &mut Seen) {
        let Some((hold, attempt)) = self.pick() else { return };
        if let Ok(held) = self.ledger.release(hold, self.now) {
            note(seen, "released");
            assert_eq!(self.works.contains_key(&attempt), held.stage != Stage::Held);
            if let Some(work) = self.works.get_mut(&attempt) {
                note(seen, "released after dispatch");
                self.journal.push(Line::Released(attempt));
                work.is_billed = false; // it answered with an error that is not billed
            }
        }
        self.forget(hold);
    }

    /// A report that came before comes again.
    pub(super) fn repeat(&mut self, seen: &mut Seen) {
        if self.ended.is_empty() {
            return;
        }
        let hold = self.ended[self.dice.below(self.ended.len())];
        let before = self.ledger.clone();
        let now = self.now;
        let more = Extension { cost: cost(5), ..Extension::default() };
        assert!(self.ledger.settle(hold, &Bill::full(cost(9), 9), now).is_err());
        assert!(self.ledger.release(hold, now).is_err() && self.ledger.extend(hold, &more, now).is_err());
        assert!(self.ledger.dispatched(hold).is_err() && self.ledger.progress(hold, cost(3)).is_err());
        invariants::twice_is_once(&before, &self.ledger).unwrap();
        note(seen, "second report");
    }

    pub(super) fn operate(&mut self, seen: &mut Seen) {
        if self.dice.below(4) == 0 {
            return self.reverse(seen);
        }
        let account = self.accounts[self.dice.below(self.accounts.len())];
        let amount = [3_000, 20_000, -400, -9_000][self.dice.below(4)];
        let name = format!("act-{}", self.postings.len());
        let rate = Rate::from_millionths(7_000_000).unwrap();
        let mut posting =
            Posting { account, amount: nano(amount), rate, reason: "simulated".into(), idempotency: name.into() };
        if self.dice.below(4) == 0 && !self.postings.is_empty() {
            posting = self.postings[self.dice.below(self.postings.len())].clone();
            if self.dice.below(3) == 0 {
                posting.amount = nano(posting.amount.nano() + 1);
            }
        }
        let before = self.ledger.clone();
        let is_top_up = posting.amount > Money::ZERO;
        let posted =
            if is_top_up { self.ledger.top_up(&posting, self.now) } else { self.ledger.adjust(&posting, self.now) };
        match posted {
            Ok(posted) if posted.is_new => {
                note(seen, if is_top_up { "top-up" } else { "adjusted down" });
                self.entries.push(posted.entry);
                self.postings.push(posting);
            }
            Ok(posted) => {
                note(seen, "top-up asked for twice");
                assert!(self.entries.contains(&posted.entry));
                invariants::twice_is_once(&before, &self.ledger).unwrap();
            }
            Err(refused) => {
                match refused {
                    PostRefused::KeyReused => note(seen, "idempotency key reused"),
                    PostRefused::Short { .. } => note(seen, "adjustment refused"),
                    PostRefused::NoBalance => {}
                    PostRefused::BadAmount | PostRefused::NoCharge | PostRefused::TooLarge => panic!("{refused}"),
                }
                invariants::twice_is_once(&before, &self.ledger).unwrap();
            }
        }
    }

    pub(super) fn reverse(&mut self, seen: &mut Seen) {
        let charges = self.entries.iter().filter(|entry| entry.kind == EntryKind::Charge);
        let charges: Vec<_> = charges.cloned().collect();
        if charges.is_empty() {
            return;
        }
        let charge = &charges[self.dice.below(charges.len())];
        let name = format!("reversal-{}", self.entries.len());
        match self.ledger.reverse(charge, "simulated".into(), name.into(), self.now) {
            Ok(posted) => {
                note(seen, "reversed");
                assert_eq!((posted.entry.amount, posted.entry.usd), (charge.amount, charge.usd));
                self.entries.push(posted.entry);
            }
            Err(refused) => {
                note(seen, "reversed twice");
                assert_eq!(refused, PostRefused::NoCharge);
            }
        }
    }

    pub(super) fn expire(&mut self, seen: &mut Seen) {
        while let Some(expiry) = self.ledger.expire(self.now) {
            match expiry {
                Expiry::Expired(held) => {
                    note(seen, "expired");
                    assert!(!self.works.contains_key(&(held.exchange, held.attempt)), "it was sent");
                }
                Expiry::InDoubt(_, held) => {
                    note(seen, "in doubt");
                    assert_eq!(held.stage, Stage::InDoubt);
                }
                Expiry::Estimated(held, settlement) => {
                    note(seen, "in doubt until estimated");
                    let bill = Bill { is_estimated: true, ..Bill::full(held.delivered, held.tokens) };
                    self.settled(&held, &bill, *settlement, seen);
                }
            }
        }
        invariants::nothing_overdue(&self.ledger, self.now).unwrap();
    }

    /// Only what leaves the windows as they are: a limit of another span begins empty, and entries would fill it.
    pub(super) fn change_terms(&mut self, seen: &mut Seen) {
        if self.dice.below(3) > 0 {
            return;
        }
        note(seen, "terms changed");
        let which = self.dice.below(self.terms.len());
        let is_closed = self.dice.below(8) == 0;
        let credit_line = nano([0, 800][self.dice.below(2)]);
        let per_minute = [None, Some(2), Some(30)][self.dice.below(3)];
        let (account, terms) = &mut self.terms[which];
        let limits = Limits { requests_per_minute: per_minute, ..terms.limits.clone() };
        *terms = Terms { is_closed, credit_line, limits, ..terms.clone() };
        self.ledger.change_account(*account, terms, self.now).unwrap();
    }
}
