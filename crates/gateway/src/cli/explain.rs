//! `roundelay explain`: the story of one exchange.

mod choices;
mod handover;
mod seams;

use std::process::ExitCode;

use clap::Args;
use roundelay_ledger::ExchangeId;
use roundelay_protocol::chat::words::in_chinese;
use serde_json::Value;

use super::{
    Common, Failure,
    duration::{of_ms, of_us},
    excluded,
    reach::Reach,
    say,
    simulate::language,
    table::cell,
};
use crate::{admin::exchanges::one, exchange::explain_stop, simulate::Language, store::Scope};

/// Tell the story of one exchange: what was asked, considered and tried, and who answered.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay explain x_0ph4zk1m8r2d0          every answer's `x-roundelay-exchange` is such a name
  roundelay explain x_0ph4zk1m8r2d0 --json   the whole record
  roundelay explain x_0ph4zk1m8r2d0 --verify status 1 where a choice, made again, is not the recorded one")]
pub(super) struct Explain {
    /// The exchange's name: `x_` and 13 letters or digits.
    id: String,
    /// Fail unless every choice among several comes out as recorded when it is made again from its inputs.
    #[arg(long)]
    verify: bool,
    /// The language of what deployments were not told.
    #[arg(long, value_name = "LANGUAGE", default_value = "en", value_parser = language)]
    language: Language,
}

impl Explain {
    pub(super) fn run(&self, common: &Common) -> Result<ExitCode, Failure> {
        let id: ExchangeId = self.id.parse()?;
        let record = match Reach::find_existing(&common.data)? {
            Reach::Running(gateway) => gateway.ask("GET", &format!("/admin/exchanges/{id}"), None)?,
            Reach::Alone(store) => one(store.within(&Scope::All), &id.to_string())?,
        };
        if common.json {
            say(&record);
        } else {
            tell(&record, self.language);
        }
        if self.verify {
            let verified = choices::verify(&record["decision"])?;
            if !common.json {
                say(&format_args!("verified    {verified}"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn tell(record: &Value, language: Language) {
    tell_asked(record);
    tell_considered(&record["decision"]);
    choices::tell(&record["decision"]);
    tell_tried(record);
    tell_without_token(&record["decision"]);
    handover::tell(&record["decision"]);
    tell_ending(record, language);
}

fn tell_asked(record: &Value) {
    let began = record["started_at_ms"].as_i64().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let began = began.map(|at| at.to_string()).unwrap_or_default();
    say(&format_args!("exchange    {}, {began}", cell(&record["id"])));
    let (asked, form) = (cell(&record["asked"]), if record["stream"] == true { ", as a stream" } else { "" });
    let strategy = record["decision"]["strategy"].as_str().map(|name| format!(" ({name})")).unwrap_or_default();
    let by = format!("key {} of account {}", cell(&record["key"]), cell(&record["account"]));
    say(&format_args!(
        "asked for   {}{strategy}{form}, by {by}",
        if asked.is_empty() { "something that was refused before routing" } else { &asked }
    ));
    if let Some(serves) = record["decision"]["serves"].as_str() {
        say(&format_args!("made for    {serves}: a summary of its conversation"));
    }
    if let Some(story) = affinity(&record["decision"]["affinity"]) {
        say(&format_args!("affinity    {story}"));
    }
}

fn affinity(affinity: &Value) -> Option<String> {
    match affinity {
        Value::String(word) => Some(
            match word.as_str() {
                "no_conversation" => "part of no conversation",
                "first_turn" => "a conversation's first turn: the strategy chooses",
                "unbound" => "a conversation that is not bound to a deployment",
                "elsewhere" => "the conversation is bound to a deployment that this does not lead to",
                other => other,
            }
            .to_owned(),
        ),
        Value::Object(how) if how.contains_key("followed") => {
            Some(format!("followed the conversation to {}", cell(&how["followed"])))
        }
        Value::Object(how) if how.contains_key("left") => {
            Some(format!("left the conversation's {}, since another was clearly better", cell(&how["left"])))
        }
        Value::Object(how) if how.contains_key("unusable") => Some(format!(
            "the conversation's {} could not be used: {}",
            cell(&how["unusable"]),
            excluded::describe(&affinity["why"])
        )),
        _ => None,
    }
}

fn tell_considered(decision: &Value) {
    let Some(candidates) = decision["candidates"].as_array() else { return };
    let width = widest(candidates);
    for (index, candidate) in candidates.iter().enumerate() {
        let label = if index == 0 { "considered" } else { "" };
        let stage = match candidate["stage"].as_u64() {
            Some(0) | None => "asked for".to_owned(),
            Some(stage) => format!("fallback {stage}"),
        };
        let verdict = match &candidate["excluded"] {
            Value::Null => format!("weight {}", cell(&candidate["weight"])),
            why if why["reason"] == "tried" => "tried".to_owned(),
            why => format!("left out: {}", excluded::describe(why)),
        };
        let reduced = if candidate["reduced"] == true { ", let in with less than the whole conversation" } else { "" };
        say(&format_args!("{label:<10}  {:<width$}  {stage}, {verdict}{reduced}", cell(&candidate["deployment"])));
    }
}

fn tell_tried(record: &Value) {
    let Some(attempts) = record["attempts"].as_array() else { return };
    let width = widest(attempts);
    for (index, attempt) in attempts.iter().enumerate() {
        let label = if index == 0 { "tried" } else { "" };
        let deployment = cell(&attempt["deployment"]);
        say(&format_args!(
            "{label:<10}  {deployment:<width$}  {}",
            attempt_story(attempt, &record["decision"]["attempts"][index])
        ));
    }
    if attempts.is_empty() {
        say(&"tried       nothing: no provider was asked");
    }
}

/// Why deployments had no access token, each once.
fn tell_without_token(decision: &Value) {
    let mut told = Vec::new();
    for lack in decision["without_token"].as_array().into_iter().flatten() {
        if !told.contains(&lack) {
            say(&format_args!("no token    {}: {}", cell(&lack["deployment"]), cell(&lack["why"])));
            told.push(lack);
        }
    }
}

/// What happened in an attempt; `decided` is the router's side of it.
fn attempt_story(attempt: &Value, decided: &Value) -> String {
    let time = |field: &str| attempt[field].as_u64().map(of_us);
    let mut story = format!("{} at {}", cell(&attempt["kind"]), time("started_us").unwrap_or_default());
    if decided["probe"] == true {
        story += ", as a probe";
    }
    if let Some(after) = time("headers_us") {
        story += &format!("; status {} after {after}", cell(&attempt["status"]));
    }
    if let Some(after) = time("first_content_us") {
        story += &format!("; first content after {after}");
    }
    story += &format!("; {} after {}", cell(&attempt["outcome"]), time("duration_us").unwrap_or_default());
    if attempt["outcome"] == "not_ready" && attempt["status"] == 404 {
        story += " (nothing is there: is its `base_url` right, and the model's name there?)";
    }
    if let Some(part) = attempt.get("part") {
        story += &format!("; {}", tokens(&part["usage"]));
        story += &paid(attempt);
    }
    story + &moved_on(&decided["then"])
}

fn moved_on(then: &Value) -> String {
    let at = then["at_ms"].as_u64().map(|ms| format!(" at {}", of_ms(ms))).unwrap_or_default();
    match then["go"].as_str() {
        Some("same") => format!("; then the same again{at}"),
        Some("next") => "; then the next".to_owned(),
        Some("other") => "; then the other of the two was awaited".to_owned(),
        Some("next_or_same") => format!("; then the next, or if there is none the same{at}"),
        Some("stop") => format!("; then no more: {}", explain_stop(then["because"].as_str().unwrap_or_default())),
        _ => String::new(),
    }
}

fn tell_ending(record: &Value, language: Language) {
    let took = of_us(record["duration_us"].as_u64().unwrap_or_default());
    let failure = record["failure"].as_str().map(|class| format!(" ({class})")).unwrap_or_default();
    say(&format_args!(
        "ended       {}{failure}, status {}, after {took}",
        cell(&record["outcome"]),
        cell(&record["status"])
    ));
    if let Some(reason) = record["decision"]["stop"]["reason"].as_str() {
        say(&format_args!("because     {}", explain_stop(reason)));
    }
    seams::tell(&record["decision"]);
    let dropped = record["decision"]["dropped"].as_array().map_or(&[][..], Vec::as_slice);
    for (index, loss) in dropped.iter().enumerate() {
        say(&format_args!("{:<12}{}", if index == 0 { "not told" } else { "" }, not_told(loss, language)));
    }
    if !record["deployment"].is_null() {
        say(&format_args!("answer of   {}, model {}", cell(&record["deployment"]), cell(&record["model"])));
    }
    if let Some(after) = record["first_content_us"].as_u64() {
        say(&format_args!("caller saw  content after {}", of_us(after)));
    }
    if !record["deployment"].is_null() {
        say(&format_args!("tokens      {}", tokens(&record["usage"])));
        say(&format_args!("cost        {}{}", usd(&record["cost_nano"]), paid(record)));
    }
}

/// What became of what a record or an attempt cost.
fn paid(of: &Value) -> String {
    match (of["charged_nano"].as_i64(), of["lost_nano"].as_i64()) {
        (Some(_), Some(0)) => format!(", {} charged", usd(&of["charged_nano"])),
        (Some(_), Some(_)) => {
            format!(", {} charged, {} borne by the house", usd(&of["charged_nano"]), usd(&of["lost_nano"]))
        }
        _ => String::new(),
    }
}

/// `messages[].name (60 times): a member that is not known here`.
fn not_told(loss: &Value, language: Language) -> String {
    let [place, what] = ["place", "what"].map(|field| cell(&loss[field]));
    let is_english = language == Language::English;
    let times = match loss["times"].as_u64() {
        Some(times) if is_english => format!(" ({times} times)"),
        Some(times) => format!("（{times} 处）"),
        None => String::new(),
    };
    match in_chinese(&what).filter(|_| !is_english) {
        Some(chinese) => format!("{place}{times}：{chinese}"),
        None => format!("{place}{times}: {what}"),
    }
}

fn tokens(usage: &Value) -> String {
    let count = |field: &str| usage[field].as_u64().unwrap_or_default();
    let mut story = format!("{} input", count("input"));
    for (field, words) in [("cache_read", "read from cache"), ("cache_write", "written to cache")] {
        if count(field) > 0 {
            story += &format!(", {} {words}", count(field));
        }
    }
    story += &format!(", {} output", count("output"));
    if count("reasoning") > 0 {
        story += &format!(" ({} of it reasoning)", count("reasoning"));
    }
    if usage["estimated"] == true {
        story += "; estimated, all or in part, as a provider sent no count";
    }
    story
}

/// Nano-USD as USD.
pub(super) fn usd(nano: &Value) -> String {
    match nano.as_i64() {
        Some(nano) => format!(
            "{}${}.{:09}",
            if nano < 0 { "-" } else { "" },
            nano.unsigned_abs() / NANO,
            nano.unsigned_abs() % NANO
        ),
        None => "not known".to_owned(),
    }
}

fn widest(lines: &[Value]) -> usize {
    lines.iter().map(|line| cell(&line["deployment"]).chars().count()).max().unwrap_or_default()
}

const NANO: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_not_told_is_said_in_words_of_either_language() {
        let once = json!({ "place": "messages[3].name", "why": "no_peer", "what": "a member that is not known here" });
        let often = json!({ "place": "messages[].name", "why": "issuer", "what": "audio", "times": 60 });
        assert_eq!(not_told(&once, Language::English), "messages[3].name: a member that is not known here");
        assert_eq!(not_told(&once, Language::Chinese), "messages[3].name：此处不认识的字段");
        assert_eq!(not_told(&often, Language::English), "messages[].name (60 times): audio");
        assert_eq!(not_told(&often, Language::Chinese), "messages[].name（60 处）：音频");
    }
}
