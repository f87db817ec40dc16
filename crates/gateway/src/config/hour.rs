//! What the clock decides for a while: what each deployment costs, and who is on duty in each pool.

use roundelay_calendar::UnixTime;
use roundelay_ledger::Quote;
use roundelay_routing as routing;

use super::{Config, deployments::Layout};

impl Layout {
    /// What that deployment costs at an instant, to be kept for an exchange; `None` when not known. The id must be of
    /// this layout's catalog.
    pub fn quote(&self, deployment: routing::DeploymentId, at: UnixTime) -> Option<Quote> {
        self.deployments[deployment.0 as usize].prices.as_ref().map(|prices| prices.at(at))
    }
}

impl Config {
    /// The weights of each pool's members, in the order of the catalog, where a shift is on duty at that instant; and
    /// the first later instant at which that changes for one of them, `None` when it never does.
    pub fn duties(&self, at: UnixTime) -> (Vec<Option<Vec<f64>>>, Option<UnixTime>) {
        let mut until = None;
        let weights = self.pools.iter().map(|pool| {
            let turn = pool.turn(at);
            until = sooner(until, turn.until);
            turn.index.map(|index| pool.schedule[index].weights(&pool.everyone()))
        });
        (weights.collect(), until)
    }
}

/// The earlier of two instants, `None` being never.
fn sooner(one: Option<UnixTime>, other: Option<UnixTime>) -> Option<UnixTime> {
    one.into_iter().chain(other).min()
}
