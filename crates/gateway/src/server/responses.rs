//! What lies below `/v1/responses`: the responses that are kept, and how long a request is.

use bytes::Bytes;
use http::Method;
use roundelay_protocol::{
    openai::{BadRequest, Operation},
    openai_responses::named_items,
};
use serde_json::{json, value::RawValue};

use super::gemini::parameter;
use crate::{
    auth::Caller,
    exchange::{Refusal, Worker, estimate, spelled_out},
};

/// What such a path asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Count,
    Compact,
    One(String),
    Items(String),
    Cancel(String),
}

/// Reads what stands behind `/responses/`.
pub(super) fn asked(rest: &str) -> Option<Asked> {
    Some(match rest.split_once('/') {
        None if rest == "input_tokens" => Asked::Count,
        None if rest == "compact" => Asked::Compact,
        None => Asked::One(rest.to_owned()),
        Some((id, "input_items")) => Asked::Items(id.to_owned()),
        Some((id, "cancel")) => Asked::Cancel(id.to_owned()),
        Some(_) => return None,
    })
}

/// Answers with a body.
///
/// # Errors
/// When nothing of that name is kept for the caller's account, or it is not served at all.
pub(super) fn answer(
    worker: &Worker,
    caller: &Caller,
    asked: (&Method, &Asked),
    query: Option<&str>,
    body: Bytes,
) -> Result<Vec<u8>, Refusal> {
    let settings = worker.gateway.snapshot.load().config.responses;
    let find = |id: &str| worker.gateway.responses.find(&caller.account, id, &settings).ok_or_else(|| not_found(id));
    match asked {
        (&Method::POST, Asked::Count) => count(worker, caller, body),
        (&Method::POST, Asked::Cancel(id)) => {
            find(id)?;
            let message = "only a response that is made in the background can be cancelled".to_owned();
            Err(Refusal::BadRequest(BadRequest { message, param: None, code: "invalid_value" }))
        }
        (&Method::GET, Asked::One(id)) => Ok(find(id)?.response().to_vec()),
        (&Method::DELETE, Asked::One(id)) => {
            // One that is too old is not there, and need not be there.
            find(id)?;
            worker.gateway.responses.forget(&caller.account, id);
            Ok(json!({ "id": id, "object": "response", "deleted": true }).to_string().into_bytes())
        }
        (&Method::GET, Asked::Items(id)) => {
            let kept = find(id)?;
            let name = id.trim_start_matches("resp_");
            items(&named_items(&kept.input().collect::<Vec<_>>(), name), query)
        }
        (_, Asked::Count | Asked::Compact | Asked::Cancel(_)) => Err(Refusal::Method("POST")),
        (_, Asked::One(_)) => Err(Refusal::Method("GET or DELETE")),
        (_, Asked::Items(_)) => Err(Refusal::Method("GET")),
    }
}

/// OpenAI's own words.
fn not_found(id: &str) -> Refusal {
    let id: String = id.chars().filter(|c| !c.is_control()).take(100).collect();
    Refusal::NoReceipt("response_not_found", format!("Response with id '{id}' not found."))
}

/// Counts by the bytes, and says so under `estimated`.
fn count(worker: &Worker, caller: &Caller, body: Bytes) -> Result<Vec<u8>, Refusal> {
    let body = spelled_out(&worker.gateway, &caller.account, body)?;
    let tokens = estimate(&worker.gateway, caller, (Operation::Responses, None), &body)?;
    let page = json!({ "object": "response.input_tokens", "input_tokens": tokens, "estimated": true });
    Ok(page.to_string().into_bytes())
}

/// A page of items: the youngest first, unless `order` says otherwise.
fn items(items: &[String], query: Option<&str>) -> Result<Vec<u8>, Refusal> {
    let read = |item: &String| serde_json::from_str::<Box<RawValue>>(item).map_err(|_| Refusal::Internal);
    let mut items = items.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    if parameter(query, "order") != Some("asc") {
        items.reverse();
    }
    let id = |item: &RawValue| {
        let item: serde_json::Value = serde_json::from_str(item.get()).unwrap_or_default();
        item["id"].as_str().map(str::to_owned)
    };
    if let Some(after) = parameter(query, "after") {
        let place = items.iter().position(|item| id(item).as_deref() == Some(after));
        items.drain(..place.map_or(0, |place| place + 1));
    }
    let limit = parameter(query, "limit").and_then(|limit| limit.parse().ok()).unwrap_or(LIMIT).clamp(1, LIMIT_MAX);
    let has_more = items.len() > limit;
    items.truncate(limit);
    let (first, last) = (items.first().and_then(|item| id(item)), items.last().and_then(|item| id(item)));
    let page = Page { object: "list", data: items, first_id: first, last_id: last, has_more };
    Ok(serde_json::to_vec(&page).expect("strings and JSON always have a JSON form"))
}

#[derive(serde::Serialize)]
struct Page {
    object: &'static str,
    data: Vec<Box<RawValue>>,
    first_id: Option<String>,
    last_id: Option<String>,
    has_more: bool,
}

/// Items of a page where nothing is said, and at most (OpenAI's API reference, "list input items").
const LIMIT: usize = 20;
const LIMIT_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_below_a_response_is_known_by_its_path() {
        let id = || "resp_1".to_owned();
        for (rest, expected) in [
            ("input_tokens", Some(Asked::Count)),
            ("compact", Some(Asked::Compact)),
            ("resp_1", Some(Asked::One(id()))),
            ("resp_1/input_items", Some(Asked::Items(id()))),
            ("resp_1/cancel", Some(Asked::Cancel(id()))),
            ("resp_1/other", None),
        ] {
            assert_eq!(asked(rest), expected, "{rest}");
        }
    }
}
