//! Why a deployment was left out, in words.

use serde_json::Value;

use super::{duration::of_ms, table::cell};

/// Reads an exclusion as decisions and previews hold it.
pub(super) fn describe(excluded: &Value) -> String {
    let reason = excluded["reason"].as_str().unwrap_or_default();
    let words = match reason {
        "not_allowed" => "the key may not ask for it",
        "capability" => return format!("it lacks {}", cell(&excluded["lacks"])),
        "window" => "its context window is too small",
        "no_weight" => "its weight is 0",
        "off_duty" => "the schedule leaves it out at this hour",
        "region" => "it is in none of the regions the pool allows",
        "price" => "its price is above what the pool allows",
        "unaffordable" => "the account cannot pay what it might cost",
        "dialect" => "it could not be told all of the request",
        "continuation" => "it cannot carry on the answer that broke off",
        "no_token" => "no access token could be had for it",
        "too_slow" => "it is slower to its first token than the pool allows",
        "upstream_balance" => "too little is left of the balance at the provider",
        "key_rejected" => "the provider refuses its key",
        "key_empty" => "its account at the provider is empty",
        "quota_window" => "its quota is used up",
        "missing" => "the provider has no such model",
        "cooldown" => "it asked to be left alone",
        "breaker_open" => "its breaker is open",
        "endpoint_open" => "the breaker of its endpoint is open",
        "probing" => "another request is testing it",
        "busy" => "it has as many requests in flight as it takes",
        "tried" => "it was tried before",
        other => other,
    };
    match excluded["for_ms"].as_u64() {
        Some(ms) => format!("{words}, for {} more", of_ms(ms)),
        None => words.to_owned(),
    }
}
