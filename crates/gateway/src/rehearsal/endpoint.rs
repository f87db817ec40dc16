//! Which request is for whom: the answering endpoints, the model list, and the control endpoint.

use serde_json::{Value, json};

use super::asked::{Asked, BadField};
use super::balance::{self, Purse};
use super::bedrock;
use super::catalogue::{self, PROVIDER_ERRORS};
use super::control::{Control, NAME_PREFIX, Target};
use super::counts::{Counts, LastRequest};
use super::dialect::Dialect;
use super::grammar::CLAUSES;
use super::http::{Request, percent_decoded};
use super::openai;
use super::rule::Rule;
use super::scenario::{Fault, Scenario};
use super::service::{BadField as BadService, Reply, Service};

/// What is to be done with a request.
#[derive(Debug)]
pub(super) enum Route {
    /// A plain reply, known at once.
    Reply { status: u16, body: Value },
    /// The same as it is in one dialect.
    Refuse { dialect: Dialect, status: u16, body: Value },
    /// A fault that needs no question.
    Act(Scenario),
    /// A question, and how it is to be answered.
    Answer { asked: Asked, scenario: Scenario },
    /// A service, and what it says where nothing goes wrong.
    Serve { reply: Reply, scenario: Scenario },
}

impl Route {
    fn ok(body: Value) -> Self {
        Self::Reply { status: 200, body }
    }

    fn wrong_key(dialect: Dialect) -> Self {
        Self::Act(Scenario { fault: Fault::Error(catalogue::wrong_key(dialect)), ..Scenario::default() })
    }

    fn refused(status: u16, message: &str, param: Option<&str>, code: Option<&str>) -> Self {
        Self::Reply { status, body: openai::error(message, "invalid_request_error", param, code) }
    }
}

/// Decides by method and path.
pub(super) fn route(control: &Control, request: Request) -> Route {
    let path = request.path.split('?').next().unwrap_or_default().trim_end_matches('/').to_owned();
    if let Some(rest) = path.strip_prefix("/control") {
        return control_call(control, &request, rest);
    }
    // Any base path will do: callers configure all kinds of them.
    match request.method.as_str() {
        "POST" if path.ends_with("/chat/completions") => answer(control, request, Dialect::OpenAiChat),
        "POST" if path.ends_with("/completions") => answer(control, request, Dialect::OpenAiCompletions),
        "POST" if Service::of(&path).is_some() => serve(control, request, &path),
        "POST" if path.ends_with("/responses") => answer(control, request, Dialect::OpenAiResponses),
        "POST" if path.ends_with("/messages") => answer(control, request, Dialect::Anthropic),
        // Claude at Vertex AI.
        "POST" if path.ends_with("awPredict") => answer(control, request, Dialect::Anthropic),
        "POST" if path.ends_with("enerateContent") => answer(control, request, Dialect::Gemini),
        "POST" if path.ends_with("/converse") || path.ends_with("/converse-stream") => {
            answer(control, request, Dialect::Bedrock)
        }
        "GET" if path.ends_with("/models") => list(control, &request, None),
        "GET" => match path.split_once("/models/") {
            Some((_, name)) => list(control, &request, Some(name)),
            None => tell_balance(control, &request, &path),
        },
        _ => Route::refused(404, "there is nothing at this path", None, Some("not_found")),
    }
}

fn answer(control: &Control, request: Request, dialect: Dialect) -> Route {
    if let Some(error) = (dialect == Dialect::Bedrock).then(|| bedrock::unsigned(&request)).flatten() {
        return Route::Act(Scenario { fault: Fault::Error(error), ..Scenario::default() });
    }
    let asked = match Asked::read(dialect, &request.path, &request.body) {
        Ok(asked) => asked,
        Err(BadField { field, message }) if dialect.always_counts() => {
            let mut body = dialect.error(400, &message);
            if field == "thread" {
                body["error"]["details"] = json!({"error_code": "thread_unsupported_request"});
            }
            return Route::Refuse { dialect, status: 400, body };
        }
        Err(BadField { field, message }) => return Route::refused(400, &message, Some(field), None),
    };
    let key = request.key().to_owned();
    let key = key.as_str();
    if !control.accepts(key) {
        control.note_wrong_key(&asked.model, key, last_request(request));
        return Route::wrong_key(dialect);
    }
    match control.choose(&asked.model, key, last_request(request)) {
        Ok(choice) => Route::Answer { asked, scenario: choice.scenario() },
        Err(error) => Route::refused(400, &error.to_string(), Some("model"), Some("unknown_scenario")),
    }
}

fn serve(control: &Control, request: Request, path: &str) -> Route {
    let bad = |BadService(field, message)| Route::refused(400, message, Some(field), None);
    let Some(service) = Service::of(path) else { return bad(BadService("path", "there is nothing at this path")) };
    let model = match Service::model(&request) {
        Ok(model) => model,
        Err(fault) => return bad(fault),
    };
    let key = request.key().to_owned();
    if !control.accepts(&key) {
        control.note_wrong_key(&model, &key, last_request(request));
        return Route::Act(Scenario {
            fault: Fault::Error(catalogue::wrong_key(Dialect::OpenAiChat)),
            ..Scenario::default()
        });
    }
    match control.choose(&model, &key, last_request(request.clone())) {
        Ok(choice) => {
            let scenario = choice.scenario();
            match service.answer(&request, &scenario) {
                Ok(reply) => Route::Serve { reply, scenario },
                Err(fault) => bad(fault),
            }
        }
        Err(error) => Route::refused(400, &error.to_string(), Some("model"), Some("unknown_scenario")),
    }
}

fn last_request(request: Request) -> LastRequest {
    LastRequest {
        method: request.method,
        path: request.path,
        headers: request.headers,
        body: request.body.slice(..request.body.len().min(KEPT_BODY_BYTES)),
    }
}

/// The model list, or one of its entries: every name is a model here, so every name has an entry.
fn list(control: &Control, request: &Request, name: Option<&str>) -> Route {
    if !control.accepts(request.key()) {
        return Route::wrong_key(Dialect::OpenAiChat);
    }
    if let Some(scenario) = control.glance().filter(Scenario::fails_before_answer) {
        return Route::Act(scenario);
    }
    if let Some(name) = name {
        return Route::ok(openai::model(&percent_decoded(name)));
    }
    let examples = CLAUSES.iter().map(|clause| clause.example).chain(PROVIDER_ERRORS.iter().map(|error| error.name));
    let mut names: Vec<String> = examples.map(|example| format!("{NAME_PREFIX}{example}")).collect();
    names.dedup();
    let models: Vec<Value> = ["rehearsal".to_owned()].iter().chain(&names).map(|name| openai::model(name)).collect();
    Route::ok(json!({"object": "list", "data": models}))
}

/// What is left, where one of the vendors tells it.
fn tell_balance(control: &Control, request: &Request, path: &str) -> Route {
    let Some((status, body)) = balance::told(path, &control.balance(request.key())) else {
        return Route::refused(404, "there is nothing at this path", None, Some("not_found"));
    };
    if !control.accepts(request.key()) {
        return Route::wrong_key(Dialect::OpenAiChat);
    }
    match control.glance().filter(Scenario::fails_before_answer) {
        Some(scenario) => Route::Act(scenario),
        None => Route::Reply { status, body },
    }
}

fn control_call(control: &Control, request: &Request, rest: &str) -> Route {
    match (request.method.as_str(), rest) {
        ("GET", "") => return Route::ok(state(control)),
        ("DELETE", "") => control.clear_all(),
        ("DELETE", "/counts") => control.reset_counts(),
        ("PUT", "/balance") => return set_balance(control, &request.body),
        ("PUT", "/accepted-keys") => return accept_keys(control, &request.body),
        (method, rest) => match target(rest) {
            Some(target) if method == "PUT" => return set(control, target, &request.body),
            Some(target) if method == "DELETE" => {
                let cleared = control.clear(&target);
                return Route::ok(json!({"cleared": cleared}));
            }
            _ => {
                return Route::refused(404, "the control endpoint knows no such call", None, Some("not_found"));
            }
        },
    }
    Route::ok(json!({"cleared": true}))
}

fn target(rest: &str) -> Option<Target> {
    match rest {
        "" | "/default" => Some(Target::Default),
        rest => {
            let model = rest.strip_prefix("/models/").map(|name| Target::Model(percent_decoded(name)));
            model.or_else(|| rest.strip_prefix("/keys/").map(|key| Target::Key(percent_decoded(key))))
        }
    }
}

fn set(control: &Control, target: Target, body: &[u8]) -> Route {
    let outcome = Rule::from_json(body).and_then(|rule| {
        let shown = rule_json(&target, &rule);
        control.set_rule(target, rule).map(|()| shown)
    });
    match outcome {
        Ok(shown) => Route::ok(shown),
        Err(error) => Route::refused(400, &error.to_string(), None, Some("bad_rule")),
    }
}

fn set_balance(control: &Control, body: &[u8]) -> Route {
    let Some((key, purse)) = Purse::from_json(body) else {
        let message = "a balance is `{\"amount\": \"12.50\"}`, with `currency`, `key_limit` and `key` where wanted";
        return Route::refused(400, message, Some("amount"), Some("bad_rule"));
    };
    let shown = purse.to_json();
    match control.set_balance(key.as_deref(), purse) {
        Ok(()) => Route::ok(shown),
        Err(error) => Route::refused(400, &error.to_string(), None, Some("bad_rule")),
    }
}

fn accept_keys(control: &Control, body: &[u8]) -> Route {
    let keys = match serde_json::from_slice::<Value>(body).map(|body| body["keys"].clone()) {
        Ok(Value::Null) => None,
        Ok(Value::Array(keys)) if keys.len() <= KEYS_MAX && keys.iter().all(Value::is_string) => {
            Some(keys.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        }
        Ok(_) | Err(_) => {
            return Route::refused(400, "`keys` takes at most 1000 strings, or null", Some("keys"), Some("bad_rule"));
        }
    };
    let accepted = keys.as_ref().map(Vec::len);
    control.accept_keys(keys);
    Route::ok(json!({"accepted_keys": accepted}))
}

fn state(control: &Control) -> Value {
    let rules: Vec<Value> = control.rules().iter().map(|(target, rule)| rule_json(target, rule)).collect();
    let counts = control.counts();
    let recent: Vec<Value> = counts
        .recent
        .iter()
        .map(|seen| json!({"at_ms": seen.at_ms, "model": seen.model, "key": seen.key, "scenario": seen.scenario}))
        .collect();
    json!({
        "rules": rules,
        "accepted_keys": control.accepted_keys(),
        "counts": counts_json(&counts),
        "recent": recent,
        "last": control.last_request().as_ref().map(last_json),
    })
}

fn rule_json(target: &Target, rule: &Rule) -> Value {
    let target = match target {
        Target::Default => "default".to_owned(),
        Target::Model(name) => format!("models/{name}"),
        Target::Key(key) => format!("keys/{}", super::counts::masked(key)),
    };
    let Scenario { rhythm, words, retry_after_s, script, summarises, .. } = &rule.scenario;
    json!({
        "target": target,
        "scenario": rule.text,
        "times": rhythm.times,
        "every": rhythm.every,
        "up_s": rhythm.flap.map(|(up, _)| up.as_secs_f64()),
        "down_s": rhythm.flap.map(|(_, down)| down.as_secs_f64()),
        "words": words,
        "retry_after_s": retry_after_s,
        "latency_ms": rule.pace.first.as_millis() as u64,
        "word_ms": rule.pace.word.as_millis() as u64,
        "script": script.as_ref().map(|script| script.len()),
        "summarises": summarises.as_deref(),
    })
}

fn counts_json(counts: &Counts) -> Value {
    let keys: Vec<Value> = counts
        .keys
        .iter()
        .enumerate()
        .map(|(index, key)| json!({"index": index, "key": key.masked(), "requests": key.requests}))
        .collect();
    json!({
        "requests": counts.requests,
        "in_flight": counts.in_flight,
        "cancelled": counts.cancelled,
        "bytes_sent": counts.bytes_sent,
        "connections": {
            "open": counts.connections_open,
            "accepted": counts.connections_accepted,
            "refused": counts.connections_refused,
        },
        "models": counts.models,
        "keys": keys,
    })
}

fn last_json(last: &LastRequest) -> Value {
    let headers: Vec<Value> = last
        .headers
        .iter()
        .map(|(name, value)| match name.as_str() {
            "authorization" | "x-api-key" | "api-key" | "x-goog-api-key" | "cookie" => {
                json!([name, super::counts::masked(value)])
            }
            _ => json!([name, value]),
        })
        .collect();
    json!({"method": last.method, "path": last.path, "headers": headers, "body": String::from_utf8_lossy(&last.body)})
}

const KEPT_BODY_BYTES: usize = 1024 * 1024;
const KEYS_MAX: usize = 1_000;
