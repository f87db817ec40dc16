//! What the gateway writes itself: errors and the models list.

use roundelay_protocol::{
    openai::{
        chunk::Chunk,
        error::{self, ErrorBody},
        models::{self, Entry},
    },
    sse::{Limits, Reader},
};
use serde_json::{Value, json};

const ERROR: ErrorBody<'_> = ErrorBody {
    message: "no \"way\"\n",
    kind: "server_error",
    code: Some("cut"),
    param: None,
    reset_at: None,
    partial: false,
    request_id: None,
};

#[track_caller]
fn check(written: &[u8], expected: &Value) {
    assert_eq!(&serde_json::from_slice::<Value>(written).unwrap(), expected);
}

#[test]
fn an_error_body_has_all_four_members() {
    let error = json!({"message": "no \"way\"\n", "type": "server_error", "param": null, "code": "cut"});
    check(&error::body(&ERROR), &json!({ "error": error }));
    let later = ErrorBody { reset_at: Some(1_800_000_000), param: Some("n"), ..ERROR };
    let body: Value = serde_json::from_slice(&error::body(&later)).unwrap();
    assert_eq!(body["error"]["reset_at"], 1_800_000_000);
    assert_eq!(body["error"]["param"], "n");
}

#[test]
fn an_error_event_is_one_event_that_both_kinds_of_client_notice() {
    let mut reader = Reader::new(Limits::default());
    reader.push(error::event(&ERROR, "chatcmpl-1", "m\"1"));
    let data = reader.next().unwrap().unwrap().data.unwrap();
    assert!(reader.next().is_none());
    assert!(Chunk::scan(&data).unwrap().is_error);
    let frame: Value = serde_json::from_slice(&data).unwrap();
    assert_eq!(frame["error"]["message"], "no \"way\"\n");
    assert_eq!(frame["choices"], json!([{"index": 0, "delta": {}, "finish_reason": "error"}]));
    assert_eq!((&frame["id"], &frame["model"]), (&json!("chatcmpl-1"), &json!("m\"1")));
}

#[test]
fn one_models_shape_serves_both_clients() {
    let pool = Entry { id: "assistant", created: 1_795_405_665, owned_by: "roundelay", ..Entry::default() };
    let model = Entry {
        id: "gpt",
        display_name: Some("GPT"),
        max_input_tokens: Some(128),
        max_output_tokens: Some(16),
        ..pool
    };
    let pool_json = json!({
        "id": "assistant", "object": "model", "created": 1_795_405_665, "owned_by": "roundelay",
        "type": "model", "display_name": "assistant", "created_at": "2026-11-23T03:47:45Z",
    });
    let mut model_json = pool_json.clone();
    model_json["id"] = json!("gpt");
    model_json["display_name"] = json!("GPT");
    model_json["max_input_tokens"] = json!(128);
    model_json["max_tokens"] = json!(16);
    check(&models::detail(&model), &model_json);
    check(
        &models::list([pool, model]),
        &json!({"object": "list", "data": [pool_json, model_json], "first_id": "assistant", "last_id": "gpt", "has_more": false}),
    );
    check(
        &models::list([]),
        &json!({"object": "list", "data": [], "first_id": null, "last_id": null, "has_more": false}),
    );
}
