//! What is known about every deployment, and the way in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::affinity::Bindings;
use crate::breaker::BreakerState;
use crate::catalog::{Catalog, Deployment, DeploymentId, KeyId, Slots, Target, name_hash};
use crate::chance::Chance;
use crate::concurrency::Queue;
use crate::cooldown::KeyState;
use crate::cost::Habits;
use crate::demand::Demand;
use crate::eligibility::{self, DeadReason, Exclusion};
use crate::hedge::HedgeBudget;
use crate::instant::Instant;
use crate::outcome::Outcome;
use crate::plan::{Attempt, Plan};
pub(crate) use crate::router::flights::Flight;
use crate::router::flights::Flights;
use crate::router::state::{DeploymentState, EndpointState, Named};
use crate::settings::Settings;
use crate::strategy::{Offer, Rotation};

mod effects;
mod flights;
pub(crate) mod measure;
mod preview;
pub(crate) mod state;

/// What is known about every deployment.
#[derive(Debug)]
pub struct Router {
    pub(crate) settings: Settings,
    pub(crate) chance: Chance,
    pub(crate) deployments: Named<DeploymentState>,
    pub(crate) keys: Named<KeyState>,
    pub(crate) endpoints: Named<EndpointState>,
    pub(crate) bindings: Bindings,
    pub(crate) habits: Habits,
    pub(crate) hedges: HedgeBudget,
    /// Exchanges that wait for a place.
    pub(crate) queue: Queue,
    /// Exchanges that wait for something to reopen.
    pub(crate) waiting: Queue,
    flights: Flights,
    /// Of the newest catalog.
    generation: u64,
    rotations: Rotations,
    /// What one choice is made from; kept so that choosing does not allocate.
    pub(crate) scratch: Vec<Offer>,
}

#[derive(Debug, Default)]
struct Rotations {
    models: Vec<Rotation>,
    pools: Vec<Rotation>,
    /// What each is owed by the name of the rotation and its own, for the next reload.
    names: Vec<(Arc<str>, Vec<Arc<str>>)>,
}

/// How one deployment is doing.
#[derive(Clone, Debug, PartialEq)]
pub struct DeploymentHealth {
    /// Which one.
    pub deployment: DeploymentId,
    /// Its name.
    pub name: Arc<str>,
    /// Its own breaker.
    pub breaker: BreakerState,
    /// The breaker of its endpoint.
    pub endpoint_breaker: BreakerState,
    /// When either breaker lets a probe through, if one is open.
    pub open_until: Option<Instant>,
    /// Until when it asked to be left alone, if that is not over.
    pub cooldown_until: Option<Instant>,
    /// Until when its key or itself is set aside for longer, and why.
    pub dead_until: Option<(Instant, DeadReason)>,
    /// Requests in flight now.
    pub in_flight: u32,
    /// How many it may have.
    pub concurrency_limit: u32,
    /// Configured weight bent by slow start and health.
    pub effective_weight: f64,
    /// Of the outcomes in the breaker's window; `None` without any.
    pub success_ratio: Option<f64>,
    /// Of the answers that began, how many were whole; `None` without any in the window.
    pub mid_stream_ratio: Option<f64>,
    /// Decayed average of the time to first content.
    pub first_content: Option<Duration>,
}

impl Router {
    /// A router that knows nothing yet. The same seed and calls give the same answers.
    pub fn new(settings: Settings, seed: u64) -> Self {
        Self {
            settings,
            chance: Chance::new(seed),
            deployments: Named::default(),
            keys: Named::default(),
            endpoints: Named::default(),
            bindings: Bindings::default(),
            habits: Habits::default(),
            hedges: HedgeBudget::default(),
            queue: Queue::default(),
            waiting: Queue::default(),
            flights: Flights::default(),
            generation: 0,
            rotations: Rotations::default(),
            scratch: Vec::new(),
        }
    }

    /// Makes a catalog the current one. What is known by name stays known: health, cooldowns, rotation, bindings.
    ///
    /// Plans and attempts of earlier catalogs go on; they no longer move the rotation. A little is kept for every name
    /// ever adopted.
    pub fn adopt(&mut self, mut catalog: Catalog) -> Arc<Catalog> {
        self.generation += 1;
        catalog.generation = self.generation;
        catalog.slots = catalog.deployments.iter().map(|deployment| self.slots_for(deployment)).collect();
        let models = catalog.models.iter().map(|model| &model.name);
        catalog.name_hashes =
            models.chain(catalog.pools.iter().map(|pool| &pool.name)).map(|name| name_hash(name)).collect();
        self.rotations = self.rotations.carry_over(&catalog);
        Arc::new(catalog)
    }

    fn slots_for(&mut self, deployment: &Deployment) -> Slots {
        Slots {
            deployment: self.deployments.slot(&deployment.name),
            key: self.keys.slot(&deployment.key_name),
            endpoint: self.endpoints.slot(&deployment.endpoint_name),
        }
    }

    /// Begins an exchange. `catalog` is one that this router adopted, and `demand` names a target of it.
    pub fn plan(&mut self, catalog: &Arc<Catalog>, demand: Demand, now: Instant) -> Plan {
        self.give_up_expired(now, EXPIRY_LOOKS);
        Plan::new(catalog.clone(), demand)
    }

    /// Content reached the caller: the deployment is available, whatever comes after.
    ///
    /// Success is counted here and not at the end, which may be minutes away. Calling it again changes nothing. From here on
    /// the attempt stays in flight until it is reported, also past its deadline. `first_content` = how long it took, from
    /// dispatch; `None` = the answer came in one piece, so nobody knows when it began.
    pub fn commit(&mut self, attempt: &Attempt, first_content: Option<Duration>, now: Instant) {
        let Some(flight) = self.flights.find_mut(attempt.id) else { return };
        if flight.is_committed {
            return;
        }
        flight.is_committed = true;
        flight.first_content = first_content;
        let flight = *flight;
        if let Some(took) = first_content {
            let latency = &mut self.deployments.at_mut(flight.slots.deployment).latency;
            latency.record_first_content(flight.bucket, took, now, &self.settings.measure);
        }
        self.available(attempt.id, &flight, now);
    }

    /// Whether the content of an attempt has reached its caller.
    pub(crate) fn has_content(&mut self, attempt: u64) -> bool {
        self.flights.find_mut(attempt).is_some_and(|flight| flight.is_committed)
    }

    /// An attempt ended. Only the first report of an attempt counts.
    pub fn report(&mut self, attempt: &Attempt, outcome: &Outcome, now: Instant) {
        self.settle(attempt.id, outcome, now);
    }

    /// What may still be spent of the balance behind a key of `catalog`, in nano-USD; `None` = not known. At 0 and below its
    /// deployments are left out. More than was known before is a top-up, and ends what an empty account began.
    pub fn learn_balance(&mut self, catalog: &Catalog, key: KeyId, spendable: Option<f64>) {
        for (slots, deployment) in catalog.slots.iter().zip(&catalog.deployments) {
            if deployment.key == key {
                self.keys.at_mut(slots.key).learn_balance(spendable);
            }
        }
    }

    /// How every deployment of a catalog is doing.
    pub fn health(&mut self, catalog: &Catalog, now: Instant) -> Vec<DeploymentHealth> {
        self.give_up_expired(now, self.flights.len());
        (0u32..).zip(&catalog.deployments).map(|(index, _)| self.health_of(catalog, DeploymentId(index), now)).collect()
    }

    fn health_of(&mut self, catalog: &Catalog, id: DeploymentId, now: Instant) -> DeploymentHealth {
        let slots = catalog.slots(id);
        self.pass_time(slots, now);
        let deployment = catalog.deployment(id);
        let state = self.deployments.at(slots.deployment);
        let (ramp, health) = state.condition(now, &self.settings.breaker);
        let endpoint = self.endpoints.at(slots.endpoint);
        let window = self.settings.breaker.window;
        let missing = state.missing.ends(now).map(|until| (until, DeadReason::Missing));
        let dead = [self.keys.at(slots.key).dead(now), missing];
        DeploymentHealth {
            deployment: id,
            name: deployment.name.clone(),
            breaker: state.breaker.state(),
            endpoint_breaker: endpoint.breaker.state(),
            open_until: state.breaker.opens(now).max(endpoint.breaker.opens(now)),
            cooldown_until: state.cooldown.ends(now),
            dead_until: dead.into_iter().flatten().max_by_key(|&(until, _)| until),
            in_flight: state.limiter.in_flight,
            concurrency_limit: self.limit(catalog, id, now),
            effective_weight: deployment.weight * ramp * health,
            success_ratio: state.breaker.window.ratio(now, window),
            mid_stream_ratio: state.mid_stream.ratio(now, window),
            first_content: state.latency.latest_first_content().map(Duration::from_secs_f64),
        }
    }

    /// Does what time alone does to the breakers of a deployment.
    pub(crate) fn pass_time(&mut self, slots: Slots, now: Instant) {
        let settings = &self.settings.breaker;
        self.deployments.at_mut(slots.deployment).breaker.pass_time(now, settings, &mut self.chance);
        self.endpoints.at_mut(slots.endpoint).breaker.pass_time(now, settings, &mut self.chance);
    }

    /// Whether a deployment can be asked now, and whether that would be a probe.
    pub(crate) fn judge(&self, catalog: &Catalog, id: DeploymentId, now: Instant) -> Result<bool, Exclusion> {
        let slots = catalog.slots(id);
        let deployment = self.deployments.at(slots.deployment);
        let (key, endpoint) = (self.keys.at(slots.key), self.endpoints.at(slots.endpoint));
        let is_full = key.in_flight >= catalog.deployment(id).concurrency_max
            || deployment.limiter.is_full(back_for(deployment, key, endpoint, now), &self.settings.concurrency);
        eligibility::of_state(deployment, key, endpoint, is_full, now)
    }

    /// How many requests a deployment may have in flight.
    pub(crate) fn limit(&self, catalog: &Catalog, id: DeploymentId, now: Instant) -> u32 {
        let (slots, most) = (catalog.slots(id), catalog.deployment(id).concurrency_max);
        let (deployment, key) = (self.deployments.at(slots.deployment), self.keys.at(slots.key));
        let age = back_for(deployment, key, self.endpoints.at(slots.endpoint), now);
        deployment.limiter.limit(most, age, &self.settings.concurrency)
    }

    /// The rotation of a target, unless the catalog has been replaced.
    pub(crate) fn rotation_mut(&mut self, catalog: &Catalog, target: Target) -> Option<&mut Rotation> {
        if catalog.generation != self.generation {
            return None;
        }
        Some(match target {
            Target::Model(id) => &mut self.rotations.models[id.0 as usize],
            Target::Pool(id) => &mut self.rotations.pools[id.0 as usize],
        })
    }

    /// Counts an attempt as in flight, and as the probe where one is due. `is_alone` = its request had nothing else.
    pub(crate) fn depart(&mut self, flight: Flight, is_alone: bool) -> u64 {
        let (slots, started, expires) = (flight.slots, flight.started, flight.expires);
        let id = self.flights.add(flight);
        let deployment = self.deployments.at_mut(slots.deployment);
        deployment.limiter.in_flight += 1;
        deployment.latency.asked = Some(started);
        deployment.breaker.begin(id, expires, is_alone);
        self.endpoints.at_mut(slots.endpoint).breaker.begin(id, expires, is_alone);
        self.keys.at_mut(slots.key).begin(id, expires);
        id
    }
}

/// How long a deployment, its key and its endpoint have been back, where one of them had been set aside.
fn back_for(deployment: &DeploymentState, key: &KeyState, endpoint: &EndpointState, now: Instant) -> Option<Duration> {
    let back = deployment.back.max(key.back).max(endpoint.back)?;
    Some(now.saturating_duration_since(back))
}

impl Rotations {
    fn carry_over(&self, catalog: &Catalog) -> Self {
        let mut owed = BTreeMap::new();
        for ((name, members), rotation) in self.names.iter().zip(self.models.iter().chain(&self.pools)) {
            for (member, &credit) in members.iter().zip(&rotation.credit) {
                owed.insert((name.clone(), member.clone()), credit);
            }
        }
        let models = catalog.models.iter().map(|model| {
            let members = model.deployments.iter().map(|&id| catalog.deployment(id).name.clone());
            (model.name.clone(), members.collect::<Vec<_>>())
        });
        let pools = catalog.pools.iter().map(|pool| {
            let members = pool.members.iter().map(|member| catalog.model(member.model).name.clone());
            (pool.name.clone(), members.collect())
        });
        let names: Vec<_> = models.chain(pools).collect();
        let mut rotations = names.iter().map(|(name, members)| {
            let credit = |member: &Arc<str>| owed.get(&(name.clone(), member.clone())).copied().unwrap_or(0.0);
            Rotation { credit: members.iter().map(credit).collect(), next: 0, explore: 0.0 }
        });
        let models = rotations.by_ref().take(catalog.models.len()).collect();
        let pools = rotations.collect();
        Self { models, pools, names }
    }
}

/// Places looked at for expired attempts by each plan; more than one, so that looking outruns handing out.
const EXPIRY_LOOKS: usize = 4;
