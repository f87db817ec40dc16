//! Somebody who knows everything but the dice: what a strategy can at best come near to.

use std::time::Duration;

use roundelay_routing::DeploymentId;

use super::{prices::Sheet, upstream::Upstream, workload::Request};

/// What an oracle minimises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// The expected time to the last token.
    Fast,
    /// The expected cost.
    Cheap,
}

/// The order in which an oracle asks: what works now before what does not, then by its wish; the last is asked first.
///
/// Deployments of a fallback chain come after all that was asked for.
pub(super) fn order(
    wish: Wish,
    stages: &[Vec<DeploymentId>],
    upstreams: &mut [Upstream],
    sheet: &Sheet,
    request: &Request,
    now: Duration,
) -> Vec<usize> {
    let mut ranked: Vec<(f64, usize, f64, f64, usize)> = Vec::new();
    for (stage, deployments) in stages.iter().enumerate() {
        for id in deployments {
            let deployment = id.0 as usize;
            let foresight = upstreams[deployment].foresee(request, now);
            let cost = sheet.cost(deployment, &request.tokens(foresight.cached, request.output_tokens));
            let cost = cost.map_or(f64::INFINITY, |cost| cost as f64);
            let (first, second) = match wish {
                Wish::Fast => (foresight.seconds, cost),
                Wish::Cheap => (cost, foresight.seconds),
            };
            ranked.push((foresight.failing, stage, first, second, deployment));
        }
    }
    ranked.sort_by(|a, b| {
        let is_down = |failing: f64| failing >= 1.0;
        (is_down(a.0), a.1)
            .cmp(&(is_down(b.0), b.1))
            // Where attempts fail now and then, the wish is for the first that succeeds.
            .then((a.2 / (1.0 - a.0).max(f64::MIN_POSITIVE)).total_cmp(&(b.2 / (1.0 - b.0).max(f64::MIN_POSITIVE))))
            .then(a.3.total_cmp(&b.3))
            .then(a.4.cmp(&b.4))
    });
    ranked.iter().rev().map(|ranked| ranked.4).collect()
}
