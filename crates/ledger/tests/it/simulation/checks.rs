//! Crashes of a simulated world, and what is counted again from its disk and its provider.

use std::collections::BTreeMap;

use roundelay_ledger::{
    Audit, Currency, EntryKind, Factor, Ledger, NodeId, NodeName, Party, Recovery, Shortage, System, invariants,
};

use super::{Line, Seen, World, note};

impl World {
    /// Memory is gone; accounts, entries and the journal are there.
    pub(super) fn crash(&mut self, seen: &mut Seen) {
        note(seen, "crash");
        self.ledger = self.refolded(seen);
        self.ended.clear();
        self.open.clear();
        self.exchanges += 1; // an exchange ends with its process
        let mut recovery = Recovery::new();
        self.journal.iter().for_each(|line| match line {
            Line::Dispatched(held) => recovery.dispatched(*held),
            Line::Progress((exchange, attempt), so_far) => recovery.progress(*exchange, *attempt, *so_far),
            Line::Released((exchange, attempt)) => recovery.released(*exchange, *attempt),
        });
        self.entries.iter().for_each(|entry| recovery.entry(entry));
        for lost in recovery.in_doubt() {
            note(seen, "recovered in doubt");
            let hold = self.ledger.reinstate(&lost, self.now).expect("it has no entry");
            self.open.push((hold, (lost.exchange, lost.attempt)));
            if self.dice.below(4) == 0 {
                note(seen, "recovered twice");
                assert_eq!(self.ledger.reinstate(&lost, self.now), Err(Shortage::Duplicate));
            }
        }
    }

    pub(super) fn empty(&self) -> Ledger {
        let mut ledger = Ledger::new(self.settings);
        for &(account, ref terms) in &self.terms {
            let (name, parent) = self.place(account);
            let NodeName::Account(id) = name else { panic!("a key among accounts") };
            assert_eq!(ledger.open_account(id, parent, terms, self.now), Ok(account));
        }
        for (key, limits) in &self.key_limits {
            let (name, account) = self.place(*key);
            let NodeName::Key(id) = name else { panic!("an account among keys") };
            assert_eq!(ledger.open_key(id, account.unwrap(), limits.clone(), self.now), Ok(*key));
        }
        ledger
    }

    /// The books again: from all entries, or from a checkpoint somewhere among them.
    pub(super) fn refolded(&mut self, seen: &mut Seen) -> Ledger {
        let mut ledger = self.empty();
        let (before, after) = self.entries.split_at(self.dice.below(self.entries.len() + 1));
        before.iter().for_each(|entry| ledger.apply(entry).unwrap());
        if self.dice.below(2) == 0 {
            note(seen, "resumed from a checkpoint");
            let checkpoint = ledger.checkpoint();
            ledger = self.empty();
            ledger.resume(&checkpoint).unwrap();
            before.iter().for_each(|entry| ledger.remember(entry));
        }
        after.iter().for_each(|entry| ledger.apply(entry).unwrap());
        ledger
    }

    pub(super) fn place(&self, node: NodeId) -> (NodeName, Option<NodeId>) {
        (self.ledger.name(node).clone(), self.ledger.parent(node))
    }

    pub(super) fn check(&mut self, seen: &mut Seen) {
        invariants::state(&self.ledger).unwrap();
        if self.dice.below(10) == 0 {
            let refolded = self.refolded(seen);
            invariants::same_books(&self.ledger, &refolded).unwrap();
            self.check_audit();
        }
    }

    pub(super) fn check_audit(&self) {
        let mut audit = Audit::new();
        for entry in &self.entries {
            audit.entry(entry).unwrap();
        }
        for (account, terms) in &self.terms {
            let standing = self.ledger.standing(*account);
            audit.claim(Party::Account(*account), terms.currency, standing.balance).unwrap();
        }
        for system in System::ALL {
            for currency in Currency::ALL {
                assert_eq!(audit.house_nano(system, currency), self.ledger.house_nano(system, currency));
            }
        }
    }

    /// All that the provider billed is in the ledger, to the last nano-dollar where its usage was received.
    pub(super) fn check_bank(&self) {
        let billed: Vec<_> = self.works.iter().filter(|(_, work)| work.is_billed).collect();
        let attempts = billed.iter().map(|(attempt, _)| *attempt);
        invariants::billed_is_recorded(attempts, &self.entries, &self.ledger).unwrap();
        let by_attempt = |kind| {
            let of_kind = self.entries.iter().filter(move |entry| entry.kind == kind);
            of_kind.map(|entry| ((entry.exchange.unwrap(), entry.attempt), entry)).collect::<BTreeMap<_, _>>()
        };
        let (charges, losses) = (by_attempt(EntryKind::Charge), by_attempt(EntryKind::Loss));
        for (attempt, work) in billed {
            let charge = charges[attempt];
            if !charge.is_estimated && charge.multiplier == Factor::ONE {
                let lost = losses.get(attempt).map_or(0, |loss| loss.amount.nano());
                assert_eq!(charge.usd.nano() + lost, work.cost.usd().nano(), "{attempt:?}");
            }
        }
    }
}
