//! `[providers.NAME]`: accounts at vendors, and servers of one's own.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use roundelay_ledger::Policy;
use roundelay_protocol::failure::Flavour;

pub(super) use self::read::{complain_of_own_address, is_key, read_all};
pub use self::{clouds::AwsKey, workload::VARIABLES as WORKLOAD_VARIABLES};
use super::{
    balance::BalancePoll,
    base_url::BaseUrl,
    credentials::Credentials,
    known_providers::{KnownProvider, known_provider, vendor_at},
    timeouts::{Timeouts, TimeoutsWritten},
};
use crate::common::secret::Secret;

mod clouds;
mod misplaced;
mod read;
mod regions;
mod vertex;
mod workload;

/// An account at a vendor, or a server.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Its name in this configuration.
    pub name: Arc<str>,
    /// What is spoken with it.
    pub protocol: Protocol,
    /// Whose habits of failing it has.
    pub flavour: Flavour,
    /// Where it is.
    pub base_url: BaseUrl,
    /// Its keys; empty when it asks for none. Calls rotate over them.
    pub api_keys: Vec<Secret>,
    /// What access tokens are asked for with, where they are used instead of keys.
    pub credentials: Option<Arc<Credentials>>,
    /// What requests to it are signed with; `None` where a key goes with them.
    pub signing: Option<AwsKey>,
    /// The version that Azure's paths name; a dated one is that of the paths with a deployment in them.
    pub api_version: Option<Arc<str>>,
    /// Its timers; a model may have its own (see [`super::ModelDeployment::timeouts`]).
    pub timeouts: Timeouts,
    /// Sent with every request to it. The values are marked sensitive, so that they do not print.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Most requests in flight for each key.
    pub concurrency_max: u32,
    /// How what is left behind its keys is asked for; `None` where it is not.
    pub balance: Option<BalancePoll>,
    /// Where it computes, in the operator's words.
    pub region: Option<Arc<str>>,
    /// Whether it stops working, and billing, when its answer is no longer read.
    pub stops_on_cancel: bool,
    /// Whether it serves OpenAI's Responses as well as chats.
    pub responses: bool,
    /// Whether it compacts conversations by itself, where it serves Responses.
    pub compaction: bool,
    /// How it is asked for an answer that its caller wants whole.
    pub whole_answers: WholeAnswers,
    /// What callers pay of its attempts that did not end as they should.
    pub who_pays: Policy,
    /// What was written of the timers, for models that put their own in their place.
    pub(super) timeouts_written: TimeoutsWritten,
}

/// How a provider is asked for an answer that its caller wants whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WholeAnswers {
    /// As its caller asked.
    #[default]
    Asked,
    /// As a stream that is put together here, so that a slow beginning and a stall are noticed.
    Streamed,
}

/// What is spoken with a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Chat completions and what goes with them.
    OpenAi,
    /// OpenAI's Responses, whoever asks.
    Responses,
    /// Anthropic's Messages.
    Anthropic,
    /// Gemini's `generateContent`, as AI Studio serves it.
    Gemini,
    /// The same at Vertex AI.
    Vertex,
    /// Anthropic's Messages at Vertex AI.
    VertexAnthropic,
    /// OpenAI's words at Azure's paths.
    Azure,
    /// Amazon Bedrock's Converse.
    Bedrock,
}

impl Protocol {
    /// What a provider known by that name speaks at that address when nothing was written.
    fn by_default(name: &str, base_url: &BaseUrl) -> Self {
        match name {
            "anthropic" => Self::Anthropic,
            "gemini" | "google" if base_url.is_gemini() => Self::Gemini,
            name => Self::of_cloud(name).unwrap_or(Self::OpenAi),
        }
    }

    /// What a cloud known by that name speaks, which has an address for each account or region.
    fn of_cloud(name: &str) -> Option<Self> {
        match name {
            "vertex" => Some(Self::Vertex),
            "azure" => Some(Self::Azure),
            "bedrock" => Some(Self::Bedrock),
            _ => None,
        }
    }
}

impl Protocol {
    /// Whether it is a project at Google that is asked.
    pub fn is_vertex(self) -> bool {
        matches!(self, Self::Vertex | Self::VertexAnthropic)
    }
}

impl Provider {
    /// The known provider whose own address it has; `None` for relays and servers of one's own. Prices of the
    /// catalogue go by this and not by the name: another account at the same vendor pays the same.
    pub fn vendor(&self) -> Option<&'static str> {
        vendor_at(&self.base_url)
    }

    /// Whether that address is a cloud's own, which sets its own prices.
    pub(super) fn is_at_cloud(&self) -> bool {
        regions::cloud_at(&self.base_url).is_some()
    }

    /// The largest allowed `concurrency_max`, and the default: so many that only an upstream's own rate limit, which
    /// the router adapts to, holds calls back.
    const CONCURRENCY_MAX: u32 = 10_000;

    /// Its keys and credentials, and the values of its headers, which may be keys as well. One of less than 6 bytes is no
    /// secret.
    pub fn secrets(&self) -> impl Iterator<Item = Secret> {
        let headers = self.headers.iter().filter_map(|(_, value)| value.to_str().ok()).map(Secret::new);
        let credentials = self.credentials.iter().flat_map(|credentials| credentials.secrets());
        let signing = self.signing.iter().flat_map(AwsKey::secrets).cloned();
        let keys = self.api_keys.iter().cloned().chain(credentials).chain(signing);
        keys.chain(headers).filter(|secret| secret.expose().len() >= 6)
    }

    /// Whether its paths name a deployment, as those of Azure's dated versions do.
    pub fn has_deployments_in_paths(&self) -> bool {
        self.protocol == Protocol::Azure && self.api_version.as_deref().is_some_and(clouds::is_dated)
    }

    /// What its address is known by from one configuration to the next; never shown.
    pub(super) fn endpoint_identity(&self) -> String {
        let BaseUrl { https, host, port, .. } = &self.base_url;
        identity(&self.name, &[https.to_string().as_bytes(), host.to_string().as_bytes(), &port.to_be_bytes()])
    }

    /// What the key of that index is known by from one configuration to the next, whatever its place; never shown.
    /// `None` is the way without a key. A key is another one at another address, and so it is with other headers, which
    /// may hold what is really asked for: what was refused there says nothing of what is sent here.
    pub(super) fn key_identity(&self, index: Option<usize>) -> String {
        let endpoint = self.endpoint_identity();
        let mut parts = vec![endpoint.as_bytes()];
        parts.extend(index.map(|index| self.api_keys[index].expose().as_bytes()));
        let credentials = self.credentials.as_ref().map(|credentials| credentials.identity());
        parts.extend(credentials.as_ref().map(String::as_bytes));
        parts.extend(self.signing.iter().flat_map(AwsKey::secrets).map(|secret| secret.expose().as_bytes()));
        for (name, value) in &self.headers {
            parts.extend([name.as_str().as_bytes(), value.as_bytes()]);
        }
        identity(&self.name, &parts)
    }

    /// The timers of a model here: what the model wrote, then what the provider wrote, then the defaults.
    pub(super) fn timeouts_for(&self, model: &TimeoutsWritten, is_reasoning: bool) -> Timeouts {
        let defaults = default_timeouts(self.protocol, &self.base_url);
        let defaults = if is_reasoning { defaults.for_reasoning() } else { defaults };
        model.or(&self.timeouts_written).over(defaults)
    }

    /// A known provider with a key, as a start without a file makes it.
    pub(super) fn of_environment(known: &KnownProvider, base_url: BaseUrl, api_key: Secret) -> Self {
        let protocol = Protocol::by_default(known.name, &base_url);
        Self {
            name: known.name.into(),
            protocol,
            flavour: Flavour::from_name(known.name).unwrap_or_default(),
            timeouts: default_timeouts(protocol, &base_url),
            balance: BalancePoll::by_default(known.name, &base_url),
            responses: responses_by_default(Flavour::default(), &base_url),
            compaction: compaction_by_default(Flavour::default(), &base_url),
            base_url,
            api_keys: vec![api_key],
            credentials: None,
            signing: None,
            api_version: None,
            headers: Vec::new(),
            concurrency_max: Self::CONCURRENCY_MAX,
            region: None,
            stops_on_cancel: known.stops_on_cancel,
            whole_answers: WholeAnswers::default(),
            who_pays: Policy::default(),
            timeouts_written: TimeoutsWritten::default(),
        }
    }
}

/// A provider's name, and 24 bits of a hash of `parts`: too few to tell anything of a key, enough to tell a provider's
/// few keys apart.
fn identity(provider: &str, parts: &[&[u8]]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("roundelay 2026 identity of a provider's key or address");
    for part in parts {
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    format!("{provider}:{}", &hasher.finalize().to_hex()[..6])
}

/// Whether Responses are served there where nothing was written: that goes by the address, since what only speaks like a
/// vendor may speak no more than chat.
fn responses_by_default(flavour: Flavour, base_url: &BaseUrl) -> bool {
    let vendor = vendor_at(base_url).and_then(known_provider);
    flavour == Flavour::Azure || vendor.is_some_and(|vendor| vendor.responses)
}

/// OpenAI's, Azure's ("compact a conversation") and xAI's ("context compaction") references have `/responses/compact`.
fn compaction_by_default(flavour: Flavour, base_url: &BaseUrl) -> bool {
    flavour == Flavour::Azure || matches!(vendor_at(base_url), Some("openai" | "xai"))
}

/// A server of one's own may have to load the model first.
fn default_timeouts(protocol: Protocol, base_url: &BaseUrl) -> Timeouts {
    let defaults = Timeouts::default();
    let is_anthropics = matches!(protocol, Protocol::Anthropic | Protocol::VertexAnthropic);
    let defaults = if is_anthropics { defaults.for_messages() } else { defaults };
    if base_url.is_local() { defaults.for_cold_loads() } else { defaults }
}
