//! Roles at AWS: what keys that are lent for a time are asked for with.
//!
//! Sources: the AWS SDKs and tools reference, "Standardized credential providers" (assume role, web identity, container,
//! IMDS); the API reference of STS.

use std::{path::PathBuf, sync::Arc};

use super::{base_url::BaseUrl, providers::AwsKey};
use crate::common::secret::Secret;

/// Whose keys requests are signed with.
#[derive(Debug, Clone)]
pub struct AwsRole {
    /// Where the first keys come from.
    pub source: AwsSource,
    /// The role that those keys are for, if not for signing themselves.
    pub assumed: Option<AssumedRole>,
    /// Where roles are assumed: STS in the region.
    pub sts: BaseUrl,
    /// The region that signatures are for.
    pub region: Arc<str>,
}

/// Where keys come from.
#[derive(Debug, Clone)]
pub enum AwsSource {
    /// The configuration.
    Key(AwsKey),
    /// STS, for a token that a cluster puts into a file and renews.
    WebIdentity {
        /// Where the token is.
        token: PathBuf,
        /// The role that it is for.
        role_arn: String,
    },
    /// The server that ECS and EKS put beside a container.
    Container {
        /// Who is asked.
        url: BaseUrl,
        /// Path and query, as they were written.
        target: String,
        /// What it is asked with, if anything.
        authorization: Option<Authorization>,
    },
    /// The metadata server of an EC2 machine, in its second version.
    Instance(BaseUrl),
}

/// What a container's server is asked with.
#[derive(Debug, Clone)]
pub enum Authorization {
    /// The value of a variable.
    Text(Secret),
    /// What a file holds, which is renewed.
    File(PathBuf),
}

/// A role that is assumed with keys of another.
#[derive(Debug, Clone)]
pub struct AssumedRole {
    /// Its name at AWS.
    pub arn: String,
    /// What its owner agreed on with whom may assume it.
    pub external_id: Option<String>,
}

impl AwsRole {
    /// Who is asked in the second step, where there are two.
    pub const ASSUMED: &'static str = "STS, for a role";

    /// Who is asked first, in words, and where.
    pub(super) fn asked(&self) -> (&'static str, &BaseUrl) {
        match &self.source {
            AwsSource::Key(_) => (Self::ASSUMED, &self.sts),
            AwsSource::WebIdentity { .. } => ("STS, for the token of a cluster (IRSA)", &self.sts),
            AwsSource::Container { url, .. } => ("the server beside a container", url),
            AwsSource::Instance(url) => ("the metadata server of a machine (IMDSv2)", url),
        }
    }

    /// What it is known by from one configuration to the next; never shown.
    pub(super) fn identity(&self) -> String {
        let source = match &self.source {
            AwsSource::Key(key) => key.secrets().map(Secret::expose).collect::<Vec<_>>().join("\n"),
            AwsSource::WebIdentity { token, role_arn } => format!("{}\n{role_arn}", token.display()),
            AwsSource::Container { url, target, .. } => format!("{url}\n{target}"),
            AwsSource::Instance(url) => url.to_string(),
        };
        let assumed = self.assumed.as_ref().map(|assumed| (&*assumed.arn, assumed.external_id.as_deref()));
        format!("aws\n{source}\n{assumed:?}\n{}\n{}", self.sts, self.region)
    }

    /// What of it must appear in no log.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        match &self.source {
            AwsSource::Key(key) => key.secrets().cloned().collect(),
            AwsSource::Container { authorization: Some(Authorization::Text(text)), .. } => vec![text.clone()],
            AwsSource::WebIdentity { .. } | AwsSource::Container { .. } | AwsSource::Instance(_) => Vec::new(),
        }
    }
}
