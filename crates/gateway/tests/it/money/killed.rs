//! A gateway that is killed at any instant forgets nothing that a caller saw finished.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use roundelay::journal;
use roundelay::store::Store;
use roundelay_ledger::{EntryKind, ExchangeId, Money};
use serde_json::Value;

use super::{books, config, open_account, question};
use crate::support::{Request, Upstream};

/// `ROUNDELAY_KILLS=200` makes it the long form.
#[test]
#[expect(clippy::disallowed_methods, reason = "a person chooses how often")]
fn what_a_caller_saw_finished_is_in_the_books_after_every_kill() {
    let kills = std::env::var("ROUNDELAY_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
    let bank = Upstream::start();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    open_account(&data, Money::from_nano(1_000_000_000_000_000));
    let file = folder.path().join("roundelay.toml");
    std::fs::write(&file, format!("server.listen = '127.0.0.1:0'\nserver.admin = '127.0.0.1:0'\n{}", config(&bank)))
        .unwrap();
    let key = make_key(&data);
    let finished = Mutex::new(HashMap::new());
    let mut doubted = 0;
    for kill in 0..kills {
        let (mut gateway, address) = start(&file, &data);
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for caller in 0..8 {
                let (finished, stop, key) = (&finished, &stop, &key);
                scope.spawn(move || call_until(stop, address, key, caller % 2 == 0, finished));
            }
            // Another instant each time, from the first requests on.
            thread::park_timeout(Duration::from_millis(60 + kill % 17 * 11));
            gateway.kill().unwrap();
            gateway.wait().unwrap();
            stop.store(true, Ordering::Relaxed);
        });
        let store = Store::open(&data).unwrap();
        journal::catch_up(&data, &store).unwrap();
        doubted = store.in_doubt().unwrap().len();
        let charged: HashMap<ExchangeId, i64> = books(&store)
            .iter()
            .filter(|entry| entry.row.kind == EntryKind::Charge)
            .map(|entry| (entry.row.exchange.unwrap(), -entry.row.change.nano()))
            .collect();
        for (exchange, amount) in finished.lock().unwrap().iter() {
            assert_eq!(charged.get(exchange), Some(amount), "{exchange} after kill {kill}");
        }
    }
    let finished = finished.into_inner().unwrap().len();
    println!("{kills} kills, {finished} answers seen finished, {doubted} attempts in doubt");
    assert!(finished > 0 && doubted > 0, "{finished} finished, {doubted} in doubt: the kills met nothing");
}

/// Calls until the gateway is gone, and notes what was seen finished and what the provider said it took.
fn call_until(
    stop: &AtomicBool,
    address: SocketAddr,
    key: &str,
    stream: bool,
    finished: &Mutex<HashMap<ExchangeId, i64>>,
) {
    let mut body = question("words-20-slow-words-1ms", stream);
    if stream {
        body["stream_options"] = serde_json::json!({ "include_usage": true });
    }
    let request = Request::post("/v1/chat/completions", &body).bearer(key);
    while !stop.load(Ordering::Relaxed) {
        let Some(answer) = std::panic::catch_unwind(|| request.send(address)).ok() else { return };
        let data = if stream {
            // A stream is finished when its mark was seen.
            let Some(events) = answer.body.strip_suffix("data: [DONE]\n\n") else { continue };
            events.rsplit("data: ").next().unwrap_or_default().to_owned()
        } else {
            answer.body.clone()
        };
        let Ok(last) = serde_json::from_str::<Value>(&data) else { continue };
        let (Some(input), Some(output)) =
            (last["usage"]["prompt_tokens"].as_i64(), last["usage"]["completion_tokens"].as_i64())
        else {
            continue;
        };
        let exchange: ExchangeId = answer.header("x-roundelay-exchange").unwrap().parse().unwrap();
        finished.lock().unwrap().insert(exchange, input * 1_000 + output * 2_000);
    }
}

fn make_key(data: &Path) -> String {
    let made = Command::new(env!("CARGO_BIN_EXE_roundelay"))
        .args(["keys", "create", "--account", "team", "--json", "--data"])
        .arg(data)
        .output()
        .unwrap();
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    made["key"].as_str().unwrap().to_owned()
}

fn start(file: &Path, data: &Path) -> (Child, SocketAddr) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_roundelay"))
        .args(["serve", "--json", "--config"])
        .arg(file)
        .arg("--data")
        .arg(data)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let said: Value = serde_json::from_str(&line).expect("it says where it listens");
    (child, said["callers"].as_str().unwrap().parse().unwrap())
}
