//! A changed configuration is taken whole or not at all, and nobody who is being served notices.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail as its own lines do")]

use std::fs;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use roundelay::app::App;
use roundelay::telemetry::{Redactor, subscriber};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::{Request, TestGateway, Upstream};

fn config(upstream: &Upstream, words: u32) -> String {
    format!(
        "[providers.local]
base_url = '{url}'
flavour = 'openai'
[providers.spare]
base_url = '{url}'
flavour = 'openai'
[models.it]
deployments = ['local/rehearsal-words-{words}']
[models.slow]
deployments = ['local/rehearsal-words-100-slow-words-20ms']
[models.poor]
deployments = ['spare/rehearsal-openai:insufficient_quota']
",
        url = upstream.base_url()
    )
}

/// Waits until it is so; the file is looked at each second.
#[track_caller]
fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(10), "never so: {what}");
        thread::park_timeout(Duration::from_millis(5));
    }
}

fn reload(gateway: &TestGateway) -> (u16, String) {
    let answer = gateway.operator("POST", "/admin/reload", None);
    (answer.status, answer.body)
}

/// How many words a model answers with; 0 where it is not known.
fn words(gateway: &TestGateway, model: &str) -> u64 {
    gateway.chat(model).json()["usage"]["completion_tokens"].as_u64().unwrap_or_default()
}

fn reloads(gateway: &TestGateway, outcome: &str) -> u64 {
    let metrics = gateway.operator("GET", "/metrics", None).body;
    let name = format!("roundelay_config_reloads_total{{outcome=\"{outcome}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
    line.unwrap_or_else(|| panic!("{name} is not there")).parse().unwrap()
}

#[test]
fn a_changed_file_is_taken_by_itself_and_a_stream_goes_on() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream, 3));
    assert_eq!(words(&gateway, "it"), 3);
    let body = json!({ "model": "slow", "stream": true, "messages": [{ "role": "user", "content": "Hello" }] });
    let mut open = Request::post("/v1/chat/completions", &body).bearer(&gateway.key).open(gateway.callers);
    assert!(open.piece().starts_with(b"data: "));
    // The model that streams is gone with the next configuration.
    let changed = config(&upstream, 4).replace("[models.slow]", "[models.new]");
    gateway.write_config(&changed);
    until("the file is taken", || words(&gateway, "it") == 4);
    assert_eq!(upstream.control.counts().in_flight, 1, "the stream is still coming");
    assert_eq!(gateway.chat("slow").status, 404);
    let rest = open.finish().body;
    assert!(rest.ends_with("data: [DONE]\n\n"), "{rest}");
    assert_eq!(rest.matches("\"finish_reason\":\"stop\"").count(), 1, "{rest}");
    assert_eq!((reloads(&gateway, "ok"), reloads(&gateway, "failed")), (1, 0));
}

#[test]
fn a_stream_that_outlives_its_configuration_is_whole_and_recorded_under_its_old_name() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream, 3));
    let body = json!({ "model": "slow", "stream": true, "messages": [{ "role": "user", "content": "Hello" }] });
    let mut open = Request::post("/v1/chat/completions", &body).bearer(&gateway.key).open(gateway.callers);
    assert!(open.piece().starts_with(b"data: "));
    gateway.write_config(&config(&upstream, 3).replace("[models.slow]", "[models.new]"));
    assert_eq!(reload(&gateway).0, 200);
    assert_eq!(upstream.control.counts().in_flight, 1, "the stream is still coming");
    let rest = open.finish().body;
    assert!(rest.ends_with("data: [DONE]\n\n"), "{rest}");
    let record = &gateway.operator("GET", "/admin/exchanges?limit=1", None).json()[0];
    assert_eq!((&record["model"], &record["outcome"]), (&json!("slow"), &json!("answered")));
    assert_eq!(record["usage"]["output"], 100);
}

/// A file with this in the place of that is refused, and all says why; what was there before serves on.
#[track_caller]
fn check(gateway: &TestGateway, (good, bad): (&str, &str), why: &[&str]) {
    gateway.write_config(bad);
    let (status, said) = reload(gateway);
    let message = serde_json::from_str::<Value>(&said).unwrap()["error"]["message"].as_str().unwrap().to_owned();
    assert!(status >= 400 && why.iter().all(|word| message.contains(word)), "{status}: {message}");
    assert_eq!(words(gateway, "it"), 3, "{message}");
    assert_eq!(gateway.operator("GET", "/readyz", None).status, 200);
    gateway.write_config(good);
    assert_eq!(reload(gateway).0, 200);
    assert_eq!(words(gateway, "it"), 3);
}

#[test]
fn a_bad_file_keeps_the_old_one_and_says_why() {
    let upstream = Upstream::start();
    let good = config(&upstream, 3);
    let gateway = TestGateway::start(&good);
    let with = |from: &str, to: &str| good.replace(from, to);
    check(&gateway, (&good, "not toml ["), &["roundelay.toml"]);
    check(&gateway, (&good, ""), &[]);
    check(&gateway, (&good, &with("deployments", "deplyments")), &["deplyments", "deployments"]);
    check(&gateway, (&good, &with("['local/rehearsal-words-3']", "['locl/x']")), &["locl", "local"]);
    check(&gateway, (&good, &format!("{good}[pools.it]\nmembers = ['slow']\n")), &["it"]);
    assert!(reloads(&gateway, "failed") >= 5);
}

#[test]
fn a_file_that_is_gone_keeps_the_old_one() {
    let upstream = Upstream::start();
    let good = config(&upstream, 3);
    let gateway = TestGateway::start(&good);
    fs::remove_file(gateway.config_file()).unwrap();
    assert!(reload(&gateway).0 >= 400);
    assert_eq!(words(&gateway, "it"), 3);
    gateway.write_config(&config(&upstream, 4));
    until("the new file is taken", || words(&gateway, "it") == 4);
}

#[test]
fn what_is_known_of_a_deployment_survives() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream, 3));
    assert_eq!((gateway.chat("poor").status, upstream.control.requests()), (503, 1));
    let poor = "spare/rehearsal-openai:insufficient_quota";
    let health = || {
        let deployments = gateway.operator("GET", "/admin/deployments", None).json();
        let list = deployments.as_array().or_else(|| deployments["deployments"].as_array()).unwrap().clone();
        list.into_iter().find(|one| one["name"] == poor || one["deployment"] == poor).unwrap()
    };
    let reason = |health: &Value| health.to_string().contains("key_empty");
    assert!(reason(&health()), "{}", health());
    // Other deployments come before it, so that it has another index.
    let before = "[models.aaa]\ndeployments = ['local/a', 'spare/b']\n";
    gateway.write_config(&config(&upstream, 4).replace("[models.it]", &format!("{before}[models.it]")));
    assert_eq!(reload(&gateway).0, 200);
    assert_eq!(words(&gateway, "it"), 4);
    assert!(reason(&health()), "{}", health());
    let asked = upstream.control.requests();
    let answer = gateway.chat("poor");
    assert_eq!(answer.json()["error"]["code"], "no_deployment_with_credit", "{}", answer.body);
    assert_eq!(upstream.control.requests(), asked, "the empty key is not tried again");
}

#[test]
fn a_session_stays_where_it_was() {
    let upstream = Upstream::start();
    let pool = "[models.one]\ndeployments = ['local/one']\n[models.two]\ndeployments = ['spare/two']\n[pools.both]\nmembers = ['one', 'two']\n";
    let gateway = TestGateway::start(&format!("{}{pool}", config(&upstream, 3)));
    let body = json!({ "model": "both", "messages": [{ "role": "user", "content": "Hello" }] });
    let place = |session: &str| {
        let request = Request::post("/v1/chat/completions", &body).bearer(&gateway.key).header("x-session-id", session);
        request.send(gateway.callers).header("x-roundelay-deployment").unwrap().to_owned()
    };
    let before = [place("a"), place("b")];
    assert_ne!(before[0], before[1]);
    gateway.write_config(&format!("{}{pool}", config(&upstream, 4)));
    assert_eq!(reload(&gateway).0, 200);
    assert_eq!([place("a"), place("b")], before);
    assert_eq!([place("b"), place("a")], [before[1].clone(), before[0].clone()]);
}

/// What of the only deployment is dead, and what its caller hears.
fn dead_and_status(gateway: &TestGateway) -> (Value, u16) {
    let status = gateway.chat("only").status;
    let deployments = gateway.operator("GET", "/admin/deployments", None).json();
    let only = deployments.as_array().unwrap().iter().find(|one| one["model"] == "only").unwrap().clone();
    (only["dead"]["reason"].clone(), status)
}

#[test]
fn a_key_that_replaces_a_refused_one_is_used_at_once_and_keeps_its_health_in_another_place() {
    let upstream = Upstream::start();
    upstream.control.accept_keys(Some(vec!["canary-good".to_owned()]));
    let config = |keys: &str| {
        let url = upstream.base_url();
        let provider = format!("[providers.local]\nbase_url = '{url}'\nflavour = 'openai'\napi_keys = [{keys}]\n");
        format!("{provider}[models.only]\ndeployments = ['local/rehearsal']\n")
    };
    let gateway = TestGateway::start(&config("'canary-bad'"));
    assert_ne!(gateway.chat("only").status, 200);
    assert_eq!(dead_and_status(&gateway).0, "key_rejected");
    gateway.write_config(&config("'canary-good'"));
    assert_eq!(reload(&gateway).0, 200);
    assert_eq!(dead_and_status(&gateway), (Value::Null, 200), "the new key is tried");
    // The refused one comes back in the second place, and is known there.
    gateway.write_config(&config("'canary-good', 'canary-bad'"));
    assert_eq!(reload(&gateway).0, 200);
    let deployments = gateway.operator("GET", "/admin/deployments", None).json();
    let second = deployments.as_array().unwrap().iter().find(|one| one["name"] == "local/rehearsal#2").unwrap();
    assert_eq!(second["dead"]["reason"], "key_rejected", "{second}");
}

#[test]
fn a_file_that_changed_between_the_first_look_and_the_start_is_taken() {
    let upstream = Upstream::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("roundelay.toml");
    let listeners = "server = { listen = '127.0.0.1:0', admin = '127.0.0.1:0' }\n";
    fs::write(&file, format!("{listeners}{}", config(&upstream, 3))).unwrap();
    let first = roundelay::config::load(&file, &|_| None).unwrap();
    fs::write(&file, format!("{listeners}{}# changed\n", config(&upstream, 4))).unwrap();
    let app = App::open(first, &folder.path().join("data"), &Redactor::default()).unwrap();
    let gateway = app.gateway().clone();
    let (stopper, stopped) = watch::channel(false);
    let stop = (stopper.clone(), stopped);
    let thread = thread::spawn(move || app.run(stop));
    until("the changed file is taken", || {
        let snapshot = gateway.snapshot.load();
        snapshot.catalog.deployments.iter().any(|one| &*one.name == "local/rehearsal-words-4")
    });
    stopper.send_replace(true);
    thread.join().unwrap().unwrap();
}

/// A log that a test reads.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reload_changes_the_level_and_says_what_waits_for_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("roundelay.toml");
    let provider = "providers.local = { base_url = 'http://127.0.0.1:9/v1' }\n";
    let server = |more: &str| format!("server = {{ listen = '127.0.0.1:0', admin = '127.0.0.1:0'{more} }}\n{provider}");
    let lines = Lines::default();
    let text = || String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let write = |text: &str| fs::write(&file, text).unwrap();
    write(&server(""));
    let first = roundelay::config::load(&file, &|_| None).unwrap();
    let redactor = Redactor::default();
    let (subscriber, guard) = subscriber(&first.log, lines.clone(), &redactor).unwrap();
    tracing::subscriber::with_default(subscriber, || {
        let app = App::open(first, &folder.path().join("data"), &redactor).unwrap();
        app.follow_log(&guard);
        app.reload().unwrap();
        write(&format!("{}[routing.breaker]\nconsecutive = 2\n[log]\nformat = 'json'\n", server(", drain = '1s'")));
        app.reload().unwrap();
        write(&format!("{}[log]\nlevel = 'error'\n", server("")));
        app.reload().unwrap();
        tracing::info!("not seen any more");
        write("nonsense");
        app.reload().unwrap_err();
    });
    drop(guard);
    let log = text();
    let count = |what: &str| log.matches(what).count();
    assert_eq!(count("configuration reloaded"), 2, "the third is below the level it sets:\n{log}");
    for section in ["`[server]` has changed", "`[routing]` has changed", "`format` of `[log]` has changed"] {
        assert_eq!(count(section), 1, "{section}:\n{log}");
    }
    assert_eq!(count("at the next start"), 3, "{log}");
    assert_eq!((count("not seen any more"), count("configuration not reloaded")), (0, 1), "{log}");
}
