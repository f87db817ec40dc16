//! What is worth a line in the log: one function an event, one name a field.
//!
//! No event takes a key or a prompt. What comes from outside is cleaned here, so that both forms of the log show the
//! same text. `error` means that a person should look, `warn` that something was not as it should be and was handled.

use std::{error::Error, fmt::Display, net::SocketAddr, path::Path, time::Duration};

use tracing::{error, info, warn};

use super::text::clean;

/// Callers and operators are served from now on.
pub fn started(version: &str, listen: SocketAddr, admin: SocketAddr, deployments: usize, after: Duration) {
    let after_ms = milliseconds(after);
    info!(version, %listen, %admin, deployments, after_ms, "gateway started");
}

/// A new configuration is in force.
pub fn reloaded(deployments: usize) {
    info!(deployments, "configuration reloaded");
}

/// A new configuration is wrong, and the one before stays: a line a complaint.
pub fn reload_failed<C: Display>(complaints: impl IntoIterator<Item = C>) {
    error!("configuration not reloaded, the one before stays in force");
    for complaint in complaints {
        error!(complaint = in_a_line(complaint), "configuration complaint");
    }
}

/// Allowed by the configuration, and in need of a second look.
pub fn config_warning(complaint: impl Display) {
    warn!(complaint = in_a_line(complaint), "configuration warning");
}

/// A complaint has what to write instead on a line of its own.
fn in_a_line(complaint: impl Display) -> String {
    clean(complaint.to_string().replace("\n  ", "; "))
}

/// A deployment gets no more requests for now.
pub fn breaker_opened(deployment: &str) {
    warn!(deployment = clean(deployment), "breaker opened");
}

/// A deployment is trusted again.
pub fn breaker_closed(deployment: &str) {
    info!(deployment = clean(deployment), "breaker closed");
}

/// A provider's key is not used for now; `key_name` is its place in the configuration, never the key.
pub fn key_set_aside(key_name: &str, reason: &str) {
    error!(key_name = clean(key_name), reason = clean(reason), "provider key set aside");
}

/// A provider takes no signature of ours, because this machine's clock is off by so many seconds: behind where negative.
pub fn clock_refused(provider: &str, off_by_s: i64) {
    error!(provider = clean(provider), off_by_s, "provider refuses signatures: set this machine's clock");
}

/// What is left at a provider is too little, so that its deployments are left out; `key` counts the provider's keys
/// from 1.
pub fn balance_too_low(provider: &str, key: usize, usd: f64, min_usd: f64) {
    warn!(provider = clean(provider), key, usd, min_usd, "upstream balance too low");
}

/// There is enough at a provider again.
pub fn balance_enough(provider: &str, key: usize, usd: f64) {
    info!(provider = clean(provider), key, usd, "upstream balance is enough again");
}

/// A provider does not tell what is left; its deployments are taken to have enough.
pub fn balance_unknown(provider: &str, key: usize, reason: &str) {
    warn!(provider = clean(provider), key, reason = clean(reason), "upstream balance unknown");
}

/// A provider that did not tell what is left does so now.
pub fn balance_known(provider: &str, key: usize, usd: f64) {
    info!(provider = clean(provider), key, usd, "upstream balance known again");
}

/// A provider's credentials brought no access token; until they do, its deployments fail.
pub fn no_access_token(provider: &str, reason: &str) {
    error!(provider = clean(provider), reason = clean(reason), "no access token for a provider");
}

/// A provider whose credentials brought none has an access token again.
pub fn access_token_again(provider: &str) {
    info!(provider = clean(provider), "access tokens are given again for a provider");
}

/// An exchange ended without an answer; `class` is the name of the last failure's class.
pub fn exchange_failed(exchange: impl Display, model: &str, class: &str, attempts: u32) {
    warn!(exchange = clean(exchange), model = clean(model), class, attempts, "exchange failed");
}

/// The journal or the store failed at `action`; requests go on.
pub fn store_fault(action: &str, fault: &dyn Error) {
    error!(action, fault = causes(fault), "store fault");
}

/// The store's file was removed under a running gateway, and is there again with all that was in it.
pub fn store_restored() {
    warn!("the store's file was removed, and has been written again");
}

/// The journal's file or folder was removed under a running gateway, and another is there.
pub fn journal_restored() {
    warn!("the journal's file or folder was removed, and has been made again");
}

/// They were removed, and cannot be made again.
pub fn journal_lost(fault: &dyn Error) {
    error!(fault = causes(fault), "the journal's folder was removed, and cannot be made again");
}

/// Summaries in the store were sealed with another key than the configuration has; they stay unread until they expire.
pub fn summaries_unread(count: usize) {
    warn!(count, "summaries of another key are not read");
}

/// The store will never take the record of an exchange, which is lost.
pub fn record_refused(exchange: impl Display, fault: &dyn Error) {
    error!(exchange = clean(exchange), fault = causes(fault), "record refused by the store");
}

/// A segment of the journal was not whole: bytes cut off at its end, and bytes passed over before that, because of which
/// it is kept under the name `….torn`.
pub fn journal_torn(segment: &Path, cut_off: u64, passed_over: u64) {
    warn!(segment = clean(segment.display()), cut_off, passed_over, "journal segment was not whole");
}

/// The process takes no new requests and waits for those under way.
pub fn draining(in_flight: usize) {
    info!(in_flight, "draining");
}

/// The last line; `abandoned` exchanges did not end in time.
pub fn stopped(uptime: Duration, abandoned: usize) {
    info!(uptime_s = uptime.as_secs(), abandoned, "gateway stopped");
}

/// Most causes that are told of a fault, itself included.
const CAUSES_MAX: usize = 8;

/// A fault and what caused it, outermost first.
fn causes(fault: &dyn Error) -> String {
    let chain = std::iter::successors(Some(fault), |&fault| fault.source());
    let texts: Vec<String> = chain.take(CAUSES_MAX).map(ToString::to_string).collect();
    clean(texts.join(": "))
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
