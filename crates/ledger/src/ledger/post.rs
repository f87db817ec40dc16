//! What operators do to balances: top-ups, adjustments and reversals, each once however often it is asked for.

use std::sync::Arc;

use super::Ledger;
use crate::{Entry, EntryKind, Factor, Money, NodeId, NodeName, Party, PostRefused, Rate, System, Timestamp};

/// An operator's act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// Whose balance.
    pub account: NodeId,
    /// How much, in the account's currency.
    pub amount: Money,
    /// Yuan for a dollar.
    pub rate: Rate,
    /// Why.
    pub reason: Arc<str>,
    /// Its name: asked for again under the same one, it has no second effect.
    pub idempotency: Arc<str>,
}

/// An operator's entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// The entry.
    pub entry: Entry,
    /// Whether it was made now, and is to be stored; otherwise it was made before.
    pub is_new: bool,
}

impl Ledger {
    /// Adds money to an account.
    ///
    /// # Errors
    ///
    /// When the amount is not above zero, the account keeps no balance, or the idempotency key was used for something
    /// else; then nothing is changed.
    pub fn top_up(&mut self, posting: &Posting, now: Timestamp) -> Result<Posted, PostRefused> {
        if posting.amount <= Money::ZERO {
            return Err(PostRefused::BadAmount);
        }
        let parties = (Party::System(System::Treasury), Party::Account(posting.account));
        self.act(EntryKind::TopUp, parties, posting, None, now)
    }

    /// Corrects a balance by an amount above or below zero. A prepaid account gives no more than it may still hold.
    ///
    /// # Errors
    ///
    /// As [`Ledger::top_up`], and when it would take too much.
    pub fn adjust(&mut self, posting: &Posting, now: Timestamp) -> Result<Posted, PostRefused> {
        let treasury = Party::System(System::Treasury);
        let account = Party::Account(posting.account);
        let parties = if posting.amount.is_negative() { (account, treasury) } else { (treasury, account) };
        let amount = posting.amount.nano().checked_abs().map(Money::from_nano).filter(|&amount| amount > Money::ZERO);
        let posting = Posting { amount: amount.ok_or(PostRefused::BadAmount)?, ..posting.clone() };
        self.act(EntryKind::Adjustment, parties, &posting, None, now)
    }

    /// Gives a charge back, whole, once. Spend limits still count it.
    ///
    /// # Errors
    ///
    /// When the entry is no charge or was reversed, or the idempotency key was used for something else.
    pub fn reverse(
        &mut self,
        charge: &Entry,
        reason: Arc<str>,
        idempotency: Arc<str>,
        now: Timestamp,
    ) -> Result<Posted, PostRefused> {
        let (EntryKind::Charge, Some(account), Some(_)) = (charge.kind, charge.account(), charge.exchange) else {
            return Err(PostRefused::NoCharge);
        };
        let posting = Posting { account, amount: charge.amount, rate: charge.rate, reason, idempotency };
        let parties = (Party::System(System::Revenue), Party::Account(account));
        self.act(EntryKind::Reversal, parties, &posting, Some(charge), now)
    }

    /// Whether a balance could be changed so now; nothing is. A charge is given back to an account that keeps no balance
    /// any more, too.
    ///
    /// # Errors
    ///
    /// When the account keeps no balance, it would take too much, or the balance could not be written.
    pub fn check_change(&self, account: NodeId, change: Money, is_reversal: bool) -> Result<(), PostRefused> {
        match self.tree.nodes.get(account.index()).map(|node| &node.name) {
            Some(NodeName::Account(_)) => self.check_act(account, i128::from(change.nano()), is_reversal),
            Some(NodeName::Key(_)) | None => Err(PostRefused::NoBalance),
        }
    }

    fn act(
        &mut self,
        kind: EntryKind,
        (debit, credit): (Party, Party),
        posting: &Posting,
        charge: Option<&Entry>,
        now: Timestamp,
    ) -> Result<Posted, PostRefused> {
        let node = self.tree.nodes.get(posting.account.index()).ok_or(PostRefused::NoBalance)?;
        if matches!(node.name, NodeName::Key(_)) {
            return Err(PostRefused::NoBalance);
        }
        let exchange = charge.and_then(|charge| charge.exchange);
        let attempt = charge.map_or(0, |charge| charge.attempt);
        let mut entry = Entry {
            sequence: self.next_sequence(),
            at: now,
            kind,
            debit,
            credit,
            amount: posting.amount,
            currency: node.currency,
            usd: charge.map_or_else(|| posting.rate.to_usd(posting.amount, node.currency), |charge| charge.usd),
            rate: posting.rate,
            multiplier: charge.map_or(Factor::ONE, |charge| charge.multiplier),
            balance: Money::ZERO,
            exchange,
            attempt,
            node: charge.and_then(|charge| charge.node),
            price: charge.and_then(|charge| charge.price),
            held: Money::ZERO,
            overrun: None,
            is_estimated: false,
            reason: Some(Arc::clone(&posting.reason)),
            idempotency: Some(Arc::clone(&posting.idempotency)),
        };
        if let Some(known) = self.books.acts.get(&posting.idempotency) {
            let is_same = is_same_act(known, &entry);
            return if is_same {
                Ok(Posted { entry: known.clone(), is_new: false })
            } else {
                Err(PostRefused::KeyReused)
            };
        }
        if exchange.is_some_and(|exchange| self.recent.has((exchange, attempt), kind)) {
            return Err(PostRefused::NoCharge);
        }
        let change = entry.change();
        self.check_act(posting.account, change, charge.is_some())?;
        entry.balance = self.balance_after(posting.account, change);
        self.post(&entry);
        self.tree.at_mut(posting.account).excuse();
        Ok(Posted { entry, is_new: true })
    }

    fn check_act(&self, account: NodeId, change: i128, is_reversal: bool) -> Result<(), PostRefused> {
        let node = self.tree.at(account);
        if !node.keeps_balance() && !is_reversal {
            return Err(PostRefused::NoBalance);
        }
        if i64::try_from(node.balance + change).is_err() {
            return Err(PostRefused::TooLarge);
        }
        match node.headroom() {
            Some(headroom) if change < 0 && headroom + change < 0 => {
                Err(PostRefused::Short { left: crate::currency::saturate(headroom.max(0)) })
            }
            _ => Ok(()),
        }
    }
}

/// Whether an act that was made is the one that is asked for again: all but its number, and what it found when.
fn is_same_act(made: &Entry, asked: &Entry) -> bool {
    let Entry { sequence, at, balance, usd, rate, .. } = *made;
    *made == Entry { sequence, at, balance, usd, rate, ..asked.clone() }
}
