//! Google's credentials: what a token for Vertex AI is asked for with.
//!
//! Sources: Google's AIP-4110 (which kinds of credential files there are), "Using OAuth 2.0 for server to server
//! applications" (service accounts), "Access tokens of the metadata server".

use std::{fmt, fs, io, io::Read as _, sync::Arc};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject as _};
use serde::Deserialize;

use super::base_url::BaseUrl;
use crate::common::{base64url::encode as base64url, file::unreadable, secret::Secret};

/// Who is asked for tokens, and with what.
#[derive(Debug, Clone)]
pub struct GoogleCredentials {
    /// Where tokens are given out.
    pub token_url: BaseUrl,
    /// The project they name, if any.
    pub(super) project: Option<String>,
    grant: Grant,
}

#[derive(Debug, Clone)]
enum Grant {
    ServiceAccount(Arc<ServiceAccount>),
    AuthorizedUser {
        client_id: String,
        client_secret: Secret,
        refresh_token: Secret,
    },
    /// The machine's own account, by the server that every machine of Google's cloud has.
    Metadata,
}

struct ServiceAccount {
    client_email: String,
    key_id: Option<String>,
    key: RsaKeyPair,
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAccount").field("client_email", &self.client_email).finish_non_exhaustive()
    }
}

/// Why credentials are none. Never holds a part of them.
#[derive(Debug, thiserror::Error)]
pub(super) enum CredentialsFault {
    #[error("{0}")]
    Unreadable(String),
    #[error("this is not the JSON of a credentials file")]
    NotJson,
    #[error("credentials of the type `{0}` are not taken, only `service_account` and `authorized_user`")]
    Kind(String),
    #[error("the `private_key` in it is not an RSA key in PEM form")]
    Key,
    #[error("`GCE_METADATA_HOST` is not the name of a host")]
    Host,
    #[error("the `token_uri` in it is not a URL")]
    TokenUrl,
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "type")]
    kind: String,
    project_id: Option<String>,
    #[serde(alias = "quota_project_id")]
    quota_project: Option<String>,
    private_key_id: Option<String>,
    #[serde(default)]
    private_key: String,
    #[serde(default)]
    client_email: String,
    token_uri: Option<String>,
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    client_secret: String,
    #[serde(default)]
    refresh_token: String,
}

impl GoogleCredentials {
    /// Reads `workload`, the path of a file, or what such a file holds. `host` is that of the metadata server where it is
    /// not the usual one.
    pub(super) fn read(written: &str, host: Option<&str>) -> Result<Self, CredentialsFault> {
        if written == "workload" {
            let url = format!("http://{}{METADATA_PATH}", host.unwrap_or(METADATA_HOST));
            let token_url = BaseUrl::parse(&url).map_err(|_| CredentialsFault::Host)?;
            return Ok(Self { token_url, project: None, grant: Grant::Metadata });
        }
        if written.trim_start().starts_with('{') {
            return Self::of_json(written);
        }
        let unreadable = |fault: io::Error| CredentialsFault::Unreadable(unreadable(&fault));
        let mut text = String::new();
        let file = fs::File::open(written).map_err(unreadable)?;
        file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
        Self::of_json(&text)
    }

    fn of_json(text: &str) -> Result<Self, CredentialsFault> {
        let file: File = serde_json::from_str(text).map_err(|_| CredentialsFault::NotJson)?;
        let token_url = file.token_uri.as_deref().unwrap_or(TOKEN_URL);
        let token_url = BaseUrl::parse(token_url).map_err(|_| CredentialsFault::TokenUrl)?;
        let grant = match &*file.kind {
            "service_account" => Grant::ServiceAccount(Arc::new(ServiceAccount {
                key: rsa_key(&file.private_key).ok_or(CredentialsFault::Key)?,
                client_email: file.client_email,
                key_id: file.private_key_id,
            })),
            "authorized_user" => Grant::AuthorizedUser {
                client_id: file.client_id,
                client_secret: Secret::new(file.client_secret),
                refresh_token: Secret::new(file.refresh_token),
            },
            _ => return Err(CredentialsFault::Kind(file.kind.chars().take(40).collect())),
        };
        Ok(Self { token_url, project: file.project_id.or(file.quota_project), grant })
    }

    /// The form that asks for a token; `None` where it is asked for without one. `now` is in Unix seconds.
    pub fn form(&self, now: i64) -> Option<String> {
        match &self.grant {
            Grant::Metadata => None,
            Grant::ServiceAccount(account) => {
                let assertion = account.assertion(&self.token_url.to_string(), now);
                Some(format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}"))
            }
            Grant::AuthorizedUser { client_id, client_secret, refresh_token } => Some(format!(
                "grant_type=refresh_token&client_id={}&client_secret={}&refresh_token={}",
                form_encoded(client_id),
                form_encoded(client_secret.expose()),
                form_encoded(refresh_token.expose())
            )),
        }
    }

    /// Who is asked, in words.
    pub(super) fn asked(&self) -> &'static str {
        match &self.grant {
            Grant::ServiceAccount(_) => "Google, for a service account",
            Grant::AuthorizedUser { .. } => "Google, for a user",
            Grant::Metadata => "the metadata server",
        }
    }

    /// What they are known by from one configuration to the next; never shown.
    pub fn identity(&self) -> String {
        let grant = match &self.grant {
            Grant::Metadata => String::new(),
            Grant::ServiceAccount(account) => {
                format!("{}\n{}", account.client_email, account.key_id.as_deref().unwrap_or_default())
            }
            Grant::AuthorizedUser { client_id, refresh_token, .. } => {
                format!("{client_id}\n{}", refresh_token.expose())
            }
        };
        format!("{}\n{grant}", self.token_url)
    }

    /// What of them must appear in no log.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        match &self.grant {
            Grant::AuthorizedUser { client_secret, refresh_token, .. } => {
                vec![client_secret.clone(), refresh_token.clone()]
            }
            Grant::Metadata | Grant::ServiceAccount(_) => Vec::new(),
        }
    }
}

impl ServiceAccount {
    /// A signed word that it is this account that asks (RFC 7523), good for an hour.
    fn assertion(&self, audience: &str, now: i64) -> String {
        let header = match &self.key_id {
            Some(id) => serde_json::json!({ "alg": "RS256", "typ": "JWT", "kid": id }),
            None => serde_json::json!({ "alg": "RS256", "typ": "JWT" }),
        };
        let claims = serde_json::json!({
            "iss": self.client_email,
            "scope": SCOPE,
            "aud": audience,
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
        });
        let message =
            format!("{}.{}", base64url(header.to_string().as_bytes()), base64url(claims.to_string().as_bytes()));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .expect("a key that was read signs whatever it is given");
        format!("{message}.{}", base64url(&signature))
    }
}

/// Google writes PKCS#8; other tools write PKCS#1.
fn rsa_key(pem: &str) -> Option<RsaKeyPair> {
    match PrivateKeyDer::from_pem_slice(pem.as_bytes()).ok()? {
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok(),
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()).ok(),
        _ => None,
    }
}

/// A value of `application/x-www-form-urlencoded`.
pub fn form_encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    text.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// All of Google's cloud: what such an account may do is decided there.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
const METADATA_HOST: &str = "metadata.google.internal";
const METADATA_PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/token";
/// The longest that Google takes.
const ASSERTION_SECONDS: i64 = 3600;
/// Such files have 3 KiB.
const FILE_BYTES_MAX: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_or_told_why_not() {
        assert!(GoogleCredentials::read("workload", None).unwrap().form(0).is_none());
        let user = r#"{"type":"authorized_user","client_id":"a&b","client_secret":"s s","refresh_token":"1//x"}"#;
        let user = GoogleCredentials::read(user, None).unwrap();
        let form = "grant_type=refresh_token&client_id=a%26b&client_secret=s%20s&refresh_token=1%2F%2Fx";
        assert_eq!(user.form(0).unwrap(), form);
        assert_eq!(user.token_url.to_string(), TOKEN_URL);
        assert!(!format!("{user:?}").contains("1//x"));
        for (written, part) in [
            ("/nowhere/at/all.json", "no such file"),
            ("{", "not the JSON"),
            (r#"{"type":"external_account"}"#, "`external_account` are not taken"),
            (r#"{"type":"service_account","private_key":"x","client_email":"a"}"#, "not an RSA key"),
            (r#"{"type":"authorized_user","token_uri":"ftp://x"}"#, "not a URL"),
        ] {
            let fault = GoogleCredentials::read(written, None).unwrap_err().to_string();
            assert!(fault.contains(part), "{fault}");
        }
    }
}
