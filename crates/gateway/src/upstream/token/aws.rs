//! Keys that AWS lends for a time: to a cluster's identity, to a container, to a machine, and to who assumes a role.
//!
//! Sources: the API reference of STS; "Use `IMDSv2`"; the AWS SDKs and tools reference, "Container credential provider".

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde::Deserialize;

use super::{
    Grant, Token, TokenFault,
    fetched::{fetch, read_file},
};
use crate::{
    common::{clock::unix_time, secret::Secret},
    config::{AssumedRole, Authorization, AwsKey, AwsRole, AwsSource, BaseUrl, form_encoded},
    upstream::{RequestHead, Signer, Upstream},
};

/// Keys that end some time.
struct Lent {
    access_key_id: Box<str>,
    secret_access_key: Secret,
    session_token: Option<Secret>,
    lasts: Duration,
}

pub(super) async fn ask(role: &AwsRole, upstream: &Upstream) -> Result<Token, TokenFault> {
    let lent = match &role.source {
        AwsSource::Key(key) => Lent::of(key),
        AwsSource::WebIdentity { token, role_arn } => {
            let token = form_encoded(&read_file(token).await?);
            let form = form("AssumeRoleWithWebIdentity", role_arn, &format!("&WebIdentityToken={token}"));
            assume(role, upstream, form, None).await?
        }
        AwsSource::Container { url, target, authorization } => {
            of_container((url, target), authorization.as_ref(), upstream).await?
        }
        AwsSource::Instance(url) => of_instance(url, upstream).await?,
    };
    let lent = match &role.assumed {
        None => lent,
        Some(AssumedRole { arn, external_id }) => {
            let id = external_id.as_ref().map(|id| format!("&ExternalId={}", form_encoded(id))).unwrap_or_default();
            let signer = lent.signer(role, "sts");
            let assumed = assume(role, upstream, form("AssumeRole", arn, &id), Some(&signer)).await;
            assumed.map_err(|fault| fault.of((AwsRole::ASSUMED, &role.sts)))?
        }
    };
    Ok(Token::lasting(Grant::Signer(Arc::new(lent.signer(role, "bedrock"))), lent.lasts))
}

impl Lent {
    fn of(key: &AwsKey) -> Self {
        Self {
            access_key_id: key.access_key_id.expose().into(),
            secret_access_key: key.secret_access_key.clone(),
            session_token: key.session_token.clone(),
            lasts: Duration::MAX,
        }
    }

    /// Keys without an end are good for ever.
    fn new(id: &str, secret: &str, session: &str, expiration: Option<&str>) -> Option<Self> {
        let lasts = match expiration {
            None => Duration::MAX,
            Some(text) => {
                let ends: jiff::Timestamp = text.parse().ok()?;
                let left = ends.as_second().saturating_sub(unix_time().as_secs().cast_signed());
                Duration::from_secs(left.max(0).cast_unsigned())
            }
        };
        let are_words = [id, secret, session].iter().all(|word| word.bytes().all(|byte| byte.is_ascii_graphic()));
        (are_words && !id.is_empty() && !secret.is_empty()).then(|| Self {
            access_key_id: id.into(),
            secret_access_key: Secret::new(secret),
            session_token: (!session.is_empty()).then(|| Secret::new(session)),
            lasts,
        })
    }

    fn signer(&self, role: &AwsRole, service: &'static str) -> Signer {
        Signer {
            access_key_id: self.access_key_id.clone(),
            secret_access_key: self.secret_access_key.clone(),
            session_token: self.session_token.clone(),
            region: (*role.region).into(),
            service,
        }
    }
}

fn form(action: &str, role_arn: &str, more: &str) -> String {
    let arn = form_encoded(role_arn);
    format!("Action={action}&Version=2011-06-15&RoleArn={arn}&RoleSessionName=roundelay{more}")
}

/// Asks STS, which answers in XML.
async fn assume(
    role: &AwsRole,
    upstream: &Upstream,
    form: String,
    signer: Option<&Signer>,
) -> Result<Lent, TokenFault> {
    let path = format!("{}/", role.sts.path_prefix);
    let mut head = RequestHead::post(&path, &role.sts.authority());
    head.field("content-type", b"application/x-www-form-urlencoded; charset=utf-8");
    if let Some(signer) = signer {
        signer.sign(&mut head, form.as_bytes(), unix_time().as_secs().cast_signed());
    }
    let (status, body) = fetch(upstream, &role.sts, &head, form.into()).await?;
    let text = String::from_utf8_lossy(&body);
    let told = |name| element(&text, name).unwrap_or_default();
    if status == 200 {
        let [id, secret, session] = ["AccessKeyId", "SecretAccessKey", "SessionToken"].map(told);
        return Lent::new(id, secret, session, Some(told("Expiration"))).ok_or_else(no_key);
    }
    let words = element(&text, "Code").map(|code| format!("{code}: {}", told("Message")));
    Err(TokenFault::said(status, words))
}

/// What is between the first tags of that name. Keys and codes hold nothing that XML escapes.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    Some(rest.split_once("</")?.0.trim())
}

/// As containers' and machines' servers say it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    access_key_id: String,
    secret_access_key: String,
    #[serde(default)]
    token: String,
    expiration: Option<String>,
}

#[derive(Deserialize)]
struct Refused {
    #[serde(alias = "Code")]
    code: String,
    #[serde(alias = "Message", default)]
    message: String,
}

fn read((status, body): &(u16, Bytes)) -> Result<Lent, TokenFault> {
    if let (200, Ok(told)) = (*status, serde_json::from_slice::<Told>(body)) {
        let Told { access_key_id, secret_access_key, token, expiration } = &told;
        return Lent::new(access_key_id, secret_access_key, token, expiration.as_deref()).ok_or_else(no_key);
    }
    let words: Option<Refused> = serde_json::from_slice(body).ok();
    if *status == 200 && words.is_none() {
        return Err(no_key());
    }
    Err(TokenFault::said(*status, words.map(|Refused { code, message }| format!("{code}: {message}"))))
}

fn no_key() -> TokenFault {
    TokenFault::new("what was given is no key")
}

async fn of_container(
    (url, target): (&BaseUrl, &str),
    authorization: Option<&Authorization>,
    upstream: &Upstream,
) -> Result<Lent, TokenFault> {
    let mut head = RequestHead::get(target, &url.authority());
    match authorization {
        None => {}
        Some(Authorization::Text(text)) => {
            head.field("authorization", text.expose().as_bytes());
        }
        Some(Authorization::File(file)) => {
            head.field("authorization", read_file(file).await?.as_bytes());
        }
    }
    read(&fetch(upstream, url, &head, Bytes::new()).await?)
}

/// A session first, so that nobody gets keys by having a request forwarded.
async fn of_instance(url: &BaseUrl, upstream: &Upstream) -> Result<Lent, TokenFault> {
    let path = |rest: &str| format!("{}/latest/{rest}", url.path_prefix);
    let mut head = RequestHead::put(&path("api/token"), &url.authority());
    head.field("x-aws-ec2-metadata-token-ttl-seconds", SESSION_SECONDS);
    let session = word(fetch(upstream, url, &head, Bytes::new()).await?)?;
    let ask = async |rest: &str| {
        let mut head = RequestHead::get(&path(rest), &url.authority());
        head.field("x-aws-ec2-metadata-token", session.as_bytes());
        fetch(upstream, url, &head, Bytes::new()).await
    };
    let named = ask(ROLES).await?;
    if named.0 == 404 {
        return Err(TokenFault::new("the machine has no role"));
    }
    let role = word(named)?;
    read(&ask(&format!("{ROLES}{role}")).await?)
}

/// The first line of an answer that is one word.
fn word((status, body): (u16, Bytes)) -> Result<String, TokenFault> {
    let text = String::from_utf8_lossy(&body);
    let line = text.lines().next().unwrap_or_default().trim();
    let is_word = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_graphic());
    if status == 200 && is_word { Ok(line.to_owned()) } else { Err(TokenFault::said(status, None)) }
}

const ROLES: &str = "meta-data/iam/security-credentials/";
/// Used for the few requests of one renewal.
const SESSION_SECONDS: &[u8] = b"60";
