//! What access tokens are asked for with, whoever gives them out.

use super::{aws::AwsRole, azure::AzureIdentity, base_url::BaseUrl, entra::EntraClient, google::GoogleCredentials};
use crate::common::secret::Secret;

/// Who is asked for tokens, and with what.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// For Vertex AI.
    Google(GoogleCredentials),
    /// For Azure, as an application.
    Entra(EntraClient),
    /// For Azure, as what the gateway runs in.
    Azure(AzureIdentity),
    /// For AWS, whose tokens are keys that sign.
    Aws(AwsRole),
}

impl Credentials {
    /// What they are known by from one configuration to the next; never shown.
    pub fn identity(&self) -> String {
        match self {
            Self::Google(google) => google.identity(),
            Self::Entra(entra) => entra.identity(),
            Self::Azure(identity) => identity.identity(),
            Self::Aws(role) => role.identity(),
        }
    }

    /// Who is asked first, in words, and where.
    pub fn asked(&self) -> (&'static str, &BaseUrl) {
        match self {
            Self::Google(google) => (google.asked(), &google.token_url),
            Self::Entra(entra) => ("Entra ID, for an application", &entra.token_url),
            Self::Azure(identity) => (identity.asked(), &identity.url),
            Self::Aws(role) => role.asked(),
        }
    }

    /// What of them must appear in no log.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        match self {
            Self::Google(google) => google.secrets(),
            Self::Entra(entra) => entra.secrets(),
            Self::Azure(identity) => identity.secrets(),
            Self::Aws(role) => role.secrets(),
        }
    }
}
