//! Limits as the store keeps them: JSON, with time zones by name.

use std::collections::HashMap;

use roundelay_calendar::Zone;
use roundelay_ledger::{Limits, Money, Span, SpendLimit};
use serde::{Deserialize, Serialize};

use super::StoreFault;
use crate::config::time_zone;

/// The text of limits; `None` for none.
pub(super) fn text(limits: &Limits) -> Option<String> {
    let &Limits { requests_per_minute, tokens_per_minute, concurrency, ref spend } = limits;
    let spend = spend.iter().map(|limit| SpendText {
        span: limit.span.label().to_owned(),
        zone: limit.zone.name().to_owned(),
        amount_nano: limit.amount.nano(),
    });
    let text = LimitsText { requests_per_minute, tokens_per_minute, concurrency, spend: spend.collect() };
    (*limits != Limits::default()).then(|| serde_json::to_string(&text).expect("limits are numbers and names"))
}

/// Reads limits back. It keeps the zones it has read: many keys have the same few, and each is worth a table.
#[derive(Debug, Default)]
pub(super) struct LimitsReader {
    zones: HashMap<String, Zone>,
}

impl LimitsReader {
    pub(super) fn read(&mut self, text: Option<&str>) -> Result<Limits, StoreFault> {
        let Some(text) = text else { return Ok(Limits::default()) };
        let text: LimitsText =
            serde_json::from_str(text).map_err(|_| StoreFault::Corrupt { what: "list of limits" })?;
        Ok(Limits {
            requests_per_minute: text.requests_per_minute,
            tokens_per_minute: text.tokens_per_minute,
            concurrency: text.concurrency,
            spend: text.spend.into_iter().map(|limit| self.spend(limit)).collect::<Result<_, _>>()?,
        })
    }

    fn spend(&mut self, text: SpendText) -> Result<SpendLimit, StoreFault> {
        let span = Span::from_label(&text.span).ok_or(StoreFault::Corrupt { what: "span of a spend limit" })?;
        let amount = Money::from_nano(text.amount_nano);
        Ok(SpendLimit { span, zone: self.zone(text.zone)?, amount })
    }

    fn zone(&mut self, name: String) -> Result<Zone, StoreFault> {
        if let Some(zone) = self.zones.get(&name) {
            return Ok(zone.clone());
        }
        let zone = time_zone(&name).ok_or(StoreFault::Corrupt { what: "time zone of a spend limit" })?;
        self.zones.insert(name, zone.clone());
        Ok(zone)
    }
}

#[derive(Serialize, Deserialize)]
struct LimitsText {
    #[serde(skip_serializing_if = "Option::is_none")]
    requests_per_minute: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens_per_minute: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrency: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    spend: Vec<SpendText>,
}

#[derive(Serialize, Deserialize)]
struct SpendText {
    span: String,
    zone: String,
    amount_nano: i64,
}
