//! What a pool asks of its strategy is read into what the router keeps to, or answered with what to write.

use std::time::Duration;

use roundelay_routing::{Importance, Settings, Strategy};

use super::{PROVIDERS, read, refuse};

const REGIONS: &str = "providers.east = { base_url = 'http://127.0.0.1:8001/v1', region = 'cn' }
providers.west = { base_url = 'http://127.0.0.1:8002/v1', region = 'eu', stops_on_cancel = true }
";

/// A pool with these `keys` over two servers is refused with one complaint, about `path`, at line:column `place`.
#[track_caller]
fn check(keys: &str, place: &str, path: &str, words: &[&str]) {
    let complaints = refuse(&format!("{REGIONS}[pools.a]\nmembers = ['east/x', 'west/x']\n{keys}"));
    assert_eq!(complaints.len(), 1, "more than one complaint:\n{complaints}");
    let complaint = complaints.iter().next().expect("one complaint");
    assert_eq!(format!("{}:{}", complaint.line, complaint.column), place, "{complaint}");
    assert_eq!(complaint.path, path, "{complaint}");
    for word in words {
        assert!(complaint.to_string().contains(word), "`{word}` is not in: {complaint}");
    }
}

/// A pool with these `keys` is taken, with a warning that holds each of these.
#[track_caller]
fn check_warnings(keys: &str, warnings: &[&str]) {
    let config = read(&format!("{REGIONS}[pools.a]\nmembers = ['east/x', 'west/x']\n{keys}"));
    let told: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), warnings.len(), "{told:?}");
    for (told, word) in told.iter().zip(warnings) {
        assert!(told.contains(word), "`{word}` is not in: {told}");
    }
}

#[test]
fn every_preference_reaches_the_router() {
    let config = read(&format!(
        "{REGIONS}providers.third = {{ base_url = 'http://127.0.0.1:8003/v1', stops_on_cancel = true }}
[models.m]
deployments = ['third']
wait = '0s'
[pools.a]
members = ['east/x', 'west/x', 'm']
strategy = 'balanced'
importance = {{ cost = 2, latency = 0.5 }}
max_price = {{ input = 3, output = 15.00 }}
max_first_token = '4s'
regions = ['eu', 'cn']
cheaper_below = 2.50
hedge = true
wait = '9s'
[pools.b]
members = ['m']
adapt = true
"
    ));
    let catalog = config.layout().expect("a catalog").catalog;
    let [one, other] = &catalog.pools[..] else { panic!("two pools") };
    assert_eq!(one.strategy, Strategy::Balanced);
    assert_eq!(one.importance, Importance { cost: 2.0, latency: 0.5, reliability: 0.0 });
    assert_eq!((one.limits.input_price, one.limits.output_price), (Some(3_000.0), Some(15_000.0)), "nano-USD a token");
    assert_eq!(one.limits.first_content, Some(Duration::from_secs(4)));
    assert_eq!(one.limits.regions, ["eu".into(), "cn".into()]);
    assert_eq!(one.cheaper_below, Some(2.5e9));
    assert_eq!((one.hedge, one.adapt, one.wait), (true, false, Some(Duration::from_secs(9))));
    assert_eq!((other.hedge, other.adapt, other.wait), (false, true, None));
    assert_eq!(other.importance, Importance::default());
    let model = catalog.models.iter().find(|model| &*model.name == "m").expect("the model");
    assert_eq!((model.wait, model.strategy), (Some(Duration::ZERO), None), "`0s` answers at once");
    let deployment = |name: &str| catalog.deployments.iter().find(|one| &*one.name == name).expect("a deployment");
    assert_eq!(deployment("east/x").region.as_deref(), Some("cn"));
    assert!(deployment("west/x").stops_on_cancel && !deployment("east/x").stops_on_cancel);
}

#[test]
fn all_six_strategies_can_be_written_for_pools_and_models() {
    for strategy in Strategy::ALL {
        let name = strategy.name();
        let config = read(&format!(
            "{PROVIDERS}[models.m]\ndeployments = ['local']\nstrategy = '{name}'\n[pools.a]\nmembers = ['m']\nstrategy = '{name}'"
        ));
        assert_eq!(config.pools[0].strategy, strategy);
        assert_eq!(config.models.iter().find(|model| &*model.name == "m").expect("m").strategy, Some(strategy));
    }
}

#[test]
fn preferences_are_refused_with_what_to_write() {
    check("importance = {}", "5:1", "pools.a.importance", &["nothing is important", "latency = 2"]);
    check("importance = { cost = 0 }", "5:1", "pools.a.importance", &["nothing is important"]);
    check("importance = { cost = -1 }", "5:23", "pools.a.importance.cost", &["from 0 to 1000"]);
    check("importance = { speed = 1 }", "5:16", "pools.a.importance.speed", &["known here: cost, latency"]);
    check("importance = 1", "5:14", "pools.a.importance", &["a table"]);
    check("max_price = { inptu = 1 }", "5:15", "pools.a.max_price.inptu", &["did you mean `input`?"]);
    check("max_price = { input = '1 USD' }", "5:23", "pools.a.max_price.input", &["`3.00`"]);
    check("max_first_token = 4", "5:19", "pools.a.max_first_token", &["\"5s\""]);
    check("max_first_token = '0s'", "5:19", "pools.a.max_first_token", &["`0s`"]);
    check("regions = ['ue']", "5:12", "pools.a.regions[0]", &["no provider is in the region `ue`", "`eu`"]);
    check("regions = ['eu', 'mars']", "5:18", "pools.a.regions[1]", &["write `region` into a provider"]);
    check("regions = []", "5:1", "pools.a.regions", &["no region may serve"]);
    check("cheaper_below = 0", "5:1", "pools.a.cheaper_below", &["no balance is below this"]);
    check("wait = '8d'", "5:8", "pools.a.wait", &["at most a week", "\"0s\""]);
    check("adapt = 1", "5:9", "pools.a.adapt", &["true or false"]);
}

#[test]
fn preferences_that_change_nothing_are_warned_of() {
    check_warnings("strategy = 'fastest'\nadapt = true", &["pools.a.adapt: the strategy `fastest` takes no notice"]);
    check_warnings("importance = { cost = 1 }", &["pools.a.importance: the strategy `weighted` takes no notice"]);
    check_warnings("hedge = true", &["pools.a.hedge: no second attempt will be made"]);
    check_warnings("cheaper_below = 2.50", &[]);
    check_warnings("strategy = 'fastest'\nadapt = false", &[]);
}

#[test]
fn choosing_by_a_price_that_is_not_known_is_warned_of() {
    let both =
        ["pools.a.members[0]: no price of `east/x` at east is known", "pools.a.members[1]: no price of `west/x`"];
    check_warnings("strategy = 'cheapest'", &both);
    check_warnings("strategy = 'balanced'", &both);
    check_warnings("max_price = { input = 3 }", &["`max_price` does not leave it out", "`west/x` at west"]);
    for strategy in ["weighted", "round_robin", "priority", "fastest"] {
        check_warnings(&format!("strategy = '{strategy}'"), &[]);
    }
    let [priced, unpriced] = ["price = { input = 0, output = 0 }", ""].map(|price| {
        let models = format!("[models.m]\ndeployments = ['local']\n{price}\n");
        let config = read(&format!("{PROVIDERS}{models}[pools.a]\nmembers = ['m']\nstrategy = 'cheapest'"));
        config.warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
    });
    assert!(priced.is_empty(), "{priced:?}");
    assert!(
        unpriced[0].contains("`cheapest` chooses it last") && unpriced[0].contains("into `[models.\"m\"]`"),
        "{unpriced:?}"
    );
    let two = read(&format!(
        "{PROVIDERS}[models.m]\ndeployments = {{ local = {{ price = {{ input = 1, output = 1 }} }}, openai = {{}} }}\n\
         strategy = 'cheapest'"
    ));
    assert_eq!(two.warnings.len(), 1, "{:?}", two.warnings);
    assert!(two.warnings[0].message.contains("`m` at openai"), "{:?}", two.warnings);
    let foreign =
        read(&format!("{PROVIDERS}[pools.a]\nmembers = ['local/${{OPENAI_API_KEY}}']\nstrategy = 'cheapest'"));
    let told = format!("{:?}", foreign.warnings);
    assert!(told.contains("${OPENAI_API_KEY}") && !told.contains("canary"), "{told}");
}

#[test]
fn measurements_and_hedges_are_tuned_key_by_key() {
    let config = read(&format!(
        "{PROVIDERS}[routing.measure]
samples = 20
fade = '2m'
near = 0.1
failure = '7s'
explore_every = '45s'
explore_share = 0.02
adapt_least = 0.5
adapt_most = 2
output_prior = 300
warm_prior = 0.7
stay = 0.2
lengths_max = 100
[routing.hedge]
after_min = '3s'
percentile = 0.9
samples_min = 20
input_max = 1000
share = 0.01
[routing.concurrency]
waiting_max = 7
"
    ));
    let Settings { measure, hedge, concurrency, .. } = config.routing;
    assert_eq!((measure.samples, measure.near, measure.explore_share), (20.0, 0.1, 0.02));
    assert_eq!((measure.fade, measure.failure), (Duration::from_secs(120), Duration::from_secs(7)));
    assert_eq!((measure.explore_every, measure.adapt), (Duration::from_secs(45), (0.5, 2.0)));
    assert_eq!((measure.output_prior, measure.warm_prior, measure.stay), (300.0, 0.7, 0.2));
    assert_eq!(measure.lengths_max, 100);
    assert_eq!((hedge.after_min, hedge.percentile, hedge.samples_min), (Duration::from_secs(3), 0.9, 20));
    assert_eq!((hedge.input_max, hedge.share), (1000, 0.01));
    assert_eq!(concurrency.waiting_max, 7);
}
