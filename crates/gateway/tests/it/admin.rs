//! The operator's side: who may do what, and that it is done at once.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail as its own lines do")]

mod accounts;
mod acts;
mod codes;
mod commands;
mod gate;
mod keys;
mod money;
mod networks;
mod openapi;
mod readiness;
mod receipts;
mod records;
mod reversals;
mod roles;
mod socket;

use crate::support::Upstream;

/// One provider, a pool of two models, and a fallback.
fn config(upstream: &Upstream) -> String {
    format!(
        "[money]
unknown_price = 'free'
[providers.local]
base_url = '{url}'
flavour = 'openai'
api_keys = ['sk-canary-upstream-0001']
[providers.spare]
base_url = '{url}'
flavour = 'openai'
[models.first]
deployments = ['local/rehearsal']
[models.second]
deployments = ['spare/rehearsal']
[models.last]
deployments = ['spare/rehearsal-last']
context_window = 1000
[models.broken]
deployments = ['local/rehearsal-503']
[models.slow]
deployments = ['spare/rehearsal-slow-words-20ms']
[pools.assistant]
members = {{ first = 0.6, second = 0.4 }}
fallback = ['last']
[pools.sturdy]
strategy = 'priority'
members = ['broken', 'second']
",
        url = upstream.base_url()
    )
}
