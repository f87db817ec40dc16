//! Reads `[providers]`: keys that are keys, addresses that are addresses, and what to write where they are not.

use std::{net::SocketAddr, sync::Arc};

use http::{HeaderName, HeaderValue};
use roundelay_protocol::failure::Flavour;

use super::{
    super::{
        balance::BalancePoll,
        base_url::BaseUrl,
        complaint::nearest,
        credentials::Credentials,
        entra::EntraClient,
        known_providers::{KNOWN_PROVIDERS, KnownProvider, known_provider, vendor_at},
        reader::{At, Place, Section, Text},
        timeouts::TimeoutsWritten,
        who_pays,
    },
    Protocol, Provider, WholeAnswers, clouds, compaction_by_default, default_timeouts, misplaced, regions,
    responses_by_default,
    vertex::{self, Project},
    workload,
};
use crate::common::secret::Secret;

/// Reads all providers. One that is not usable is left out, and complained about.
pub(in super::super) fn read_all(document: &Section<'_>) -> Vec<Provider> {
    let sections = document.named_sections("providers").into_iter();
    sections.filter_map(|(name, section)| read(&name, section)).collect()
}

/// A provider that is this gateway would be asked for ever.
pub(in super::super) fn complain_of_own_address(document: &Section<'_>, providers: &[Provider], listen: SocketAddr) {
    for (name, place) in document.names("providers") {
        let is_own = |provider: &Provider| *provider.name == *name && provider.base_url.reaches(listen);
        if providers.iter().any(is_own) {
            let instead = "write the address of another server, or move `server.listen`".to_owned();
            document.reading().complain(&place, "its base_url is this gateway's own address", Some(instead));
        }
    }
}

fn read(name: &str, section: Section<'_>) -> Option<Provider> {
    let known = known_provider(name);
    if name.is_empty() || name.contains(['/', '#', '*']) || name.chars().any(char::is_whitespace) {
        section.reading().complain(
            section.place(),
            "this cannot be the name of a provider",
            Some("leave out `/`, `#`, `*` and spaces".to_owned()),
        );
    }
    let written = read_protocol(&section);
    let region = section.text("region").map(|region| region.value.text);
    let cloud = match written {
        Written::Nothing => Protocol::of_cloud(name),
        Written::Fault => None,
        Written::As(Protocol::Anthropic) if vertex::is_meant(&section) => Some(Protocol::VertexAnthropic),
        Written::As(protocol) => Some(protocol),
    };
    let is_vertex = cloud.is_some_and(Protocol::is_vertex);
    // Where it is is known without a word.
    let has_own_address = is_vertex && !section.has("base_url");
    let base_url = if has_own_address { None } else { read_base_url(&section, name, known, cloud, region.as_deref()) };
    let protocol = match (written, &base_url) {
        _ if is_vertex => cloud,
        (Written::Nothing, Some(base_url)) => Some(Protocol::by_default(name, base_url)),
        (Written::Nothing | Written::Fault, _) => cloud,
        (Written::As(protocol), _) => Some(protocol),
    };
    let api_version = clouds::read_api_version(&section, protocol);
    let project = Project::read(&section, protocol);
    let base_url = match protocol {
        Some(protocol) if protocol.is_vertex() && (has_own_address || base_url.is_some()) => {
            Some(project.base_url(&section, protocol, base_url))
        }
        Some(Protocol::Azure) => base_url.map(|base_url| clouds::below_azure(base_url, api_version.as_deref())),
        _ => base_url.map(|base_url| with_version(&section, protocol, base_url)),
    };
    let entra = EntraClient::read(&section, protocol == Some(Protocol::Azure));
    let identity = workload::azure(&section, protocol, base_url.as_ref());
    let signing = clouds::read_aws_key(&section, protocol, base_url.as_ref(), region.as_deref());
    let (signing, role) = workload::aws(&section, protocol, base_url.as_ref(), region.as_deref(), signing);
    if let Some(role) = &role {
        regions::warn_of_role(&section, role);
    }
    let credentials = project.credentials.or_else(|| {
        let entra = entra.map(Credentials::Entra);
        entra.or_else(|| identity.map(Credentials::Azure)).or_else(|| role.map(Credentials::Aws)).map(Arc::new)
    });
    let api_keys = read_api_keys(&section, known, base_url.as_ref(), protocol);
    let flavour = read_flavour(&section, name, protocol);
    let headers = read_headers(&section);
    let concurrency_max = section.count("concurrency_max", 1..u64::from(Provider::CONCURRENCY_MAX) + 1);
    let balance = BalancePoll::read(&section, name, base_url.as_ref());
    let timeouts_written = TimeoutsWritten::read(section.section("timeouts"));
    let stops_on_cancel = section.boolean("stops_on_cancel");
    let responses = section.boolean("responses");
    let compaction = section.boolean("compaction");
    let whole_answers =
        section.choice("whole_answers", &[("asked", WholeAnswers::Asked), ("streamed", WholeAnswers::Streamed)]);
    let who_pays = who_pays::read(section.section("who_pays"));
    warn_of_clear_text(&section, base_url.as_ref(), &api_keys);
    if let (Some(protocol), Some(base_url)) = (protocol, &base_url) {
        regions::warn_of_region(&section, protocol, base_url, region.as_deref());
        misplaced::warn_of_keys(&section, protocol, base_url, &api_keys);
        if !misplaced::warn_of_address(&section, protocol, base_url) {
            warn_of_dialect(&section, name, base_url);
        }
    }
    section.finish();
    let (protocol, base_url) = (protocol?, base_url?);
    Some(Provider {
        name: name.into(),
        protocol,
        flavour,
        timeouts: timeouts_written.over(default_timeouts(protocol, &base_url)),
        responses: responses.unwrap_or_else(|| responses_by_default(flavour, &base_url)),
        compaction: compaction.unwrap_or_else(|| compaction_by_default(flavour, &base_url)),
        base_url,
        api_keys,
        credentials,
        signing,
        api_version,
        headers,
        concurrency_max: concurrency_max.map_or(Provider::CONCURRENCY_MAX, |count| count as u32),
        balance,
        region: region.map(Into::into),
        stops_on_cancel: stops_on_cancel
            .unwrap_or_else(|| known.map_or(protocol == Protocol::Azure, |known| known.stops_on_cancel)),
        whole_answers: whole_answers.unwrap_or_default(),
        who_pays,
        timeouts_written,
    })
}

/// What stands there as the protocol.
#[derive(Clone, Copy)]
enum Written {
    Nothing,
    Fault,
    As(Protocol),
}

fn read_protocol(section: &Section<'_>) -> Written {
    let choices = [
        ("openai", Protocol::OpenAi),
        ("responses", Protocol::Responses),
        ("anthropic", Protocol::Anthropic),
        ("gemini", Protocol::Gemini),
        ("vertex", Protocol::Vertex),
        ("azure", Protocol::Azure),
        ("bedrock", Protocol::Bedrock),
    ];
    // Asked for even where it is not written, so that it is known.
    match section.choice_also_called("protocol", &choices, &OTHER_NAMES) {
        None if section.has("protocol") => Written::Fault,
        None => Written::Nothing,
        Some(protocol) => Written::As(protocol),
    }
}

/// What people call a protocol after its vendor, its models or its path.
const OTHER_NAMES: [(&str, &str); 14] = [
    ("chat", "openai"),
    ("chat-completions", "openai"),
    ("openai-compatible", "openai"),
    ("openai-responses", "responses"),
    ("claude", "anthropic"),
    ("messages", "anthropic"),
    ("google", "gemini"),
    ("generate-content", "gemini"),
    ("google-vertex", "vertex"),
    ("vertex-ai", "vertex"),
    ("azure-openai", "azure"),
    ("aws", "bedrock"),
    ("aws-bedrock", "bedrock"),
    ("converse", "bedrock"),
];

/// Clients of Anthropic and Google are given an address without the version that they put behind it themselves; and at
/// Google OpenAI's dialect is below the other.
fn with_version(section: &Section<'_>, protocol: Option<Protocol>, mut base_url: BaseUrl) -> BaseUrl {
    match (protocol, &*base_url.path_prefix) {
        (Some(Protocol::Anthropic), _) => return base_url.with_version(),
        (Some(Protocol::Gemini), "") => base_url.path_prefix = "/v1beta".into(),
        (Some(Protocol::Gemini), path) if path.ends_with("/openai") => {
            let instead = "leave out `/openai`, or write `protocol = \"openai\"`".to_owned();
            section.complain("base_url", "this is the address of OpenAI's dialect", Some(instead));
        }
        (Some(Protocol::OpenAi), path) if base_url.is_gemini() => {
            let version = if path.is_empty() { "/v1beta" } else { path };
            base_url.path_prefix = format!("{version}/openai").into();
        }
        _ => {}
    }
    base_url
}

/// A server that is called like a vendor may speak another dialect than the vendor.
fn warn_of_dialect(section: &Section<'_>, name: &str, base_url: &BaseUrl) {
    if name == "anthropic" && !section.has("protocol") && vendor_at(base_url) != Some("anthropic") {
        let message =
            "Anthropic's own dialect is spoken here, because of the provider's name; this is another's address";
        let instead = "write `protocol = \"anthropic\"` if that is right, else `protocol = \"openai\"`";
        section.reading().warn(&section.place_of("base_url"), message, Some(instead.to_owned()));
    }
}

fn read_base_url(
    section: &Section<'_>,
    name: &str,
    known: Option<&KnownProvider>,
    protocol: Option<Protocol>,
    region: Option<&str>,
) -> Option<BaseUrl> {
    let Some(At { value, place }) = section.text("base_url") else {
        if section.has("base_url") {
            return None;
        }
        if let Some(protocol @ (Protocol::Azure | Protocol::Bedrock)) = protocol {
            return clouds::base_url(section, protocol, region);
        }
        let Some(known) = known else {
            let names = KNOWN_PROVIDERS.iter().map(|known| known.name);
            let meant = nearest(name, names);
            let instead = meant.map_or_else(
                || "write where its API is: `base_url = \"https://host/v1\"`".to_owned(),
                |meant| format!("write `base_url = \"https://host/v1\"`, or did you mean the provider `{meant}`?"),
            );
            let message = format!("`{name}` is not a provider known by name, so it needs a `base_url`");
            section.reading().complain(section.place(), message, Some(instead));
            return None;
        };
        return Some(BaseUrl::parse(known.base_url).expect("a test parses every known address"));
    };
    match BaseUrl::parse(&value.text) {
        Ok(base_url) => clouds::is_sound(section, protocol, &base_url).then_some(base_url),
        Err(fault) => {
            let instead = match protocol {
                Some(Protocol::Azure) => clouds::AZURE_ADDRESS,
                Some(Protocol::Bedrock) => clouds::BEDROCK_ADDRESS,
                Some(Protocol::Anthropic | Protocol::VertexAnthropic) => {
                    "write what comes before `/messages`: `https://host/v1`"
                }
                Some(Protocol::Responses) => "write what comes before `/responses`: `https://host/v1`",
                Some(Protocol::Gemini) => {
                    "write what comes before `/models/NAME:generateContent`: `https://host/v1beta`"
                }
                _ => "write what comes before `/chat/completions`: `https://host/v1`",
            };
            let instead = instead.to_owned();
            section.reading().complain(&place, fault.to_string(), Some(instead));
            None
        }
    }
}

fn read_api_keys(
    section: &Section<'_>,
    known: Option<&KnownProvider>,
    base_url: Option<&BaseUrl>,
    protocol: Option<Protocol>,
) -> Vec<Secret> {
    let texts = section.texts("api_keys");
    if texts.is_none() && !section.has("api_keys") && !clouds::has_aws_key(section) {
        complain_of_no_key(section, known, base_url, protocol);
    }
    let mut secrets: Vec<Secret> = Vec::new();
    for At { value: Text { text, is_foreign, .. }, place } in texts.unwrap_or_default() {
        let complain = |message: &str, instead: &str| {
            section.reading().complain(&place, message, Some(instead.to_owned()));
        };
        if text.is_empty() {
            complain("this key is empty", "set the variable, or leave the key out");
        } else if crate::common::secret::is_ours(&text) {
            complain(
                "this is a key of a gateway like this one, for its callers",
                "write the provider's own key; the variable may be set for an application",
            );
        } else if !is_key(&text) {
            complain("this key has characters that no key has", "look for spaces and line ends");
        } else if secrets.iter().any(|other| other.expose() == text) {
            complain("this key is here twice", "write each key once: calls already rotate over the keys");
        } else {
            if !is_foreign {
                warn_of_key_in_file(section, &place);
            }
            secrets.push(Secret::new(text));
        }
    }
    secrets
}

pub(super) fn warn_of_key_in_file(section: &Section<'_>, place: &Place) {
    let instead = "keep it outside: `${NAME}` or `${file:/run/secrets/name}`".to_owned();
    section.reading().warn(place, "this key stands in the file itself", Some(instead));
}

/// Whether `text` can be sent as a key.
pub(in super::super) fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A vendor asks for a key; a server in one's own network, or one whose other headers identify the caller, may not.
fn complain_of_no_key(
    section: &Section<'_>,
    known: Option<&KnownProvider>,
    base_url: Option<&BaseUrl>,
    protocol: Option<Protocol>,
) {
    let needs_key = known.is_some_and(|known| !known.key_variables.is_empty());
    let is_remote = base_url.is_some_and(|base_url| !base_url.is_local());
    if !is_remote || section.has("headers") || section.has("credentials") || section.has("client_id") {
        return;
    }
    let variable = known.and_then(|known| known.key_variables.first()).copied().unwrap_or("NAME");
    let instead = if let Some(instead) = protocol.and_then(clouds::key_to_write) {
        instead.to_owned()
    } else if needs_key {
        format!("write `api_keys = [\"${{{variable}}}\"]`")
    } else {
        "write `api_keys = [\"${NAME}\"]`, or `api_keys = []` when it asks for none".to_owned()
    };
    section.reading().complain(section.place(), "this provider has no API key", Some(instead));
}

fn read_flavour(section: &Section<'_>, name: &str, protocol: Option<Protocol>) -> Flavour {
    let choices = Flavour::ALL.map(|(flavour, _)| (flavour.name(), flavour));
    section.choice("flavour", &choices).or_else(|| Flavour::from_name(name)).unwrap_or_else(|| match protocol {
        Some(Protocol::Anthropic | Protocol::VertexAnthropic) => Flavour::Anthropic,
        Some(Protocol::Gemini | Protocol::Vertex) => Flavour::Gemini,
        Some(Protocol::Azure) => Flavour::Azure,
        Some(Protocol::Bedrock) => Flavour::Bedrock,
        Some(Protocol::OpenAi | Protocol::Responses) | None => Flavour::default(),
    })
}

fn read_headers(section: &Section<'_>) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = Vec::new();
    for (name, At { value, place }) in section.named_texts("headers") {
        let complain = |message: &str, instead: &str| {
            section.reading().complain(&place, message, Some(instead.to_owned()));
        };
        let Ok(name) = HeaderName::try_from(&name) else {
            complain("this is not the name of a header", "write letters, digits and `-`");
            continue;
        };
        if OWN_HEADERS.contains(&name.as_str()) {
            complain("the gateway writes this header itself", "leave it out; keys belong into `api_keys`");
            continue;
        }
        let Ok(mut value) = HeaderValue::try_from(value.text) else {
            complain("this cannot be the value of a header", "look for line ends and control characters");
            continue;
        };
        value.set_sensitive(true);
        headers.push((name, value));
    }
    headers
}

fn warn_of_clear_text(section: &Section<'_>, base_url: Option<&BaseUrl>, api_keys: &[Secret]) {
    let is_clear = base_url.is_some_and(|base_url| !base_url.https && !base_url.is_local());
    if is_clear && (!api_keys.is_empty() || clouds::has_aws_key(section)) {
        let place = section.place_of("base_url");
        section.reading().warn(&place, "keys and prompts travel in clear text", Some("use https://".to_owned()));
    }
}

/// Headers of the connection, of the body, and of the key.
const OWN_HEADERS: &[&str] = &[
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
