//! The OpenAPI document says what the gateway does: its paths are those that are served, and answers are as it says.

use std::collections::BTreeSet;

use roundelay::admin::openapi::document;
use serde_json::{Value, json};

use super::{commands::run, config};
use crate::support::{Answer, Request, TestGateway, Upstream};

/// What in `value` is not as the schema says. Knows the words of JSON Schema that the document uses, and no others.
fn fault(document: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    let words = schema.as_object().expect("a schema is an object");
    for (word, says) in words {
        let found = match word.as_str() {
            "$ref" => {
                let target = document.pointer(says.as_str().unwrap().strip_prefix('#').unwrap());
                fault(document, target.unwrap_or_else(|| panic!("{says} leads nowhere")), value, at)
            }
            "anyOf" => {
                let faults: Vec<_> =
                    says.as_array().unwrap().iter().map(|one| fault(document, one, value, at)).collect();
                if faults.iter().any(Option::is_none) { None } else { faults.into_iter().flatten().next() }
            }
            "type" => {
                let is_so = match says.as_str().unwrap() {
                    "string" => value.is_string(),
                    "integer" => value.is_i64() || value.is_u64(),
                    "number" => value.is_number(),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    "array" => value.is_array(),
                    "object" => value.is_object(),
                    other => panic!("the type {other} is not known here"),
                };
                (!is_so).then(|| format!("{at}: {value} is no {says}"))
            }
            "enum" => (!says.as_array().unwrap().contains(value)).then(|| format!("{at}: {value} is none of {says}")),
            "items" => {
                value.as_array().into_iter().flatten().find_map(|item| fault(document, says, item, &format!("{at}[]")))
            }
            "properties" => says.as_object().unwrap().iter().find_map(|(name, schema)| {
                let field = value.get(name)?;
                fault(document, schema, field, &format!("{at}.{name}"))
            }),
            "required" => says
                .as_array()
                .unwrap()
                .iter()
                .find(|name| value.is_object() && value.get(name.as_str().unwrap()).is_none())
                .map(|name| format!("{at}: {name} is missing")),
            "additionalProperties" => {
                let known = schema["properties"].as_object().unwrap();
                let unknown = value.as_object().into_iter().flatten().find(|(name, _)| !known.contains_key(*name));
                unknown.map(|(name, _)| format!("{at}: `{name}` is not in the document"))
            }
            other => panic!("the word {other} is not known here"),
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

#[test]
fn the_checker_finds_faults() {
    let document = json!({ "components": { "schemas": { "T": { "type": "string", "enum": ["a"] } } } });
    let schema = json!({
        "type": "object",
        "properties": {
            "t": { "$ref": "#/components/schemas/T" },
            "n": { "anyOf": [{ "type": "array", "items": { "type": "integer" } }, { "type": "null" }] },
        },
        "required": ["t"],
        "additionalProperties": false,
    });
    let check = |value: Value| fault(&document, &schema, &value, "").unwrap_or_default();
    assert_eq!(check(json!({ "t": "a", "n": [1, 2] })), "");
    assert_eq!(check(json!({ "t": "a", "n": null })), "");
    assert!(check(json!({ "t": "b" })).contains("none of"));
    assert!(check(json!({})).contains("missing"));
    assert!(check(json!({ "t": "a", "n": [1.5] })).contains("no \"integer\""));
    assert!(check(json!({ "t": "a", "x": 1 })).contains("`x` is not in the document"));
    assert!(check(json!([])).contains("no \"object\""));
}

/// Asks, and compares the answer to what the document says of that operation.
#[track_caller]
fn check(
    gateway: &TestGateway,
    document: &Value,
    seen: &mut BTreeSet<String>,
    call: (&str, &str, &str, Value),
    status: u16,
) -> Answer {
    let (method, template, path, body) = call;
    let operation = &document["paths"][template][method.to_lowercase()];
    assert!(operation.is_object(), "{method} {template} is not in the document");
    let is_callers = !document["paths"][template]["servers"].is_null();
    let token = if is_callers { &gateway.key } else { &gateway.admin_token };
    let body = Some(body).filter(|body| !body.is_null());
    if let Some(body) = &body {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!(fault(document, schema, body, "body"), None, "{method} {path}");
    }
    for name in path.split_once('?').map(|(_, query)| query).into_iter().flat_map(|query| query.split('&')) {
        let name = name.split('=').next().unwrap();
        let known = operation["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .any(|known| known["name"] == name && known["in"] == "query");
        assert!(known, "`{name}` of {method} {path} is not in the document");
    }
    let request = Request::new(&method.to_uppercase(), path, body.as_ref()).bearer(token);
    let answer = request.send(if is_callers { gateway.callers } else { gateway.admin });
    assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
    let responses = &operation["responses"];
    let said = responses.get(status.to_string()).unwrap_or_else(|| &responses["default"]);
    let media = answer.header("content-type").unwrap_or_default().split(';').next().unwrap().to_owned();
    let content = said["content"].as_object().unwrap();
    if media == "application/json" {
        let schema = &content["application/json"]["schema"];
        assert_eq!(fault(document, schema, &answer.json(), "answer"), None, "{method} {path}: {}", answer.body);
    } else {
        assert!(content.contains_key(&media), "{method} {path} answers {media}");
    }
    seen.insert(format!("{} {template}", method.to_uppercase()));
    answer
}

#[test]
fn every_route_is_in_the_document_and_answers_as_it_says() {
    let upstream = Upstream::start();
    let priced = config(&upstream).replace("[models.first]\n", "[models.first]\nprice = { input = 3, output = 15 }\n");
    let gateway = TestGateway::start(&priced);
    let document = document();
    let mut seen = BTreeSet::new();
    let mut ask = |method: &str, template: &str, path: &str, body: Value, status: u16| {
        check(&gateway, &document, &mut seen, (method, template, path, body), status)
    };
    let none = Value::Null;
    for path in ["/", "/healthz", "/livez", "/readyz", "/metrics", "/openapi.json"] {
        ask("get", path, path, none.clone(), 200);
    }
    let limits =
        json!({ "requests_per_minute": 600, "spend": [{ "span": "day", "amount": "5", "zone": "Asia/Shanghai" }] });
    let team = json!({ "id": "team-a", "kind": "prepaid", "limits": limits, "multiplier": "0.8" });
    ask("post", "/admin/accounts", "/admin/accounts", team, 201);
    ask("post", "/admin/accounts", "/admin/accounts", json!({ "id": "alice", "parent": "team-a" }), 201);
    ask("patch", "/admin/accounts/{id}", "/admin/accounts/team-a", json!({ "closed": false, "credit_line": "1" }), 200);
    let posting = json!({ "amount": "5", "reason": "r", "idempotency": "i" });
    ask("post", "/admin/accounts/{id}/credit", "/admin/accounts/team-a/credit", posting.clone(), 201);
    ask("post", "/admin/accounts/{id}/credit", "/admin/accounts/team-a/credit", posting, 200);
    let posting = json!({ "amount": "-1", "reason": "r", "idempotency": "j" });
    ask("post", "/admin/accounts/{id}/adjust", "/admin/accounts/default/adjust", posting, 201);
    let key = ask(
        "post",
        "/admin/keys",
        "/admin/keys",
        json!({ "account": "alice", "name": "ci", "limits": limits, "on_disconnect": "drain" }),
        201,
    )
    .json();
    let id = key["id"].as_str().unwrap();
    for model in ["first", "sturdy"] {
        assert_eq!(gateway.chat_with_key(model, key["key"].as_str().unwrap()).status, 200);
    }
    let chat = json!({ "model": "first", "messages": [{ "role": "user", "content": "Hello" }] });
    let answer = ask("post", "/v1/chat/completions", "/v1/chat/completions", chat, 200);
    let exchange = answer.header("x-roundelay-exchange").unwrap().to_owned();
    ask("post", "/v1/completions", "/v1/completions", json!({ "model": "first" }), 400);
    let question = json!({ "model": "first", "max_tokens": 9, "messages": [{ "role": "user", "content": "Hello" }] });
    for path in ["/v1/messages", "/v1/messages/count_tokens"] {
        ask("post", path, path, question.clone(), 200);
    }
    let contents = json!({ "contents": [{ "parts": [{ "text": "Hello" }] }] });
    for verb in ["generateContent", "streamGenerateContent", "countTokens"] {
        let template = format!("/v1beta/models/{{model}}:{verb}");
        ask("post", &template, &template.replace("{model}", "first"), contents.clone(), 200);
    }
    let question = json!({ "model": "first", "input": "Hello" });
    let response = ask("post", "/v1/responses", "/v1/responses", question.clone(), 200).json();
    ask("post", "/v1/responses/input_tokens", "/v1/responses/input_tokens", question.clone(), 200);
    ask("post", "/v1/responses/compact", "/v1/responses/compact", question, 200);
    let response = response["id"].as_str().unwrap();
    for (method, rest, status) in
        [("get", "", 200), ("get", "/input_items", 200), ("post", "/cancel", 400), ("delete", "", 200)]
    {
        let (template, path) = ("/v1/responses/{id}", format!("/v1/responses/{response}{rest}"));
        ask(method, &format!("{template}{rest}"), &path, none.clone(), status);
    }
    let question = json!({ "contents": [{ "parts": [{ "text": "Hello" }] }] });
    for act in ["generateContent", "streamGenerateContent", "countTokens"] {
        let (template, path) = (format!("/v1beta/models/{{model}}:{act}"), format!("/v1beta/models/first:{act}"));
        ask("post", &template, &path, question.clone(), 200);
    }
    ask("post", "/v1/embeddings", "/v1/embeddings", json!({ "model": "first", "input": "Hello" }), 200);
    for path in ["/v1/rerank", "/v2/rerank"] {
        ask("post", path, path, json!({ "model": "first", "query": "a", "documents": ["a"] }), 200);
    }
    ask("post", "/v1/moderations", "/v1/moderations", json!({ "model": "first", "input": "Hello" }), 200);
    ask("post", "/v1/images/generations", "/v1/images/generations", json!({ "model": "first", "prompt": "a" }), 200);
    for act in ["images/edits", "images/variations", "audio/speech", "audio/transcriptions", "audio/translations"] {
        let path = format!("/v1/{act}");
        ask("post", &path, &path, json!({}), 400);
    }
    let codes = json!({ "amount": "1", "count": 3, "currency": "usd", "note": "n" });
    let codes = ask("post", "/admin/codes", "/admin/codes", codes, 201).json();
    let code = |place: usize, field: &str| codes[place][field].as_str().unwrap().to_owned();
    ask("post", "/v1/redeem", "/v1/redeem", json!({ "code": code(0, "code") }), 200);
    let redemption = json!({ "code": code(1, "code"), "account": "team-a" });
    ask("post", "/admin/codes/redeem", "/admin/codes/redeem", redemption, 200);
    ask("post", "/admin/codes/{id}/revoke", &format!("/admin/codes/{}/revoke", code(2, "id")), none.clone(), 200);
    ask("get", "/admin/codes", "/admin/codes", none.clone(), 200);
    let reason = json!({ "reason": "r" });
    for status in [201, 200] {
        ask("post", "/admin/entries/{sequence}/reverse", "/admin/entries/1/reverse", reason.clone(), status);
    }
    for (template, path) in [
        ("/v1/receipts/{id}", &*format!("/v1/receipts/{exchange}")),
        ("/admin/exchanges/{id}/receipt", &format!("/admin/exchanges/{exchange}/receipt")),
        ("/v1/models", "/v1/models"),
        ("/v1/models/{id}", "/v1/models/first"),
        ("/v1/models/{id}", "/v1/models/assistant"),
        ("/v1/balance", "/v1/balance"),
        ("/v1/usage", "/v1/usage?by=hour,model,outcome&since=0"),
        ("/v1/key", "/v1/key"),
        ("/v1/credits", "/v1/credits"),
        ("/admin/server", "/admin/server"),
        ("/admin/deployments", "/admin/deployments"),
        ("/admin/exchanges", "/admin/exchanges?account=alice&model=first&outcome=answered&since_ms=1&limit=5"),
        ("/admin/exchanges/{id}", &format!("/admin/exchanges/{exchange}")),
        ("/admin/keys", "/admin/keys"),
        ("/admin/accounts", "/admin/accounts"),
        ("/admin/accounts/{id}", "/admin/accounts/alice"),
        ("/admin/entries", "/admin/entries?kind=charge&limit=100"),
        ("/admin/entries", "/admin/entries?account=default"),
        ("/admin/entries", "/admin/entries?format=jsonl"),
        ("/admin/entries", "/admin/entries?format=csv"),
        ("/admin/usage", "/admin/usage?by=hour,account,key,model,deployment,outcome&since_ms=1"),
        ("/admin/usage", "/admin/usage"),
        ("/admin/balances", "/admin/balances"),
        ("/admin/operators", "/admin/operators"),
    ] {
        ask("get", template, path, none.clone(), 200);
    }
    let reason = json!({ "reason": "none" });
    ask("post", "/admin/entries/{sequence}/reverse", "/admin/entries/abc/reverse", reason, 400);
    ask("get", "/admin/accounts/{id}", "/admin/accounts/%ff", none.clone(), 400);
    ask("post", "/admin/balances/poll", "/admin/balances/poll", none.clone(), 200);
    let question = json!({ "model": "assistant", "input_tokens": 2000, "output_tokens": 10, "at": "2027-01-01" });
    ask("post", "/admin/route", "/admin/route", question, 200);
    ask("post", "/admin/route", "/admin/route", json!({ "model": "nobody" }), 404);
    ask("post", "/admin/reload", "/admin/reload", none.clone(), 200);
    ask("patch", "/admin/keys/{id}", &format!("/admin/keys/{id}"), json!({ "expires_at": 4_000_000_000_i64 }), 200);
    ask("post", "/admin/keys/{id}/revoke", &format!("/admin/keys/{id}/revoke"), none.clone(), 200);
    ask("delete", "/admin/keys/{id}", &format!("/admin/keys/{id}"), none.clone(), 200);
    let operator = json!({ "name": "ci", "role": "viewer", "account": "team-a", "expires_at": 4_000_000_000_i64 });
    let operator = ask("post", "/admin/operators", "/admin/operators", operator, 201).json();
    let revoke = format!("/admin/operators/{}/revoke", operator["id"].as_str().unwrap());
    ask("post", "/admin/operators/{id}/revoke", &revoke, none.clone(), 200);
    ask("get", "/admin/acts", "/admin/acts?limit=1000", none.clone(), 200);
    // The last one, since it ends the token that this test has.
    ask("post", "/admin/token", "/admin/token", none, 201);

    let mut documented = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let methods = methods.as_object().unwrap().keys().filter(|name| *name != "servers");
        documented.extend(methods.map(|method| format!("{} {path}", method.to_uppercase())));
    }
    assert_eq!(seen, documented, "a route is in the document, and not called here");
}

/// The words of the callers' paths as the router has them.
#[test]
fn every_path_of_callers_is_in_the_document() {
    let source = include_str!("../../../src/server/routes.rs");
    let (_, arms) = source.split_once("match rest.trim_end_matches('/') {").expect("the callers' paths are there");
    let arms = arms.split("\n}\n").next().unwrap();
    let served: BTreeSet<&str> = arms.split('"').skip(1).step_by(2).filter(|word| word.starts_with('/')).collect();
    assert!(served.len() > 6, "{served:?}");
    let document = document();
    for path in served {
        let known = ["", "{id}"].iter().any(|tail| !document["paths"][format!("/v1{path}{tail}")].is_null());
        let known = known || !document["paths"][path].is_null();
        // OpenRouter's older name for `/key`.
        assert!(known || path == "/auth/key", "{path} is not in the document: say in openapi/callers.rs what it is");
    }
}

#[test]
fn the_command_prints_what_the_gateway_serves() {
    let upstream = Upstream::start();
    let gateway = TestGateway::start(&config(&upstream));
    let served = Request::get("/openapi.json").send(gateway.admin).json();
    let printed = run(&gateway.data(), &["openapi"]);
    assert_eq!(serde_json::from_slice::<Value>(&printed.stdout).unwrap(), served);
    assert_eq!(served["openapi"], "3.1.0");
    let mut names = BTreeSet::new();
    for methods in served["paths"].as_object().unwrap().values() {
        for (method, operation) in methods.as_object().unwrap().iter().filter(|(name, _)| *name != "servers") {
            assert!(names.insert(operation["operationId"].to_string()), "{method} {}", operation["operationId"]);
        }
    }
    let page = Request::get("/").send(gateway.admin).body;
    for (path, methods) in served["paths"].as_object().unwrap() {
        assert!(methods.get("servers").is_some() || page.contains(path.as_str()), "{path} is not on the page");
    }
}
