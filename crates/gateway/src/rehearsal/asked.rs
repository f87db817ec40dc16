//! What a request asks for, freed of its protocol.

mod talk;

use std::borrow::Cow;

use serde_json::Value;

use super::dialect::Dialect;
use super::http::percent_decoded;
use talk::Talk;

/// One question.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) dialect: Dialect,
    pub(super) model: String,
    /// The last thing the user said.
    pub(super) said: String,
    /// Hash of everything that was said: equal conversations get equal answers, in every dialect.
    pub(super) seed: u64,
    /// What the answer is to begin with: a last turn that is the model's.
    pub(super) prefill: Option<String>,
    /// Words of everything that was said.
    pub(super) prompt_tokens: u64,
    /// Bytes of everything that the model reads: texts, calls, results and tools.
    pub(super) prompt_bytes: u64,
    pub(super) max_tokens: Option<u64>,
    /// How many answers.
    pub(super) choices: u32,
    pub(super) is_streamed: bool,
    pub(super) wants_usage: bool,
    /// Names of the tools offered.
    pub(super) tools: Vec<String>,
    /// How often the model has called tools in this conversation.
    pub(super) turns: usize,
    /// What came back of its latest calls.
    pub(super) results: Vec<String>,
}

/// A field that is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadField {
    pub(super) field: &'static str,
    pub(super) message: Cow<'static, str>,
}

impl BadField {
    fn new(field: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { field, message: message.into() }
    }
}

impl Asked {
    /// Reads a request; Gemini's and Bedrock's have their model, and whether it is streamed, in their paths.
    pub(super) fn read(dialect: Dialect, path: &str, body: &[u8]) -> Result<Self, BadField> {
        let bad = |field, message: &'static str| BadField::new(field, message);
        let body: Value = serde_json::from_slice(body).map_err(|_| bad("body", "we could not parse the JSON body"))?;
        let (named, is_streamed) = match dialect {
            Dialect::Gemini => (gemini_model(path).map(str::to_owned), path.contains(":streamGenerateContent")),
            Dialect::Anthropic if path.ends_with("awPredict") => {
                check_vertex(path, &body)?;
                (gemini_model(path).map(str::to_owned), path.ends_with(":streamRawPredict"))
            }
            Dialect::Bedrock => (bedrock_model(path), path.ends_with("/converse-stream")),
            _ => (body["model"].as_str().map(str::to_owned), body["stream"].as_bool().unwrap_or(false)),
        };
        let model = named.ok_or_else(|| bad("model", "you must provide a model parameter"))?;
        let choices = body["n"].as_u64().unwrap_or(1);
        if !(1..=CHOICES_MAX).contains(&choices) {
            return Err(bad("n", "n must be between 1 and 16"));
        }
        let max_tokens = max_tokens(dialect, &body);
        if dialect == Dialect::Anthropic && max_tokens.is_none() {
            return Err(bad("max_tokens", "max_tokens: Field required"));
        }
        let talk = Talk::read(dialect, &body)?;
        Ok(Self {
            dialect,
            model,
            said: talk.said,
            seed: talk.seed,
            prompt_tokens: talk.words + talk.begun.as_ref().map_or(0, |begun| begun.split_whitespace().count() as u64),
            prompt_bytes: talk.bytes + talk.begun.as_ref().map_or(0, |begun| begun.len() as u64),
            prefill: talk.begun,
            max_tokens,
            choices: choices as u32,
            is_streamed,
            wants_usage: dialect.always_counts() || body["stream_options"]["include_usage"].as_bool().unwrap_or(false),
            tools: tool_names(dialect, &body),
            turns: talk.turns,
            results: talk.results,
        })
    }
}

fn max_tokens(dialect: Dialect, body: &Value) -> Option<u64> {
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiCompletions => {
            body["max_completion_tokens"].as_u64().or_else(|| body["max_tokens"].as_u64())
        }
        Dialect::OpenAiResponses => body["max_output_tokens"].as_u64(),
        Dialect::Anthropic => body["max_tokens"].as_u64(),
        Dialect::Gemini => body["generationConfig"]["maxOutputTokens"].as_u64(),
        Dialect::Bedrock => body["inferenceConfig"]["maxTokens"].as_u64(),
    }
}

/// The `NAME` of `…/models/NAME:generateContent`.
fn gemini_model(path: &str) -> Option<&str> {
    let (_, name) = path.split_once("/models/")?;
    Some(name.split(':').next().unwrap_or(name)).filter(|name| !name.is_empty())
}

/// What Vertex AI asks for in the body beside Anthropic's own words.
fn check_vertex(path: &str, body: &Value) -> Result<(), BadField> {
    if body["anthropic_version"] != "vertex-2023-10-16" {
        return Err(BadField::new("anthropic_version", "anthropic_version: Field required"));
    }
    if !body["model"].is_null() {
        return Err(BadField::new("model", "model: Extra inputs are not permitted"));
    }
    if body["stream"].as_bool().unwrap_or(false) != path.ends_with(":streamRawPredict") {
        return Err(BadField::new("stream", "stream: the method is for the other way of answering"));
    }
    Ok(())
}

/// The `NAME` of `/model/NAME/converse`, whose colons and slashes may be escaped.
fn bedrock_model(path: &str) -> Option<String> {
    let (_, rest) = path.split_once("/model/")?;
    let (name, _) = rest.rsplit_once('/')?;
    Some(percent_decoded(name)).filter(|name| !name.is_empty())
}

fn tool_names(dialect: Dialect, body: &Value) -> Vec<String> {
    let tools = if dialect == Dialect::Bedrock { &body["toolConfig"]["tools"] } else { &body["tools"] };
    let tools = tools.as_array().map_or(&[][..], Vec::as_slice);
    let declared = tools.iter().flat_map(|tool| tool["functionDeclarations"].as_array().into_iter().flatten());
    let names: Vec<&Value> = match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiCompletions => {
            tools.iter().map(|tool| &tool["function"]["name"]).collect()
        }
        Dialect::OpenAiResponses | Dialect::Anthropic => tools.iter().map(|tool| &tool["name"]).collect(),
        Dialect::Gemini => declared.map(|tool| &tool["name"]).collect(),
        Dialect::Bedrock => tools.iter().map(|tool| &tool["toolSpec"]["name"]).collect(),
    };
    names.into_iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

const CHOICES_MAX: u64 = 16;
