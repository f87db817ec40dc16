//! Entries of the ledger in the form in which they outlive the process.

use roundelay_ledger::{AccountId, Entry, KeyId, Ledger, Money, NodeName, Party, Settlement};

use crate::store::EntryRow;

/// What a settlement made, in order.
pub(super) fn of_settlement(ledger: &Ledger, settlement: &Settlement) -> Vec<EntryRow> {
    [Some(&settlement.charge), settlement.loss.as_ref()].into_iter().flatten().map(|entry| row(ledger, entry)).collect()
}

/// One entry, by names.
fn row(ledger: &Ledger, entry: &Entry) -> EntryRow {
    let account = entry.account().and_then(|node| account_name(ledger, node));
    let gives = matches!(entry.debit, Party::Account(_)) || account.is_none();
    EntryRow {
        at_us: entry.at.0,
        kind: entry.kind,
        change: if gives { Money::from_nano(-entry.amount.nano()) } else { entry.amount },
        account,
        currency: entry.currency,
        usd: entry.usd,
        rate: entry.rate,
        multiplier: entry.multiplier,
        exchange: entry.exchange,
        attempt: entry.attempt,
        key: entry.node.and_then(|node| key_name(ledger, node)),
        price: entry.price,
        held: entry.held,
        overrun: entry.overrun,
        is_estimated: entry.is_estimated,
        reason: entry.reason.as_deref().map(str::to_owned),
        idempotency: entry.idempotency.as_deref().map(str::to_owned),
    }
}

fn account_name(ledger: &Ledger, node: roundelay_ledger::NodeId) -> Option<AccountId> {
    match ledger.name(node) {
        NodeName::Account(id) => Some(id.clone()),
        NodeName::Key(_) => None,
    }
}

fn key_name(ledger: &Ledger, node: roundelay_ledger::NodeId) -> Option<KeyId> {
    match ledger.name(node) {
        NodeName::Key(id) => Some(id.clone()),
        NodeName::Account(_) => None,
    }
}
