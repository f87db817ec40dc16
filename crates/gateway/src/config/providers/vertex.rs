//! Gemini and Claude at Vertex AI: the address of a project, and the credentials that become access tokens.

use std::sync::Arc;

use super::{
    super::{
        base_url::{BaseUrl, Host},
        complaint::nearest,
        credentials::Credentials,
        google::GoogleCredentials,
        reader::{At, Section, Text},
    },
    Protocol, regions,
};

/// Whether a section says of Anthropic's dialect that it is Vertex AI that speaks it.
pub(super) fn is_meant(section: &Section<'_>) -> bool {
    ["project", "location", "credentials"].into_iter().any(|key| section.has(key))
}

/// What a provider's section says of a project.
pub(super) struct Project {
    name: Option<String>,
    location: String,
    pub(super) credentials: Option<Arc<Credentials>>,
}

impl Project {
    /// Asks for every key, so that all are known; complains of them where another protocol is spoken.
    pub(super) fn read(section: &Section<'_>, protocol: Option<Protocol>) -> Self {
        let [name, location] = ["project", "location"].map(|key| section.text(key));
        let credentials = section.text("credentials");
        let is_vertex = protocol.is_some_and(Protocol::is_vertex);
        if protocol.is_some() && !is_vertex {
            let has_credentials = matches!(protocol, Some(Protocol::Azure | Protocol::Bedrock));
            for key in ["project", "location", "credentials"].into_iter().filter(|key| section.has(key)) {
                if key != "credentials" || !has_credentials {
                    let message = match key {
                        "credentials" => "this is for `protocol = \"vertex\"`, `\"azure\"` and `\"bedrock\"` alone",
                        _ => "this is for `protocol = \"vertex\"` alone",
                    };
                    let instead = "leave it out; Claude at Vertex AI has `protocol = \"anthropic\"` beside it";
                    section.complain(key, message, Some(instead.to_owned()));
                }
            }
        }
        // A pool's word for where a provider is says nothing to Google.
        if is_vertex && section.has("region") && location.is_none() {
            let instead = "write `location`, as in `location = \"europe-west4\"`, if that is where it should answer";
            let message = "without a `location`, Google answers wherever it likes: `region` is a word for pools alone";
            section.reading().warn(&section.place_of("region"), message, Some(instead.to_owned()));
        }
        let credentials = credentials.filter(|_| is_vertex);
        let read = |written: &str| {
            let host = (written == "workload").then(|| section.reading().environment("GCE_METADATA_HOST")).flatten();
            GoogleCredentials::read(written, host.as_deref())
        };
        let credentials = credentials.and_then(|At { value, place }| match read(&value.text) {
            Ok(credentials) => Some(credentials),
            Err(fault) => {
                let is_near = nearest(&value.text, ["workload"]).is_some();
                let instead = match is_near && value.text != "workload" {
                    true => "did you mean `workload`?",
                    false => "write the path of a service account's key file, or `workload` on a machine of Google's",
                };
                let message = format!("`{}`: {fault}", value.shown());
                section.reading().complain(&place, message, Some(instead.to_owned()));
                None
            }
        });
        let word = |found: Option<At<Text>>| {
            found.and_then(|At { value, place }| {
                if is_word(&value.text) {
                    return Some(value.text);
                }
                section.reading().complain(&place, "this has characters that no such name has", None);
                None
            })
        };
        let (name, location) = (word(name), word(location));
        let name = name.or_else(|| credentials.as_ref()?.project.clone());
        let credentials = credentials.map(|credentials| Arc::new(Credentials::Google(credentials)));
        Self { name, location: location.unwrap_or_else(|| "global".to_owned()), credentials }
    }

    /// The address that requests go to: the one that is written, or Google's for the location, and the project below it.
    pub(super) fn base_url(&self, section: &Section<'_>, protocol: Protocol, written: Option<BaseUrl>) -> BaseUrl {
        let mut base_url = written.unwrap_or_else(|| self.google());
        if self.name.is_some() {
            regions::warn_of_location(section, &base_url, &self.location);
        }
        let version = if base_url.path_prefix.is_empty() { "/v1" } else { &*base_url.path_prefix };
        let project = match &self.name {
            Some(name) => format!("/projects/{name}/locations/{}", self.location),
            None => String::new(),
        };
        if self.name.is_none() && self.credentials.is_some() {
            let instead = "write `project = \"NAME\"`: the credentials name none".to_owned();
            section.reading().complain(section.place(), "which project pays is not known", Some(instead));
        }
        let publisher = if protocol == Protocol::VertexAnthropic { "anthropic" } else { "google" };
        base_url.path_prefix = format!("{version}{project}/publishers/{publisher}").into();
        base_url
    }

    /// Vertex AI's own hosts ("locations" in its documentation).
    fn google(&self) -> BaseUrl {
        let host = match &*self.location {
            "global" => "aiplatform.googleapis.com".to_owned(),
            continent @ ("us" | "eu") => format!("aiplatform.{continent}.rep.googleapis.com"),
            region => format!("{region}-aiplatform.googleapis.com"),
        };
        BaseUrl { https: true, host: Host::Name(host.into()), port: 443, path_prefix: "".into() }
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:_".contains(&byte))
}
