//! Tokens for the identity that Azure gives to what the gateway runs in.

use bytes::Bytes;

use super::{
    TokenFault,
    fetched::{Given, fetch, post_form, read_file},
};
use crate::{
    config::{AzureIdentity, AzureWay},
    upstream::{RequestHead, Upstream},
};

pub(super) async fn ask(identity: &AzureIdentity, upstream: &Upstream) -> Result<Given, TokenFault> {
    let (name, value) = match &identity.way {
        AzureWay::Federated(file) => {
            return post_form(upstream, &identity.url, identity.form(&read_file(file).await?)).await;
        }
        AzureWay::AppService(header) => ("x-identity-header", header.expose()),
        AzureWay::Instance => ("metadata", "true"),
    };
    let mut head = RequestHead::get(&identity.target(), &identity.url.authority());
    head.field(name, value.as_bytes());
    Given::read(&fetch(upstream, &identity.url, &head, Bytes::new()).await?)
}
