//! What callers may ask with their API keys: pages of their own, and in brief what is passed on to providers.

use serde_json::{Map, Value, json};

use super::parameters;
use crate::admin::shape::{Field, Shape};

/// One method of one path of the callers' side.
struct Page {
    method: &'static str,
    path: &'static str,
    name: &'static str,
    summary: &'static str,
    query: &'static [Field],
    answer: Shape,
}

pub(super) fn add(paths: &mut Map<String, Value>) {
    for page in PAGES {
        let mut operation = json!({
            "operationId": page.name,
            "summary": page.summary,
            "security": [{ "caller": [] }],
            "parameters": parameters(page.path, page.query),
            "responses": {
                "200": { "description": "it was done", "content": page.answer.content() },
                "default": { "description": "why not, in the form that the path's own SDKs read", "content": Shape::Any.content() },
            },
        });
        if page.method == "post" {
            operation["requestBody"] = json!({ "content": Shape::Any.content(), "required": true });
        }
        let path = paths.entry(page.path).or_insert_with(
            || json!({ "servers": [{ "url": "http://127.0.0.1:8600", "description": "the callers' side" }] }),
        );
        path[page.method] = operation;
    }
}

const PAGES: &[Page] = &[
    Page {
        method: "post",
        path: "/v1/chat/completions",
        name: "chat.completions",
        summary: "as OpenAI's: a chat completion by a model or pool, streamed or whole",
        query: &[],
        answer: Shape::Any,
    },
    Page {
        method: "post",
        path: "/v1/completions",
        name: "completions",
        summary: "as OpenAI's: a completion by a model or pool, streamed or whole",
        query: &[],
        answer: Shape::Any,
    },
    Page {
        method: "post",
        path: "/v1/messages",
        name: "messages",
        summary: "as Anthropic's: an answer by a model or pool, streamed or whole",
        query: &[],
        answer: Shape::Any,
    },
    Page {
        method: "post",
        path: "/v1/messages/count_tokens",
        name: "messages.count",
        summary: "as Anthropic's: about how many tokens a request is",
        query: &[],
        answer: Shape::Object(&[("input_tokens", WHOLE), ("estimated", Shape::Flag)]),
    },
    Page {
        method: "post",
        path: "/v1/responses",
        name: "responses",
        summary: "as OpenAI's: a response by a model or pool, streamed or whole; the same path is a WebSocket",
        query: &[],
        answer: Shape::Any,
    },
    Page {
        method: "post",
        path: "/v1/responses/input_tokens",
        name: "responses.count",
        summary: "as OpenAI's: about how many tokens a request is",
        query: &[],
        answer: Shape::Object(&[
            ("object", Shape::Word(&["response.input_tokens"])),
            ("input_tokens", WHOLE),
            ("estimated", Shape::Flag),
        ]),
    },
    Page {
        method: "post",
        path: "/v1/responses/compact",
        name: "responses.compact",
        summary: "as OpenAI's: a conversation made shorter, to go on from",
        query: &[],
        answer: Shape::Partly(
            &[
                ("id", TEXT),
                ("object", Shape::Word(&["response.compaction"])),
                ("created_at", WHOLE),
                ("output", Shape::List(&Shape::Any)),
                ("usage", Shape::Any),
            ],
            &[("image", Shape::Any)],
        ),
    },
    Page {
        method: "get",
        path: "/v1/responses/{id}",
        name: "responses.show",
        summary: "a response that is kept for this key's account",
        query: &[],
        answer: Shape::Any,
    },
    Page {
        method: "delete",
        path: "/v1/responses/{id}",
        name: "responses.delete",
        summary: "forget it",
        query: &[],
        answer: Shape::Object(&[("id", TEXT), ("object", Shape::Word(&["response"])), ("deleted", Shape::Flag)]),
    },
    Page {
        method: "get",
        path: "/v1/responses/{id}/input_items",
        name: "responses.items",
        summary: "what it answered, from the conversation's beginning",
        query: &[("limit", WHOLE), ("order", Shape::Word(&["asc", "desc"])), ("after", Shape::Text)],
        answer: Shape::Object(&[
            ("object", Shape::Word(&["list"])),
            ("data", Shape::List(&Shape::Any)),
            ("first_id", TEXT_OR_NULL),
            ("last_id", TEXT_OR_NULL),
            ("has_more", Shape::Flag),
        ]),
    },
    Page {
        method: "post",
        path: "/v1/responses/{id}/cancel",
        name: "responses.cancel",
        summary: "refused: no response is made in the background",
        query: &[],
        answer: Shape::Any,
    },
    Page {
        method: "post",
        path: "/v1beta/models/{model}:generateContent",
        name: "gemini.generate",
        summary: "as Gemini's: a whole answer by a model or pool",
        query: &[],
        answer: Shape::Any,
    },
    Page {
        method: "post",
        path: "/v1beta/models/{model}:streamGenerateContent",
        name: "gemini.stream",
        summary: "as Gemini's: a streamed answer by a model or pool, as events (`alt=sse`) or as one JSON array",
        query: &[("alt", Shape::Text)],
        answer: Shape::Any,
    },
    Page {
        method: "post",
        path: "/v1beta/models/{model}:countTokens",
        name: "gemini.count",
        summary: "as Gemini's: about how many tokens a request is",
        query: &[],
        answer: Shape::Object(&[("totalTokens", WHOLE), ("estimated", Shape::Flag)]),
    },
    Page {
        method: "post",
        path: "/v1/embeddings",
        name: "embeddings",
        summary: "as OpenAI's: vectors of texts by a model or pool",
        query: &[],
        answer: Shape::Any,
    },
    Page {
        method: "post",
        path: "/v1/rerank",
        name: "rerank",
        summary: "as Cohere's and Jina's: documents by how well they answer a query",
        query: &[],
        answer: Shape::Any,
    },
    Page {
        method: "post",
        path: "/v2/rerank",
        name: "rerank.v2",
        summary: "the same, where Cohere's clients look for it",
        query: &[],
        answer: Shape::Any,
    },
    Page {
        method: "post",
        path: "/v1/moderations",
        name: "moderations",
        summary: "as OpenAI's: whether content is harmful",
        query: &[],
        answer: Shape::Any,
    },
    Page {
        method: "post",
        path: "/v1/images/generations",
        name: "images.generate",
        summary: "as OpenAI's: images of a prompt, streamed or whole",
        query: &[],
        answer: Shape::Any,
    },
    Page {
        method: "post",
        path: "/v1/images/edits",
        name: "images.edit",
        summary: "as OpenAI's: images changed by a prompt, from a form or JSON",
        query: &[],
        answer: Shape::Any,
    },
    Page {
        method: "post",
        path: "/v1/images/variations",
        name: "images.vary",
        summary: "as OpenAI's: images like one that is sent",
        query: &[],
        answer: Shape::Any,
    },
    Page {
        method: "post",
        path: "/v1/audio/speech",
        name: "audio.speak",
        summary: "as OpenAI's: a text read aloud, shown as it comes",
        query: &[],
        answer: Shape::Any,
    },
    Page {
        method: "post",
        path: "/v1/audio/transcriptions",
        name: "audio.transcribe",
        summary: "as OpenAI's: what is said in a recording, streamed or whole",
        query: &[],
        answer: Shape::Any,
    },
    Page {
        method: "post",
        path: "/v1/audio/translations",
        name: "audio.translate",
        summary: "as OpenAI's: what is said in a recording, in English",
        query: &[],
        answer: Shape::Any,
    },
    Page {
        method: "get",
        path: "/v1/models",
        name: "models.list",
        summary: "what this key may ask for, what that can do, and what it costs now",
        query: &[],
        answer: Shape::Object(&[
            ("object", Shape::Word(&["list"])),
            ("data", Shape::List(&MODEL)),
            ("first_id", TEXT_OR_NULL),
            ("last_id", TEXT_OR_NULL),
            ("has_more", Shape::Flag),
        ]),
    },
    Page {
        method: "get",
        path: "/v1/models/{id}",
        name: "models.show",
        summary: "one of it",
        query: &[],
        answer: MODEL,
    },
    Page {
        method: "get",
        path: "/v1/balance",
        name: "balance",
        summary: "what whoever pays for this key has, and what is left of its limits",
        query: &[],
        answer: BALANCE,
    },
    Page {
        method: "get",
        path: "/v1/usage",
        name: "own.usage",
        summary: "what this key used and paid",
        query: &[("since", Shape::Text), ("until", Shape::Text), ("by", Shape::Text)],
        answer: USAGE,
    },
    Page {
        method: "get",
        path: "/v1/key",
        name: "key",
        summary: "this key as OpenRouter's clients read it",
        query: &[],
        answer: Shape::Object(&[("data", KEY)]),
    },
    Page {
        method: "get",
        path: "/v1/credits",
        name: "credits",
        summary: "what was paid in and used, as OpenRouter's clients read it",
        query: &[],
        answer: Shape::Object(&[(
            "data",
            Shape::Object(&[("total_credits", Shape::Number), ("total_usage", Shape::Number)]),
        )]),
    },
    Page {
        method: "post",
        path: "/v1/redeem",
        name: "redeem",
        summary: "put what a code is worth on the account that pays for this key",
        query: &[],
        answer: Shape::Object(&[("entry", Shape::Named("Entry")), ("is_new", Shape::Flag)]),
    },
    Page {
        method: "get",
        path: "/v1/receipts/{id}",
        name: "receipts.own",
        summary: "the signed receipt of an exchange that this key asked for",
        query: &[],
        answer: Shape::Any,
    },
];

const TEXT: Shape = Shape::Text;
const WHOLE: Shape = Shape::Whole;
const TEXT_OR_NULL: Shape = Shape::OrNull(&TEXT);
const WHOLE_OR_NULL: Shape = Shape::OrNull(&WHOLE);
const NUMBER_OR_NULL: Shape = Shape::OrNull(&Shape::Number);
const TEXTS: Shape = Shape::List(&TEXT);

const PRICING: Shape = Shape::Partly(
    &[("prompt", TEXT), ("completion", TEXT), ("input_cache_read", TEXT), ("input_cache_write", TEXT)],
    &[("image_output", TEXT), ("audio_second", TEXT), ("character", TEXT), ("search", TEXT)],
);
const MODEL: Shape = Shape::Partly(
    &[
        ("id", TEXT),
        ("object", Shape::Word(&["model"])),
        ("created", WHOLE),
        ("owned_by", TEXT),
        ("type", Shape::Word(&["model"])),
        ("display_name", TEXT),
        ("created_at", TEXT),
        ("name", TEXT),
        ("canonical_slug", TEXT),
        ("pricing", Shape::OrNull(&PRICING)),
        ("pricing_until", WHOLE_OR_NULL),
        ("context_length", WHOLE_OR_NULL),
        (
            "architecture",
            Shape::Object(&[("input_modalities", TEXTS), ("output_modalities", TEXTS), ("modality", TEXT)]),
        ),
        (
            "top_provider",
            Shape::Object(&[
                ("context_length", WHOLE_OR_NULL),
                ("max_completion_tokens", WHOLE_OR_NULL),
                ("is_moderated", Shape::Flag),
            ]),
        ),
        ("supported_parameters", TEXTS),
    ],
    &[("max_input_tokens", WHOLE), ("max_tokens", WHOLE), ("pricing_min", PRICING), ("unpriced_deployments", WHOLE)],
);

const BALANCE: Shape = Shape::Object(&[
    ("object", Shape::Word(&["balance"])),
    ("account", TEXT),
    ("currency", TEXT),
    ("balance", TEXT),
    ("held", TEXT),
    ("left", TEXT_OR_NULL),
    ("spent", TEXT),
    ("price_multiplier", TEXT),
    (
        "key",
        Shape::Object(&[
            ("id", TEXT),
            ("name", TEXT),
            ("account", TEXT),
            ("spent", TEXT),
            ("held", TEXT),
            ("running", WHOLE),
        ]),
    ),
    (
        "limits",
        Shape::Object(&[
            ("spend", Shape::List(&SPEND_LEFT)),
            ("requests_per_minute", WHOLE_OR_NULL),
            ("requests_left", WHOLE_OR_NULL),
            ("tokens_per_minute", WHOLE_OR_NULL),
            ("tokens_left", WHOLE_OR_NULL),
            ("concurrency", WHOLE_OR_NULL),
        ]),
    ),
]);
const SPEND_LEFT: Shape = Shape::Object(&[
    ("of", Shape::Word(&["account", "key"])),
    ("name", TEXT),
    ("span", TEXT),
    ("currency", TEXT),
    ("amount", TEXT),
    ("spent", TEXT),
    ("left", TEXT),
    ("resets_at", WHOLE_OR_NULL),
]);

const USAGE: Shape = Shape::Object(&[
    ("object", Shape::Word(&["usage"])),
    ("key", TEXT),
    ("since", WHOLE_OR_NULL),
    ("until", WHOLE_OR_NULL),
    ("by", TEXTS),
    ("total", Shape::Object(SUM)),
    (
        "rows",
        Shape::List(&Shape::Partly(
            SUM,
            &[("hour", WHOLE_OR_NULL), ("model", TEXT_OR_NULL), ("outcome", TEXT_OR_NULL)],
        )),
    ),
]);
const SUM: &[Field] = &[
    ("exchanges", WHOLE),
    ("input", WHOLE),
    ("cache_read", WHOLE),
    ("cache_write", WHOLE),
    ("output", WHOLE),
    ("reasoning", WHOLE),
    ("estimated", Shape::Flag),
    ("charged_usd", TEXT),
    ("charged_in_usd", TEXT),
    ("charged_in_cny", TEXT),
];

const KEY: Shape = Shape::Object(&[
    ("label", TEXT),
    ("usage", Shape::Number),
    ("limit", NUMBER_OR_NULL),
    ("limit_remaining", NUMBER_OR_NULL),
    ("limit_reset", TEXT_OR_NULL),
    ("is_free_tier", Shape::Flag),
    ("is_provisioning_key", Shape::Flag),
    ("rate_limit", Shape::Object(&[("requests", WHOLE), ("interval", TEXT)])),
]);
