//! The refusal of an exchange for want of money, or because of a limit of its key or account.

use std::time::Duration;

use roundelay_ledger::{Currency, Money, NodeName, Shortage, Timestamp};

use super::Wire;
use crate::{billing::Shortfall, common::clock::unix_time};

/// Says what is short, whose it is, and what ends it.
pub(super) fn wire(shortfall: &Shortfall) -> Wire<'_> {
    match shortfall {
        Shortfall::Short { whose, shortage, held } => short(whose, shortage, *held),
        Shortfall::NoPrice => Wire {
            code: Some("price_unknown"),
            ..Wire::new(
                503,
                "upstream_error",
                "no price is known for any deployment behind this name, and who can run out of money (a prepaid account, or a \
                 spend limit on the way) is not served without one: an operator can write `price` for the model, or `unknown_price` in `[money]`",
            )
        },
    }
}

fn short<'a>(whose: &NodeName, shortage: &Shortage, held: Money) -> Wire<'a> {
    let whose = name(whose);
    let unpaid = |code, message: String| Wire { code: Some(code), ..Wire::new(402, "insufficient_quota", message) };
    let limited = |code, message: String| Wire { code: Some(code), ..Wire::new(429, "rate_limit_error", message) };
    match *shortage {
        Shortage::Balance { needed, left, currency } => unpaid(
            "insufficient_balance",
            format!(
                "{} would have to be set aside for this request, and {} of the balance of {whose} is left{}: \
                 top it up, or ask for less with `max_tokens`",
                amount(needed, currency),
                amount(left, currency),
                under_way(held, currency),
            ),
        ),
        Shortage::Spend { span, needed, left, currency, resets_at } => Wire {
            reset_at: resets_at.map(|at| at.unix().0),
            ..unpaid(
                "spend_limit_reached",
                format!(
                    "{} would have to be set aside for this request, and {} is left of what {whose} may spend ({}){}",
                    amount(needed, currency),
                    amount(left, currency),
                    span.label(),
                    under_way(held, currency),
                ),
            )
        },
        Shortage::Requests { per_minute, retry_at } => limited(
            "rate_limit_exceeded",
            format!("{whose} may make {per_minute} requests a minute, and has made them"),
        )
        .waiting(until(retry_at)),
        Shortage::Tokens { needed, left, retry_at } => {
            let never = if retry_at.is_some() { "" } else { ", which no waiting changes" };
            let message = format!(
                "this request may need {needed} tokens, and {left} are left of the tokens a minute of {whose}{never}: \
                 ask for less with `max_tokens`"
            );
            limited("rate_limit_exceeded", message).waiting(until(retry_at))
        }
        Shortage::Concurrency { limit } => limited(
            "concurrency_limit",
            format!("{whose} may have {limit} requests under way at a time, and has as many"),
        )
        .waiting(Some(Duration::from_secs(1))),
        Shortage::Closed => Wire {
            code: Some("account_closed"),
            ..Wire::new(403, "permission_error", format!("{whose} is closed: an operator can open it again"))
        },
        Shortage::NoPayer => Wire {
            code: Some("no_payer"),
            ..Wire::new(
                403,
                "permission_error",
                format!("no account above {whose} keeps a balance: an operator has to make one of them pay"),
            )
        },
        Shortage::TooLarge => Wire {
            code: Some("amount_too_large"),
            ..Wire::new(400, "invalid_request_error", "what this request may cost is more than can be written")
        },
        Shortage::HoldsFull => Wire {
            code: Some("overloaded"),
            ..Wire::new(503, "overloaded_error", "as many requests are under way as this gateway can account for")
        }
        .waiting(Some(Duration::from_secs(1))),
        Shortage::Duplicate => Wire {
            code: Some("internal"),
            ..Wire::new(500, "server_error", "the gateway failed at this request; its log says more")
        },
    }
}

fn name(whose: &NodeName) -> String {
    match whose {
        NodeName::Account(id) => format!("account `{id}`"),
        NodeName::Key(id) => format!("key `{id}`"),
    }
}

fn amount(amount: Money, currency: Currency) -> String {
    format!("{amount} {}", currency.label().to_uppercase())
}

fn under_way(held: Money, currency: Currency) -> String {
    if held > Money::ZERO {
        format!(" (requests under way hold {} of it until they end)", amount(held, currency))
    } else {
        String::new()
    }
}

fn until(at: Option<Timestamp>) -> Option<Duration> {
    let at = Duration::from_micros(u64::try_from(at?.0).ok()?);
    Some(at.saturating_sub(unix_time()))
}
