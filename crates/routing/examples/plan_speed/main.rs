//! How long one plan takes, and how often it allocates: `cargo run --release -p roundelay-routing --example plan_speed`.
//!
//! One plan is [`Router::plan`], [`roundelay_routing::Plan::next`], [`Router::commit`] and the report of a whole answer. Allocations are counted by valgrind, where it is installed, as the difference between two runs.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a program that measures and reports")]

use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant as Wall};

use roundelay_routing::{
    Capabilities, Catalog, Demand, Deployment, DeploymentId, EndpointId, Hour, Importance, Instant, KeyId, Limits,
    Member, Model, ModelId, Outcome, Pool, PoolId, Rate, Router, Settings, Step, Strategy, Target, TokenRates, Tokens,
};

/// Of each row, the median is shown.
const RUNS: usize = 9;

/// How long one run is to take.
const RUN: Duration = Duration::from_millis(60);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [strategy, shape, size, plans] = &arguments[..] {
        let number = |text: &String| text.parse().expect("a number");
        let strategy = Strategy::ALL.into_iter().find(|one| one.name() == strategy).expect("a strategy");
        World::new(strategy, shape == "pool", number(size)).plan_many(number(plans));
        return;
    }
    println!("{:<12} {:<28} {:>12} {:>16}", "strategy", "choice", "ns a plan", "allocations");
    for is_pool in [false, true] {
        for size in [10, 100, 1_000] {
            for strategy in [Strategy::Weighted, Strategy::Fastest, Strategy::Cheapest, Strategy::Balanced] {
                let shape = if is_pool { "models of one deployment" } else { "deployments of one model" };
                let choice = format!("{size} {shape}");
                let nanoseconds = nanoseconds(strategy, is_pool, size);
                let counted = allocations(strategy, is_pool, size);
                let counted = counted.map_or_else(|| "no valgrind".to_owned(), |count| format!("{count:.1}"));
                println!("{:<12} {choice:<28} {nanoseconds:>12.0} {counted:>16}", strategy.name());
            }
        }
    }
}

/// The median over several runs, all after a warm-up.
#[expect(clippy::disallowed_methods, reason = "it is the machine that is measured")]
fn nanoseconds(strategy: Strategy, is_pool: bool, size: u32) -> f64 {
    let mut world = World::new(strategy, is_pool, size);
    let clock = Clock { began: Wall::now() };
    let began = clock.spent();
    let mut plans = 0;
    while clock.spent() < began + RUN {
        world.plan_many(100);
        plans += 100;
    }
    let mut runs: Vec<f64> = (0..RUNS)
        .map(|_| {
            let began = clock.spent();
            world.plan_many(plans);
            (clock.spent() - began).as_secs_f64() * 1e9 / f64::from(plans)
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    runs[RUNS / 2]
}

/// Time on a processor where the system tells it, so that neighbours count less; else time on the wall.
struct Clock {
    began: Wall,
}

impl Clock {
    fn spent(&self) -> Duration {
        let told = std::fs::read_to_string("/proc/self/schedstat").ok();
        let nanoseconds = told.and_then(|told| told.split_whitespace().next()?.parse().ok());
        nanoseconds.map_or_else(|| self.began.elapsed(), Duration::from_nanos)
    }
}

/// Allocations of one plan; `None` = there is no valgrind.
fn allocations(strategy: Strategy, is_pool: bool, size: u32) -> Option<f64> {
    let count = |plans: u32| {
        let shape = if is_pool { "pool" } else { "model" };
        let own = std::env::current_exe().ok()?;
        let output = Command::new("valgrind")
            .arg(own)
            .args([strategy.name(), shape, &size.to_string(), &plans.to_string()])
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let (_, counted) = text.split_once("total heap usage: ")?;
        counted.split_once(" allocs")?.0.replace(',', "").parse::<f64>().ok()
    };
    Some((count(300)? - count(200)?) / 100.0)
}

struct World {
    router: Router,
    catalog: Arc<Catalog>,
    demand: Demand,
    now: Instant,
}

impl World {
    fn new(strategy: Strategy, is_pool: bool, size: u32) -> Self {
        let mut router = Router::new(Settings::default(), 7);
        // What is measured of a deployment stays with its name, so each is asked once before.
        let catalog = router.adopt(pool(Strategy::RoundRobin, size));
        let demand = Demand {
            target: Target::Pool(PoolId(0)),
            needs: Capabilities::NONE,
            input_tokens: 900,
            together: None,
            units: [0.0; 4],
            output_tokens: 0,
            allowed: None,
            conversation: None,
            payer: 1,
            spendable: None,
            unpriced_held: 0.0,
            hour: Arc::new(Hour { rates: (0..size).map(|index| Some(rate(index))).collect(), weights: Vec::new() }),
            deadline: Instant::default(),
            retries_allowed: true,
            may_hand_over: false,
        };
        let mut world = Self { router, catalog, demand, now: Instant::from_start(Duration::from_secs(1)) };
        world.plan_many(size);
        let catalog = if is_pool { pool(strategy, size) } else { model(strategy, size) };
        world.catalog = world.router.adopt(catalog);
        world.demand.target = if is_pool { Target::Pool(PoolId(0)) } else { Target::Model(ModelId(0)) };
        world
    }

    fn plan_many(&mut self, plans: u32) {
        for _ in 0..plans {
            self.now = self.now + Duration::from_millis(1);
            let demand = Demand { deadline: self.now + Duration::from_secs(60), ..self.demand.clone() };
            let mut plan = self.router.plan(&self.catalog, demand, self.now);
            let Step::Attempt(attempt) = plan.next(&mut self.router, self.now) else { panic!("all are well") };
            // Times that differ a little, so that choices are not all alike.
            let total = Duration::from_millis(800 + u64::from(attempt.deployment.0 % 7) * 20);
            let outcome = Outcome::Success { total, tokens: Tokens { input: 900, cached: 100, output: 50 } };
            self.router.commit(&attempt, Some(total / 2), self.now);
            plan.report(&mut self.router, &attempt, &outcome, self.now);
            black_box(plan.into_decision());
        }
    }
}

fn rate(index: u32) -> Rate {
    let input = 100.0 + f64::from(index % 10);
    let base = TokenRates { input, cache_read: input / 10.0, cache_write: input * 1.25, output: input * 5.0 };
    Rate { base, tiers: Vec::new(), units: [0.0; 4] }
}

fn deployment(index: u32, model: u32) -> Deployment {
    Deployment {
        name: format!("deployment-{index}").into(),
        model: ModelId(model),
        key: KeyId(index),
        key_name: format!("key-{index}").into(),
        endpoint: EndpointId(index),
        endpoint_name: format!("endpoint-{index}").into(),
        weight: 1.0,
        concurrency_max: 256,
        region: None,
        stops_on_cancel: true,
    }
}

fn named(index: u32, deployments: Vec<DeploymentId>, strategy: Option<Strategy>) -> Model {
    Model {
        name: format!("model-{index}").into(),
        deployments,
        strategy,
        context_window: None,
        capabilities: Capabilities::ALL,
        attempts: 3,
        deadline: Duration::from_secs(60),
        wait: None,
    }
}

/// One model with that many deployments.
fn model(strategy: Strategy, size: u32) -> Catalog {
    let deployments = (0..size).map(|index| deployment(index, 0)).collect();
    let model = named(0, (0..size).map(DeploymentId).collect(), Some(strategy));
    Catalog::new(deployments, vec![model], Vec::new()).expect("names and indices match")
}

/// A pool of that many models with one deployment each.
fn pool(strategy: Strategy, size: u32) -> Catalog {
    let pool = Pool {
        name: "pool".into(),
        members: (0..size).map(|index| Member { model: ModelId(index), weight: 1.0 }).collect(),
        strategy,
        fallback: Vec::new(),
        attempts: 3,
        deadline: Duration::from_secs(60),
        wait: None,
        hedge: false,
        adapt: false,
        importance: Importance::default(),
        limits: Limits::default(),
        cheaper_below: None,
    };
    let models = (0..size).map(|index| named(index, vec![DeploymentId(index)], None)).collect();
    let deployments = (0..size).map(|index| deployment(index, index)).collect();
    Catalog::new(deployments, models, vec![pool]).expect("names and indices match")
}
