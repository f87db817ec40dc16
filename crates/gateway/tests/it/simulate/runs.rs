//! Runs: that the simulated gateway decides as the real one does, and that the figures mean what they say.

use std::{fs, path::Path};

use roundelay::{
    config::{self, World},
    simulate::{
        Adversity, Ceiling, Language, Outages, Results, Rule, Scenario, Setup, Severity, Sources, Summary, Way,
        Workload, html, run,
    },
};

use super::recorded;

const TWO: &str = r#"
    [providers.a]
    protocol = "openai"
    base_url = "http://127.0.0.1:9001/v1"
    [providers.b]
    protocol = "openai"
    base_url = "http://127.0.0.1:9002/v1"
    [models.ma]
    deployments = ["a"]
    price = { input = 1.00, output = 2.00 }
    [models.mb]
    deployments = ["b"]
    price = { input = 3.00, output = 4.00 }
    [pools.p]
    members = { ma = 0.7, mb = 0.3 }
"#;

fn setup(config: &str, world: &str, workload: &str) -> Setup {
    Setup {
        config: config::parse(config, "c.toml", &|_| Some("key".to_owned())).unwrap_or_else(|fault| panic!("{fault}")),
        workload: Workload::read(workload, usize::MAX).expect("a workload"),
        world: Some(World::parse(world, "w.toml").unwrap_or_else(|fault| panic!("{fault}"))),
        outages: None,
        pool: None,
        renamed: Vec::new(),
        seed: 1,
        start: None,
    }
}

fn scenario(config: &str, world: &str, workload: &str) -> Scenario {
    setup(config, world, workload).prepare().unwrap_or_else(|fault| panic!("{fault}"))
}

fn summary(scenario: &Scenario, way: &str) -> Summary {
    run(scenario, Way::of(way).expect("a known way"), &mut |_| {}).expect("a catalog that can be routed")
}

/// The share of attempts that went to each deployment.
fn attempts(summary: &Summary) -> Vec<f64> {
    summary.deployments.iter().map(|share| share.attempts as f64 / summary.attempts as f64).collect()
}

/// A file that the documents' figures come from.
fn kept(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bench/simulate").join(name);
    fs::read_to_string(&path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let world = "[default]\nfaults = [{ fail = \"server_error\", share = 0.2 }]\n";
    let bytes = |seed| {
        let scenario = Setup { seed, ..setup(TWO, world, "steady:5/s,2m,500,100") }.prepare().unwrap();
        let rows = Way::all().into_iter().map(|way| run(&scenario, way, &mut |_| {}).unwrap()).collect();
        let results = Results::new(&scenario, Sources::default(), rows);
        (serde_json::to_string(&results).unwrap(), html(&results, Language::English), html(&results, Language::Chinese))
    };
    let (first, again, other) = (bytes(1), bytes(1), bytes(2));
    assert!(first == again, "two runs of one seed differ");
    assert!(first.0 != other.0, "the seed changes nothing");
}

#[test]
fn every_request_ends_and_costs_what_its_tokens_cost() {
    let scenario = scenario(TWO, "", "steady:1/s,1000s,1000,100");
    let weighted = summary(&scenario, "weighted");
    assert_eq!((weighted.requests, weighted.answered, weighted.further_attempts), (1000, 1000, 0));
    let [a, b] = &weighted.deployments[..] else { panic!("{weighted:?}") };
    assert_eq!((a.answered, b.answered), (700, 300), "the shares are the weights");
    // 1,000 input and 100 output tokens: 1.20 thousandths of a dollar at a, 3.40 at b.
    assert_eq!(weighted.cost_nano, 700 * 1_200_000 + 300 * 3_400_000);
    assert_eq!(a.over_time.iter().sum::<u32>() + b.over_time.iter().sum::<u32>(), 1000);
    let cheap = summary(&scenario, "oracle-cheapest");
    assert_eq!(cheap.cost_nano, 1000 * 1_200_000);
}

#[test]
fn what_fails_is_replaced_and_its_input_counted() {
    let world = r#"[deployments."a/ma"]
        faults = [{ from = "100s", until = "200s", fail = "server_error" }]"#;
    let scenario = scenario(TWO, world, "steady:1/s,300s,1000,100");
    let weighted = summary(&scenario, "weighted");
    assert_eq!(weighted.answered, 300, "{:?}", weighted.unanswered);
    assert!(weighted.further_attempts > 0);
    // Every failed attempt was at a, and cost its input there: a thousandth of a dollar.
    let failed = weighted.attempts - weighted.answered;
    assert_eq!(weighted.extra_cost_nano, failed * 1_000_000);
    let [a, b] = scenario.each_alone()[..] else { panic!("two deployments") };
    let alone = |way| run(&scenario, way, &mut |_| {}).unwrap();
    // A lone deployment is asked again within ten seconds of its return.
    let only_a = alone(a).answered;
    assert!((190..=200).contains(&only_a), "the harness sees the difference: {only_a}");
    assert_eq!(alone(b).answered, 300);
    assert_eq!(alone(a).further_attempts, 0);
}

#[test]
fn a_silent_deployment_is_given_up_by_the_gateways_own_timer() {
    let config = TWO.replace("[providers.a]", "[providers.a]\ntimeouts = { first_content = \"5s\" }");
    let world = "[deployments.\"a/ma\"]\nfaults = [{ fail = \"timeout\" }]\n";
    let scenario = scenario(&config, world, "steady:1/m,10m,100,10");
    let priority = summary(&scenario, "priority");
    assert_eq!(priority.answered, 10);
    let waited = priority.first_content_us.max;
    assert!((5_000_000..6_500_000).contains(&waited), "{waited} µs");
}

#[test]
fn a_deployment_that_only_refuses_gets_next_to_nothing_under_every_strategy() {
    let world = "[deployments.\"a/ma\"]\nlimits = { requests_per_minute = 1, retry_after = \"30s\" }\n\
        faults = [{ fail = \"rate_limited\" }]\n";
    let scenario = scenario(TWO, world, "steady:10/s,1m,500,50");
    for way in Way::words().into_iter().filter(|word| !word.starts_with("oracle")) {
        let summary = summary(&scenario, way);
        assert_eq!(summary.answered, 600, "{way}: {:?}", summary.unanswered);
        assert!(attempts(&summary)[0] < 0.05, "{way}: {:?}", attempts(&summary));
    }
}

#[test]
fn limits_of_a_deployment_are_kept() {
    // An answer takes about a second, so ten a second are ten at once: four of them fit.
    let world = "[default]\nspread = 0\nfirst_content = \"1s\"\nper_token = \"0s\"\nlimits = { concurrency = 4 }\n";
    let only = TWO.replace("members = { ma = 0.7, mb = 0.3 }", "members = [\"ma\"]\nattempts = 1");
    let summary = summary(&scenario(&only, world, "steady:10/s,2s,10,1"), "weighted");
    assert!((4..=12).contains(&summary.answered), "{summary:?}");
    let world = world.replace("concurrency = 4", "requests_per_minute = 60");
    let summary = self::summary(&scenario(TWO, &world, "steady:10/s,1m,10,1"), "round_robin");
    // A bucket of 60 that is filled once more in the minute, at each of two.
    assert!((180..=242).contains(&summary.answered), "{summary:?}");
}

#[test]
fn prices_follow_the_hour_of_the_requests_arrival() {
    let tariff = "price = { input = 1.00, output = 2.00 }\n\
        tariffs = [{ hours = \"12:00-24:00\", zone = \"UTC\", multiply = 0.5 }]";
    let config = TWO.replace("price = { input = 1.00, output = 2.00 }", tariff);
    // 2026-01-05 11:30 UTC, half an hour before the tariff begins; answers of the last minutes before it end within it.
    let setup = Setup {
        start: Some(1_767_612_600),
        pool: Some("ma".to_owned()),
        ..setup(&config, "[default]\nper_token = \"1s\"\n", "steady:1/m,1h,1000,100")
    };
    let summary = summary(&setup.prepare().unwrap(), "configured");
    assert_eq!((summary.answered, summary.cost_nano), (60, 30 * 1_200_000 + 30 * 600_000));
}

#[test]
fn a_slow_first_attempt_gets_company_only_where_the_pool_says_so() {
    let world = "[deployments.\"a/ma\"]\nfaults = [{ from = \"10m\", slow = 30.0, share = 0.1 }]\n";
    let providers = TWO.replace("protocol = \"openai\"", "protocol = \"openai\"\nstops_on_cancel = true");
    let hedging = providers.replace("members = {", "hedge = true\nmembers = {");
    let [off, on] =
        [&providers, &hedging].map(|config| summary(&scenario(config, world, "steady:2/s,30m,500,20"), "weighted"));
    assert_eq!(off.hedges, 0);
    assert!(on.hedges > 10, "{}", on.hedges);
    assert_eq!(on.further_attempts, on.hedges);
    assert!(on.extra_cost_nano > 0, "whoever loses is paid for at worst");
    assert!(on.hedges * 50 <= on.requests, "at most 2 % of requests");
    assert!(on.first_content_us.mean < off.first_content_us.mean);
}

#[test]
fn records_are_replayed_with_what_they_teach() {
    let lines: Vec<String> = (0..200)
        .map(|number| {
            let (deployment, first) = if number % 2 == 0 { ("a/ma", 100_000) } else { ("b/mb", 900_000) };
            format!(
                r#"{{"started_at_ms":{},"duration_us":{},"first_content_us":{first},"asked":"p","stream":true,"outcome":"answered","usage":{{"input":1000,"output":101}},"attempts":[{{"deployment":"{deployment}","outcome":"answered","started_us":0,"first_content_us":{first},"duration_us":{}}}]}}"#,
                1_700_000_000_000u64 + number * 1_000,
                first + 1_000_000,
                first + 1_000_000,
            )
        })
        .collect();
    let workload = Workload::parse("w", lines.join("\n").as_bytes(), usize::MAX).unwrap();
    let base = setup(TWO, "", "steady:1/s,1s,1,1");
    let scenario = Setup { workload, world: None, ..base }.prepare().unwrap();
    assert!(scenario.assumed().is_empty(), "{:?}", scenario.assumed());
    let configured = summary(&scenario, "configured");
    let first = &configured.first_content_us;
    assert_eq!((first.p50, first.p99), (100_000, 900_000));
    assert_eq!(configured.total_us.p50, 1_100_000);
    assert_eq!(summary(&scenario, "oracle-fastest").total_us.p99, 1_100_000);
}

/// One in 40 takes five seconds, all others one; every other answer comes in one piece.
fn with_a_tail(deployment: &str, count: u64) -> Workload {
    let line = |number: u64| {
        let is_stream = number.is_multiple_of(2);
        let total = if number % 40 < 2 { 5_000_000 } else { 1_000_000 + number };
        let first = if is_stream { 100_000 } else { total };
        format!(
            r#"{{"started_at_ms":{},"duration_us":{total},"first_content_us":{first},"asked":"p","stream":{is_stream},"outcome":"answered","cost_nano":7,"usage":{{"input":1000,"output":{}}},"attempts":[{{"deployment":"{deployment}","outcome":"answered","started_us":0,"first_content_us":{first},"duration_us":{total}}}]}}"#,
            1_700_000_000_000 + number * 1_000,
            50 + number % 900,
        )
    };
    Workload::parse("w", (0..count).map(line).collect::<Vec<_>>().join("\n").as_bytes(), usize::MAX).expect("records")
}

#[test]
fn a_replay_has_the_tail_of_its_records_and_shows_them_beside_it() {
    let base = || setup(TWO, "", "steady:1/s,1s,1,1");
    let pool = Some("ma".to_owned());
    let scenario = Setup { workload: with_a_tail("a/ma", 800), world: None, pool, ..base() }.prepare().unwrap();
    let recorded = scenario.recorded().expect("records");
    assert_eq!((recorded.name.as_str(), recorded.answered, recorded.cost_nano), ("recorded", 800, 5_600));
    assert_eq!((recorded.first_content_us.p50, recorded.total_us.p99, recorded.attempts), (100_000, 5_000_000, 800));
    assert_eq!(recorded.deployments[0].answered, 800);
    let again = summary(&scenario, "configured");
    assert_eq!((again.answered, again.total_us.p99, again.total_us.max), (800, 5_000_000, 5_000_000));
    assert!(again.total_us.p90 < 1_001_000, "{:?}", again.total_us);
    // Streams show their first content after a tenth of a second, whole answers with their end.
    let late = again.first_content_us.percentiles.iter().filter(|us| **us > 100_000).count();
    assert!((48..=51).contains(&late), "{late}");
    assert!(scenario.thin().is_empty());
    assert!(base().prepare().unwrap().recorded().is_none());
}

#[test]
fn what_was_learnt_from_a_few_answers_is_named() {
    let base = setup(TWO, "", "steady:1/s,1s,1,1");
    let scenario = Setup { workload: with_a_tail("b/mb", 29), world: None, ..base }.prepare().unwrap();
    assert_eq!(scenario.thin(), [("b/mb".to_owned(), 29)]);
    assert_eq!(scenario.assumed(), ["a/ma"]);
}

#[test]
fn names_that_are_gone_are_told_at_once_or_stand_for_others() {
    let asked = |name: &str, number: u64| {
        format!(
            r#"{{"started_at_ms":{},"asked":"{name}","stream":true,"outcome":"answered","usage":{{"input":10,"output":5}},"attempts":[]}}"#,
            1_700_000_000_000 + number
        )
    };
    let lines = [asked("pp", 0), asked("old", 1), asked("p", 2), asked("old", 3)].join("\n");
    let setup = |renamed: &[(&str, &str)]| {
        let renamed = renamed.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned())).collect();
        let workload = Workload::parse("w", lines.as_bytes(), usize::MAX).unwrap();
        Setup { workload, renamed, ..setup(TWO, "", "steady:1/s,1s,1,1") }
    };
    let told = |renamed| setup(renamed).prepare().unwrap_err().to_string();
    let both = told(&[]);
    assert!(both.contains("no model `old` (2 requests), `pp` (1 request; did you mean `p`?)"), "{both}");
    assert!(both.contains("`--pool OLD=NEW`") && both.ends_with("known are p, ma, mb"), "{both}");
    assert!(told(&[("olt", "p")]).contains("no request of this workload asks for `olt`; did you mean `old`?"));
    assert!(told(&[("old", "q")]).contains("no pool and no model `q`"));
    let scenario = setup(&[("old", "mb"), ("pp", "p")]).prepare().unwrap();
    let results = Results::new(&scenario, Sources::default(), Vec::new());
    assert_eq!(results.of.asked, ["mb", "p"]);
    let summary = summary(&scenario, "priority");
    let answered: Vec<u64> = summary.deployments.iter().map(|share| share.answered).collect();
    assert_eq!(answered, [2, 2], "{summary:?}");
}

#[test]
fn an_oracle_is_bound_by_the_pool_as_the_router_is() {
    let check = |from: &str, to: &str, way: &str, expected: [u64; 2]| {
        assert!(TWO.contains(from), "{from}");
        let scenario = scenario(&TWO.replace(from, to), "", "steady:1/s,10s,1000,100");
        let answered: Vec<u64> = summary(&scenario, way).deployments.iter().map(|share| share.answered).collect();
        assert_eq!(answered, expected, "{to}, {way}");
    };
    let members = "members = { ma = 0.7, mb = 0.3 }";
    for way in ["oracle-cheapest", "weighted"] {
        check(members, "members = { ma = 0, mb = 1 }", way, [0, 10]);
        check("deployments = [\"a\"]", "deployments = [\"a\"]\ncontext_window = 900", way, [0, 10]);
        check("[providers.b]", "[providers.b]\nregion = \"eu\"", way, if way == "weighted" { [7, 3] } else { [10, 0] });
        let regions = format!(
            "regions = [\"eu\"]\n{members}\n[providers.c]\nregion = \"eu\"\nprotocol = \"openai\"\nbase_url = \"http://127.0.0.1:9003/v1\""
        );
        check(members, &regions, way, [0, 0]);
    }
    // The fastest is the first; the pool pays at most two dollars.
    let slow = "[deployments.\"a/ma\"]\nfirst_content = \"9s\"\n";
    let dear = TWO.replace(members, &format!("max_price = {{ input = 2.0 }}\n{members}"));
    for (config, expected) in [(TWO, 0), (&*dear, 10)] {
        assert_eq!(
            summary(&scenario(config, slow, "steady:1/s,10s,1000,100"), "oracle-fastest").deployments[0].answered,
            expected
        );
    }
}

#[test]
fn who_has_no_outages_is_up_and_whom_a_pool_does_not_have_is_no_help() {
    let csv = "service,incident_id,impact,start_utc,monitoring_utc,end_utc\n\
        a,1,3,2026-01-01T00:00:00Z,,2026-01-01T12:00:00Z\nb,2,3,2026-01-01T06:00:00Z,,2026-01-01T18:00:00Z\n";
    let ceiling = |config: &str, pool: Option<&str>| {
        let outages = Outages::parse(csv, "o.csv").unwrap();
        let severity = Severity::Down { least_impact: 1 };
        let adversity = Adversity { outages, rule: Rule::C, severity, services: Vec::new() };
        let pool = pool.map(str::to_owned);
        let base = setup(config, "", "steady:1/m,1d,1,1");
        Setup { outages: Some(adversity), pool, ..base }.prepare().unwrap().ceiling().unwrap()
    };
    let both = ceiling(TWO, None);
    assert!((both.together - 0.75).abs() < 0.001 && both.always_up.is_empty(), "{both:?}");
    let alone = ceiling(TWO, Some("ma"));
    assert!((alone.together - 0.5).abs() < 0.001 && alone.alone.len() == 1, "{alone:?}");
    let third = TWO.replace("members = { ma = 0.7, mb = 0.3 }", "members = { ma = 0.5, mb = 0.3, mc = 0.2 }")
        + "[providers.c]\nprotocol = \"openai\"\nbase_url = \"http://127.0.0.1:9003/v1\"\n[models.mc]\ndeployments = [\"c\"]\n";
    let third = ceiling(&third, None);
    assert_eq!((third.together.to_bits(), third.always_up), (1f64.to_bits(), vec!["c".to_owned()]));
}

/// Records of ten conversations with ten turns each, one turn after the other; `demand` goes into each decision.
fn turns(usage: &str, demand: impl Fn(u64, u64) -> String) -> Workload {
    let line = |number: u64| {
        format!(
            r#"{{"started_at_ms":{},"asked":"p","stream":true,"outcome":"answered","usage":{usage},"attempts":[],"decision":{{"demand":{}}}}}"#,
            1_700_000_000_000 + number * 5_000,
            demand(number % 10, number / 10),
        )
    };
    Workload::parse("w", (0..100).map(line).collect::<Vec<_>>().join("\n").as_bytes(), usize::MAX).expect("records")
}

#[test]
fn conversations_of_records_stay_where_they_began() {
    let config = TWO.replace("ma = 0.7, mb = 0.3", "ma = 0.5, mb = 0.5");
    // Equal weights take turns, so the conversations 0, 2 and 4 begin at one deployment; only they have later turns.
    let run = |name: &dyn Fn(u64) -> String| {
        let workload = turns(r#"{"input":1000,"output":100}"#, |conversation, turn| {
            format!(
                r#"{{"input_tokens":1000,"needs":[],{}"first_turn":{},"explicit":false,"deadline_ms":1}}"#,
                name(conversation),
                turn == 0
            )
        });
        let goes_on = |number: usize| number < 10 || [0, 2, 4].contains(&(number % 10));
        let requests = workload.requests.into_iter().enumerate().filter(|(number, _)| goes_on(*number));
        let requests = requests.map(|(_, request)| request).collect();
        let workload = Workload { requests, ..workload };
        let base = setup(&config, "", "steady:1/s,1s,1,1");
        summary(&Setup { workload, ..base }.prepare().unwrap(), "weighted")
    };
    let known = run(&|conversation| format!(r#""conversation":"{conversation:016x}","#));
    let nameless = run(&|_| String::new());
    let answered = |summary: &Summary| summary.deployments.iter().map(|share| share.answered).collect::<Vec<_>>();
    // Five beginnings each, and all 27 later turns where their conversations began.
    let mut split = answered(&known);
    split.sort_unstable();
    assert_eq!(split, [5, 32]);
    assert!(answered(&nameless).iter().all(|&count| count >= 18), "rotation alone: {:?}", answered(&nameless));
}

#[test]
fn what_a_request_needs_and_what_it_wrote_to_a_cache_are_part_of_a_replay() {
    let config = TWO
        .replace(
            "price = { input = 1.00, output = 2.00 }",
            "price = { input = 1.00, output = 2.00 }\ncapabilities = { vision = false }",
        )
        .replace(
            "price = { input = 3.00, output = 4.00 }",
            "price = { input = 3.00, output = 4.00, cache_read = 0.30, cache_write = 6.00 }",
        );
    let usage = r#"{"input":100,"cache_read":500,"cache_write":400,"output":100}"#;
    let workload = turns(usage, |_, _| {
        r#"{"input_tokens":1000,"needs":["vision"],"first_turn":true,"explicit":false,"deadline_ms":1}"#.to_owned()
    });
    let base = setup(&config, "", "steady:1/s,1s,1,1");
    let scenario = Setup { workload, ..base }.prepare().unwrap();
    // A million tokens of each class: 3.00, 0.30, 6.00 and 4.00 dollars.
    let each = 100 * 3_000 + 500 * 300 + 400 * 6_000 + 100 * 4_000;
    for way in ["weighted", "cheapest", "oracle-cheapest"] {
        let summary = summary(&scenario, way);
        assert_eq!((summary.answered, summary.cost_nano), (100, 100 * each), "{way}: {:?}", summary.unanswered);
    }
}

#[test]
fn a_replay_goes_by_the_estimate_and_the_limit_that_the_router_went_by() {
    let config = TWO.replace("deployments = [\"a\"]", "deployments = [\"a\"]\ncontext_window = 2000");
    let answered_by_a = |demand: &str| {
        let workload = turns(r#"{"input":1000,"output":100}"#, |_, _| {
            format!(r#"{{{demand},"needs":[],"first_turn":true,"explicit":false,"deadline_ms":1}}"#)
        });
        let base = setup(&config, "", "steady:1/s,1s,1,1");
        summary(&Setup { workload, ..base }.prepare().unwrap(), "weighted").deployments[0].answered
    };
    assert_eq!(answered_by_a(r#""input_tokens":1500"#), 70);
    assert_eq!(answered_by_a(r#""input_tokens":9000"#), 0);
    assert_eq!(answered_by_a(r#""input_tokens":1500,"output_tokens_max":1000"#), 0);
}

#[test]
fn what_makes_no_sense_is_said() {
    let told = |setup: Setup| setup.prepare().unwrap_err().to_string();
    let steady = "steady:1/s,1s,1,1";
    assert_eq!(
        told(setup(TWO, "[deployments.\"a/mb\"]\n", steady)),
        "the world describes `a/mb`, which is no deployment of this configuration; did you mean `a/ma`?"
    );
    let nowhere = Setup { pool: Some("q".to_owned()), ..setup(TWO, "", steady) };
    assert!(told(nowhere).contains("no pool and no model `q`"));
    let two_pools = format!("{TWO}\n[pools.q]\nmembers = [\"ma\"]\n");
    assert!(told(setup(&two_pools, "", steady)).contains("with `--pool NAME`: p, q"));
}

#[track_caller]
fn check_outages(rule: Rule, extra_calls_max: f64) {
    let Some(path) = recorded("outages/api_incident_intervals.csv") else { return };
    let outages = Outages::load(&path).expect("the recorded incidents");
    let severity = Severity::Down { least_impact: 1 };
    let ceiling = Ceiling::of(&outages, &["openai_api", "anthropic_api"], rule, severity);
    let scenario = |workload| {
        let adversity = Adversity { outages: outages.clone(), rule, severity, services: Vec::new() };
        let base = setup(&kept("two-vendors.toml"), "", workload);
        Setup { outages: Some(adversity), ..base }.prepare().expect("a scenario")
    };
    // Once a minute, since incidents are told by the minute.
    let scenario_of_minutes = scenario("steady:1/m,547d,500,200");
    let weighted = summary(&scenario_of_minutes, "weighted");
    assert!(weighted.availability >= ceiling.together - 0.0001, "{} of {}", weighted.availability, ceiling.together);
    assert!(weighted.availability <= ceiling.together + 0.0001, "{} of {}", weighted.availability, ceiling.together);
    assert!(weighted.extra_share() <= 0.01, "extra spend {}", weighted.extra_share());
    let further = weighted.further_attempts as f64 / weighted.requests as f64;
    assert!(further <= extra_calls_max, "{further} further calls");
    let scenario = scenario("steady:1/5m,547d,500,200");
    for (way, alone) in scenario.each_alone().into_iter().zip(&ceiling.alone) {
        let summary = run(&scenario, way, &mut |_| {}).expect("a catalog that can be routed");
        let difference = (summary.availability - alone.availability).abs();
        assert!(difference < 0.0002, "{}: {} for {}", alone.service, summary.availability, alone.availability);
    }
}

#[test]
fn real_outages_under_the_kindest_rule() {
    check_outages(Rule::A, 0.02);
}

#[test]
fn real_outages_until_they_were_mitigated() {
    check_outages(Rule::B, 0.02);
}

#[test]
fn real_outages_under_the_harshest_rule() {
    check_outages(Rule::C, 0.02);
}

#[test]
fn on_azures_trace_each_strategy_comes_near_the_best_there_is() {
    let Some(path) = recorded("workloads/azure_llm_2023_conv.csv") else { return };
    let scenario = scenario(&kept("azure-four.toml"), &kept("azure-four.world.toml"), path.to_str().unwrap());
    let [weighted, fastest, cheapest, balanced, fast_oracle, cheap_oracle] =
        ["weighted", "fastest", "cheapest", "balanced", "oracle-fastest", "oracle-cheapest"]
            .map(|way| summary(&scenario, way));
    let slow = |summary: &Summary| summary.total_us.p95 as f64;
    let cost = |summary: &Summary| (summary.cost_nano + summary.extra_cost_nano) as f64;
    assert!(slow(&fastest) <= 1.10 * slow(&fast_oracle), "{} µs, oracle {}", slow(&fastest), slow(&fast_oracle));
    assert!(cost(&cheapest) <= 1.05 * cost(&cheap_oracle), "{}, oracle {}", cost(&cheapest), cost(&cheap_oracle));
    assert!(slow(&balanced) < slow(&cheapest) && cost(&balanced) < cost(&fastest), "balanced lies between");
    assert!(slow(&balanced) < slow(&weighted) && cost(&balanced) < cost(&weighted), "and beats weights by hand");
}

#[test]
fn on_mooncakes_trace_conversations_keep_their_cache_and_shares_their_weights() {
    let Some(path) = recorded("workloads/mooncake_conversation_trace.jsonl") else { return };
    let base = || setup(&kept("three-caches.toml"), "", path.to_str().unwrap());
    let weighted = summary(&base().prepare().unwrap(), "weighted");
    let kept_hits = |summary: &Summary| summary.cached_tokens as f64 / summary.cached_tokens_in_one as f64;
    assert!(kept_hits(&weighted) >= 0.90, "{}", kept_hits(&weighted));
    for (share, expected) in attempts(&weighted).into_iter().zip([0.5, 0.3, 0.2]) {
        assert!((share - expected).abs() < 0.05, "{:?}", attempts(&weighted));
    }
    // The same requests, were nobody to know which conversation they belong to.
    let mut nameless = base();
    nameless.workload.requests.iter_mut().for_each(|request| request.turn = None);
    let scattered = summary(&nameless.prepare().unwrap(), "weighted");
    assert!(kept_hits(&scattered) < 0.75, "{}", kept_hits(&scattered));
}
