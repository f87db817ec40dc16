//! Identities that Azure gives to machines and clusters: what a token for a resource is asked for with.
//!
//! Sources: "How to use managed identities to get an access token on a virtual machine" and "… for App Service and Azure
//! Functions"; "Microsoft identity platform and the OAuth 2.0 client credentials flow" (federated credentials).

use std::path::PathBuf;

use super::{base_url::BaseUrl, google::form_encoded};
use crate::common::secret::Secret;

/// Who is asked for tokens, and as whom.
#[derive(Debug, Clone)]
pub struct AzureIdentity {
    /// What is asked.
    pub url: BaseUrl,
    /// How.
    pub way: AzureWay,
    /// Which of several identities; the only one, or the machine's own, where none is named.
    pub(super) client_id: Option<String>,
    /// What tokens are for: `https://cognitiveservices.azure.com`.
    pub(super) resource: String,
}

/// How a token is asked for.
#[derive(Debug, Clone)]
pub enum AzureWay {
    /// At Entra ID, with a token that a cluster puts into this file and renews.
    Federated(PathBuf),
    /// At the server that App Service puts beside what it runs, with this header.
    AppService(Secret),
    /// At the metadata server of a machine.
    Instance,
}

impl AzureIdentity {
    /// The path and query of what is asked with a `GET`.
    pub fn target(&self) -> String {
        let version = if matches!(self.way, AzureWay::AppService(_)) { "2019-08-01" } else { "2018-02-01" };
        let resource = form_encoded(&self.resource);
        let mut target = format!("{}?api-version={version}&resource={resource}", self.url.path_prefix);
        if let Some(client_id) = &self.client_id {
            target += &format!("&client_id={}", form_encoded(client_id));
        }
        target
    }

    /// The form that Entra ID is asked with for `assertion`, the cluster's token.
    pub fn form(&self, assertion: &str) -> String {
        format!(
            "grant_type=client_credentials&client_id={}&scope={}&client_assertion_type={}&client_assertion={}",
            form_encoded(self.client_id.as_deref().unwrap_or_default()),
            form_encoded(&format!("{}/.default", self.resource)),
            form_encoded("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            form_encoded(assertion)
        )
    }

    /// Who is asked, in words.
    pub(super) fn asked(&self) -> &'static str {
        match self.way {
            AzureWay::Federated(_) => "Entra ID, for the token of a cluster",
            AzureWay::AppService(_) => "the server of App Service",
            AzureWay::Instance => "the metadata server of a machine",
        }
    }

    /// What it is known by from one configuration to the next; never shown.
    pub(super) fn identity(&self) -> String {
        format!("azure\n{}\n{:?}\n{}", self.url, self.client_id, self.resource)
    }

    /// What of it must appear in no log.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        match &self.way {
            AzureWay::AppService(header) => vec![header.clone()],
            AzureWay::Federated(_) | AzureWay::Instance => Vec::new(),
        }
    }
}
