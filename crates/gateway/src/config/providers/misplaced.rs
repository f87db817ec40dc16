//! What stands in the wrong place, and would only be noticed by an answer of 401 or 404: a cloud's address under another
//! protocol, and one vendor's key at another.

use super::{
    super::{
        base_url::{BaseUrl, Host},
        known_providers::vendor_at,
        reader::Section,
    },
    Protocol,
};
use crate::common::secret::Secret;

/// Warns of each. No part of a key is in it.
pub(super) fn warn(section: &Section<'_>, protocol: Protocol, base_url: &BaseUrl, api_keys: &[Secret]) {
    let say = |key: &str, message: String, instead: &str| {
        section.reading().warn(&section.place_of(key), message, Some(instead.to_owned()));
    };
    if let Some((message, instead)) = elsewhere(protocol, base_url) {
        say("base_url", message.to_owned(), instead);
    }
    let mut told = Vec::new();
    for key in api_keys {
        let Some((message, instead)) = foreign(key.expose(), protocol, base_url) else { continue };
        if !told.contains(&message) {
            say("api_keys", message.clone(), instead);
            told.push(message);
        }
    }
}

/// What is wrong with such an address under that protocol, and what to write instead.
fn elsewhere(protocol: Protocol, base_url: &BaseUrl) -> Option<(&'static str, &'static str)> {
    let Host::Name(host) = &base_url.host else { return None };
    let path = &*base_url.path_prefix;
    let is_openais = matches!(protocol, Protocol::OpenAi | Protocol::Responses);
    let is_azure = AZURE.iter().any(|domain| host.ends_with(domain));
    let is_bedrock = host.starts_with("bedrock-runtime") && host.contains(".amazonaws.com");
    let is_vertex = host.ends_with("aiplatform.googleapis.com")
        || host.starts_with("aiplatform.") && host.ends_with(".rep.googleapis.com");
    if is_azure && protocol != Protocol::Azure && !path.ends_with("/openai/v1") && !path.ends_with("/anthropic/v1") {
        let instead = "write `protocol = \"azure\"`; OpenAI's own dialect is below `/openai/v1` there, Anthropic's below \
                       `/anthropic`";
        return Some(("this is a resource at Azure, which has paths of its own", instead));
    }
    if is_bedrock && protocol != Protocol::Bedrock && !path.ends_with("/openai/v1") {
        let instead = "write `protocol = \"bedrock\"`; OpenAI's dialect is below `/openai/v1` there";
        return Some(("this is Amazon Bedrock, which speaks Converse", instead));
    }
    if is_vertex && !protocol.is_vertex() && !path.ends_with("/endpoints/openapi") {
        return Some(match protocol {
            Protocol::Anthropic => (
                "this is Vertex AI, where Claude is asked at a project's paths",
                "write `project`, `location` and `credentials`",
            ),
            Protocol::Gemini => {
                ("this is Vertex AI, and AI Studio's dialect is spoken here", "write `protocol = \"vertex\"`")
            }
            _ => (
                "this is Vertex AI, which has paths of its own",
                "write `protocol = \"vertex\"`; OpenAI's dialect is below `/projects/…/endpoints/openapi` there",
            ),
        });
    }
    if base_url.is_gemini() && protocol == Protocol::Vertex {
        return Some(("this is AI Studio, and a project at Vertex AI is asked", "write `protocol = \"gemini\"`"));
    }
    if vendor_at(base_url) == Some("anthropic") && protocol == Protocol::Responses {
        return Some(("Responses are not served there", "write `protocol = \"anthropic\"`"));
    }
    if vendor_at(base_url) == Some("openai") && !is_openais {
        return Some(("this is OpenAI's own address", "write `protocol = \"openai\"`"));
    }
    None
}

/// Whose key this looks like, where it is at somebody else's.
fn foreign(key: &str, protocol: Protocol, base_url: &BaseUrl) -> Option<(String, &'static str)> {
    let is_id = ["AKIA", "ASIA"].iter().any(|begin| key.starts_with(begin)) && key.len() == AWS_ID_LENGTH;
    if is_id {
        let instead = "write it as `access_key_id` with its `secret_access_key`, and `protocol = \"bedrock\"`";
        return Some(("this looks like the id of a key of AWS's, which signs and is no API key".to_owned(), instead));
    }
    let (_, vendor, name) = BEGINNINGS.iter().find(|(begin, ..)| key.starts_with(begin))?;
    // A relay or a server of one's own may take any key.
    let asked = match protocol {
        Protocol::Bedrock => "bedrock",
        Protocol::Azure => "azure",
        Protocol::Vertex | Protocol::VertexAnthropic => "gemini",
        _ => vendor_at(base_url)?,
    };
    (asked != *vendor).then(|| (format!("this looks like a key of {name}, which is another's"), "look whose key it is"))
}

/// AWS's ids have four letters that say what they are, and sixteen more.
const AWS_ID_LENGTH: usize = 20;

/// The hosts of resources at Azure, in all of its clouds.
const AZURE: [&str; 5] = [
    ".openai.azure.com",
    ".openai.azure.us",
    ".openai.azure.cn",
    ".cognitiveservices.azure.com",
    ".services.ai.azure.com",
];

/// How keys begin, by the vendors' own pages.
const BEGINNINGS: [(&str, &str, &str); 9] = [
    ("sk-ant-", "anthropic", "Anthropic's"),
    ("sk-or-", "openrouter", "OpenRouter's"),
    ("sk-proj-", "openai", "OpenAI's"),
    ("sk-svcacct-", "openai", "OpenAI's"),
    ("AIza", "gemini", "Google's"),
    ("gsk_", "groq", "Groq's"),
    ("xai-", "xai", "xAI's"),
    ("pplx-", "perplexity", "Perplexity's"),
    ("nvapi-", "nvidia", "NVIDIA's"),
];
