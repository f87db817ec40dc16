//! Tariffs and schedules: what is read, and what every mistake is answered with.

use roundelay::config::Config;
use roundelay_calendar::UnixTime;
use roundelay_ledger::{Quote, TokenPrices};
use roundelay_routing::{DeploymentId, TokenRates};

use super::{PROVIDERS, complaints::check, read};

/// The instant of an RFC 3339 time.
#[track_caller]
fn at(text: &str) -> UnixTime {
    UnixTime(text.parse::<jiff::Timestamp>().expect("a time").as_second())
}

/// What the deployment of that place costs at an instant.
#[track_caller]
fn quote(config: &Config, deployment: u32, now: &str) -> Quote {
    let layout = config.layout().expect("a catalog");
    layout.quote(DeploymentId(deployment), at(now)).expect("a price was written")
}

#[track_caller]
fn model(text: &str) -> Config {
    read(&format!("{PROVIDERS}[models.m]\n{text}"))
}

const PRICE: &str = "price = { input = 4, output = 8, cache_read = 1 }\n";

#[test]
fn a_tariff_holds_by_the_wall_clock_of_its_zone() {
    let config = model(&format!(
        "deployments = ['local']\n{PRICE}tariffs = [{{ days = 'mon-fri', hours = '22:00-08:00', zone = 'Asia/Shanghai', multiply = 0.5 }}]"
    ));
    // 2026-12-04 is a Friday.
    let by_day = quote(&config, 0, "2026-12-04T21:59:59+08:00");
    assert_eq!((by_day.price.base().input, by_day.tariff), (4_000_000_000, None));
    assert_eq!(by_day.until, Some(at("2026-12-04T22:00:00+08:00")));
    let by_night = quote(&config, 0, "2026-12-05T07:59:59+08:00");
    let half = TokenPrices {
        input: 2_000_000_000,
        output: 4_000_000_000,
        cache_read: Some(500_000_000),
        ..TokenPrices::default()
    };
    assert_eq!((*by_night.price.base(), by_night.tariff), (half, Some(0)));
    assert_eq!(by_night.until, Some(at("2026-12-05T08:00:00+08:00")));
    assert_eq!(quote(&config, 0, "2026-12-05T08:00:00+08:00").until, Some(at("2026-12-07T22:00:00+08:00")));
}

#[test]
fn the_database_knows_when_clocks_change_for_decades() {
    let config = model(&format!(
        "deployments = ['local']\n{PRICE}tariffs = [{{ hours = '08:00-20:00', zone = 'europe/berlin', multiply = 2 }}]"
    ));
    for (now, until) in [
        ("2026-03-28T12:00:00Z", "2026-03-28T19:00:00Z"),
        ("2026-03-29T12:00:00Z", "2026-03-29T18:00:00Z"),
        ("2026-10-25T00:30:00Z", "2026-10-25T07:00:00Z"),
        ("2051-07-01T12:00:00Z", "2051-07-01T18:00:00Z"),
        ("2051-12-01T12:00:00Z", "2051-12-01T19:00:00Z"),
    ] {
        assert_eq!(quote(&config, 0, now).until, Some(at(until)), "{now}");
    }
}

#[test]
fn tariffs_multiply_classes_or_bring_a_price_between_two_dates() {
    let config = model(&format!(
        "deployments = ['local']\n{PRICE}\
         [[models.m.tariffs]]\nfrom = '2026-12-01'\nuntil = '2026-12-03'\nzone = 'Asia/Shanghai'\nprice = {{ input = 1, output = 2 }}\n\
         [[models.m.tariffs]]\ndays = 'sat,sun'\nmultiply = {{ input = 0.25, cache_read = 1 }}\n"
    ));
    for (now, input, output, cache_read, until) in [
        ("2026-11-30T15:59:59Z", 4_000, 8_000, Some(1_000), "2026-11-30T16:00:00Z"),
        ("2026-11-30T16:00:00Z", 1_000, 2_000, None, "2026-12-02T16:00:00Z"),
        ("2026-12-02T16:00:00Z", 4_000, 8_000, Some(1_000), "2026-12-05T00:00:00Z"),
        ("2026-12-05T00:00:00Z", 1_000, 8_000, Some(1_000), "2026-12-07T00:00:00Z"),
    ] {
        let quote = quote(&config, 0, now);
        let prices = quote.price.base();
        let micro = 1_000_000;
        assert_eq!((prices.input, prices.output), (input * micro, output * micro), "{now}");
        assert_eq!(prices.cache_read, cache_read.map(|price: u64| price * micro), "{now}");
        assert_eq!(quote.until, Some(at(until)), "{now}");
    }
}

#[test]
fn a_price_has_tiers_by_the_size_of_the_input() {
    let config = model(
        "deployments = ['local']\nprice = { input = 3, output = 15, cache_read = 0.3, \
         tiers = [{ above_input = 200000, input = 6, output = 22.5, cache_read = 0.6 }] }",
    );
    let price = quote(&config, 0, "2026-12-01T00:00:00Z").price;
    assert_eq!((price.of(200_000).output, price.of(200_001).output), (15_000_000_000, 22_500_000_000));
}

#[test]
fn a_deployment_has_the_models_prices_or_its_own() {
    let night = "hours = '22:00-08:00'";
    let config = model(&format!(
        "{PRICE}tariffs = [{{ {night}, multiply = 0.5 }}]\n[models.m.deployments]\nlocal = 1\n\
         'openai/x' = {{ weight = 2, price = {{ input = 7, output = 9 }} }}\n\
         'openai/y' = {{ tariffs = [{{ {night}, multiply = 0.25 }}] }}\n\
         'openai/z' = {{ weight = 3 }}\n\
         'anthropic/x' = {{ price = {{ input = 10, output = 10 }}, tariffs = [{{ {night}, multiply = 0.1 }}] }}\n\
         'anthropic/y' = {{ tariffs = [] }}"
    ));
    let weights: Vec<f64> = config.models[0].deployments.iter().map(|place| place.weight).collect();
    assert_eq!(weights, [1.0, 2.0, 1.0, 3.0, 1.0, 1.0]);
    let input = |deployment, now| quote(&config, deployment, now).price.base().input / 10_000_000;
    let costs: Vec<_> =
        (0..6).map(|id| (input(id, "2026-12-01T12:00:00Z"), input(id, "2026-12-01T23:00:00Z"))).collect();
    assert_eq!(costs, [(400, 200), (700, 700), (400, 100), (400, 200), (1000, 100), (400, 400)]);
    let layout = config.layout().expect("a catalog");
    let open = layout.catalog.deployments.iter().position(|deployment| &*deployment.name == "openai/*");
    let open = DeploymentId(u32::try_from(open.expect("an open model")).expect("few deployments"));
    assert_eq!(
        layout.quote(open, at("2026-12-01T12:00:00Z")),
        None,
        "what is asked for as `openai/anything` has no price"
    );
}

#[test]
fn everybody_on_any_shift_is_a_member_of_the_pool() {
    let config = read(&format!(
        "{PROVIDERS}[pools.p]\nmembers = {{ 'gpt-4o' = 0.6, 'gpt-5' = 0.4 }}\n\
         schedule = [{{ hours = '09:00-18:00', zone = 'Asia/Shanghai', members = {{ 'local/night' = 1, 'gpt-5' = 3 }} }}]"
    ));
    let pool = &config.pools[0];
    assert_eq!((pool.members.len(), pool.schedule.len()), (2, 1));
    let layout = config.layout().expect("a catalog");
    let members: Vec<_> = layout.catalog.pools[0]
        .members
        .iter()
        .map(|member| (&*layout.catalog.model(member.model).name, member.weight))
        .collect();
    assert_eq!(members, [("gpt-4o", 0.6), ("gpt-5", 0.4), ("local/night", 0.0)]);
}

#[test]
fn a_shift_gives_weights_to_those_on_duty_alone() {
    let config = read(&format!(
        "{PROVIDERS}[pools.steady]\nmembers = ['gpt-4o']\n[pools.p]\nmembers = {{ 'gpt-4o' = 0.6, 'gpt-5' = 0.4 }}\n\
         schedule = [{{ days = 'sun', members = ['gpt-5'] }},\n\
         {{ hours = '22:00-06:00', zone = 'Asia/Shanghai', members = {{ 'local/night' = 2, 'gpt-5' = 3 }} }}]"
    ));
    // Between shifts the pool's own, and nothing for who serves in shifts alone.
    let own = || vec![0.6, 0.4, 0.0];
    for (now, weights, until) in [
        ("2026-12-04T21:59:59+08:00", own(), "2026-12-04T22:00:00+08:00"),
        ("2026-12-04T22:00:00+08:00", vec![0.0, 3.0, 2.0], "2026-12-05T06:00:00+08:00"),
        ("2026-12-05T22:00:00+08:00", vec![0.0, 3.0, 2.0], "2026-12-06T06:00:00+08:00"),
        ("2026-12-06T07:59:59+08:00", own(), "2026-12-06T08:00:00+08:00"), // Sunday begins in UTC
        ("2026-12-06T23:00:00+08:00", vec![0.0, 1.0, 0.0], "2026-12-07T08:00:00+08:00"),
    ] {
        assert_eq!(config.duties(at(now)), (vec![None, Some(weights)], Some(at(until))), "{now}");
    }
}

#[test]
fn an_hour_has_every_rate_and_every_duty_until_the_first_of_them_changes() {
    let config = read(&format!(
        "{PROVIDERS}[models.m]\ndeployments = ['local']\n\
         price = {{ input = 3, output = 15, cache_read = 0.3, tiers = [{{ above_input = 200000, input = 6, output = 22.5, cache_read = 0.6 }}] }}\n\
         tariffs = [{{ hours = '22:00-08:00', multiply = 0.5 }}]\n\
         [pools.p]\nmembers = ['m']\nschedule = [{{ hours = '06:00-07:00', members = ['gpt-4o'] }}]"
    ));
    let layout = config.layout().expect("a catalog");
    for (now, input, above, weights, until) in [
        ("2026-12-01T05:00:00Z", 1_500.0, 3_000.0, vec![1.0, 0.0], "2026-12-01T06:00:00Z"),
        ("2026-12-01T06:00:00Z", 1_500.0, 3_000.0, vec![0.0, 1.0], "2026-12-01T07:00:00Z"),
        ("2026-12-01T07:00:00Z", 1_500.0, 3_000.0, vec![1.0, 0.0], "2026-12-01T08:00:00Z"),
        ("2026-12-01T08:00:00Z", 3_000.0, 6_000.0, vec![1.0, 0.0], "2026-12-01T22:00:00Z"),
    ] {
        let (hour, end) = layout.hour(&config, at(now));
        let rate = hour.rate(DeploymentId(0)).expect("a price was written");
        // Nano-USD a token; a class of the cache that has no price costs what input costs.
        let expected = |input| TokenRates { input, cache_read: input / 10.0, cache_write: input, output: 5.0 * input };
        assert_eq!(rate.base, expected(input), "{now}");
        assert_eq!(rate.tiers, [(200_000, TokenRates { output: 3.75 * above, ..expected(above) })], "{now}");
        assert_eq!((hour.weights, end), (vec![Some(weights)], Some(at(until))), "{now}");
        assert_eq!(hour.rates.len(), layout.catalog.deployments.len());
        let open = layout
            .catalog
            .deployments
            .iter()
            .zip(&hour.rates)
            .filter(|(deployment, _)| deployment.name.ends_with("/*"));
        assert!(
            open.clone().count() == 3 && open.into_iter().all(|(_, rate)| rate.is_none()),
            "of these no price is known"
        );
    }
}

#[test]
fn windows_are_refused_with_what_to_write() {
    let tariff =
        |keys: &str| format!("[models.m]\ndeployments = ['local']\n{PRICE}tariffs = [{{ multiply = 0.5, {keys} }}]");
    let refused = |keys: &str, column: usize, key: &str, words: &[&str]| {
        check(&tariff(keys), &format!("7:{column}"), &format!("models.m.tariffs[0].{key}"), words);
    };
    refused("days = 'mon-fir'", 37, "days", &["`mon-fir`", "`mon-fri`", "`fri-mon`"]);
    refused("days = 'mon-mon'", 37, "days", &["write `mon` for that day"]);
    refused("hours = '9:00-18:00'", 38, "hours", &["`9:00-18:00`", "`09:00-18:00`"]);
    refused("hours = '08:00-08:00'", 38, "hours", &["write `00:00-24:00` for the whole day"]);
    refused("days = 'mon', zone = 'Asia/Shangai'", 51, "zone", &["`Asia/Shangai`", "did you mean `Asia/Shanghai`?"]);
    refused("days = 'mon', zone = 'Berlin'", 51, "zone", &["did you mean `Europe/Berlin`?"]);
    refused("days = 'mon', zone = 'Middle-earth'", 51, "zone", &["IANA", "`Asia/Shanghai`", "`UTC`"]);
    refused("days = 'mon', zone = 'right/Europe/Berlin'", 51, "zone", &["no time zone"]);
    refused("from = 'tomorrow'", 37, "from", &["`tomorrow`", "\"2026-12-01\""]);
    refused("from = '2026-13-01'", 37, "from", &["`2026-13-01`"]);
    refused("from = '2026-12-01T00:00:00'", 37, "from", &["with its offset"]);
    refused("from = '2026-12-02', until = '2026-12-02'", 51, "until", &["not after `from`"]);
    refused("days = 'mon', hour = '08:00-09:00'", 44, "hour", &["did you mean `hours`?"]);
    check(&tariff("zone = 'UTC'"), "7:12", "models.m.tariffs[0]", &["does not say when", "hours = "]);
}

#[test]
fn prices_are_refused_with_what_to_write() {
    let with = |price: &str, tariffs: &str| format!("[models.m]\ndeployments = ['local']\n{price}\n{tariffs}");
    let night = "hours = '22:00-08:00'";
    let flat = "price = { input = 1, output = 2 }";
    check(
        &with("", &format!("tariffs = [{{ {night}, multiply = 0.5 }}]")),
        "7:1",
        "models.m.tariffs",
        &["no price", "`price = {"],
    );
    check(&with(flat, &format!("tariffs = [{{ {night} }}]")), "7:12", "models.m.tariffs[0]", &["`multiply = 0.5`"]);
    check(
        &with(flat, &format!("tariffs = [{{ {night}, multiply = 1, {flat} }}]")),
        "7:37",
        "models.m.tariffs[0].multiply",
        &["either `multiply` or `price`"],
    );
    for factor in ["-0.5", "0.0000001", "1000001", "'half'", "'50%'"] {
        let text = with(flat, &format!("tariffs = [{{ {night}, multiply = {factor} }}]"));
        check(&text, "7:48", "models.m.tariffs[0].multiply", &["a factor from 0", "`0.5` is half the price"]);
    }
    check(
        &with(flat, &format!("tariffs = [{{ {night}, multiply = {{ inptu = 1 }} }}]")),
        "7:50",
        "models.m.tariffs[0].multiply.inptu",
        &["did you mean `input`?"],
    );
    check(&with(flat, "tariffs = { multiply = 0.5 }"), "7:11", "models.m.tariffs", &["a list of tables"]);
    check(&with(flat, "tariffs = ['night']"), "7:12", "models.m.tariffs[0]", &["write a table"]);
    let huge = format!("tariffs = [{{ {night}, multiply = 10 }}]");
    check(&with("price = { input = 9999999999, output = 1 }", &huge), "7:1", "models.m.tariffs", &["smaller factor"]);

    let tier =
        |tiers: &str| with(&format!("price = {{ input = 1, output = 2, cache_read = 0.5, tiers = [{tiers}] }}"), "");
    let whole = "above_input = 9, input = 1, output = 2, cache_read = 1";
    check(
        &tier("{ input = 1, output = 2, cache_read = 1 }"),
        "6:61",
        "models.m.price.tiers[0].above_input",
        &["`above_input = 200000`"],
    );
    check(
        &tier("{ above_input = 9, input = 1, output = 2 }"),
        "6:61",
        "models.m.price.tiers[0].cache_read",
        &["write `cache_read` here too"],
    );
    check(
        &tier("{ above_input = 9, input = 1, cache_read = 1 }"),
        "6:61",
        "models.m.price.tiers[0].output",
        &["needs `output`"],
    );
    check(
        &tier(&format!("{{ {whole} }}, {{ {whole} }}")),
        "6:123",
        "models.m.price.tiers[1].above_input",
        &["rising order"],
    );
}

#[test]
fn deployments_and_shifts_are_refused_with_what_to_write() {
    let place = |more: &str| format!("[models.m]\ndeployments = {{ 'local/x' = {{ {more} }} }}");
    check(&place("weigth = 2"), "5:31", "models.m.deployments.\"local/x\".weigth", &["did you mean `weight`?"]);
    check(&place("weight = -2"), "5:40", "models.m.deployments.\"local/x\".weight", &["not a weight"]);
    let tariffs = "tariffs = [{ days = 'sun', multiply = 0.5 }]";
    check(&place(tariffs), "5:31", "models.m.deployments.\"local/x\".tariffs", &["no price"]);
    let shift = |keys: &str| format!("[pools.p]\nmembers = ['gpt-4o']\nschedule = [{{ {keys} }}]");
    check(&shift("hours = '09:00-18:00'"), "6:13", "pools.p.schedule[0]", &["needs members"]);
    check(&shift("members = ['gpt-5']"), "6:13", "pools.p.schedule[0]", &["does not say when"]);
    check(
        &shift("days = 'sun', members = { 'gpt-5' = 0 }"),
        "6:29",
        "pools.p.schedule[0].members",
        &["every weight is 0"],
    );
    check(
        &shift("days = 'sun', members = ['gpt-55']"),
        "6:40",
        "pools.p.schedule[0].members[0]",
        &["did you mean `gpt-5`?"],
    );
}
