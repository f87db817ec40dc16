//! Access tokens: asked for in the background, renewed before they end, and waited for only while there is none.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::HeaderValue;
use roundelay_protocol::failure::mask;
use serde::Deserialize;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{DispatchTimers, Endpoint, RequestHead, Upstream};
use crate::{common::clock::unix_time, config::Credentials};

/// Where the tokens of one provider come from.
#[derive(Debug)]
pub struct TokenSource {
    provider: Arc<str>,
    credentials: Arc<Credentials>,
    state: watch::Sender<State>,
}

#[derive(Debug, Clone)]
enum State {
    /// None has been asked for yet.
    New,
    Ready(Token),
    /// None was given.
    Failed(TokenFault, Instant),
}

#[derive(Debug, Clone)]
struct Token {
    /// The value of `authorization`.
    bearer: HeaderValue,
    renew_at: Instant,
    ends_at: Instant,
}

/// Why there is no token. Holds nothing of the credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// The credentials were refused.
    #[error("no access token was given for the provider's credentials: {0}")]
    Refused(String),
    /// Who gives tokens out could not be asked.
    #[error("no access token could be asked for: {0}")]
    Unreachable(String),
}

#[derive(Deserialize)]
struct Given {
    access_token: String,
    #[serde(default)]
    expires_in: u64,
}

#[derive(Deserialize)]
struct Refused {
    error: String,
    #[serde(default)]
    error_description: String,
}

impl TokenSource {
    /// A source that has no token yet.
    pub fn new(provider: &Arc<str>, credentials: &Arc<Credentials>) -> Self {
        let (provider, credentials) = (Arc::clone(provider), Arc::clone(credentials));
        Self { provider, credentials, state: watch::Sender::new(State::New) }
    }

    /// Whose tokens these are.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Takes the token of another source over, when it is of the same credentials.
    pub fn adopt(&self, older: &Self) {
        if self.credentials.identity() == older.credentials.identity() {
            self.state.send_replace(older.state.borrow().clone());
        }
    }

    /// The value of `authorization`, once there is one; the wait is for the very first, or after a long silence of who
    /// gives them out.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    /// When none was given, or none came by then.
    pub async fn bearer(&self, until: Instant) -> Result<HeaderValue, TokenFault> {
        let mut state = self.state.subscribe();
        let settled = state.wait_for(|state| match state {
            State::New => false,
            State::Ready(token) => token.ends_at > Instant::now(),
            State::Failed(..) => true,
        });
        let slow = || TokenFault::Unreachable("no answer in time".to_owned());
        match &*timeout_at(until, settled).await.map_err(|_| slow())?.map_err(|_| slow())? {
            State::Ready(token) => Ok(token.bearer.clone()),
            State::Failed(fault, _) => Err(fault.clone()),
            State::New => Err(slow()),
        }
    }

    /// Whether it is time to ask for a token, or to ask again.
    pub fn is_due(&self) -> bool {
        let now = Instant::now();
        match &*self.state.borrow() {
            State::New => true,
            State::Ready(token) => token.renew_at <= now,
            State::Failed(_, again_at) => *again_at <= now,
        }
    }

    /// Asks for a token. While one that was given before is good, a failure only makes for another try.
    ///
    /// # Errors
    /// Why none was given.
    pub async fn renew(&self, upstream: &Upstream) -> Result<(), TokenFault> {
        let asked = self.ask(upstream).await;
        let now = Instant::now();
        self.state.send_modify(|state| {
            *state = match (&asked, &*state) {
                (Ok(token), _) => State::Ready(token.clone()),
                (Err(_), State::Ready(token)) if token.ends_at > now => {
                    State::Ready(Token { renew_at: now + AGAIN, ..token.clone() })
                }
                (Err(fault), _) => State::Failed(fault.clone(), now + AGAIN),
            };
        });
        asked.map(drop)
    }

    async fn ask(&self, upstream: &Upstream) -> Result<Token, TokenFault> {
        let url = self.credentials.token_url();
        let form = self.credentials.form(unix_time().as_secs().cast_signed());
        let mut head = match form {
            Some(_) => RequestHead::post(&url.path_prefix, &url.authority()),
            None => RequestHead::get(&url.path_prefix, &url.authority()),
        };
        if form.is_some() {
            head.field("content-type", b"application/x-www-form-urlencoded");
        } else {
            head.field("metadata-flavor", b"Google");
        }
        head.field("accept", b"application/json");
        let endpoint = Endpoint::new(url.https, url.host.to_string().into(), url.port);
        let timers = DispatchTimers { connect: WAIT, headers: WAIT, deadline: Instant::now() + WAIT };
        let form = Bytes::from(form.unwrap_or_default());
        let (status, body) = upstream
            .fetch(&endpoint, &head, &form, timers, ANSWER_MAX)
            .await
            .map_err(|fault| TokenFault::Unreachable(fault.reason().to_owned()))?;
        token(status, &body)
    }
}

fn token(status: u16, body: &[u8]) -> Result<Token, TokenFault> {
    if let (200, Ok(given)) = (status, serde_json::from_slice::<Given>(body)) {
        let bearer = HeaderValue::try_from(format!("Bearer {}", given.access_token));
        let mut bearer = bearer.map_err(|_| TokenFault::Unreachable("what was given is no token".to_owned()))?;
        bearer.set_sensitive(true);
        let (now, lasts) = (Instant::now(), Duration::from_secs(given.expires_in.min(LASTS_MAX)));
        // A token is not begun with that may end on the way.
        let ends_at = now + lasts.saturating_sub(MARGIN);
        let renew_at = (now + lasts.saturating_sub(AHEAD).max(lasts / 2)).min(ends_at);
        return Ok(Token { bearer, renew_at, ends_at });
    }
    let why = match serde_json::from_slice::<Refused>(body) {
        Ok(Refused { error, error_description }) => {
            let words = mask(&format!("{error}: {error_description}"));
            words.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect()
        }
        Err(_) => format!("the answer has status {status}"),
    };
    // 400 and 401 are about the credentials (RFC 6749, section 5.2); anything else may pass.
    Err(if matches!(status, 400 | 401 | 403) { TokenFault::Refused(why) } else { TokenFault::Unreachable(why) })
}

/// How long an answer may take.
const WAIT: Duration = Duration::from_secs(10);
/// Answers have 2 KiB.
const ANSWER_MAX: usize = 64 << 10;
/// How long before its end a token is renewed: Google's own libraries take less, and an outage of minutes is bridged.
const AHEAD: Duration = Duration::from_secs(300);
/// How long before its end a token is not used any more.
const MARGIN: Duration = Duration::from_secs(10);
/// When a failure is followed by another try.
const AGAIN: Duration = Duration::from_secs(5);
/// Tokens last an hour; what lasts for ever is renewed daily.
const LASTS_MAX: u64 = 24 * 3600;
/// Letters of a refusal that are kept.
const WORDS_MAX: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_before_it_ends() {
        let given = token(200, br#"{"access_token":"ya29.x","expires_in":3599,"token_type":"Bearer"}"#).unwrap();
        assert_eq!(given.bearer, "Bearer ya29.x");
        let now = Instant::now();
        assert_eq!(given.renew_at - now, Duration::from_secs(3299));
        assert_eq!(given.ends_at - now, Duration::from_secs(3589));
        let short = token(200, br#"{"access_token":"x","expires_in":60}"#).unwrap();
        assert_eq!(short.renew_at - now, Duration::from_secs(30));
    }

    #[test]
    fn a_refusal_is_told_apart_from_an_outage() {
        let refused = token(400, br#"{"error":"invalid_grant","error_description":"Invalid JWT\nSignature."}"#);
        assert_eq!(refused.unwrap_err(), TokenFault::Refused("invalid_grant: Invalid JWTSignature.".to_owned()));
        let outage = token(503, b"<html>");
        assert_eq!(outage.unwrap_err(), TokenFault::Unreachable("the answer has status 503".to_owned()));
    }
}
