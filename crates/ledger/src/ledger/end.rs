//! How holds end: settled, released, expired; each once.

use super::Ledger;
use crate::{
    Bill, Conversion, Currency, Ended, Entry, EntryKind, Held, HoldId, Money, OverrunCause, Party, Shortage, Stage,
    System, Timestamp, limit::Bucket,
};

/// How a hold was settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// What the caller pays, also when that is nothing.
    pub charge: Entry,
    /// What the house pays; its number follows that of the charge.
    pub loss: Option<Entry>,
    /// What was held and not needed, in the currency of the charge.
    pub released: Money,
    /// What was needed and not held, in the currency of the charge.
    pub overrun: Money,
}

/// What became of a hold that was overdue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expiry {
    /// Nothing had been sent: its money is free again.
    Expired(Held),
    /// Somebody may bill it: it stays held, in doubt. Settle it once its usage is known.
    InDoubt(HoldId, Held),
    /// It was in doubt for long enough and is settled by what is known to have been delivered.
    Estimated(Held, Box<Settlement>),
}

impl Ledger {
    /// Charges what was used and gives the rest back. More than was held is charged too, with its cause.
    ///
    /// # Errors
    ///
    /// When the hold has ended: then nothing is changed.
    pub fn settle(&mut self, hold: HoldId, bill: &Bill, now: Timestamp) -> Result<Settlement, Ended> {
        let held = self.close(hold)?;
        self.counts.settled += 1;
        self.correct_tokens(&held, bill.tokens, now);
        Ok(self.charge(&held, bill, now))
    }

    /// Gives everything back: nothing is owed. An attempt that was sent is over with that; one that was not may be
    /// held again.
    ///
    /// # Errors
    ///
    /// When the hold has ended: then nothing is changed.
    pub fn release(&mut self, hold: HoldId, now: Timestamp) -> Result<Held, Ended> {
        let held = self.close(hold)?;
        self.counts.released += 1;
        self.correct_tokens(&held, 0, now);
        if held.stage != Stage::Held {
            self.recent.retire((held.exchange, held.attempt));
        }
        Ok(held)
    }

    /// Deals with the hold that is overdue for longest; `None` when none is. To be called until then.
    pub fn expire(&mut self, now: Timestamp) -> Option<Expiry> {
        let hold = self.holds.overdue(now)?;
        let held = *self.holds.find(hold).expect("a deadline has its hold");
        Some(match held.stage {
            Stage::Held => {
                self.close(hold).expect("it was found above");
                self.counts.expired += 1;
                self.correct_tokens(&held, 0, now);
                Expiry::Expired(held)
            }
            Stage::Dispatched => {
                self.count_running(held.node, false);
                self.each_rate(&held, |tokens| {
                    tokens.forget(held.tokens);
                });
                let held = self.holds.find_mut(hold).expect("it was found above");
                held.stage = Stage::InDoubt;
                let doubted = *held;
                self.holds.postpone(hold, now.plus(self.settings.in_doubt_micros));
                Expiry::InDoubt(hold, doubted)
            }
            Stage::InDoubt => {
                let bill = Bill { is_estimated: true, ..Bill::full(held.delivered, held.tokens) };
                let settlement = self.settle(hold, &bill, now).expect("it was found above");
                Expiry::Estimated(held, Box::new(settlement))
            }
        })
    }

    /// Takes up a hold that was open when the gateway crashed, as [`crate::Recovery`] tells it: its money is held
    /// again, whether or not it is there, until it is settled or was in doubt for long enough, counted from now or, where
    /// that was earlier, from when it was overdue.
    ///
    /// # Errors
    ///
    /// [`Shortage::Duplicate`] when the attempt is held or charged.
    pub fn reinstate(&mut self, lost: &Held, now: Timestamp) -> Result<HoldId, Shortage> {
        if self.recent.is_known((lost.exchange, lost.attempt)) {
            return Err(Shortage::Duplicate);
        }
        let expires_at = now.min(lost.expires_at).plus(self.settings.in_doubt_micros);
        let hold = self.open(Held { stage: Stage::InDoubt, expires_at, ..*lost });
        self.tree.at_mut(lost.payer).excuse();
        Ok(hold)
    }

    /// Takes a hold off its path.
    fn close(&mut self, hold: HoldId) -> Result<Held, Ended> {
        let held = self.holds.remove(hold).ok_or(Ended)?;
        self.add_to_path(&held, [held.usd, held.cny], -1);
        if held.stage != Stage::InDoubt {
            self.count_running(held.node, false);
        }
        self.recent.end((held.exchange, held.attempt));
        Ok(held)
    }

    /// Gives back tokens that were taken and not used, or takes those that were used besides.
    fn correct_tokens(&mut self, held: &Held, used: u64, now: Timestamp) {
        if held.stage == Stage::InDoubt {
            return; // what is told so late is not of this minute
        }
        self.each_rate(held, |tokens| tokens.settle(held.tokens, used, now));
    }

    fn each_rate(&mut self, held: &Held, mut end: impl FnMut(&mut Bucket)) {
        let path = self.tree.at(held.node).path;
        for &up in path.as_slice() {
            if let Some(tokens) = &mut self.tree.at_mut(up).tokens {
                end(tokens);
            }
        }
    }

    fn charge(&mut self, held: &Held, bill: &Bill, now: Timestamp) -> Settlement {
        let currency = self.tree.at(held.payer).currency;
        let amount = bill.caller.nearest(held.conversion, currency);
        let set_aside = held.amount(currency);
        let excess = amount.nano() - set_aside.nano();
        let cause = match held.stage {
            Stage::InDoubt => OverrunCause::InDoubt,
            Stage::Held | Stage::Dispatched if held.is_refused_more => OverrunCause::ExtensionRefused,
            Stage::Held | Stage::Dispatched => OverrunCause::UsageAboveBound,
        };
        let charge = Entry {
            sequence: self.next_sequence(),
            at: now,
            kind: EntryKind::Charge,
            debit: Party::Account(held.payer),
            credit: Party::System(System::Revenue),
            amount,
            currency,
            usd: bill.caller.nearest(held.conversion, Currency::Usd),
            rate: held.conversion.rate(),
            multiplier: held.conversion.multiplier(),
            balance: self.balance_after(held.payer, -i128::from(amount.nano())),
            exchange: Some(held.exchange),
            attempt: held.attempt,
            node: Some(held.node),
            price: held.price,
            held: set_aside,
            overrun: (excess > 0).then_some(cause),
            is_estimated: bill.is_estimated,
            reason: None,
            idempotency: None,
        };
        self.post(&charge);
        if excess > 0 {
            self.tree.at_mut(held.payer).excuse();
        }
        let loss = self.lose(&charge, bill);
        let (released, overrun) = (Money::from_nano((-excess).max(0)), Money::from_nano(excess.max(0)));
        Settlement { charge, loss, released, overrun }
    }

    /// What the provider bills and the caller does not pay.
    fn lose(&mut self, charge: &Entry, bill: &Bill) -> Option<Entry> {
        let lost = bill.upstream.less(bill.caller).nearest(Conversion::LIST, Currency::Usd);
        if lost == Money::ZERO {
            return None;
        }
        let loss = Entry {
            sequence: self.next_sequence(),
            kind: EntryKind::Loss,
            debit: Party::System(System::Loss),
            amount: lost,
            currency: Currency::Usd,
            usd: lost,
            multiplier: Conversion::LIST.multiplier(),
            balance: Money::ZERO,
            held: Money::ZERO,
            overrun: None,
            ..charge.clone()
        };
        self.post(&loss);
        Some(loss)
    }
}
