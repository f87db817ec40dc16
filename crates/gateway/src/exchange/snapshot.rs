//! One configuration in force: what an exchange holds on to from its beginning to its end.

mod path;

use std::{borrow::Cow, collections::HashSet, sync::Arc};

use bytes::Bytes;
use http::HeaderValue;
use roundelay_calendar::UnixTime;
use roundelay_ledger::{Policy, PriceList};
use roundelay_protocol::{
    anthropic,
    chat::{self, Dialect, Issuer},
    failure::{Failure, Flavour, Seen, classify, mask},
    openai::{Operation, OutputField},
};
use roundelay_routing::{Catalog, CatalogFault, DeploymentId, ModelId, PoolId, Router, Target};

use self::path::ModelPath;
use super::{
    balances::PolledKey,
    refusal::Words,
    terms::{InForce, Terms},
};
use crate::{
    common::{clock::unix_time, secret::Secret},
    config::{self, AwsKey, BaseUrl, Config, Found, Protocol, Refuses, Timeouts, WholeAnswers},
    upstream::{Endpoint, RequestHead, Signer, TokenSource},
};

/// A configuration with everything derived from it that an exchange needs.
#[derive(Debug)]
pub struct Snapshot {
    /// The configuration itself.
    pub config: Config,
    /// The configuration as the router sees it.
    pub catalog: Arc<Catalog>,
    /// The keys whose balance at the provider is asked for.
    pub polled_keys: Vec<PolledKey>,
    /// Where the access tokens of providers come from.
    pub token_sources: Vec<Arc<TokenSource>>,
    deployments: Vec<Deployment>,
    terms: InForce,
}

/// A snapshot that lacks only the router's word: what takes time has been done.
#[derive(Debug)]
pub struct Prepared {
    config: Config,
    catalog: Catalog,
    polled_keys: Vec<PolledKey>,
    token_sources: Vec<Arc<TokenSource>>,
    deployments: Vec<Deployment>,
}

/// Why a configuration cannot be put in force.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotFault {
    /// The router refused it.
    #[error("the configuration cannot be routed: {0}")]
    Catalog(#[from] CatalogFault),
    /// A key cannot be sent in a header.
    #[error("key {number} of provider `{provider}` holds characters that no HTTP header can carry")]
    Key {
        /// The provider's name.
        provider: String,
        /// Counts its keys from 1.
        number: usize,
    },
}

/// All that an attempt at one deployment needs, made ready once.
#[derive(Debug)]
pub struct Deployment {
    /// In the catalog of its snapshot.
    pub id: DeploymentId,
    /// `provider/upstream_model`, with `#2` for the second key.
    pub name: Arc<str>,
    /// `name`, for the answer's header.
    pub name_header: HeaderValue,
    /// The provider's name.
    pub provider: Arc<str>,
    /// The model as callers know it.
    pub model: Arc<str>,
    /// Whose habits of failing it has.
    pub flavour: Flavour,
    /// Where it is.
    pub endpoint: Endpoint,
    /// The timers of an attempt.
    pub timeouts: Timeouts,
    /// Which part of a bill its caller pays, in the cases that leave a choice.
    pub who_pays: Policy,
    /// Whether it stops working, and billing, when its answer is no longer read.
    pub stops_on_cancel: bool,
    /// Whether its model thinks before it answers; part of that may never be seen.
    pub is_reasoning: bool,
    /// The most output its model gives to one choice, in tokens; `None` where that is not known.
    pub output_max: Option<u64>,
    /// The name of the ceiling on a choice's output that it knows.
    pub output_field: OutputField,
    /// What is spoken with it.
    pub dialect: Dialect,
    /// What its model takes, for who writes to it in another dialect than the caller's.
    pub capabilities: chat::Capabilities,
    /// Whether what its prompt cache should keep is marked for callers of other dialects who marked nothing.
    pub marks_cache: bool,
    /// Where its access tokens come from; `None` where it takes a key.
    pub tokens: Option<Arc<TokenSource>>,
    /// Whether it is asked for a stream also where its caller wants the answer whole.
    pub streams_whole: bool,
    /// What its model answers with an error; `None` when that is not known.
    pub refuses: Option<Refuses>,
    /// The version of Anthropic's dialect that it is spoken to in, unless the caller names another.
    pub version: anthropic::Version,
    /// What its signatures are known by.
    pub issuer: Issuer,
    prices: Option<Arc<PriceList>>,
    upstream_model: Option<Arc<str>>,
    secrets: Vec<Secret>,
    /// What signs its requests, each when it is sent.
    pub signer: Option<Signer>,
    chat: RequestHead,
    completions: RequestHead,
    messages: RequestHead,
    count: RequestHead,
    /// Where Responses are served there.
    responses: Option<RequestHead>,
    /// Where conversations are compacted there.
    compact: Option<RequestHead>,
    /// Of a service: at no path yet, and without the type of what is sent.
    service: RequestHead,
    generate: RequestHead,
    /// How a path is written that holds the model's name.
    model_path: ModelPath,
    /// What its paths name beside a deployment of Azure's.
    api_version: Option<Arc<str>>,
    /// Whether its configuration itself says which version of Anthropic's dialect is spoken.
    has_version: bool,
    /// Whether it is Vertex AI that speaks Anthropic's dialect there.
    pub(super) predicts: bool,
}

impl Deployment {
    /// The name sent on: the configured one, or for `provider/anything` what the caller wrote after the slash.
    pub fn upstream_model<'a>(&'a self, asked: &'a str) -> &'a str {
        match &self.upstream_model {
            Some(name) => name,
            None => asked.split_once('/').map_or(asked, |(_, model)| model),
        }
    }

    /// Whether it serves `provider/anything`.
    pub fn is_open(&self) -> bool {
        self.upstream_model.is_none()
    }

    /// `name` for the answer's header, which says what model it was where that is the caller's to choose.
    pub fn shown_name(&self, asked: &str) -> HeaderValue {
        if !self.is_open() {
            return self.name_header.clone();
        }
        let name = self.name.replacen('*', self.upstream_model(asked), 1);
        HeaderValue::try_from(name).unwrap_or_else(|_| self.name_header.clone())
    }

    /// Says what was seen of an attempt means. No word of it holds a secret of this provider's, whatever it looks like.
    pub fn classify(&self, seen: &Seen<'_>) -> Failure {
        let mut failure = classify(self.flavour, seen, unix_time().as_secs().cast_signed());
        let Failure { message, code, kind, param, .. } = &mut failure;
        for text in [Some(message), code.as_mut(), kind.as_mut(), param.as_mut()].into_iter().flatten() {
            self.hide_secrets(text);
        }
        failure
    }

    /// What it said with that status as its own dialect has it, where that is an error; without a secret as well.
    pub(super) fn words(&self, status: u16, body: &[u8]) -> Option<Words> {
        Words::read(self.dialect, status, body, |text| {
            let mut text = mask(text);
            self.hide_secrets(&mut text);
            text
        })
    }

    /// Whether it takes access tokens, and none was given; see [`TokenSource::was_given_none`].
    pub(super) fn was_given_no_token(&self) -> bool {
        self.tokens.as_ref().is_some_and(|tokens| tokens.was_given_none())
    }

    fn hide_secrets(&self, text: &mut String) {
        if let Some(tokens) = &self.tokens {
            tokens.hide(text);
        }
        for secret in self.secrets.iter().filter(|secret| text.contains(secret.expose())).collect::<Vec<_>>() {
            *text = text.replace(secret.expose(), "***");
        }
    }

    /// The part of a request's head that depends on no more than what is asked of which model: ready, but for paths that
    /// hold the model's name, and those of services.
    pub fn request_head(&self, operation: Operation, model: &str, is_streamed: bool) -> Cow<'_, RequestHead> {
        let head = match operation {
            Operation::Chat => &self.chat,
            Operation::Completions => &self.completions,
            Operation::Messages if self.predicts => {
                return Cow::Owned(self.messages.at(&self.model_path.predict(model, is_streamed)));
            }
            Operation::Messages => &self.messages,
            Operation::Responses => self.responses.as_ref().unwrap_or(&self.chat),
            Operation::Generate => return Cow::Owned(self.generate.at(&self.model_path.generate(model, is_streamed))),
            // All heads are the same but for their paths.
            Operation::Converse => return Cow::Owned(self.chat.at(&self.model_path.converse(model, is_streamed))),
            Operation::Service(service) => {
                return Cow::Owned(self.service.at(&match &self.api_version {
                    Some(version) => self.model_path.deployment(Operation::Service(service), model, version),
                    None => self.model_path.plain(service.path()),
                }));
            }
        };
        match &self.api_version {
            // Azure's Responses name the deployment in the body, in dated versions as well.
            Some(version) if operation == Operation::Responses => {
                Cow::Owned(head.at(&self.model_path.versioned(operation, version)))
            }
            Some(version) => Cow::Owned(head.at(&self.model_path.deployment(operation, model, version))),
            None => Cow::Borrowed(head),
        }
    }

    /// That of a question for a count of tokens, where its dialect is Anthropic's.
    pub(super) fn count_head(&self) -> &RequestHead {
        &self.count
    }

    /// The body of such a request as it is sent, after all else was written into it.
    pub(super) fn finished(&self, operation: Operation, body: Bytes) -> Bytes {
        if !self.predicts || operation != Operation::Messages {
            return body;
        }
        anthropic::for_vertex(&body, false).expect("it was scanned, so it is an object")
    }

    /// That of a question for a count.
    pub(super) fn finished_count(&self, body: Bytes) -> Bytes {
        if !self.predicts {
            return body;
        }
        anthropic::for_vertex(&body, true).expect("it was scanned, so it is an object")
    }

    /// Whether its requests are signed.
    pub fn is_signed(&self) -> bool {
        self.signer.is_some() || self.dialect == Dialect::Bedrock && self.tokens.is_some()
    }

    /// That of a request for a conversation to be compacted; `None` where it cannot do that by itself.
    pub(super) fn compact_head(&self) -> Option<&RequestHead> {
        self.compact.as_ref()
    }

    /// Whether it knows the item that asks for that in the place of an answer: OpenAI's server does, others that have the
    /// path say of no such item.
    pub(super) fn takes_trigger(&self) -> bool {
        self.compact.is_some() && self.flavour == Flavour::OpenAi
    }

    /// What is spoken with it for such a request.
    pub fn dialect_for(&self, operation: Operation) -> Dialect {
        match operation {
            Operation::Responses if self.responses.is_some() => Dialect::OpenaiResponses,
            _ => self.dialect,
        }
    }

    /// Whether the configuration itself says which version of Anthropic's dialect is spoken.
    pub fn has_version(&self) -> bool {
        self.has_version
    }
}

impl Snapshot {
    /// Derives everything and hands the catalog to the router, which keeps the health it knows by name.
    ///
    /// # Errors
    /// See [`SnapshotFault`]; then nothing was adopted.
    pub fn adopt(config: Config, router: &mut Router) -> Result<Self, SnapshotFault> {
        Ok(Self::prepare(config)?.adopt(router))
    }

    /// Derives everything, so that the router is held for the adoption alone.
    ///
    /// # Errors
    /// See [`SnapshotFault`].
    pub fn prepare(config: Config) -> Result<Prepared, SnapshotFault> {
        let layout = config.layout()?;
        let tokens: Vec<Option<Arc<TokenSource>>> = config.providers.iter().map(token_source).collect();
        let deployments = layout
            .deployments
            .iter()
            .zip(&layout.catalog.deployments)
            .zip(0..)
            .map(|((deployment, routed), id)| {
                let tokens = tokens[deployment.provider].clone();
                ready(&config, deployment, &routed.name, DeploymentId(id), tokens)
            })
            .collect::<Result<_, _>>()?;
        let polled_keys = polled_keys(&config, &layout)?;
        let token_sources = tokens.into_iter().flatten().collect();
        Ok(Prepared { config, catalog: layout.catalog, polled_keys, token_sources, deployments })
    }

    /// Takes over the access tokens of the snapshot that was in force before.
    pub fn adopt_tokens(&self, older: &Self) {
        for source in &self.token_sources {
            older.token_sources.iter().for_each(|older| source.adopt(older));
        }
    }

    /// What an id of this snapshot's catalog stands for.
    pub fn deployment(&self, id: DeploymentId) -> &Deployment {
        &self.deployments[id.0 as usize]
    }

    /// The prices and the duty at that instant, made anew only when a tariff or a schedule has changed them.
    pub fn terms(&self, at: UnixTime) -> Arc<Terms> {
        self.terms.at(at, || self.terms_of(at))
    }

    /// As [`Self::terms`], for an instant that is not the present one.
    pub fn terms_of(&self, at: UnixTime) -> Terms {
        Terms::at(&self.config, self.deployments.iter().map(|deployment| deployment.prices.as_ref()), at)
    }

    /// The pool or model of that name; `None` when it is unknown.
    pub fn target(&self, asked: &str) -> Option<Target> {
        Some(match self.config.find(asked)? {
            Found::Pool(pool) => Target::Pool(PoolId(index(pool))),
            Found::Model(model) | Found::Open { model, .. } => Target::Model(ModelId(index(model))),
        })
    }

    /// The name of a pool or model in the catalog.
    pub fn target_name(&self, target: Target) -> &Arc<str> {
        match target {
            Target::Pool(pool) => &self.catalog.pools[pool.0 as usize].name,
            Target::Model(model) => &self.catalog.models[model.0 as usize].name,
        }
    }
}

impl Prepared {
    /// The configuration it was made of.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Hands the catalog to the router, which keeps the health it knows by name.
    pub fn adopt(self, router: &mut Router) -> Snapshot {
        let Self { config, catalog, polled_keys, token_sources, deployments } = self;
        let catalog = router.adopt(catalog);
        Snapshot { config, catalog, polled_keys, token_sources, deployments, terms: InForce::default() }
    }
}

fn index(index: usize) -> u32 {
    u32::try_from(index).expect("a configuration of 4 MiB has no four billion entries")
}

fn ready(
    config: &Config,
    deployment: &config::Deployment,
    name: &Arc<str>,
    id: DeploymentId,
    tokens: Option<Arc<TokenSource>>,
) -> Result<Deployment, SnapshotFault> {
    let provider = &config.providers[deployment.provider];
    let url = &provider.base_url;
    let head_of = |path: &str, is_json: bool| -> Result<RequestHead, SnapshotFault> {
        let mut path = format!("{}{path}", url.path_prefix);
        if let Some(version) = &provider.api_version {
            path += &format!("?api-version={version}");
        }
        let mut head = RequestHead::post(&path, &url.authority());
        if is_json {
            head.field("content-type", b"application/json");
        }
        introduce(&mut head, provider, deployment.key)?;
        Ok(head)
    };
    let head_at = |path: &str| head_of(path, true);
    let head = |operation: Operation| head_at(operation.path());
    let model = &config.models[deployment.model];
    let predicts = provider.protocol == Protocol::VertexAnthropic;
    Ok(Deployment {
        id,
        name: Arc::clone(name),
        // Names come from a configuration that may hold any text: what no header carries is left out of it.
        name_header: HeaderValue::from_str(&name.replace(|c: char| !c.is_ascii_graphic(), "_"))
            .expect("printable ASCII is a header value"),
        provider: Arc::clone(&provider.name),
        model: Arc::clone(&config.models[deployment.model].name),
        flavour: provider.flavour,
        endpoint: endpoint(url),
        timeouts: deployment.timeouts.clone(),
        who_pays: provider.who_pays,
        stops_on_cancel: provider.stops_on_cancel,
        is_reasoning: model.is_reasoning,
        output_max: model.max_output,
        // OpenAI's reasoning models refuse the older name; other servers may not know the newer one.
        output_field: match provider.flavour {
            Flavour::OpenAi | Flavour::Azure if matches!(provider.protocol, Protocol::OpenAi | Protocol::Azure) => {
                OutputField::MaxCompletionTokens
            }
            _ if matches!(provider.protocol, Protocol::Gemini | Protocol::Vertex) => OutputField::MaxOutputTokens,
            _ if provider.protocol == Protocol::Bedrock => OutputField::ConverseMaxTokens,
            _ => OutputField::MaxTokens,
        },
        dialect: match provider.protocol {
            Protocol::OpenAi | Protocol::Azure => Dialect::OpenaiChat,
            Protocol::Responses => Dialect::OpenaiResponses,
            Protocol::Anthropic | Protocol::VertexAnthropic => Dialect::Anthropic,
            Protocol::Gemini | Protocol::Vertex => Dialect::Gemini,
            Protocol::Bedrock => Dialect::Bedrock,
        },
        capabilities: capabilities(&model.capabilities),
        marks_cache: model.marks_cache,
        tokens,
        streams_whole: provider.whole_answers == WholeAnswers::Streamed,
        refuses: model.refuses,
        version: version(provider),
        issuer: issuer(name),
        prices: deployment.prices.clone(),
        upstream_model: deployment.upstream_model.clone(),
        secrets: provider.secrets().collect(),
        signer: provider.signing.as_ref().map(signer),
        chat: head(Operation::Chat)?,
        completions: head(Operation::Completions)?,
        messages: head(Operation::Messages)?,
        count: head_at(if predicts { "/models/count-tokens:rawPredict" } else { "/messages/count_tokens" })?,
        responses: serves_responses(provider).then(|| head(Operation::Responses)).transpose()?,
        compact: compacts(provider).then(|| head_at("/responses/compact")).transpose()?,
        generate: head(Operation::Generate)?,
        service: head_of("/", false)?,
        model_path: ModelPath::new(&url.path_prefix),
        api_version: provider.api_version.clone().filter(|_| provider.has_deployments_in_paths()),
        has_version: predicts || provider.headers.iter().any(|(name, _)| name == "anthropic-version"),
        predicts,
    })
}

fn token_source(provider: &config::Provider) -> Option<Arc<TokenSource>> {
    let credentials = provider.credentials.as_ref()?;
    Some(Arc::new(TokenSource::new(&provider.name, credentials)))
}

fn serves_responses(provider: &config::Provider) -> bool {
    match provider.protocol {
        Protocol::Responses => true,
        Protocol::OpenAi | Protocol::Azure => provider.responses,
        Protocol::Anthropic | Protocol::Gemini | Protocol::Vertex | Protocol::VertexAnthropic | Protocol::Bedrock => {
            false
        }
    }
}

/// Azure has the path in the version that is not dated.
fn compacts(provider: &config::Provider) -> bool {
    provider.compaction && serves_responses(provider) && !provider.has_deployments_in_paths()
}

fn capabilities(model: &roundelay_routing::Capabilities) -> chat::Capabilities {
    chat::Capabilities {
        tools: model.tools,
        parallel_tools: model.parallel_tools,
        json_schema: model.json_schema,
        vision: model.vision,
        audio: model.audio,
        files: model.documents,
        thinking: model.reasoning,
        prefill: model.prefill,
        ..chat::Capabilities::default()
    }
}

/// The version of Anthropic's dialect that the configuration writes into every request.
fn version(provider: &config::Provider) -> anthropic::Version {
    let later = anthropic::Version::V2026_10_21;
    let is_later = provider
        .headers
        .iter()
        .any(|(name, value)| name == "anthropic-version" && value.as_bytes() == later.name().as_bytes());
    if is_later { later } else { anthropic::Version::default() }
}

fn signer(key: &AwsKey) -> Signer {
    Signer {
        access_key_id: key.access_key_id.expose().into(),
        secret_access_key: key.secret_access_key.clone(),
        session_token: key.session_token.clone(),
        region: (*key.region).into(),
        service: "bedrock",
    }
}

/// Callers see it before signatures, so it tells nothing but which is which.
fn issuer(name: &str) -> Issuer {
    let hash = blake3::derive_key("roundelay 2026 issuer of a signature", name.as_bytes());
    let (first, _) = hash.split_first_chunk().expect("a hash has 32 bytes");
    Issuer(u64::from_be_bytes(*first))
}

fn endpoint(url: &BaseUrl) -> Endpoint {
    Endpoint::new(url.https, url.host.to_string().into(), url.port)
}

/// Says who asks: the gateway, with the key of that index and the provider's own headers.
fn introduce(head: &mut RequestHead, provider: &config::Provider, key: Option<usize>) -> Result<(), SnapshotFault> {
    head.field("accept-encoding", b"identity");
    head.field("user-agent", concat!("roundelay/", env!("CARGO_PKG_VERSION")).as_bytes());
    if let Some(index) = key {
        let key = provider.api_keys[index].expose();
        let (field, value) = match provider.protocol {
            Protocol::OpenAi | Protocol::Responses | Protocol::Bedrock => {
                ("authorization", HeaderValue::try_from(format!("Bearer {key}")))
            }
            Protocol::Anthropic => ("x-api-key", HeaderValue::try_from(key)),
            // A token that somebody else renews.
            Protocol::Vertex | Protocol::VertexAnthropic if key.starts_with("ya29.") => {
                ("authorization", HeaderValue::try_from(format!("Bearer {key}")))
            }
            Protocol::Gemini | Protocol::Vertex | Protocol::VertexAnthropic => {
                ("x-goog-api-key", HeaderValue::try_from(key))
            }
            Protocol::Azure => ("api-key", HeaderValue::try_from(key)),
        };
        let value = value.map_err(|_| SnapshotFault::Key { provider: provider.name.to_string(), number: index + 1 })?;
        head.field(field, value.as_bytes());
    }
    for (field, value) in &provider.headers {
        head.field(field.as_str(), value.as_bytes());
    }
    Ok(())
}

/// Every key once, however many deployments it serves.
fn polled_keys(config: &Config, layout: &config::Layout) -> Result<Vec<PolledKey>, SnapshotFault> {
    let mut seen = HashSet::new();
    let mut polled = Vec::new();
    for (deployment, routed) in layout.deployments.iter().zip(&layout.catalog.deployments) {
        let provider = &config.providers[deployment.provider];
        let Some(poll) = provider.balance.filter(|_| seen.insert(routed.key)) else { continue };
        let url = &provider.base_url;
        let mut questions = Vec::new();
        for question in poll.vendor.questions() {
            let mut head = RequestHead::get(&question.path(&url.path_prefix), &url.authority());
            head.field("accept", b"application/json");
            introduce(&mut head, provider, deployment.key)?;
            questions.push((*question, head));
        }
        polled.push(PolledKey {
            key: routed.key,
            identity: Arc::clone(&routed.key_name),
            provider: Arc::clone(&provider.name),
            number: deployment.key.map_or(1, |index| index + 1),
            poll,
            endpoint: endpoint(url),
            connect: provider.timeouts.connect + provider.timeouts.tls,
            questions,
        });
    }
    Ok(polled)
}
