//! Microsoft's credentials: what a token for a resource at Azure is asked for with.
//!
//! Sources: "Microsoft identity platform and the OAuth 2.0 client credentials flow"; "How to configure Azure OpenAI with
//! Microsoft Entra ID authentication" (the scope); "National clouds" (its other hosts).

use super::{
    base_url::BaseUrl,
    google::form_encoded,
    reader::{At, Section, Text},
};
use crate::common::secret::Secret;

/// An application that is registered in a tenant, with a secret of its own.
#[derive(Debug, Clone)]
pub struct EntraClient {
    /// Where tokens are given out.
    pub token_url: BaseUrl,
    client_id: String,
    client_secret: Secret,
}

const KEYS: [&str; 3] = ["tenant", "client_id", "client_secret"];
const AUTHORITY: &str = "https://login.microsoftonline.com";

impl EntraClient {
    /// Reads the keys of a provider's section, so that all are known; `None` where none was written, or one is wrong, which
    /// is complained about. Only where `is_azure` they mean anything.
    pub(super) fn read(section: &Section<'_>, is_azure: bool) -> Option<Self> {
        let [tenant, client_id, client_secret] = KEYS.map(|key| section.text(key));
        let authority = section.text("authority");
        let complain = |key: &str, message: &str, instead: &str| {
            section.complain(key, message, Some(instead.to_owned()));
        };
        let written = KEYS.into_iter().chain(["authority"]).find(|key| section.has(key))?;
        if !is_azure {
            complain(written, "this is for `protocol = \"azure\"` alone", "leave it out");
            return None;
        }
        // The workload's identity, which may be one of several.
        if section.has("credentials") {
            return None;
        }
        if section.has("api_keys") {
            complain("api_keys", "a resource is asked with a key or with tokens, not both", "leave one of them out");
            return None;
        }
        if let Some(missing) = KEYS.into_iter().find(|key| !section.has(key)) {
            complain(written, "this alone asks for no token", &format!("write `{missing}` beside it"));
            return None;
        }
        let word = |key: &str, found: Option<At<Text>>| {
            let At { value, .. } = found?;
            if value.text.is_empty() || !value.text.bytes().all(|byte| byte.is_ascii_graphic()) {
                complain(key, "this is empty or has characters that it cannot have", "look for spaces and line ends");
                return None;
            }
            Some(value)
        };
        let (tenant, client_id) = (word("tenant", tenant)?.text, word("client_id", client_id)?.text);
        let client_secret = word("client_secret", client_secret)?;
        if !tenant.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte)) {
            complain("tenant", "this is no name of a tenant", "write its id, or its domain");
            return None;
        }
        if !client_secret.is_foreign {
            let instead = "keep it outside: `${NAME}` or `${file:/run/secrets/name}`".to_owned();
            section.reading().warn(
                &section.place_of("client_secret"),
                "this secret stands in the file itself",
                Some(instead),
            );
        }
        let authority = authority.map_or_else(|| AUTHORITY.to_owned(), |At { value, .. }| value.text);
        let Ok(token_url) = BaseUrl::parse(&format!("{}/{tenant}/oauth2/v2.0/token", authority.trim_end_matches('/')))
        else {
            complain(
                "authority",
                "this is not a URL",
                &format!("write `{AUTHORITY}`, or the host of a national cloud"),
            );
            return None;
        };
        Some(Self { token_url, client_id, client_secret: Secret::new(client_secret.text) })
    }

    /// The form that asks for a token.
    pub fn form(&self) -> String {
        let host = self.token_url.host.to_string();
        let cloud = ["us", "cn"].into_iter().find(|cloud| host.ends_with(&format!(".{cloud}"))).unwrap_or("com");
        format!(
            "grant_type=client_credentials&client_id={}&client_secret={}&scope={}",
            form_encoded(&self.client_id),
            form_encoded(self.client_secret.expose()),
            form_encoded(&format!("https://cognitiveservices.azure.{cloud}/.default"))
        )
    }

    /// What it is known by from one configuration to the next; never shown.
    pub(super) fn identity(&self) -> String {
        format!("{}\n{}\n{}", self.token_url, self.client_id, self.client_secret.expose())
    }

    /// What of it must appear in no log.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        vec![self.client_secret.clone()]
    }
}
