//! Readiness says why not, metrics say how it goes, and a reload is whole or not at all.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use roundelay::admin::{Admin, Reload};
use roundelay::auth::{Keys, Operators, Pepper};
use roundelay::billing::Billing;
use roundelay::config;
use roundelay::exchange::{Gateway, Snapshot};
use roundelay::journal::{ExchangeIds, Journal, Recorder};
use roundelay::store::Store;
use roundelay_routing::Router;
use serde_json::{Value, json};
use tokio::runtime;
use tokio::sync::watch;

use super::config;
use crate::support::{Request, TestGateway, Upstream};

#[track_caller]
fn check(readiness: &Value, reason: &str) {
    assert_eq!(readiness["ready"], false, "{readiness}");
    let reasons = readiness["reasons"].as_array().unwrap();
    assert!(reasons.iter().any(|one| one.as_str().unwrap().contains(reason)), "{reason}: {readiness}");
}

#[test]
fn a_gateway_whose_every_deployment_is_set_aside_says_so_and_stays_ready() {
    let upstream = Upstream::start();
    upstream.control.accept_keys(Some(vec!["another".to_owned()]));
    let url = upstream.base_url();
    let gateway = TestGateway::start(&format!(
        "providers.local = {{ base_url = '{url}', flavour = 'openai', api_keys = ['sk-canary-upstream-0001'] }}
models.only = {{ deployments = ['local/rehearsal'] }}"
    ));
    let ready = Request::get("/readyz").send(gateway.admin);
    assert_eq!((ready.status, ready.json()), (200, json!({ "ready": true, "reasons": [], "warnings": [] })));

    assert_ne!(gateway.chat("only").status, 200);
    let deployments = gateway.operator("GET", "/admin/deployments", None).json();
    let only = deployments.as_array().unwrap().iter().find(|one| one["model"] == "only").unwrap();
    assert_eq!((&only["usable"], &only["dead"]["reason"]), (&json!(false), &json!("key_rejected")));
    // Only requests can find out that a deployment is back.
    let warned = Request::get("/readyz").send(gateway.admin);
    assert_eq!((warned.status, &warned.json()["ready"]), (200, &json!(true)), "{}", warned.body);
    assert_eq!(warned.json()["reasons"], json!([]));
    let warning = warned.json()["warnings"][0].as_str().unwrap().to_owned();
    assert!(warning.contains("deployments can be used now"), "{warning}");
    let metrics = Request::get("/metrics").send(gateway.admin).body;
    assert!(metrics.contains("roundelay_ready 1\n"), "{metrics}");
}

#[test]
fn every_deployment_is_listed() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let listed = gateway.operator("GET", "/admin/deployments", None).json();
    let names: Vec<&str> = listed.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    let snapshot = gateway.gateway.snapshot.load();
    let known: Vec<&str> = snapshot.catalog.deployments.iter().map(|one| &*one.name).collect();
    assert_eq!(names, known);
    assert!(names.contains(&"local/rehearsal") && listed[0]["usable"] == true, "{listed}");
    assert_eq!(listed[0]["breaker"], "closed");
}

#[test]
fn metrics_count_what_was_asked() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    for _ in 0..3 {
        assert_eq!(gateway.chat("first").status, 200);
    }
    let answer = Request::get("/metrics").send(gateway.admin);
    assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    let line = answer.body.lines().find(|line| line.starts_with("roundelay_exchanges_total{model=\"first\""));
    assert!(line.is_some_and(|line| line.ends_with(" 3")), "{line:?}");
    assert!(answer.body.contains("roundelay_ready 1\n"));
    assert!(answer.body.ends_with("# EOF\n"));
}

#[test]
fn a_reload_is_whole_or_not_at_all() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    assert_eq!(gateway.chat("newcomer").status, 404);
    gateway.write_config(&format!("{}[models.newcomer]\ndeployments = ['spare/rehearsal']\n", config(&upstream)));
    assert_eq!(gateway.operator("POST", "/admin/reload", None).json(), json!({ "reloaded": true }));
    assert_eq!(gateway.chat("newcomer").status, 200);

    gateway.write_config("[models.newcomer]\ndeploymnts = ['spare/rehearsal']\n");
    let refused = gateway.operator("POST", "/admin/reload", None);
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (422, &json!("configuration_refused")));
    assert!(refused.body.contains("deployments"), "the nearest known key is named: {}", refused.body);
    assert_eq!(gateway.chat("newcomer").status, 200, "the one before stays in force");
}

/// A source that is always as it was.
#[derive(Debug)]
struct Unchanged;

impl Reload for Unchanged {
    fn reload(&self) -> Result<(), String> {
        Ok(())
    }

    fn reloads(&self) -> (u64, u64) {
        (0, 0)
    }
}

#[test]
fn a_draining_gateway_says_so_until_it_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let text = "server.admin = '127.0.0.1:0'\nproviders.local = { base_url = 'http://127.0.0.1:9/v1' }";
    let config = config::parse(text, "test.toml", &|_| None).unwrap();
    let store = Store::open(folder.path()).unwrap();
    let pepper = Pepper::open(folder.path()).unwrap();
    let keys = Keys::load(store.clone(), pepper.clone()).unwrap();
    let billing = Billing::load(&store, roundelay_ledger::Rate::ONE).unwrap();
    let (operators, _) = Operators::open(&store, pepper, 0).unwrap();
    let recorder = Recorder::start(store.clone(), Journal::open(folder.path()).unwrap()).unwrap();
    let mut router = Router::new(config.routing.clone(), 1);
    let server = config.server.clone();
    let snapshot = Snapshot::adopt(config, &mut router).unwrap();
    let gateway = Arc::new(Gateway::new(server, snapshot, router, (keys, billing), recorder, ExchangeIds::new(None)));
    let admin = Admin::bind(gateway, store, operators, Arc::new(Unchanged), folder.path()).unwrap();

    let address = admin.address();
    let (drain, draining) = watch::channel(false);
    let (end, ended) = watch::channel(false);
    let thread = thread::spawn(move || {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(admin.serve_until(draining, ended));
    });
    assert_eq!(Request::get("/readyz").send(address).status, 200);
    drain.send_replace(true);
    let refused = Request::get("/readyz").send(address);
    assert_eq!(refused.status, 503);
    check(&refused.json(), "stopping");
    end.send_replace(true);
    thread.join().unwrap();
    assert!(std::net::TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err());
}
