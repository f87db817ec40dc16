//! What access tokens are asked for with, whoever gives them out.

use super::{base_url::BaseUrl, entra::EntraClient, google::GoogleCredentials};
use crate::common::secret::Secret;

/// Who is asked for tokens, and with what.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// For Vertex AI.
    Google(GoogleCredentials),
    /// For Azure.
    Entra(EntraClient),
}

impl Credentials {
    /// Where tokens are given out.
    pub fn token_url(&self) -> &BaseUrl {
        match self {
            Self::Google(google) => &google.token_url,
            Self::Entra(entra) => &entra.token_url,
        }
    }

    /// The form that asks for a token; `None` where Google's machines are asked without one. `now` is in Unix seconds.
    pub fn form(&self, now: i64) -> Option<String> {
        match self {
            Self::Google(google) => google.form(now),
            Self::Entra(entra) => Some(entra.form()),
        }
    }

    /// What they are known by from one configuration to the next; never shown.
    pub fn identity(&self) -> String {
        match self {
            Self::Google(google) => google.identity(),
            Self::Entra(entra) => entra.identity(),
        }
    }

    /// What of them must appear in no log.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        match self {
            Self::Google(google) => google.secrets(),
            Self::Entra(entra) => entra.secrets(),
        }
    }
}
