//! Gemini's paths, in which a model stands and behind it what is asked of it: `/models/{model}:generateContent`.

use bytes::Bytes;
use roundelay_protocol::openai::Operation;
use serde_json::{Value, json};

use crate::{
    auth::Caller,
    exchange::{Addressed, Refusal, Worker, estimate},
};

/// What is asked of a model.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// An answer, whole or streamed.
    Answer(Addressed),
    /// How many tokens a request is.
    Count(String),
    /// What is not served here.
    Nothing,
}

/// Reads what stands behind `/models/`; `None` where that is a name alone, which may hold colons and slashes itself.
pub(super) fn asked(name: &str) -> Option<Asked> {
    let (model, verb) = name.rsplit_once(':')?;
    let answer = |is_streamed| Asked::Answer(Addressed { model: model.to_owned(), is_streamed, is_array: is_streamed });
    Some(match verb {
        "generateContent" => answer(false),
        "streamGenerateContent" => answer(true),
        "countTokens" => Asked::Count(model.to_owned()),
        _ if UNSERVED.contains(&verb) => Asked::Nothing,
        _ => return None,
    })
}

/// The value of the first parameter of that name.
pub(super) fn parameter<'a>(query: Option<&'a str>, name: &str) -> Option<&'a str> {
    let mut pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find_map(|(known, value)| (known == name).then_some(value)).filter(|value| !value.is_empty())
}

/// Counts by the bytes, and says so under `estimated`.
pub(super) fn count(worker: &Worker, caller: &Caller, model: &str, body: &Bytes) -> Result<Value, Refusal> {
    let tokens = estimate(&worker.gateway, caller, (Operation::Generate, Some(model)), &counted(body))?;
    Ok(json!({ "totalTokens": tokens, "estimated": true }))
}

/// The request that is to be counted: it may stand in a member of its own, with tools and the rest.
fn counted(body: &Bytes) -> Bytes {
    #[derive(serde::Deserialize)]
    struct Outer<'a> {
        #[serde(rename = "generateContentRequest", alias = "generate_content_request", borrow)]
        request: &'a serde_json::value::RawValue,
    }
    match serde_json::from_slice::<Outer<'_>>(body) {
        Ok(Outer { request }) => Bytes::copy_from_slice(request.get().as_bytes()),
        Err(_) => body.clone(),
    }
}

/// What whoever asks for one of the others is told.
pub(super) const NOT_SERVED: &str = "of Gemini's dialect `generateContent`, `streamGenerateContent` and `countTokens` are served: no embeddings, batches, \
     predictions or live sessions";
/// Verbs of the vendor's that are known and not served.
const UNSERVED: [&str; 7] = [
    "embedContent",
    "batchEmbedContents",
    "asyncBatchEmbedContent",
    "batchGenerateContent",
    "bidiGenerateContent",
    "predict",
    "predictLongRunning",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_colon_divides_a_model_from_what_is_asked() {
        let answer = |model: &str, is_streamed| {
            Some(Asked::Answer(Addressed { model: model.to_owned(), is_streamed, is_array: is_streamed }))
        };
        for (name, expected) in [
            ("gemini-2.5-pro:generateContent", answer("gemini-2.5-pro", false)),
            ("ollama/llama3:8b:streamGenerateContent", answer("ollama/llama3:8b", true)),
            ("a:countTokens", Some(Asked::Count("a".to_owned()))),
            ("a:embedContent", Some(Asked::Nothing)),
            ("llama3:8b", None),
            ("gemini-2.5-pro", None),
        ] {
            assert_eq!(asked(name), expected, "{name}");
        }
    }

    #[test]
    fn parameters_are_found_by_their_whole_name() {
        let query = Some("alt=sse&key=rl-a&keys=b&empty=");
        for (name, expected) in [("alt", Some("sse")), ("key", Some("rl-a")), ("empty", None), ("k", None)] {
            assert_eq!(parameter(query, name), expected, "{name}");
        }
        assert_eq!(parameter(None, "key"), None);
    }

    #[test]
    fn a_request_may_stand_in_a_member_of_its_own() {
        let inner = r#"{"contents":[{"parts":[{"text":"x"}]}]}"#;
        let outer = format!(r#"{{"generateContentRequest":{inner}}}"#);
        for body in [inner, &outer] {
            assert_eq!(counted(&Bytes::copy_from_slice(body.as_bytes())), inner);
        }
    }
}
