//! `roundelay export` and `roundelay simulate`, as they are typed.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

use crate::support::{TestGateway, Upstream};

fn run(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_roundelay")).args(args).current_dir(folder).output().expect("the binary runs")
}

#[track_caller]
fn text_of(folder: &Path, args: &[&str]) -> String {
    let output = run(folder, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "a bar is for terminals: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[track_caller]
fn check_complaint(folder: &Path, args: &[&str], expected: &str) {
    let output = run(folder, args);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains(expected), "{args:?}: {told}");
}

#[test]
fn what_a_gateway_did_can_be_done_again_without_it() {
    let upstream = Upstream::start();
    let config = format!(
        "[providers.local]\nbase_url = '{url}'\nflavour = 'openai'\n[providers.spare]\nbase_url = '{url}'\nflavour = 'openai'\n\
         [models.broken]\ndeployments = ['local/rehearsal-503']\n[models.second]\ndeployments = ['spare/rehearsal']\n\
         price = {{ input = 1.0, output = 2.0 }}\n\
         [pools.sturdy]\nstrategy = 'priority'\nmembers = ['broken', 'second']\n",
        url = upstream.base_url()
    );
    let gateway = TestGateway::start(&config);
    for _ in 0..3 {
        assert_eq!(gateway.chat("sturdy").status, 200);
    }
    let (data, file) = (gateway.data(), gateway.config_file());
    let (data, file) = (data.to_str().unwrap(), file.to_str().unwrap());
    let here = tempfile::tempdir().unwrap();
    let exported = text_of(here.path(), &["export", "--data", data]);
    let records: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 3);
    assert!(records.iter().all(|record| record["asked"] == "sturdy" && record["attempts"].is_array()));
    assert_eq!(text_of(here.path(), &["export", "--data", data, "--last", "2"]).lines().count(), 2);
    assert_eq!(text_of(here.path(), &["export", "--data", data, "--since", "1h"]), exported);
    assert_eq!(text_of(here.path(), &["export", "--data", data, "--since", "2100-01-01"]), "");
    fs::write(here.path().join("week.jsonl"), &exported).unwrap();

    let simulate = ["simulate", "--config", file, "--workload", "week.jsonl", "--strategies", "configured"];
    let results: Value = serde_json::from_str(&text_of(here.path(), &[&simulate[..], &["--json"]].concat())).unwrap();
    assert_eq!(results["of"]["kind"], "records");
    for (row, (name, kind)) in [("recorded", "recorded"), ("configured", "simulated")].into_iter().enumerate() {
        let row = &results["rows"][row];
        assert_eq!((&row["name"], &row["kind"], &row["answered"]), (&name.into(), &kind.into(), &3.into()));
        assert_eq!(row["deployments"][0]["deployment"], "local/rehearsal-503");
        assert!(row["further_attempts"].as_u64().unwrap() > 0, "the broken one is still broken: {row}");
        // 3 requests to the rehearsal, at its own count of tokens.
        assert!(row["cost_nano"].as_u64().unwrap() > 0 && row["total_us"]["p50"].as_u64().unwrap() > 0, "{row}");
    }
    let folder = gateway.stop();
    assert_eq!(text_of(here.path(), &["export", "--data", data]), exported, "the same without a gateway");
    drop(folder);
}

#[test]
fn a_report_needs_nothing_else_and_says_nothing_of_its_making() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[providers.a]\nprotocol = 'openai'\nbase_url = 'http://127.0.0.1:9/v1'\napi_keys = ['${NOT_THERE}']\n\
        [models.m]\ndeployments = ['a']\nprice = { input = 1.0, output = 2.0 }\n[pools.p]\nmembers = ['m']\n";
    fs::write(folder.path().join("roundelay.toml"), config).unwrap();
    let report = |name: &str, language: &str| {
        let args = ["simulate", "--workload", "steady:1/s,1m,100,10", "--report", name, "--language", language];
        let shown = text_of(folder.path(), &args);
        assert!(shown.contains("oracle-fastest   100.0000 %"), "{shown}");
        fs::read_to_string(folder.path().join(name)).unwrap()
    };
    let (first, again, chinese) = (report("1.html", "en"), report("2.html", "en"), report("3.html", "zh-CN"));
    assert!(first == again, "the same seed gives the same bytes");
    assert!(first.contains("<h1>Roundelay simulation</h1>") && chinese.contains("<h1>Roundelay 模拟报告</h1>"));
    for forbidden in ["<script", "<link", "src=", "http", "url(", &*folder.path().to_string_lossy()] {
        assert!(!first.contains(forbidden), "{forbidden}");
    }
    let count = |part: &str| first.matches(part).count();
    assert_eq!(count("<svg"), count("</svg>"));
    assert_eq!(count("<svg"), 3 + 9, "cost, two times, and a strip a row");
    assert!(first.contains("<p>No request was unanswered.</p>") && first.contains("<dt>Asking for</dt><dd>p</dd>"));
    assert!(first.contains("prefers-color-scheme:dark"));
}

#[test]
fn one_callers_typo_does_not_stop_a_replay() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[providers.a]\nprotocol = 'openai'\nbase_url = 'http://127.0.0.1:9/v1'\n[models.m]\ndeployments = ['a']\n\
        [pools.assistant]\nmembers = ['m']\n";
    fs::write(folder.path().join("roundelay.toml"), config).unwrap();
    let record = |asked: &str, outcome: &str, attempts: &str| {
        format!(
            "{{\"started_at_ms\":1700000000000,\"duration_us\":900000,\"first_content_us\":200000,\"asked\":\"{asked}\",\"stream\":true,\
             \"outcome\":\"{outcome}\",\"usage\":{{\"input\":10,\"output\":5}},\"attempts\":{attempts},\"decision\":\"\"}}\n"
        )
    };
    let answered =
        r#"[{"deployment":"a/m","outcome":"answered","started_us":0,"first_content_us":200000,"duration_us":900000}]"#;
    let lines = record("assistant", "answered", answered) + &record("asistant", "refused", "[]");
    fs::write(folder.path().join("r.jsonl"), &lines).unwrap();
    let shown = text_of(folder.path(), &["simulate", "--workload", "r.jsonl", "--strategies", "configured, weighted"]);
    assert!(shown.contains("1 of 2 requests left out: asked for `asistant`\n"), "{shown}");
    assert!(shown.contains("asking for assistant; first request at 2023-11-14T22:13:20Z\n"), "{shown}");
    assert!(shown.contains("fewer than 30 answers, so take their times with care: a/m (1)\n"), "{shown}");
    let rows: Vec<&str> = shown.lines().filter(|line| line.contains(" 100.0000 % ")).collect();
    assert!(
        matches!(rows[..], [recorded, configured, _] if recorded.starts_with("recorded ")
        && recorded.contains(" 900 ms ") && configured.starts_with("configured ") && configured.contains(" 900 ms ")),
        "{shown}"
    );

    // Standard input, a deployment that answers nothing, and no made-up times.
    let down = "[default]\nfaults = [{ fail = \"connect\" }]\n";
    fs::write(folder.path().join("world.toml"), down).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_roundelay"))
        .args(["simulate", "--workload", "-", "--world", "world.toml", "--strategies", "weighted"])
        .current_dir(folder.path())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the binary runs");
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), lines.as_bytes()).unwrap();
    let shown = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let row = shown.lines().find(|line| line.starts_with("weighted ")).unwrap_or_else(|| panic!("{shown}"));
    assert!(
        row.contains(" 0.0000 %") && row.split_whitespace().rev().take_while(|cell| *cell == "-").count() == 6,
        "{shown}"
    );
}

#[test]
fn mistakes_are_answered_with_what_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[providers.a]\nprotocol = 'openai'\nbase_url = 'http://127.0.0.1:9/v1'\n[models.m]\ndeployments = ['a']\n\
        [pools.p]\nmembers = ['m']\n";
    fs::write(folder.path().join("roundelay.toml"), config).unwrap();
    fs::write(folder.path().join("world.toml"), "[deployments.'a/n']\n").unwrap();
    fs::write(folder.path().join("o.csv"), "service,incident_id,impact,start_utc,monitoring_utc,end_utc\n").unwrap();
    let steady = ["simulate", "--workload", "steady:1/s,1m,100,10"];
    let check = |more: &[&str], expected: &str| check_complaint(folder.path(), &[&steady[..], more].concat(), expected);
    check(&["--strategies", "fastst"], "known are configured, weighted, ");
    check(&["--world", "world.toml"], "did you mean `a/m`?");
    check(&["--pool", "q"], "no pool and no model `q` (did you mean `p`?)");
    check(&["--pool", "p", "--pool", "q"], "write it once and alone");
    check(&["--pool", "x=p"], "no request of this workload asks for `x`");
    check(&["--limit", "0"], "invalid value '0' for '--limit <N>'");
    check(&["--service", "a=b"], "--outages <FILE>");
    check(&["--fallback", "off", "--strategies", "weighted"], "leave out one of them");
    check(&["--outages", "o.csv"], "--service PROVIDER=SERVICE");
    check(&["--outages", "o.csv", "--rule", "D"], "write A, B or C");
    check(&["--report", "no/such/folder.html"], "cannot write the report");
    check_complaint(
        folder.path(),
        &["simulate", "--workload", "nothing.csv"],
        "the workload nothing.csv: there is no such file",
    );
    check_complaint(folder.path(), &["export", "--since", "soon"], "write 2026-11-01");
    check_complaint(folder.path(), &["export"], "--data DIR");
}
