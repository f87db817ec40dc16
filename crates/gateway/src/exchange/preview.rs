//! What routing would do with a request, as `roundelay route` and the admin API show it.

use roundelay_ledger::{Money, Tokens};
use roundelay_routing::{Instant, Preview, PreviewCandidate};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    decision::{ShownExclusion, rounded},
    snapshot::Snapshot,
    terms::Terms,
};

/// A plan at these terms for a request of so many input tokens, and so many of output at most; 0 = it does not say.
///
/// Costs are in USD, times in seconds, prices in USD for a million tokens; what is not known is `null`.
pub fn write_preview(
    snapshot: &Snapshot,
    preview: &Preview,
    terms: &Terms,
    (input_tokens, output_tokens_max): (u64, u64),
    now: Instant,
) -> Value {
    let candidate = |candidate: &PreviewCandidate| {
        let deployment = snapshot.deployment(candidate.deployment);
        json!({
            "deployment": &*deployment.name,
            "model": &*deployment.model,
            "stage": candidate.stage,
            "share": rounded(candidate.share),
            "cost_usd": candidate.cost.map(usd),
            "cost_most_usd": most(terms, candidate, input_tokens, output_tokens_max),
            "seconds": candidate.seconds,
            "first_content_seconds": candidate.first_content,
            "failures": rounded(candidate.failures),
            "price": ShownPrice::of(terms, candidate, input_tokens),
            "excluded": candidate.exclusion.map(|exclusion| ShownExclusion::of(exclusion, now)),
        })
    };
    json!({
        "target": &**snapshot.target_name(preview.target),
        "strategy": preview.strategy.name(),
        "input_tokens": input_tokens,
        "output_tokens": preview.output_tokens.round() as u64,
        "output_tokens_max": Some(output_tokens_max).filter(|&most| most > 0),
        "candidates": preview.candidates.iter().map(candidate).collect::<Vec<_>>(),
    })
}

/// What a million tokens cost in a request of this size.
#[derive(Serialize)]
struct ShownPrice {
    input: f64,
    output: f64,
    cache_read: f64,
    cache_write: f64,
    /// Which of the deployment's tariffs holds, counted from 1; `None` when none does.
    tariff: Option<usize>,
}

impl ShownPrice {
    fn of(terms: &Terms, candidate: &PreviewCandidate, input_tokens: u64) -> Option<Self> {
        let quote = terms.quote(candidate.deployment)?;
        let prices = quote.price.of(input_tokens);
        Some(Self {
            input: usd(prices.input as f64),
            output: usd(prices.output as f64),
            cache_read: usd(prices.cache_read() as f64),
            cache_write: usd(prices.cache_write() as f64),
            tariff: quote.tariff.map(|index| index + 1),
        })
    }
}

/// What an answer of all the tokens asked for costs, where the request says how many these are.
fn most(terms: &Terms, candidate: &PreviewCandidate, input: u64, output: u64) -> Option<f64> {
    let quote = terms.quote(candidate.deployment).filter(|_| output > 0)?;
    let charge = quote.charge(&Tokens { input, output, ..Tokens::default() });
    charge.ok().map(|charge: Money| usd(charge.nano() as f64))
}

fn usd(nano: f64) -> f64 {
    nano / 1e9
}
