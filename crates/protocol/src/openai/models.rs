//! The models list and a model's detail, in one shape that OpenAI's, Anthropic's and OpenRouter's clients all read.
//!
//! OpenAI's clients read `object`, `created`, `owned_by`; Anthropic's `type`, `display_name`, `created_at` and the
//! page marks; OpenRouter's what an [`Offer`] says. None minds the others' members.

pub mod google;
mod offer;

use serde::Serialize;

pub use offer::{Offer, Pricing};

use crate::civil;

/// One name a caller may ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry<'a> {
    pub id: &'a str,
    /// Unix seconds.
    pub created: i64,
    pub owned_by: &'a str,
    /// The `id` where absent.
    pub display_name: Option<&'a str>,
    /// Context window in tokens, where known.
    pub max_input_tokens: Option<u64>,
    /// The largest answer in tokens, where known.
    pub max_output_tokens: Option<u64>,
    /// What it can do and costs.
    pub offer: Option<&'a Offer>,
}

/// The body of `GET /v1/models`: one page, always the last.
pub fn list<'a>(entries: impl IntoIterator<Item = Entry<'a>>) -> Vec<u8> {
    let data: Vec<Model<'_>> = entries.into_iter().map(Model::of).collect();
    let page = Page {
        object: "list",
        first_id: data.first().map(|model| model.id),
        last_id: data.last().map(|model| model.id),
        has_more: false,
        data,
    };
    serde_json::to_vec(&page).expect("strings and numbers always have a JSON form")
}

/// The body of `GET /v1/models/{id}`.
pub fn detail(entry: &Entry<'_>) -> Vec<u8> {
    serde_json::to_vec(&Model::of(*entry)).expect("strings and numbers always have a JSON form")
}

#[derive(Serialize)]
struct Page<'a> {
    object: &'static str,
    data: Vec<Model<'a>>,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
    has_more: bool,
}

#[derive(Serialize)]
struct Model<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    owned_by: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    display_name: &'a str,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_input_tokens: Option<u64>,
    /// Anthropic's name for the largest answer.
    #[serde(rename = "max_tokens", skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(flatten)]
    offer: Option<offer::Shown<'a>>,
}

impl<'a> Model<'a> {
    fn of(entry: Entry<'a>) -> Self {
        let name = entry.display_name.unwrap_or(entry.id);
        Self {
            id: entry.id,
            object: "model",
            created: entry.created,
            owned_by: entry.owned_by,
            kind: "model",
            display_name: name,
            created_at: civil::rfc3339(entry.created),
            max_input_tokens: entry.max_input_tokens,
            max_output_tokens: entry.max_output_tokens,
            offer: entry.offer.map(|offer| offer::Shown::of(entry.id, name, offer)),
        }
    }
}
