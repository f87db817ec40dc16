//! Who may serve a demand at all, whatever the state of the deployments.

use crate::catalog::{Catalog, DeploymentId};
use crate::demand::Demand;
use crate::plan::draw;

impl Catalog {
    /// The deployments that may serve this demand at its hour: those behind its target, then those of each target of its
    /// fallback chain in order. Left out are those that the demand, its payer or a pool's limits exclude for as long as the
    /// exchange lasts; what passes (a cooldown, an open breaker, a measured time to first content) is not looked at.
    pub fn candidates(&self, demand: &Demand) -> Vec<Vec<DeploymentId>> {
        let mut targets = vec![demand.target];
        draw::chain(self, demand.target, &mut targets);
        let of_stage = |(stage, &target): (usize, _)| {
            let mut listed = Vec::new();
            draw::list(self, demand, target, stage, &mut listed);
            listed.retain(|candidate| candidate.exclusion.is_none());
            listed.iter().map(|candidate| candidate.deployment).collect()
        };
        targets.iter().enumerate().map(of_stage).collect()
    }
}
