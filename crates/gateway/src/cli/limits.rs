//! Limits on the command line, of accounts and of keys.

use std::str::FromStr;

use clap::Args;

use super::table::cell;
use crate::admin::limits::{LimitsChange, NewSpendLimit};

/// What may be used.
#[derive(Debug, Args)]
pub(super) struct LimitArgs {
    /// Requests begun a minute; `none` takes the limit away.
    #[arg(long, value_name = "N")]
    rpm: Option<Most>,
    /// Tokens a minute, input and output; `none` takes the limit away.
    #[arg(long, value_name = "N")]
    tpm: Option<Most>,
    /// Attempts under way at a time; `none` takes the limit away.
    #[arg(long, value_name = "N")]
    concurrency: Option<Most>,
    /// Money a period, in the account's currency: `SPAN:AMOUNT` or `SPAN:AMOUNT@ZONE`, where the span is hour, day, week,
    /// month or total. May be given once for each span; all of them replace those before, and `none` takes all away.
    #[arg(long, value_name = "SPAN:AMOUNT[@ZONE]")]
    spend: Vec<Spend>,
}

impl LimitArgs {
    /// The change that was typed.
    pub(super) fn change(&self) -> Result<LimitsChange, String> {
        let limits: Vec<NewSpendLimit> = self.spend.iter().filter_map(|Spend(limit)| limit.clone()).collect();
        if !limits.is_empty() && limits.len() < self.spend.len() {
            return Err("`--spend none` takes all spend limits away: leave out the others".to_owned());
        }
        let most = |limit: &Option<Most>| limit.as_ref().map(|Most(limit)| *limit);
        Ok(LimitsChange {
            requests_per_minute: most(&self.rpm),
            tokens_per_minute: most(&self.tpm),
            concurrency: most(&self.concurrency),
            spend: (!self.spend.is_empty()).then_some(limits),
        })
    }
}

/// A number from 1, or none.
#[derive(Debug, Clone)]
struct Most(Option<u32>);

impl FromStr for Most {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            _ if text == "none" => Ok(Self(None)),
            Ok(limit) if limit > 0 => Ok(Self(Some(limit))),
            _ => Err("write a whole number from 1, or `none`".to_owned()),
        }
    }
}

/// A spend limit, or none.
#[derive(Debug, Clone)]
struct Spend(Option<NewSpendLimit>);

impl FromStr for Spend {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(None));
        }
        let (limit, zone) = text.split_once('@').unwrap_or((text, "UTC"));
        let (span, amount) =
            limit.split_once(':').ok_or("write it like `day:10`, `month:200@Asia/Shanghai`, or `none`")?;
        Ok(Self(Some(NewSpendLimit { span: span.to_owned(), amount: amount.to_owned(), zone: zone.to_owned() })))
    }
}

/// What is said of a change of nothing.
pub(super) fn nothing_to_change(options: &str) -> String {
    let options = options.replace(' ', ", ");
    format!("nothing to change was named: give one or more of {options}")
}

/// Limits as an answer has them, in a few words; nothing where there are none.
pub(super) fn in_words(limits: &serde_json::Value) -> String {
    let rate = |field: &str, unit: &str| {
        let limit = &limits[field];
        (!limit.is_null()).then(|| format!("{limit} {unit}"))
    };
    let spend = limits["spend"].as_array().into_iter().flatten().map(|limit| {
        let zone = cell(&limit["zone"]);
        let zone = if zone == "UTC" { String::new() } else { format!("@{zone}") };
        format!("{}:{}{zone}", cell(&limit["span"]), cell(&limit["amount"]))
    });
    let rates =
        [rate("requests_per_minute", "rpm"), rate("tokens_per_minute", "tpm"), rate("concurrency", "at a time")];
    rates.into_iter().flatten().chain(spend).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::{LimitArgs, in_words};

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        limits: LimitArgs,
    }

    #[track_caller]
    fn check(args: &[&str], expected: &serde_json::Value) {
        let typed = Typed::parse_from([&["t"], args].concat());
        assert_eq!(json!(typed.limits.change().unwrap()), *expected, "{args:?}");
    }

    #[test]
    fn what_is_typed_is_what_changes() {
        check(&[], &json!({}));
        check(&["--rpm", "60", "--tpm", "none"], &json!({ "requests_per_minute": 60, "tokens_per_minute": null }));
        check(&["--spend", "none"], &json!({ "spend": [] }));
        check(
            &["--spend", "day:10.5@Asia/Shanghai", "--spend", "total:100"],
            &json!({ "spend": [
                { "span": "day", "amount": "10.5", "zone": "Asia/Shanghai" },
                { "span": "total", "amount": "100", "zone": "UTC" },
            ] }),
        );
        assert!(Typed::try_parse_from(["t", "--rpm", "0"]).is_err());
        assert!(Typed::try_parse_from(["t", "--spend", "10"]).is_err());
        let both = Typed::parse_from(["t", "--spend", "none", "--spend", "day:1"]);
        assert!(both.limits.change().unwrap_err().contains("takes all"));
    }

    #[test]
    fn limits_are_told_as_they_are_typed() {
        let spend = json!([{ "span": "day", "amount": "10.50", "zone": "Asia/Shanghai" }]);
        let limits = json!({ "requests_per_minute": 60, "tokens_per_minute": null, "concurrency": 2, "spend": spend });
        assert_eq!(in_words(&limits), "60 rpm, 2 at a time, day:10.50@Asia/Shanghai");
    }
}
