//! Limits of accounts and keys, as operators write them and are shown them.

use roundelay_ledger::{Limits, Span, SpendLimit};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::{Fault, amount};
use crate::config;

/// Other limits. What is left out stays as it is; `null` takes a limit away.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsChange {
    /// Exchanges begun a minute, from 1.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<Option<u32>>,
    /// Tokens a minute, from 1.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<Option<u32>>,
    /// Attempts under way at a time, from 1.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Option<u32>>,
    /// All spend limits, in the place of those before; at most one of each span.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spend: Option<Vec<NewSpendLimit>>,
}

/// How much may be spent in each period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSpendLimit {
    /// `hour`, `day`, `week`, `month` or `total`.
    pub span: String,
    /// A decimal number, zero or more, in the currency of the account.
    pub amount: String,
    /// By whose clock a period begins: a name of the time zone database. `UTC` when left out.
    #[serde(default = "utc")]
    pub zone: String,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// Reads a field that was written, `null` or not, as against one that was left out.
pub(super) fn given<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

impl LimitsChange {
    /// The limits after the change.
    ///
    /// # Errors
    /// When one of them cannot be.
    pub(super) fn onto(&self, before: &Limits) -> Result<Limits, Fault> {
        let spend = self.spend.as_ref().map(|spend| spend.iter().map(spend_limit).collect::<Result<Vec<_>, _>>());
        let limits = Limits {
            requests_per_minute: count("requests_per_minute", self.requests_per_minute, before.requests_per_minute)?,
            tokens_per_minute: count("tokens_per_minute", self.tokens_per_minute, before.tokens_per_minute)?,
            concurrency: count("concurrency", self.concurrency, before.concurrency)?,
            spend: spend.transpose()?.unwrap_or_else(|| before.spend.clone()),
        };
        let twice = limits
            .spend
            .iter()
            .enumerate()
            .find(|(index, limit)| limits.spend[..*index].iter().any(|other| other.span == limit.span));
        match twice {
            Some((_, limit)) => {
                Err(Fault::bad_request(format!("two spend limits are for each `{}`", limit.span.label())))
            }
            None => Ok(limits),
        }
    }
}

fn count(name: &str, change: Option<Option<u32>>, before: Option<u32>) -> Result<Option<u32>, Fault> {
    match change {
        None => Ok(before),
        Some(Some(0)) => Err(Fault::bad_request(format!(
            "`{name}` is 1 or more, or null for no limit; a closed account serves nobody"
        ))),
        Some(limit) => Ok(limit),
    }
}

fn spend_limit(wanted: &NewSpendLimit) -> Result<SpendLimit, Fault> {
    let span = Span::from_label(&wanted.span).ok_or_else(|| {
        let known = Span::ALL.map(|span| format!("`{}`", span.label())).join(", ");
        Fault::bad_request(format!("`{}` is no span of a spend limit: write one of {known}", wanted.span))
    })?;
    let amount = amount::read("amount of a spend limit", &wanted.amount)?;
    if amount.is_negative() {
        return Err(Fault::bad_request("the amount of a spend limit is zero or more"));
    }
    let zone = config::time_zone(&wanted.zone).ok_or_else(|| {
        Fault::bad_request(format!(
            "`{}` is no zone of the time zone database: write one like `Asia/Shanghai`, or `UTC`",
            wanted.zone
        ))
    })?;
    Ok(SpendLimit { span, zone, amount })
}

/// Limits as every answer shows them.
pub(super) fn describe(limits: &Limits) -> Value {
    let spend = |limit: &SpendLimit| {
        json!({
            "span": limit.span.label(),
            "amount": limit.amount.to_string(),
            "amount_nano": limit.amount.nano(),
            "zone": limit.zone.name(),
        })
    };
    json!({
        "requests_per_minute": limits.requests_per_minute,
        "tokens_per_minute": limits.tokens_per_minute,
        "concurrency": limits.concurrency,
        "spend": limits.spend.iter().map(spend).collect::<Vec<_>>(),
    })
}
