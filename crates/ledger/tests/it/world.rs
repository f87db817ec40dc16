//! Small ledgers and short words for tests.

use roundelay_ledger::{
    AccountId, AccountKind, Ask, Bill, ExchangeId, KeyId, Ledger, Limits, ListCost, Money, NodeId, Posting, Rate,
    Settings, Terms, Timestamp,
};

/// Seconds after 2026-06-01T00:00:00Z, a Monday.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp((1_780_272_000 + seconds) * 1_000_000)
}

pub(crate) fn nano(amount: i64) -> Money {
    Money::from_nano(amount)
}

/// A list cost of so many nano-dollars.
pub(crate) fn cost(amount: i64) -> ListCost {
    ListCost::from_usd(nano(amount)).expect("a test spends little")
}

pub(crate) fn bill(amount: i64) -> Bill {
    Bill::full(cost(amount), 0)
}

pub(crate) fn ask(exchange: u64, amount: i64) -> Ask {
    Ask {
        exchange: ExchangeId::from_u64(exchange),
        attempt: 1,
        is_first: true,
        cost: cost(amount),
        tokens: 0,
        price: None,
        rate: Rate::ONE,
        expires_at: at(1_000_000),
    }
}

pub(crate) fn posting(account: NodeId, amount: i64, name: &str) -> Posting {
    Posting { account, amount: nano(amount), rate: Rate::ONE, reason: "a test".into(), idempotency: name.into() }
}

pub(crate) fn named(name: &str) -> AccountId {
    AccountId::new(name).expect("a plain name")
}

/// A ledger with one prepaid account, `team`, that has a balance and a key.
pub(crate) fn prepaid(balance: i64) -> (Ledger, NodeId, NodeId) {
    with_terms(&Terms::new(AccountKind::Prepaid), Limits::default(), balance)
}

pub(crate) fn with_terms(terms: &Terms, of_key: Limits, balance: i64) -> (Ledger, NodeId, NodeId) {
    let mut ledger = Ledger::new(Settings::default());
    let team = ledger.open_account(named("team"), None, terms, at(0)).expect("good terms");
    let key = ledger.open_key(KeyId::new("key"), team, of_key, at(0)).expect("good limits");
    if balance > 0 {
        ledger.top_up(&posting(team, balance, "first"), at(0)).expect("it is prepaid");
    }
    (ledger, team, key)
}
