//! What stands in the wrong place, and would only be noticed by an answer of 401 or 404: a cloud's address under another
//! protocol, and one vendor's key at another.

use super::{
    super::{
        base_url::BaseUrl,
        known_providers::{vendor_at, vendor_of_host},
        reader::Section,
    },
    Protocol,
    clouds::is_aws_id,
    regions::{Cloud, cloud_at, misspelt},
};
use crate::common::secret::Secret;

/// Warns of each kind once. No part of a key is in it.
pub(super) fn warn_of_keys(section: &Section<'_>, protocol: Protocol, base_url: &BaseUrl, api_keys: &[Secret]) {
    let mut told = Vec::new();
    for key in api_keys {
        let Some((message, instead)) = foreign(key.expose(), protocol, base_url) else { continue };
        if !told.contains(&message) {
            section.reading().warn(&section.place_of("api_keys"), message.clone(), Some(instead.to_owned()));
            told.push(message);
        }
    }
}

/// Warns of an address that is another's, and says whether it did.
pub(super) fn warn_of_address(section: &Section<'_>, protocol: Protocol, base_url: &BaseUrl) -> bool {
    let meant = misspelt(protocol, base_url);
    let found = elsewhere(protocol, base_url)
        .map(|(message, instead)| (message.to_owned(), instead.to_owned()))
        .or_else(|| anothers(protocol, base_url))
        .or_else(|| Some((MISSPELT.to_owned(), format!("did you mean `{}`?", meant?))));
    let is_found = found.is_some();
    if let Some((message, instead)) = found {
        section.reading().warn(&section.place_of("base_url"), message, Some(instead));
    }
    is_found
}

/// What is wrong with a cloud's address under that protocol, or a vendor's under another dialect, and what to write
/// instead.
fn elsewhere(protocol: Protocol, base_url: &BaseUrl) -> Option<(&'static str, &'static str)> {
    let path = &*base_url.path_prefix;
    let speaks_openai = matches!(protocol, Protocol::OpenAi | Protocol::Responses);
    let is_openais = speaks_openai && path.ends_with("/openai/v1");
    match cloud_at(base_url) {
        Some(Cloud::Azure) if protocol == Protocol::Azure || is_openais => None,
        Some(Cloud::Azure) if protocol == Protocol::Anthropic && path.ends_with("/anthropic/v1") => None,
        Some(Cloud::Azure) => Some((
            "this is a resource at Azure, which has paths of its own",
            "write `protocol = \"azure\"`; OpenAI's own dialect is below `/openai/v1` there, Anthropic's below `/anthropic`",
        )),
        Some(Cloud::Bedrock) if protocol == Protocol::Bedrock || is_openais => None,
        Some(Cloud::Bedrock) => Some((
            "this is Amazon Bedrock, which speaks Converse",
            "write `protocol = \"bedrock\"`; OpenAI's dialect is below `/openai/v1` there",
        )),
        Some(Cloud::Vertex) => at_vertex(protocol, speaks_openai && path.ends_with("/endpoints/openapi")),
        None if base_url.is_gemini() && protocol == Protocol::Vertex => Some((
            "this is AI Studio, and a project at Vertex AI is asked",
            "leave `base_url` out, or write `protocol = \"gemini\"` and `api_keys`",
        )),
        None => match (vendor_at(base_url)?, protocol) {
            ("anthropic", Protocol::Responses) => {
                Some(("Responses are not served there", "write `protocol = \"anthropic\"`"))
            }
            ("openai", Protocol::Anthropic | Protocol::Gemini) => {
                Some(("this is OpenAI's own address", "write `protocol = \"openai\"`"))
            }
            _ => None,
        },
    }
}

fn at_vertex(protocol: Protocol, is_openais: bool) -> Option<(&'static str, &'static str)> {
    match protocol {
        Protocol::Vertex | Protocol::VertexAnthropic => None,
        _ if is_openais => None,
        Protocol::Anthropic => Some((
            "this is Vertex AI, where Claude is asked at a project's paths",
            "write `project`, `location` and `credentials`",
        )),
        Protocol::Gemini => {
            Some(("this is Vertex AI, and AI Studio's dialect is spoken here", "write `protocol = \"vertex\"`"))
        }
        _ => Some((
            "this is Vertex AI, which has paths of its own",
            "write `protocol = \"vertex\"`; OpenAI's dialect is below `/projects/…/endpoints/openapi` there",
        )),
    }
}

/// What is wrong where a cloud's protocol is spoken with a vendor that is no cloud.
fn anothers(protocol: Protocol, base_url: &BaseUrl) -> Option<(String, String)> {
    let (what, instead) = match protocol {
        Protocol::Azure => ("a resource at Azure is asked", "write `https://NAME.openai.azure.com`"),
        Protocol::Bedrock => ("Amazon Bedrock is asked", "write `region` in its place"),
        Protocol::Vertex | Protocol::VertexAnthropic => {
            ("a project at Vertex AI is asked, with a token of Google's", "leave it out")
        }
        Protocol::OpenAi | Protocol::Responses | Protocol::Anthropic | Protocol::Gemini => return None,
    };
    let vendor = vendor_of_host(&base_url.host)?;
    let own = match (vendor, protocol) {
        ("anthropic", Protocol::VertexAnthropic) => {
            "write `api_keys` in place of `project`, `location` and `credentials`"
        }
        ("anthropic", _) => "write `protocol = \"anthropic\"`",
        ("gemini", _) => "write `protocol = \"gemini\"`",
        _ => "write `protocol = \"openai\"`",
    };
    Some((format!("this is the address of `{vendor}`, and {what}"), format!("{instead}, or {own}")))
}

const MISSPELT: &str = "this is a letter away from a cloud's own host";

/// Whose key this looks like, where it is at somebody else's.
fn foreign(key: &str, protocol: Protocol, base_url: &BaseUrl) -> Option<(String, &'static str)> {
    if is_aws_id(key) {
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
