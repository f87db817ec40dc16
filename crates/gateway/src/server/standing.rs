//! What a caller has and may spend: `GET /v1/balance`, and the same as OpenRouter's clients read it, `GET /key` and
//! `GET /credits`.
//!
//! All of it is in memory, so that asking often harms nobody. OpenRouter API reference: "get current API key", "get
//! remaining credits"; its amounts are JSON numbers in USD.

use roundelay_ledger::{Currency, Money, NodeName, Rate, Span, SpendLeft, Timestamp};
use serde_json::{Value, json};

use crate::{
    auth::Caller,
    billing::CallerStanding,
    exchange::{Refusal, Worker},
};

/// `GET /v1/balance`: amounts as decimal texts, in the currency of whoever pays.
pub(super) fn balance(worker: &Worker, caller: &Caller) -> Result<Value, Refusal> {
    let standing = standing(worker, caller)?;
    let (account, (requests, tokens)) = (&standing.account, standing.rates);
    Ok(json!({
        "object": "balance",
        "account": standing.payer.as_str(),
        "currency": account.currency.label(),
        "balance": text(account.balance),
        "held": text(account.held),
        // Without an end where it is null.
        "left": account.left.map(text),
        "spent": text(account.spent),
        "price_multiplier": multiplier(&standing),
        "key": {
            "id": caller.key.as_str(),
            "name": &*caller.name,
            "account": caller.account.as_str(),
            "spent": text(standing.key.spent),
            "held": text(standing.key.held),
            "running": standing.key.running,
        },
        "limits": {
            "spend": standing.spend.iter().map(spend_limit).collect::<Vec<_>>(),
            "requests_per_minute": caller.limits.requests_per_minute,
            "requests_left": requests,
            "tokens_per_minute": caller.limits.tokens_per_minute,
            "tokens_left": tokens,
            "concurrency": caller.limits.concurrency,
        },
    }))
}

/// `GET /key`: the key's own use, and the tightest of its own spend limits.
pub(super) fn key(worker: &Worker, caller: &Caller) -> Result<Value, Refusal> {
    let standing = standing(worker, caller)?;
    let rate = worker.gateway.snapshot.load().config.rate();
    let usd = |amount, currency| in_usd(amount, currency, rate);
    let own = standing.spend.iter().filter(|(name, _)| matches!(name, NodeName::Key(_))).map(|(_, left)| left);
    let tightest = own.min_by_key(|limit| limit.left);
    let name = if caller.name.is_empty() { caller.key.as_str() } else { &caller.name };
    Ok(json!({ "data": {
        "label": name,
        "usage": usd(standing.key.spent, standing.key.currency),
        "limit": tightest.map(|limit| usd(limit.amount, limit.currency)),
        "limit_remaining": tightest.map(|limit| usd(limit.left, limit.currency)),
        "limit_reset": tightest.and_then(|limit| reset_word(limit.span)),
        "is_free_tier": false,
        "is_provisioning_key": false,
        "rate_limit": {
            "requests": caller.limits.requests_per_minute.map_or(-1, i64::from),
            "interval": "60s",
        },
    }}))
}

/// `GET /credits`: what was ever paid in, and what of it is used; the difference is the balance.
pub(super) fn credits(worker: &Worker, caller: &Caller) -> Result<Value, Refusal> {
    let standing = standing(worker, caller)?;
    let rate = worker.gateway.snapshot.load().config.rate();
    let account = &standing.account;
    let total = account.balance.checked_add(account.spent).unwrap_or(Money::MAX);
    Ok(json!({ "data": {
        "total_credits": in_usd(total, account.currency, rate),
        "total_usage": in_usd(account.spent, account.currency, rate),
    }}))
}

fn standing(worker: &Worker, caller: &Caller) -> Result<CallerStanding, Refusal> {
    // A key cannot be without its account, and limits were checked when they were written.
    let standing = worker.gateway.billing.caller_standing(&caller.key, &caller.account, &caller.limits);
    standing.ok_or(Refusal::Internal)
}

fn spend_limit((whose, limit): &(NodeName, SpendLeft)) -> Value {
    let (kind, name) = match whose {
        NodeName::Account(account) => ("account", account.as_str()),
        NodeName::Key(key) => ("key", key.as_str()),
    };
    json!({
        "of": kind,
        "name": name,
        "span": limit.span.label(),
        "currency": limit.currency.label(),
        "amount": text(limit.amount),
        "spent": text(limit.spent),
        "left": text(limit.left),
        "resets_at": limit.resets_at.map(|Timestamp(micros)| micros.div_euclid(1_000_000)),
    })
}

fn text(amount: Money) -> String {
    amount.to_string()
}

/// A factor is read like an amount.
fn multiplier(standing: &CallerStanding) -> String {
    let nano = i64::try_from(standing.multiplier_millionths).ok().and_then(|millionths| millionths.checked_mul(1_000));
    Money::from_nano(nano.unwrap_or(i64::MAX)).to_string()
}

/// For those who want a JSON number; nothing is charged by it.
fn in_usd(amount: Money, currency: Currency, rate: Rate) -> f64 {
    let units = amount.nano() as f64 / 1e9;
    match currency {
        Currency::Usd => units,
        Currency::Cny => units / (rate.millionths() as f64 / 1e6),
    }
}

/// OpenRouter's words; it knows no hours.
fn reset_word(span: Span) -> Option<&'static str> {
    match span {
        Span::Day => Some("daily"),
        Span::Week => Some("weekly"),
        Span::Month => Some("monthly"),
        Span::Hour | Span::Total => None,
    }
}
