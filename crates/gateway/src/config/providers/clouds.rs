//! What Azure and AWS have of their own: addresses, versions in paths, and requests that are signed.

use std::sync::Arc;

use super::{
    super::{
        base_url::BaseUrl,
        reader::{At, Section, Text},
    },
    Protocol,
    read::{is_key, warn_of_key_in_file},
    regions::{Cloud, cloud_at},
};
use crate::common::secret::Secret;

/// What signs requests to AWS.
#[derive(Debug, Clone)]
pub struct AwsKey {
    /// The half that is sent.
    pub access_key_id: Secret,
    /// The half that signs.
    pub secret_access_key: Secret,
    /// What goes with a key that was lent for a time.
    pub session_token: Option<Secret>,
    /// The region that signatures are for.
    pub region: Arc<str>,
}

impl AwsKey {
    /// All of it that says who asks.
    pub(in super::super) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        [&self.access_key_id, &self.secret_access_key].into_iter().chain(&self.session_token)
    }
}

const AWS_KEYS: [&str; 3] = ["access_key_id", "secret_access_key", "session_token"];

pub(super) const AZURE_ADDRESS: &str = "write the address of the resource, `https://NAME.openai.azure.com`; deployments are \
                                        named in `models`, and the version of older paths in `api_version`";
pub(super) const BEDROCK_ADDRESS: &str =
    "leave it out and write `region`, or write `https://bedrock-runtime.REGION.amazonaws.com`";
pub(super) const REGION: &str = "write the region as AWS calls it: `region = \"us-east-1\"`";

/// What to write where there is no key.
pub(super) fn key_to_write(protocol: Protocol) -> Option<&'static str> {
    match protocol {
        Protocol::Azure => Some(
            "write `api_keys = [\"${AZURE_OPENAI_API_KEY}\"]`, or `credentials = \"workload\"` for the machine's identity",
        ),
        Protocol::Bedrock => Some(
            "write `api_keys = [\"${AWS_BEARER_TOKEN_BEDROCK}\"]`, or `access_key_id = \"${AWS_ACCESS_KEY_ID}\"` and \
             `secret_access_key = \"${AWS_SECRET_ACCESS_KEY}\"`, or `credentials = \"workload\"` for the role of the machine",
        ),
        Protocol::Vertex | Protocol::VertexAnthropic => Some(
            "write `credentials = \"/path/to/key.json\"`, a service account's key file, or `credentials = \"workload\"` on a \
             machine of Google's",
        ),
        Protocol::OpenAi | Protocol::Responses | Protocol::Anthropic | Protocol::Gemini => None,
    }
}

/// Whether anything was written of a key that signs.
pub(super) fn has_aws_key(section: &Section<'_>) -> bool {
    AWS_KEYS.iter().any(|key| section.has(key))
}

/// Where a provider is that wrote no address.
pub(super) fn base_url(section: &Section<'_>, protocol: Protocol, region: Option<&str>) -> Option<BaseUrl> {
    let complain = |message: &str, instead: &str| {
        section.reading().complain(section.place(), message, Some(instead.to_owned()));
        None
    };
    if protocol == Protocol::Azure {
        return complain("a resource at Azure has an address of its own", AZURE_ADDRESS);
    }
    match region {
        None if section.has("region") => None,
        None => complain("it is not known in which region this is", REGION),
        Some(region) if !is_region(region) => {
            section.complain("region", "this is no region of AWS", Some(REGION.to_owned()));
            None
        }
        Some(region) => {
            let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
            let url = format!("https://bedrock-runtime.{region}.{domain}");
            Some(BaseUrl::parse(&url).expect("the name of a region is a part of the name of a host"))
        }
    }
}

/// Whether an address can be one of this protocol's; complains where it cannot.
pub(super) fn is_sound(section: &Section<'_>, protocol: Option<Protocol>, base_url: &BaseUrl) -> bool {
    let path = &*base_url.path_prefix;
    let (message, instead) = match protocol {
        Some(Protocol::Azure) if path.contains("/deployments") => {
            ("this is the address of a deployment, not of the resource", AZURE_ADDRESS)
        }
        Some(Protocol::Bedrock) if path.ends_with("/openai/v1") => (
            "this is Bedrock's OpenAI-compatible endpoint",
            "write `protocol = \"openai\"`, or leave `/openai/v1` out of the address",
        ),
        Some(Protocol::Bedrock) if path.contains("/model") => {
            ("this is the address of a model, not of the API", BEDROCK_ADDRESS)
        }
        _ => return true,
    };
    section.complain("base_url", message, Some(instead.to_owned()));
    false
}

/// The address with the path that all of Azure's begin with, whether or not it was written.
pub(super) fn below_azure(mut base_url: BaseUrl, api_version: Option<&str>) -> BaseUrl {
    let path = &*base_url.path_prefix;
    let resource = path.strip_suffix("/v1").unwrap_or(path);
    let resource = resource.strip_suffix("/openai").unwrap_or(resource);
    let version = if api_version.is_some_and(is_dated) { "" } else { "/v1" };
    base_url.path_prefix = format!("{resource}/openai{version}").into();
    base_url
}

/// Reads `api_version`; `None` for the version that Azure serves unasked.
pub(super) fn read_api_version(section: &Section<'_>, protocol: Option<Protocol>) -> Option<Arc<str>> {
    let At { value: Text { text, .. }, .. } = section.text("api_version")?;
    let complain = |message: &str, instead: &str| section.complain("api_version", message, Some(instead.to_owned()));
    if protocol.is_some_and(|protocol| protocol != Protocol::Azure) {
        complain("this is said to Azure alone", "leave it out, or write `protocol = \"azure\"`");
    } else if text == "v1" {
        return None;
    } else if !is_day(&text) && text != "preview" {
        complain(
            "this is no version of Azure's",
            "leave it out for the paths of `/openai/v1`, write \"preview\" for what is new there, or a date for the older \
             paths: \"2024-10-21\"",
        );
    }
    Some(text.into())
}

/// Whether a version is one of those that name a day: `2024-10-21`, `2025-04-01-preview`.
pub(super) fn is_dated(version: &str) -> bool {
    let date = version.strip_suffix("-preview").unwrap_or(version);
    let parts: Vec<&str> = date.split('-').collect();
    let lengths = parts.iter().map(|part| part.len());
    lengths.eq([4, 2, 2]) && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether the date in a version is that of a day.
fn is_day(version: &str) -> bool {
    let date = version.strip_suffix("-preview").unwrap_or(version);
    is_dated(version) && date.parse::<jiff::civil::Date>().is_ok()
}

/// Reads what signs; `None` where nothing was written of it, or where it is of no use, which is complained about.
pub(super) fn read_aws_key(
    section: &Section<'_>,
    protocol: Option<Protocol>,
    base_url: Option<&BaseUrl>,
    region: Option<&str>,
) -> Option<AwsKey> {
    let [access_key_id, secret_access_key, session_token] = AWS_KEYS.map(|key| read_part(section, key));
    let written = AWS_KEYS.into_iter().find(|key| section.has(key))?;
    let complain = |key: &str, message: &str, instead: &str| section.complain(key, message, Some(instead.to_owned()));
    if protocol.is_some_and(|protocol| protocol != Protocol::Bedrock) {
        complain(written, "nothing is signed with this protocol", "leave it out, or write `protocol = \"bedrock\"`");
        return None;
    }
    if section.has("api_keys") {
        let instead = "leave `api_keys` out, or the three that sign";
        complain("api_keys", "a request is signed or has an API key, not both", instead);
        return None;
    }
    for (key, other) in [(AWS_KEYS[0], AWS_KEYS[1]), (AWS_KEYS[1], AWS_KEYS[0]), (AWS_KEYS[2], AWS_KEYS[0])] {
        if section.has(key) && !section.has(other) {
            complain(key, "this alone signs nothing", &format!("write `{other}` beside it"));
            return None;
        }
    }
    let signs_for = signs_for(base_url, region);
    if signs_for.is_none() && base_url.is_some() {
        complain(written, "it is not known for which region requests are signed", REGION);
    }
    let key = AwsKey {
        access_key_id: access_key_id.flatten()?,
        secret_access_key: secret_access_key.flatten()?,
        session_token: session_token.flatten(),
        region: signs_for?.into(),
    };
    look_at_halves(section, &key, base_url.and_then(cloud_at) == Some(Cloud::Bedrock));
    Some(key)
}

/// The id is sent in clear text with each request, so that nothing else may stand in its place. What a server of one's own
/// takes (`is_awss` is false) may look otherwise, but a secret never looks like an id.
fn look_at_halves(section: &Section<'_>, key: &AwsKey, is_awss: bool) {
    let complain = |key: &str, message: &str, instead: &str| section.complain(key, message, Some(instead.to_owned()));
    let [id, secret] = [&key.access_key_id, &key.secret_access_key].map(Secret::expose);
    // The API reference of IAM gives 16 to 128 characters.
    let is_id = (16..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if is_aws_id(secret) && !is_aws_id(id) {
        let message = "this and `secret_access_key` stand in each other's place";
        complain(AWS_KEYS[0], message, "exchange them: the id is sent in clear text, and has 20 characters");
    } else if is_aws_id(secret) {
        complain(AWS_KEYS[1], "this is the id of a key", "write the secret that was shown with the id, once");
    } else if is_awss && !is_id {
        let instead = "write the 20 characters that begin with `AKIA`, or with `ASIA` where there is a `session_token`";
        complain(AWS_KEYS[0], "this is no id of a key of AWS's, and would be sent in clear text", instead);
    } else if is_awss && id.starts_with("ASIA") && key.session_token.is_none() {
        let message = "the key was lent for a time, as its id says, and is taken with its token alone";
        let instead = "write `session_token = \"${AWS_SESSION_TOKEN}\"`".to_owned();
        section.reading().warn(&section.place_of(AWS_KEYS[2]), message, Some(instead));
    }
}

/// Whether this is the id of a key of AWS's: four letters that say what it is, and sixteen more.
pub(super) fn is_aws_id(text: &str) -> bool {
    let is_begun = ["AKIA", "ASIA"].iter().any(|begin| text.starts_with(begin));
    is_begun && text.len() == 20 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// The region that signatures are for.
pub(super) fn signs_for<'a>(base_url: Option<&'a BaseUrl>, region: Option<&'a str>) -> Option<&'a str> {
    base_url.and_then(region_of).or(region).filter(|region| is_region(region))
}

/// One of the three; `Some(None)` where it was written and is of no use. A token may be empty: not every key has one.
fn read_part(section: &Section<'_>, key: &'static str) -> Option<Option<Secret>> {
    let At { value: Text { text, is_foreign, .. }, place } = section.text(key)?;
    let is_token = key == AWS_KEYS[2];
    let complain = |message: &str, instead: &str| section.complain(key, message, Some(instead.to_owned()));
    if text.is_empty() && is_token {
        return None;
    }
    if text.is_empty() {
        complain("this key is empty", "set the variable, or leave the key out");
        return Some(None);
    }
    if !is_key(&text) {
        complain("this key has characters that no key has", "look for spaces and line ends");
        return Some(None);
    }
    if !is_foreign && key != AWS_KEYS[0] {
        warn_of_key_in_file(section, &place);
    }
    Some(Some(Secret::new(text)))
}

/// The region in the name of a host of AWS.
pub(super) fn region_of(base_url: &BaseUrl) -> Option<&str> {
    match &base_url.host {
        super::super::base_url::Host::Name(name) if name.contains(".amazonaws.com") || name.ends_with(".api.aws") => {
            name.split('.').find(|label| is_region(label))
        }
        _ => None,
    }
}

/// Whether this is what a region of AWS is called: `us-east-1`, `us-gov-west-1`, `ap-southeast-2`.
pub(super) fn is_region(text: &str) -> bool {
    let Some((area, number)) = text.rsplit_once('-') else { return false };
    let words: Vec<&str> = area.split('-').collect();
    let is_word = |word: &&str| word.len() >= 2 && word.bytes().all(|byte| byte.is_ascii_lowercase());
    matches!(words.len(), 2 | 3)
        && words.iter().all(is_word)
        && matches!(number.len(), 1 | 2)
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_told_from_other_words() {
        for region in ["us-east-1", "us-gov-west-1", "ap-southeast-2", "cn-north-1", "eusc-de-east-1"] {
            assert!(is_region(region), "{region}");
        }
        for other in ["eu", "us-east", "bedrock-runtime", "vpce-0a1b-2", "US-EAST-1", "us-east-1a", "a-b-1"] {
            assert!(!is_region(other), "{other}");
        }
        let region = |url| BaseUrl::parse(url).ok().as_ref().and_then(region_of).map(str::to_owned);
        assert_eq!(region("https://bedrock-runtime-fips.us-east-1.amazonaws.com").as_deref(), Some("us-east-1"));
        assert_eq!(region("https://vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com").as_deref(), Some("eu-west-1"));
        assert_eq!(region("https://us-east-1.example.com"), None);
    }

    #[test]
    fn azures_paths_are_made_from_the_address_however_much_of_it_is_written() {
        for (written, version, path) in [
            ("", None, "/openai/v1"),
            ("/openai", None, "/openai/v1"),
            ("/openai/v1", Some("preview"), "/openai/v1"),
            ("/openai/v1", Some("2024-10-21"), "/openai"),
            ("/gate", Some("2025-04-01-preview"), "/gate/openai"),
        ] {
            let base_url = BaseUrl::parse(&format!("https://a.openai.azure.com{written}")).unwrap();
            assert_eq!(&*below_azure(base_url, version).path_prefix, path, "{written} {version:?}");
        }
    }
}
