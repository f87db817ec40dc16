//! Whether a conversation's summary may be made at all, and could be of use: a summariser is told what was said.

use roundelay_routing::{Catalog, DeploymentId, Limits, ModelId, PoolId, Target};

use super::super::{
    call::{Call, Inbound},
    snapshot::Snapshot,
};
use crate::config::Handover;

/// Whether the summariser may be told this conversation: its key may ask for it by name, and every deployment that it may
/// come to is within the regions and prices of the pool that was asked for.
pub(super) fn may_be_told(inbound: &Inbound, call: &Call, summariser: &str) -> bool {
    let (snapshot, catalog) = (&call.snapshot, &call.snapshot.catalog);
    let Some(target) = snapshot.target(summariser) else { return false };
    let Target::Pool(pool) = call.demand.target else { return false };
    let limits = &catalog.pools[pool.0 as usize].limits;
    inbound.caller.may_ask_for(summariser) && deployments(catalog, target).all(|id| is_within(call, limits, id))
}

fn is_within(call: &Call, limits: &Limits, id: DeploymentId) -> bool {
    let region = &call.snapshot.catalog.deployment(id).region;
    let is_near = limits.regions.is_empty() || region.as_ref().is_some_and(|region| limits.regions.contains(region));
    // As where it is chosen, a price that is not known exceeds nothing.
    let rates = call.demand.hour.rate(id).map(|rate| rate.of(call.demand.input_tokens));
    let is_below = |price: f64, limit: Option<f64>| limit.is_none_or(|limit| price <= limit);
    let is_cheap = rates
        .is_none_or(|rates| is_below(rates.input, limits.input_price) && is_below(rates.output, limits.output_price));
    is_near && is_cheap
}

/// Whether the conversation could ever be handed over as its pool says: where the window and the senses of all models are
/// the same, no one of them has to stand in for a better one, and where there is one, the model never changes.
pub(super) fn can_be_handed_over(snapshot: &Snapshot, pool: PoolId, mode: Handover) -> bool {
    let catalog = &snapshot.catalog;
    let models = models(catalog, Target::Pool(pool));
    let Some((first, others)) = models.split_first() else { return false };
    let takes = |model: &ModelId| {
        let model = catalog.model(*model);
        let can = model.capabilities;
        (model.context_window, can.vision, can.audio, can.documents)
    };
    match mode {
        Handover::Full => false,
        Handover::Summary => !others.is_empty(),
        Handover::Auto => others.iter().any(|other| takes(other) != takes(first)),
    }
}

/// Every model that a target may come to, each once.
fn models(catalog: &Catalog, target: Target) -> Vec<ModelId> {
    let (mut targets, mut models) = (vec![target], Vec::new());
    let mut at = 0;
    // A catalogue has no chain that comes back to itself, but some that come to one pool twice.
    while let Some(target) = targets.get(at).copied() {
        at += 1;
        match target {
            Target::Model(model) if models.contains(&model) => {}
            Target::Model(model) => models.push(model),
            Target::Pool(pool) => {
                let pool = catalog.pool(pool);
                let members = pool.members.iter().map(|member| Target::Model(member.model));
                let next = members.chain(pool.fallback.iter().copied()).filter(|next| !targets.contains(next));
                targets.extend(next.collect::<Vec<_>>());
            }
        }
    }
    models
}

/// Every deployment that a target may come to; those that its own regions exclude are none.
fn deployments(catalog: &Catalog, target: Target) -> impl Iterator<Item = DeploymentId> {
    let own = match target {
        Target::Pool(pool) => &*catalog.pool(pool).limits.regions,
        Target::Model(_) => &[],
    };
    let is_reached = move |id: &DeploymentId| {
        own.is_empty() || catalog.deployment(*id).region.as_ref().is_some_and(|region| own.contains(region))
    };
    let models = models(catalog, target).into_iter();
    models.flat_map(|model| catalog.model(model).deployments.iter().copied()).filter(is_reached)
}
