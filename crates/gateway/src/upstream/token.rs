//! Access tokens, and keys that are lent for a time: asked for in the background, renewed before they end, and waited for only while there is none.

mod aws;
mod azure;
mod fetched;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::HeaderValue;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use self::fetched::{Given, fetch, post_form};
use super::{RequestHead, Signer, Upstream};
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
    /// None was given, so many times in a row.
    Failed {
        fault: TokenFault,
        again_at: Instant,
        times: u32,
    },
}

/// What a request shows who asks with.
#[derive(Debug, Clone)]
pub enum Grant {
    /// The value of `authorization`.
    Bearer(HeaderValue),
    /// What signs it.
    Signer(Arc<Signer>),
}

#[derive(Debug, Clone)]
struct Token {
    grant: Grant,
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

    /// What a request is shown with, once there is something; the wait is for the very first, or after a long silence of who
    /// gives them out.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    /// When none was given, or none came by then.
    pub async fn grant(&self, until: Instant) -> Result<Grant, TokenFault> {
        let mut state = self.state.subscribe();
        let settled = state.wait_for(|state| match state {
            State::New => false,
            State::Ready(token) => token.ends_at > Instant::now(),
            State::Failed { .. } => true,
        });
        let slow = || TokenFault::Unreachable("no answer in time".to_owned());
        match &*timeout_at(until, settled).await.map_err(|_| slow())?.map_err(|_| slow())? {
            State::Ready(token) => Ok(token.grant.clone()),
            State::Failed { fault, .. } => Err(fault.clone()),
            State::New => Err(slow()),
        }
    }

    /// Whether the last time that it was asked for, none was given, and there is none from before.
    pub fn is_without(&self) -> bool {
        match &*self.state.borrow() {
            State::New => false,
            State::Ready(token) => token.ends_at <= Instant::now(),
            State::Failed { .. } => true,
        }
    }

    /// Whether it is time to ask for a token, or to ask again.
    pub fn is_due(&self) -> bool {
        let now = Instant::now();
        match &*self.state.borrow() {
            State::New => true,
            State::Ready(token) => token.renew_at <= now,
            State::Failed { again_at, .. } => *again_at <= now,
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
                (Err(fault), state) => {
                    let times = if let State::Failed { times, .. } = state { times + 1 } else { 0 };
                    State::Failed { fault: fault.clone(), again_at: now + again_after(times), times }
                }
            };
        });
        asked.map(drop)
    }

    /// Takes what is given now out of `text`, which a provider may have quoted it in.
    pub fn hide(&self, text: &mut String) {
        let State::Ready(Token { grant, .. }) = &*self.state.borrow() else { return };
        let mut hide = |secret: &str| {
            if secret.len() >= 6 && text.contains(secret) {
                *text = text.replace(secret, "***");
            }
        };
        match grant {
            Grant::Bearer(bearer) => {
                hide(bearer.to_str().unwrap_or_default().strip_prefix("Bearer ").unwrap_or_default());
            }
            Grant::Signer(signer) => {
                hide(&signer.access_key_id);
                hide(signer.secret_access_key.expose());
                hide(signer.session_token.as_ref().map_or("", |token| token.expose()));
            }
        }
    }

    async fn ask(&self, upstream: &Upstream) -> Result<Token, TokenFault> {
        match &*self.credentials {
            Credentials::Google(google) => match google.form(unix_time().as_secs().cast_signed()) {
                Some(form) => post_form(upstream, &google.token_url, form).await?.bearer(),
                None => {
                    let mut head = RequestHead::get(&google.token_url.path_prefix, &google.token_url.authority());
                    head.field("metadata-flavor", b"Google");
                    Given::read(&fetch(upstream, &google.token_url, &head, Bytes::new()).await?)?.bearer()
                }
            },
            Credentials::Entra(entra) => post_form(upstream, &entra.token_url, entra.form()).await?.bearer(),
            Credentials::Azure(identity) => azure::ask(identity, upstream).await?.bearer(),
            Credentials::Aws(role) => aws::ask(role, upstream).await,
        }
    }
}

impl Token {
    /// One that lasts so long from now.
    fn lasting(grant: Grant, lasts: Duration) -> Self {
        let (now, lasts) = (Instant::now(), lasts.min(LASTS_MAX));
        // A token is not begun with that may end on the way.
        let ends_at = now + lasts.saturating_sub(MARGIN);
        let renew_at = (now + lasts.saturating_sub(AHEAD).max(lasts / 2)).min(ends_at).max(now + SOONEST);
        Self { grant, renew_at, ends_at }
    }
}

/// When it is asked again after so many failures before this one.
fn again_after(times: u32) -> Duration {
    AGAIN.saturating_mul(1 << times.min(4)).min(AGAIN_MAX)
}

/// How long an answer may take.
const WAIT: Duration = Duration::from_secs(10);
/// Answers have 2 KiB, and so have files with tokens.
const ANSWER_MAX: usize = 64 << 10;
/// How long before its end a token is renewed: Google's own libraries take less, and an outage of minutes is bridged.
const AHEAD: Duration = Duration::from_secs(300);
/// When it is asked again for a token that came with no time left.
const SOONEST: Duration = Duration::from_secs(1);
/// How long before its end a token is not used any more.
const MARGIN: Duration = Duration::from_secs(10);
/// When a first failure is followed by another try; each one more doubles it.
const AGAIN: Duration = Duration::from_secs(5);
/// A minute without a token is the most that waiting adds to an outage.
const AGAIN_MAX: Duration = Duration::from_secs(60);
/// Tokens last an hour; what lasts for ever is renewed daily.
const LASTS_MAX: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        common::secret::Secret,
        config::{AwsRole, AwsSource, BaseUrl},
    };

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_before_it_ends() {
        let now = Instant::now();
        let lasting =
            |seconds| Token::lasting(Grant::Bearer(HeaderValue::from_static("Bearer x")), Duration::from_secs(seconds));
        assert_eq!(lasting(3_599).renew_at - now, Duration::from_secs(3_299));
        assert_eq!(lasting(3_599).ends_at - now, Duration::from_secs(3_589));
        assert_eq!(lasting(60).renew_at - now, Duration::from_secs(30));
        assert_eq!((lasting(5).renew_at - now, lasting(0).ends_at), (SOONEST, now));
        assert_eq!(lasting(1 << 40).renew_at - now, LASTS_MAX - AHEAD);
    }

    #[tokio::test]
    async fn what_is_lent_now_is_taken_out_of_what_a_provider_says() {
        let url = BaseUrl::parse("http://127.0.0.1").unwrap();
        let (source, region) = (AwsSource::Instance(url.clone()), "us-east-1");
        let role = AwsRole { source, assumed: None, sts: url, region: region.into() };
        let source = TokenSource::new(&"bedrock".into(), &Arc::new(Credentials::Aws(role)));
        let signer = Signer {
            access_key_id: "ASIALENTKEYID".into(),
            secret_access_key: Secret::new("lent-secret"),
            session_token: Some(Secret::new("lent-session")),
            region: region.into(),
            service: "bedrock",
        };
        let grant = Grant::Signer(Arc::new(signer));
        source.state.send_replace(State::Ready(Token::lasting(grant, Duration::from_secs(3_600))));
        let mut text = "ASIALENTKEYID with lent-session and lent-secret".to_owned();
        source.hide(&mut text);
        assert_eq!(text, "*** with *** and ***");
    }

    #[test]
    fn failures_are_followed_by_longer_and_longer_waits() {
        let waits: Vec<u64> = [0, 1, 2, 3, 4, 40].map(|times| again_after(times).as_secs()).to_vec();
        assert_eq!(waits, [5, 10, 20, 40, 60, 60]);
    }
}
