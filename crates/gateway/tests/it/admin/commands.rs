//! Commands do the same with a running gateway and without one.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use roundelay::store::{SentRow, Store};
use roundelay_ledger::{Conversion, ExchangeId, Factor, KeyId, ListCost, Rate};
use serde_json::{Value, json};

use super::config;
use crate::support::{Request, TestGateway, Upstream};

pub(super) fn run(data: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roundelay"));
    command.args(args).arg("--data").arg(data).current_dir(data.parent().unwrap()).output().unwrap()
}

/// What a command prints with `--json`.
#[track_caller]
pub(super) fn json_of(data: &Path, args: &[&str]) -> Value {
    let output = run(data, &[args, &["--json"]].concat());
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
pub(super) fn text_of(data: &Path, args: &[&str]) -> String {
    let output = run(data, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What a command that fails says; it says it on standard error alone.
#[track_caller]
pub(super) fn complaint_of(data: &Path, args: &[&str]) -> String {
    let output = run(data, args);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn keys_made_before_the_start_and_while_it_runs_work() {
    let upstream = Upstream::start();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let before = json_of(&data, &["keys", "create", "--name", "early"]);
    let fields: Vec<&String> = before.as_object().unwrap().keys().collect();
    assert_eq!(
        fields,
        ["id", "key", "account", "name", "allowed", "expires_at", "limits", "on_disconnect", "networks"]
    );

    let gateway = TestGateway::start_in(folder, &config(&upstream));
    let during = json_of(&data, &["keys", "create", "--allow", "first", "--expires", "2100-01-01"]);
    assert_eq!((&during["allowed"], &during["expires_at"]), (&json!(["first"]), &json!(4_102_444_800_i64)));
    for made in [&before, &during] {
        assert_eq!(gateway.chat_with_key("first", made["key"].as_str().unwrap()).status, 200);
    }
    let id = during["id"].as_str().unwrap();
    assert_eq!(json_of(&data, &["keys", "revoke", id])["state"], "revoked");
    assert_eq!(gateway.chat_with_key("first", during["key"].as_str().unwrap()).status, 401);

    let running = json_of(&data, &["keys", "list"]);
    let folder = gateway.stop();
    assert_eq!(json_of(&data, &["keys", "list"]), running, "the same list without a gateway");
    drop(folder);
}

#[test]
fn a_made_key_comes_with_what_to_paste() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let shown = text_of(&data, &["keys", "create", "--name", "laptop"]);
    let key = shown.lines().next().unwrap().split_whitespace().nth(1).unwrap();
    assert!(key.starts_with("rl-") && key.len() == 55, "{shown}");
    assert!(shown.contains("export OPENAI_BASE_URL=http://127.0.0.1:8600/v1\n"), "{shown}");
    assert!(shown.contains(&format!("export OPENAI_API_KEY={key}\n")), "{shown}");
    let listed = text_of(&data, &["keys", "list"]);
    assert!(listed.contains("laptop") && !listed.contains(key), "{listed}");
}

#[test]
fn a_command_that_needs_what_is_there_makes_no_store() {
    let folder = tempfile::tempdir().unwrap();
    let (data, missing) = (folder.path().join("data"), folder.path().join("missing"));
    std::fs::create_dir(&data).unwrap();
    for command in [&["audit"][..], &["usage"], &["keys", "list"], &["keys", "revoke", "k1"], &["accounts", "list"]] {
        for data in [&data, &missing] {
            let complaint = complaint_of(data, command);
            assert!(complaint.contains("there is no store") && complaint.contains("--data DIR"), "{complaint}");
        }
        assert!(!missing.exists() && !data.join("roundelay.db").exists(), "{command:?}");
    }
}

#[test]
fn mistakes_are_answered_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    for args in [&["keys", "list"][..], &["usage"], &["explain", "x_0000000000001"]] {
        assert!(complaint_of(&data, args).contains("--data DIR"), "{args:?}");
    }
    assert!(!data.exists(), "a command that reads makes no folder");
    json_of(&data, &["accounts", "create", "team-a"]);
    assert!(complaint_of(&data, &["accounts", "create", "team-a"]).contains("exists already"));
    assert!(complaint_of(&data, &["keys", "create", "--account", "team-b"]).contains("no account `team-b`"));
    assert!(complaint_of(&data, &["keys", "create", "--expires", "soon"]).contains("30d"));
    for command in [&["keys", "create"][..], &["codes", "create", "--amount", "1"]] {
        let late = complaint_of(&data, &[command, &["--expires", "2020-01-01"]].concat());
        assert!(late.contains("`--expires 2020-01-01` is not in the future"), "{late}");
    }
    for slip in [&["--account", "nope"][..], &["--key", "zz"]] {
        assert!(complaint_of(&data, &[&["usage"], slip].concat()).contains(&format!("`{}`", slip[1])), "{slip:?}");
    }
    let unnamed = ["accounts", "credit", "team-a", "1", "--reason", "x", "--key", ""];
    assert!(complaint_of(&data, &unnamed).contains("`--key` is empty"));
    let span = ["usage", "--since", "2026-12-01", "--until", "2026-11-01"];
    assert!(complaint_of(&data, &span).contains("is after the one to end at"));
    let id = json_of(&data, &["keys", "create"])["id"].as_str().unwrap().to_owned();
    for (command, option) in [(["keys", "change", &id], "--allow-all, "), (["accounts", "change", "team-a"], "--close")]
    {
        let nothing = complaint_of(&data, &command);
        assert!(nothing.contains("nothing to change was named") && nothing.contains(option), "{nothing}");
    }
    assert!(complaint_of(&data, &["keys", "revoke", "nosuchky"]).contains("no key `nosuchky`"));
    assert!(complaint_of(&data, &["keys", "revoke", "a/b"]).contains("keys list"));
    assert!(complaint_of(&data, &["explain", "7"]).contains("`x_` and 13"));
    assert!(complaint_of(&data, &["explain", "x_0000000000001"]).contains("no exchange"));
    let as_json = complaint_of(&data, &["keys", "revoke", "nosuchky", "--json"]);
    assert!(serde_json::from_str::<Value>(&as_json).unwrap()["error"].is_string());
}

#[test]
fn a_new_folder_and_an_unknown_model_are_told_of() {
    let upstream = Upstream::start();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let noted = |args: &[&str]| {
        let output = run(&data, args);
        assert!(output.status.success(), "{args:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let made = noted(&["keys", "create", "--allow", "nosuchmodel"]);
    assert_eq!(made, format!("roundelay: made a new data folder {}; no gateway runs on it\n", data.display()));
    assert_eq!(noted(&["accounts", "create", "team-a", "--json"]), "", "it is there now");
    let gateway = TestGateway::start_in(folder, &config(&upstream));
    let unknown = noted(&["keys", "create", "--allow", "first", "--allow", "nosuchmodel"]);
    assert_eq!(unknown.lines().count(), 1, "{unknown}");
    assert!(unknown.contains("no pool or model `nosuchmodel` is configured"), "{unknown}");
    let as_json = noted(&["keys", "create", "--allow", "nosuchmodel", "--json"]);
    assert!(serde_json::from_str::<Value>(&as_json).unwrap()["note"].is_string(), "{as_json}");
    drop(gateway);
}

#[test]
fn an_exchange_in_doubt_says_so() {
    let upstream = Upstream::start();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let made = json_of(&data, &["keys", "create"]);
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let now = roundelay::common::clock::unix_time();
    let sent = SentRow {
        exchange: ExchangeId::from_u64(7),
        attempt: 1,
        at_us: i64::try_from(now.as_micros()).unwrap(),
        key: KeyId::new(id),
        deployment: "local/rehearsal".to_owned(),
        price: None,
        conversion: Conversion::new(Factor::ONE, Rate::ONE).unwrap(),
        held: ListCost::from_parts(250_000_000_000_000).unwrap(),
        delivered: ListCost::ZERO,
    };
    Store::open(&data).unwrap().keep_in_doubt(std::slice::from_ref(&sent)).unwrap();
    let name = sent.exchange.to_string();
    let (explain, receipt) = (["explain", name.as_str()], ["receipts", "show", name.as_str()]);
    let story = complaint_of(&data, &explain);
    for part in [&*name, "in doubt", "attempt 1 was sent to local/rehearsal at ", "$0.25 is held", "is settled at "] {
        assert!(story.contains(part), "`{part}` is not in: {story}");
    }
    assert_eq!(complaint_of(&data, &receipt), story);
    let gateway = TestGateway::start_in(folder, &config(&upstream));
    assert_eq!(complaint_of(&data, &explain), story, "with a gateway");
    let path = format!("/v1/receipts/{name}");
    let answer = Request::get(&path).bearer(key).send(gateway.callers);
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (404, &json!("exchange_in_doubt")), "{}", answer.body);
    let none = gateway.operator("GET", "/admin/exchanges/x_0000000000009", None);
    assert!(none.body.contains("or not yet"), "{}", none.body);
    let other = Request::get(&path).bearer(&gateway.key).send(gateway.callers);
    assert_eq!(other.json()["error"]["code"], "receipt_not_found", "another key's is not there");
}

#[test]
fn a_lost_admin_token_is_replaced_with_and_without_a_gateway() {
    let upstream = Upstream::start();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    assert!(complaint_of(&data, &["keys", "admin-token"]).contains("--data DIR"));
    json_of(&data, &["keys", "create"]);
    let token = |made: Value| made["admin_token"].as_str().unwrap().to_owned();
    let first = token(json_of(&data, &["keys", "admin-token"]));
    let second = token(json_of(&data, &["keys", "admin-token"]));
    let gateway = TestGateway::start_in(folder, &config(&upstream));
    let status = |token: &str| Request::get("/admin/keys").bearer(token).send(gateway.admin).status;
    assert_eq!([status(&first), status(&second)], [401, 200]);
    let text = text_of(&data, &["keys", "admin-token"]);
    let third = text.lines().next().unwrap().rsplit(' ').next().unwrap();
    assert_eq!([status(&second), status(third)], [401, 200], "{text}");
    assert!(text.contains("shown this once"), "{text}");
}

#[test]
fn an_exchange_is_explained_alike_with_and_without_a_gateway() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let data = gateway.data();
    let answer = gateway.chat("sturdy");
    let id = answer.header("x-roundelay-exchange").unwrap().to_owned();
    let record = json_of(&data, &["explain", &id]);
    assert_eq!(record["id"], json!(id));
    let story = text_of(&data, &["explain", &id]);
    for part in ["asked for   sturdy (priority)", "status 503", "answer of   spare/rehearsal, model second", "tokens "]
    {
        assert!(story.contains(part), "{part}:\n{story}");
    }
    let chosen = "chosen      broken, by priority; made again from its inputs: the same";
    assert!(story.contains(chosen), "{chosen}:\n{story}");
    let verified = text_of(&data, &["explain", &id, "--verify"]);
    let verdict = verified.strip_prefix(&story).expect("the same story");
    assert_eq!(verdict, "verified    one choice among several, made again from its inputs: the same\n");
    let usage = json_of(&data, &["usage"]);
    let since = ["usage", "--since", "1h"];
    assert_eq!((&json_of(&data, &since), &usage["total"]["exchanges"]), (&usage, &json!(1)));
    assert_eq!(json_of(&data, &["usage", "--since", "2100-01-01"])["total"]["exchanges"], 0);
    let folder = gateway.stop();
    assert_eq!(json_of(&data, &["explain", &id]), record);
    assert_eq!(text_of(&data, &["explain", &id]), story);
    assert_eq!(json_of(&data, &["usage"]), usage);
    assert_eq!(json_of(&data, &since), usage);
    drop(folder);
}

#[test]
fn a_record_whose_choice_comes_out_otherwise_fails_its_verification() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let id = gateway.chat("assistant").header("x-roundelay-exchange").unwrap().to_owned();
    let data = gateway.data();
    let chosen = &json_of(&data, &["explain", &id, "--verify"])["decision"]["draws"][0]["chosen"];
    let folder = gateway.stop();
    let changed = format!(
        "UPDATE exchanges SET decision = json_set(decision, '$.draws[0].chosen', {})",
        1 - chosen.as_i64().unwrap()
    );
    let store = rusqlite::Connection::open(data.join("roundelay.db")).unwrap();
    assert_eq!(store.execute(&changed, []).unwrap(), 1);
    drop(store);
    let output = run(&data, &["explain", &id, "--verify"]);
    assert_eq!(output.status.code(), Some(1));
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.contains("choice 1 made again: first instead of second"), "{complaint}");
    assert!(text_of(&data, &["explain", &id]).contains("made again from its inputs: first instead of second"));
    drop(folder);
}

#[test]
fn a_route_is_previewed_live_or_from_the_configuration() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let (data, file) = (gateway.data(), gateway.config_file());
    let file = file.to_str().unwrap();
    let args = ["route", "assistant", "--input-tokens", "5000"];
    let live = json_of(&data, &args);
    assert_eq!(live["candidates"][0]["share"], json!(0.6));
    let shown = text_of(&data, &args);
    assert!(shown.starts_with("assistant, weighted, as the running gateway has it\n"), "{shown}");
    assert!(shown.contains("its context window is too small"), "{shown}");
    assert!(
        complaint_of(&data, &["route", "asistant"]).contains("`asistant` is configured: did you mean `assistant`?")
    );

    let other = data.with_file_name("other.toml");
    std::fs::write(&other, format!("{}[pools.other]\nmembers = ['first']\n", config(&upstream))).unwrap();
    let from_other = ["route", "other", "--config", other.to_str().unwrap()];
    let shown = text_of(&data, &from_other);
    let head = format!("other, weighted, as {} has it: health and speed are not known\n", other.display());
    assert!(shown.starts_with(&head), "the file that is named, whatever runs: {shown}");

    let folder = gateway.stop();
    let shown = text_of(&data, &args[..2]);
    let head = "assistant, weighted, as roundelay.toml has it; no gateway runs: health and speed are not known\n";
    assert!(shown.starts_with(head), "{shown}");
    let from_file = [&args[..], &["--config", file]].concat();
    assert_eq!(json_of(&data, &from_file), live, "all is well, so health says the same");
    let unknown = complaint_of(&data, &["route", "nobody", "--config", file]);
    assert!(unknown.contains("`nobody` is configured: known are `assistant`, `sturdy`, `first`"), "{unknown}");
    drop(folder);
}

#[test]
fn a_time_is_planned_for_and_its_end_told_by_the_clock_of_the_schedule() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("roundelay.toml"));
    std::fs::write(
        &file,
        "providers.local = { base_url = 'http://127.0.0.1:9/v1' }
[pools.a]
members = ['local/x']
schedule = [{ hours = '22:00-08:00', zone = 'Asia/Shanghai', members = ['local/y'] }]
",
    )
    .unwrap();
    let told = text_of(&data, &["route", "a", "--at", "2026-12-01"]);
    let until = "hold until 2026-12-01T14:00:00Z (2026-12-01T22:00:00+08:00[Asia/Shanghai])";
    assert!(told.contains("at 2026-12-01T00:00:00Z; ") && told.contains(until), "{told}");
    let until = &json_of(&data, &["route", "a", "--at", "2026-12-01T23:00+08:00"])["until_local"];
    assert_eq!(until, "2026-12-02T08:00:00+08:00[Asia/Shanghai]");
}

#[test]
fn a_value_that_cannot_be_is_refused_with_what_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    #[track_caller]
    fn check(data: &Path, args: &[&str], words: &str) {
        let output = run(data, args);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {told}");
        assert!(told.contains(words), "`{words}` is not in: {told}");
    }
    check(&data, &["route", "a", "--input-tokens", "-5"], "'-5' for '--input-tokens <N>': write a whole number, 0 or");
    check(&data, &["route", "a", "--at", "2026-12-01T03:00"], "lacks its offset from UTC: write `2026-12-01T03:00Z`");
    check(&data, &["usage", "--by", "colour"], "[possible values: hour, account, key, model, deployment, outcome]");
    check(&data, &["accounts", "create", "a", "--rpm", "-1"], "write a whole number from 1, or `none`");
    check(&data, &["keys", "create", "--spend", "10"], "write it like `day:10`, `month:200@Asia/Shanghai`");
    check(&data, &["accounts", "entries", "a", "--kind", "gift"], "is no kind of entry: write one of `top-up`");
    check(&data, &["usage", "--since", "yesterday"], "no date and no time: write 2026-11-01 or");
    check(&data, &["usage", "--since", "yesterday"], "or how long ago it was, like `7d`");
    check(&data, &["codes", "create", "--amount", "1", "--count", "0"], "write a whole number from 1 to 1000");
    check(&data, &["export", "--last", "0"], "write a whole number, 1 or more");
    check(&data, &["demo", "--seconds", "-1"], "write a whole number, 0 or more");
}

#[test]
fn a_check_counts_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("roundelay.toml"));
    let models = "providers.local = { base_url = 'http://127.0.0.1:9/v1' }
models.a = { deployments = ['local'] }
models.b = { deployments = ['local'] }
";
    std::fs::write(&file, models).unwrap();
    let told = text_of(&data, &["check"]);
    assert_eq!(told, "roundelay.toml: good; providers: 1, models: 2, pools: 0\n");
    std::fs::write(&file, format!("{models}pools.p = {{ members = ['local/c', 'a'] }}\n")).unwrap();
    let told = text_of(&data, &["check"]);
    assert_eq!(told, "roundelay.toml: good; providers: 1, models: 3 (2 written), pools: 1\n");
    assert_eq!(json_of(&data, &["check"])["models"], 3);
}

#[test]
fn a_check_that_finds_a_fault_warns_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("roundelay.toml"));
    let both = "providers.openai = { api_keys = ['written-here'] }\nproviders.x = { base_url = 'ftp://h/v1' }\n";
    std::fs::write(&file, both).unwrap();
    let output = run(&data, &["check"]);
    let told = String::from_utf8(output.stdout).unwrap();
    let [fault, warning] = told.split("\n\n").collect::<Vec<_>>()[..] else { panic!("{told}") };
    assert!(!output.status.success() && fault.starts_with("roundelay.toml:2:"), "{told}");
    assert!(warning.starts_with("warning: roundelay.toml:1:"), "{told}");
    let told: Value = serde_json::from_slice(&run(&data, &["check", "--json"]).stdout).unwrap();
    assert_eq!(
        (&told["ok"], &told["complaints"][0]["line"], &told["warnings"][0]["line"]),
        (&json!(false), &json!(2), &json!(1))
    );
}

/// A gateway of its own process, killed when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn an_exchange_survives_a_kill() {
    let upstream = Upstream::start();
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("roundelay.toml"));
    let listeners = "server = { listen = '127.0.0.1:0', admin = '127.0.0.1:0' }\n";
    std::fs::write(&file, format!("{listeners}{}", config(&upstream))).unwrap();
    let key = json_of(&data, &["keys", "create"])["key"].as_str().unwrap().to_owned();
    let mut serve = Command::new(env!("CARGO_BIN_EXE_roundelay"));
    serve.args(["serve", "--json", "--config"]).arg(&file).arg("--data").arg(&data);
    let mut process = Process(serve.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut greeting = String::new();
    BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut greeting).unwrap();
    let greeting: Value = serde_json::from_str(&greeting).unwrap();

    let body = json!({ "model": "first", "messages": [{ "role": "user", "content": "Hello" }] });
    let callers = greeting["callers"].as_str().unwrap().parse().unwrap();
    let answer = Request::post("/v1/chat/completions", &body).bearer(&key).send(callers);
    drop(process);
    let id = answer.header("x-roundelay-exchange").unwrap();
    assert_eq!(json_of(&data, &["explain", id])["outcome"], "answered");
}
