//! `roundelay prices list`.

use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use roundelay_calendar::UnixTime;
use roundelay_ledger::{Price, PriceList, Quote, TokenPrices};
use serde_json::{Value, json};

use super::{
    super::{
        Common, Failure, say,
        table::{print, printable},
    },
    to_json, usd,
};
use crate::config::{CnyPerUsd, Config, PriceOrigin, catalogue_prices};

/// Show what each model costs at each provider: in USD for a million tokens, now and after the next change.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay prices list                              what this configuration pays
  roundelay prices list deepseek --at 2026-12-01T10:00:00+08:00
  roundelay prices list --catalogue --json           everything that is known, for scripts")]
pub(super) struct List {
    /// Only models whose name, or whose provider's name, has this in it.
    #[arg(value_name = "TEXT")]
    filter: Option<String>,
    /// The time to look at (RFC 3339). Without it, now.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Everything the catalogue knows, whatever is configured.
    #[arg(long)]
    catalogue: bool,
}

impl List {
    pub(super) fn run(&self, common: &Common) -> Result<ExitCode, Failure> {
        let at = match &self.at {
            Some(text) => text.parse().map_err(|_| format!("`{text}` is no time: write `2026-12-01T03:00:00Z`"))?,
            None => Timestamp::now(),
        };
        let mut rows = if self.catalogue { of_catalogue() } else { of_configuration(&common.load()?) };
        rows.retain(|row| {
            self.filter.as_ref().is_none_or(|text| row.model.contains(text) || row.provider.contains(text))
        });
        rows.sort_by(|one, other| (&one.model, &one.provider).cmp(&(&other.model, &other.provider)));
        let quoted: Vec<Quoted> = rows.into_iter().map(|row| row.quoted(UnixTime(at.as_second()))).collect();
        if common.json {
            let prices: Vec<Value> = quoted.iter().map(Quoted::to_json).collect();
            say(&json!({ "at": at.to_string(), "unit": "USD per million tokens", "prices": prices }));
        } else {
            show(&quoted);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A model at a provider.
struct Row {
    model: String,
    provider: String,
    upstream_model: String,
    prices: Option<std::sync::Arc<PriceList>>,
    origin: Option<PriceOrigin>,
}

fn of_catalogue() -> Vec<Row> {
    let row = |known: crate::config::CataloguePrice| Row {
        model: known.model.to_owned(),
        provider: known.provider.to_owned(),
        upstream_model: known.upstream_model.to_owned(),
        prices: known.prices,
        origin: known.origin,
    };
    catalogue_prices(CnyPerUsd::DEFAULT).into_iter().map(row).collect()
}

fn of_configuration(config: &Config) -> Vec<Row> {
    let mut rows = Vec::new();
    for model in config.models.iter().filter(|model| !model.is_open()) {
        rows.extend(model.deployments.iter().map(|place| Row {
            model: model.name.to_string(),
            provider: config.providers[place.provider].name.to_string(),
            upstream_model: place.upstream_model.as_deref().unwrap_or_default().to_owned(),
            prices: place.prices.clone(),
            origin: place.price_origin,
        }));
    }
    rows
}

impl Row {
    fn quoted(self, at: UnixTime) -> Quoted {
        let now = self.prices.as_ref().map(|prices| prices.at(at));
        let until = now.as_ref().and_then(|quote| quote.until);
        let next = self.prices.as_ref().zip(until).map(|(prices, until)| prices.at(until));
        Quoted { row: self, now, next }
    }
}

/// A row with what holds, and with what holds after the next change.
struct Quoted {
    row: Row,
    now: Option<Quote>,
    next: Option<Quote>,
}

impl Quoted {
    fn source(&self) -> (&str, &str) {
        match &self.row.origin {
            Some(PriceOrigin::Catalogue { source, .. }) => (source.from, source.date),
            Some(PriceOrigin::Written) => ("the configuration", ""),
            None => ("", ""),
        }
    }

    fn to_json(&self) -> Value {
        let (source, date) = self.source();
        let currency = match &self.row.origin {
            Some(PriceOrigin::Catalogue { currency, .. }) => Some(currency.code()),
            _ => None,
        };
        json!({
            "model": self.row.model,
            "provider": self.row.provider,
            "upstream_model": self.row.upstream_model,
            "price": self.now.as_ref().map(|quote| to_json(&quote.price)),
            "price_id": self.now.as_ref().map(|quote| quote.id.to_string()),
            "tariff": self.now.as_ref().and_then(|quote| quote.tariff),
            "next": self.next.as_ref().map(|quote| json!({ "at": time(quote.at), "price": to_json(&quote.price) })),
            "listed_in": currency,
            "source": (!source.is_empty()).then_some(source),
            "date": (!date.is_empty()).then_some(date),
        })
    }

    fn cells(&self) -> [String; 9] {
        let (source, date) = self.source();
        let class = |of: fn(&TokenPrices) -> Option<u64>| {
            self.now.as_ref().map(|quote| in_tiers(&quote.price, of)).unwrap_or_default()
        };
        let next = self.next.as_ref().map(|quote| {
            let prices = quote.price.base();
            format!("{} / {} from {}", usd(prices.input), usd(prices.output), time(quote.at))
        });
        let input = if self.now.is_none() { "unknown".to_owned() } else { class(|prices| Some(prices.input)) };
        [
            printable(&self.row.model),
            printable(&self.row.provider),
            input,
            class(|prices| Some(prices.output)),
            class(|prices| prices.cache_read),
            class(|prices| prices.cache_write),
            next.unwrap_or_default(),
            source.to_owned(),
            date.to_owned(),
        ]
    }
}

/// One class: its price, and what it is for large inputs.
fn in_tiers(price: &Price, class: fn(&TokenPrices) -> Option<u64>) -> String {
    let base = class(price.base()).map(usd).unwrap_or_default();
    let tiers = price.tiers().iter().filter_map(|(above, prices)| Some(format!(", {} >{above}", usd(class(prices)?))));
    tiers.fold(base, |cell, tier| cell + &tier)
}

fn time(at: UnixTime) -> String {
    Timestamp::from_second(at.0).map(|at| at.to_string()).unwrap_or_default()
}

fn show(quoted: &[Quoted]) {
    let rows: Vec<_> = quoted.iter().map(Quoted::cells).collect();
    print(["MODEL", "PROVIDER", "INPUT", "OUTPUT", "CACHE READ", "CACHE WRITE", "NEXT", "SOURCE", "DATE"], &rows);
    let priced = quoted.iter().filter(|row| row.now.is_some()).count();
    say(&format_args!("\n{priced} of {} have a price; USD for a million tokens, `>` tokens of input", quoted.len()));
}
