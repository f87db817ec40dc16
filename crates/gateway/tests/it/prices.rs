//! `roundelay prices`: what is shown, and what lists of others become.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use roundelay::config;
use serde_json::Value;

const CONFIG: &str = "
[providers.openai]
api_keys = ['k-1234567']
[providers.deepseek]
api_keys = ['k-1234567']
[providers.openrouter]
api_keys = ['k-1234567']
";

fn run(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roundelay"));
    command.env_clear().current_dir(folder).arg("prices").args(args).output().expect("the command runs")
}

#[track_caller]
fn text(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [("roundelay.toml", CONFIG)].iter().chain(files) {
        fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

/// The entry of a model at a provider.
#[track_caller]
fn entry<'a>(list: &'a Value, model: &str, provider: &str) -> &'a Value {
    let entries = list["prices"].as_array().expect("a list");
    entries.iter().find(|entry| entry["model"] == model && entry["provider"] == provider).expect("an entry")
}

#[test]
fn a_list_shows_the_hour_and_the_next_change_with_source_and_date() {
    let folder = folder(&[]);
    let list = text(run(folder.path(), &["list", "--json", "--at", "2026-11-23T09:30:00+08:00"]));
    let list: Value = serde_json::from_str(&list).expect("JSON");
    let flash = entry(&list, "deepseek-flash", "deepseek");
    assert_eq!((&flash["price"]["input"], &flash["price"]["cache_read"]), (&"0.30".into(), &"0.006".into()));
    assert_eq!(
        (&flash["next"]["at"], &flash["next"]["price"]["output"]),
        (&"2026-11-23T04:00:00Z".into(), &"0.60".into())
    );
    assert_eq!(flash["tariff"], 1);
    assert_eq!(flash["source"], "https://api-docs.deepseek.com/quick_start/pricing");
    assert!(flash["date"].as_str().expect("a date").starts_with("2026-"));
    let gpt = entry(&list, "gpt-5.6", "openai");
    assert_eq!((&gpt["price"]["tiers"][0]["above_input"], &gpt["next"]), (&272_000.into(), &Value::Null));

    let shown = text(run(folder.path(), &["list", "deepseek-flash", "--at", "2026-11-23T09:30:00+08:00"]));
    assert!(shown.contains("0.30") && shown.contains("0.15 / 0.60 from 2026-11-23T04:00:00Z"), "{shown}");
    assert!(!shown.contains("gpt-"), "{shown}");
}

#[test]
fn the_catalogue_is_shown_without_any_configuration() {
    let empty = tempfile::tempdir().expect("a folder");
    let list: Value = serde_json::from_str(&text(run(empty.path(), &["list", "--catalogue", "--json"]))).expect("JSON");
    let entries = list["prices"].as_array().expect("a list");
    assert!(entries.iter().filter(|entry| !entry["price"].is_null()).count() >= 300);
    assert_eq!(entry(&list, "glm-5.3", "zhipu")["listed_in"], "CNY");
    assert_eq!(entry(&list, "qwen-max", "dashscope")["price"], Value::Null);
    let bad = run(empty.path(), &["list", "--catalogue", "--at", "soon"]);
    assert!(!bad.status.success() && String::from_utf8_lossy(&bad.stderr).contains("`soon` is no time"));
}

const LIST: &str = r#"{
 "gpt-4o": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05},
 "gpt-5": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1.1111111111e-06, "output_cost_per_token": 9e-06,
  "input_cost_per_token_above_200k_tokens": 2e-06, "output_cost_per_token_above_200k_tokens": 1.8e-05},
 "gpt-5-mini": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": -1, "output_cost_per_token": 1e-05},
 "deepseek/deepseek-flash": {"litellm_provider": "deepseek", "mode": "chat", "input_cost_per_token": 3e-07, "output_cost_per_token": 1.2e-06},
 "gpt-new": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 7e-06, "output_cost_per_token": 8e-06},
 "groq/x": {"litellm_provider": "groq", "mode": "chat", "input_cost_per_token": 7e-06, "output_cost_per_token": 8e-06}
}"#;

#[test]
fn an_import_becomes_sections_that_a_configuration_takes() {
    let folder = folder(&[("list.json", LIST)]);
    let output = run(folder.path(), &["import", "litellm", "list.json", "--out", "prices.toml"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && output.stdout.is_empty(), "{told}");
    assert!(told.contains("changed  gpt-5 at openai: 1.25 / 10.00 -> 1.111111111 / 9.00"), "{told}");
    assert!(told.contains("refused  line 5, gpt-5-mini: a price below zero"), "{told}");
    // gpt-4o costs what is known, and deepseek-flash what is known of its peak hours.
    assert!(told.contains("1 written, 2 as known here"), "{told}");

    let sections = fs::read_to_string(folder.path().join("prices.toml")).expect("written");
    let config = config::parse(&format!("{CONFIG}{sections}"), "both", &|_| None).expect("a configuration takes them");
    let gpt = config.models.iter().find(|model| &*model.name == "gpt-5").expect("gpt-5");
    let price = gpt.deployments[0].prices.as_ref().expect("a price").standard().clone();
    assert_eq!((price.base().input, price.base().output), (1_111_111_111, 9_000_000_000));
    assert_eq!(price.base().cache_read, Some(125_000_000), "what the list does not say stays");
    assert_eq!(price.of(200_001).output, 18_000_000_000);
}

#[test]
fn other_models_of_the_list_are_new_when_all_are_asked_for() {
    let openrouter = r#"{"data": [{"id": "a/b", "pricing": {"prompt": "0.0000025", "completion": "0.00001"}}]}"#;
    let folder = folder(&[("list.json", LIST), ("openrouter.json", openrouter)]);
    for (args, model, input) in [
        (["import", "litellm", "list.json", "--all"], "openai/gpt-new", 7_000_000_000),
        (["import", "openrouter", "openrouter.json", "--all"], "openrouter/a/b", 2_500_000_000),
    ] {
        let sections = text(run(folder.path(), &args));
        let config =
            config::parse(&format!("{CONFIG}{sections}"), "both", &|_| None).expect("a configuration takes them");
        let model = config.models.iter().find(|known| &*known.name == model).expect("a new model");
        assert_eq!(model.deployments[0].prices.as_ref().expect("a price").standard().base().input, input);
        assert!(!sections.contains("groq"), "groq is not configured: {sections}");
    }
}

#[test]
fn a_list_that_cannot_be_read_changes_nothing() {
    let folder = folder(&[("nan.json", "{\n\"gpt-4o\": {\"input_cost_per_token\": NaN}}"), ("empty.json", "")]);
    for (file, says) in [("nan.json", "line 2"), ("empty.json", "line 1"), ("absent.json", "absent.json")] {
        let output = run(folder.path(), &["import", "litellm", file, "--out", "prices.toml"]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(says), "{told}");
        assert!(!folder.path().join("prices.toml").exists(), "{file}");
    }
}
