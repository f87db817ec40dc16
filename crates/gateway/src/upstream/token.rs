//! Access tokens, and keys that are lent for a time: asked for in the background, renewed before they end, and waited for only while there is none.

mod age;
mod aws;
mod azure;
mod fault;
mod fetched;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::HeaderValue;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

pub use self::fault::TokenFault;
use self::{
    age::Age,
    fetched::{Given, fetch, post_form},
};
use super::{RequestHead, Signer, Upstream};
use crate::{common::clock::unix_time, config::Credentials};

/// Where the tokens of one provider come from.
#[derive(Debug)]
pub struct TokenSource {
    provider: Arc<str>,
    credentials: Arc<Credentials>,
    kept: watch::Sender<Kept>,
}

#[derive(Debug, Clone)]
struct Kept {
    state: State,
    /// What was given last, the newest at the end: attempts that were begun with an older one may still run.
    given: Vec<Grant>,
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
    age: Age,
    /// The age at which it is renewed.
    renewed_at: Duration,
    /// The age from which on it is not used any more.
    lasts: Duration,
    /// Whether a provider would not have it.
    is_refused: bool,
}

impl TokenSource {
    /// A source that has no token yet.
    pub fn new(provider: &Arc<str>, credentials: &Arc<Credentials>) -> Self {
        let (provider, credentials) = (Arc::clone(provider), Arc::clone(credentials));
        Self { provider, credentials, kept: watch::Sender::new(Kept { state: State::New, given: Vec::new() }) }
    }

    /// Whose tokens these are.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Takes the token of another source over, when it is of the same credentials.
    pub fn adopt(&self, older: &Self) {
        if self.credentials.identity() == older.credentials.identity() {
            self.kept.send_replace(older.kept.borrow().clone());
        }
    }

    /// What a request is shown with, once there is something; the wait is for the very first, or after a long silence of who
    /// gives them out. `None` when none was given, or none came by then.
    ///
    /// Cancel-safe.
    pub async fn grant(&self, until: Instant) -> Option<Grant> {
        let mut kept = self.kept.subscribe();
        let settled = kept.wait_for(|kept| match &kept.state {
            State::New => false,
            State::Ready(token) => token.is_good(),
            State::Failed { .. } => true,
        });
        match &timeout_at(until, settled).await.ok()?.ok()?.state {
            State::Ready(token) => Some(token.grant.clone()),
            State::Failed { .. } | State::New => None,
        }
    }

    /// Whether the last time that it was asked for, none was given, and there is none from before.
    pub fn is_without(&self) -> bool {
        match &self.kept.borrow().state {
            State::New => false,
            State::Ready(token) => !token.is_good(),
            State::Failed { .. } => true,
        }
    }

    /// Whether a wait for one would be over at once, without one.
    pub fn was_given_none(&self) -> bool {
        matches!(self.kept.borrow().state, State::Failed { .. })
    }

    /// Who is asked for one, where, and why there is none: nothing of the credentials, and nothing that was said of them.
    pub fn why_without(&self) -> String {
        let why = match &self.kept.borrow().state {
            State::Failed { fault, .. } => return fault.in_short(),
            State::New => "no answer in time",
            State::Ready(Token { is_refused: true, .. }) => {
                "the provider refused what was given, and another is asked for"
            }
            State::Ready(_) => "what was given has ended, and no other came in time",
        };
        TokenFault::new(why).of(self.credentials.asked()).in_short()
    }

    /// Whether it is time to ask for a token, or to ask again.
    pub fn is_due(&self) -> bool {
        match &self.kept.borrow().state {
            State::New => true,
            State::Ready(token) => token.age.now() >= token.renewed_at,
            State::Failed { again_at, .. } => *again_at <= Instant::now(),
        }
    }

    /// Hears that a provider would not have what was given, which may have been taken back since. Says whether another is
    /// asked for; not when this one is just new, as the next would fare no better.
    pub fn hear_refused(&self, refused: &Grant) -> bool {
        let mut is_asked_for = true;
        self.kept.send_if_modified(|kept| {
            if let State::Ready(token) = &mut kept.state
                && token.grant.is(refused)
            {
                is_asked_for = token.age.now() >= JUST_GIVEN;
                if is_asked_for {
                    (token.renewed_at, token.is_refused) = (Duration::ZERO, true);
                }
            }
            false
        });
        is_asked_for
    }

    /// Asks for a token. While one that was given before is good, a failure only makes for another try.
    ///
    /// # Errors
    /// Why none was given.
    pub async fn renew(&self, upstream: &Upstream) -> Result<(), TokenFault> {
        let asked = self.ask(upstream).await.map_err(|fault| fault.of(self.credentials.asked()));
        self.take(&asked);
        asked.map(drop)
    }

    fn take(&self, asked: &Result<Token, TokenFault>) {
        self.kept.send_modify(|kept| {
            kept.state = match (asked, &kept.state) {
                (Ok(token), _) => {
                    // Metadata servers give the same out until it is nearly over.
                    kept.given.retain(|given| !given.is(&token.grant));
                    kept.given.push(token.grant.clone());
                    let surplus = kept.given.len().saturating_sub(GIVEN_MAX);
                    kept.given.drain(..surplus);
                    State::Ready(token.clone())
                }
                (Err(_), State::Ready(token)) if token.is_good() => {
                    State::Ready(Token { renewed_at: token.age.now() + AGAIN, ..token.clone() })
                }
                (Err(fault), state) => {
                    let times = if let State::Failed { times, .. } = state { times + 1 } else { 0 };
                    State::Failed { fault: fault.clone(), again_at: Instant::now() + again_after(times), times }
                }
            };
        });
    }

    /// Takes what was given out of `text`, which a provider may have quoted it in.
    pub fn hide(&self, text: &mut String) {
        let mut hide = |secret: &str| {
            if secret.len() >= 6 && text.contains(secret) {
                *text = text.replace(secret, "***");
            }
        };
        for grant in &self.kept.borrow().given {
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

impl Grant {
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bearer(one), Self::Bearer(other)) => one == other,
            (Self::Signer(one), Self::Signer(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl Token {
    /// One that lasts so long from now.
    fn lasting(grant: Grant, lasts: Duration) -> Self {
        let left = lasts.min(LASTS_MAX);
        // A token is not begun with that may end on the way.
        let lasts = left.saturating_sub(MARGIN);
        let renewed_at = left.saturating_sub(AHEAD).max(left / 2).min(lasts).max(SOONEST);
        Self { grant, age: Age::begin(), renewed_at, lasts, is_refused: false }
    }

    fn is_good(&self) -> bool {
        self.age.now() < self.lasts
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
/// What is refused so soon after it was given was not taken back since.
const JUST_GIVEN: Duration = Duration::from_secs(60);
/// How many that were given are kept out of what is told: an attempt lasts no longer than so many renewals but where they
/// end within minutes.
const GIVEN_MAX: usize = 4;
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
        let lasting =
            |seconds| Token::lasting(Grant::Bearer(HeaderValue::from_static("Bearer x")), Duration::from_secs(seconds));
        assert_eq!(lasting(3_599).renewed_at, Duration::from_secs(3_299));
        assert_eq!(lasting(3_599).lasts, Duration::from_secs(3_589));
        assert_eq!(lasting(60).renewed_at, Duration::from_secs(30));
        assert_eq!((lasting(5).renewed_at, lasting(0).lasts), (SOONEST, Duration::ZERO));
        assert_eq!(lasting(1 << 40).renewed_at, LASTS_MAX - AHEAD);
    }

    fn source() -> TokenSource {
        let url = BaseUrl::parse("http://127.0.0.1").unwrap();
        let role =
            AwsRole { source: AwsSource::Instance(url.clone()), assumed: None, sts: url, region: "us-east-1".into() };
        TokenSource::new(&"bedrock".into(), &Arc::new(Credentials::Aws(role)))
    }

    fn lent(name: &str) -> Token {
        let signer = Signer {
            access_key_id: format!("ASIA-{name}-KEYID").into(),
            secret_access_key: Secret::new(format!("{name}-secret")),
            session_token: Some(Secret::new(format!("{name}-session"))),
            region: "us-east-1".into(),
            service: "bedrock",
        };
        Token::lasting(Grant::Signer(Arc::new(signer)), Duration::from_secs(3_600))
    }

    #[test]
    fn what_was_lent_is_taken_out_of_what_a_provider_says_though_there_is_another_since() {
        let source = source();
        for name in ["first", "second"] {
            source.take(&Ok(lent(name)));
        }
        let mut text = "ASIA-first-KEYID with second-session and first-secret".to_owned();
        source.hide(&mut text);
        assert_eq!(text, "*** with *** and ***");
        for _ in 0..2 {
            source.kept.send_modify(|kept| kept.state = State::New);
            source.take(&Err(TokenFault::new("no connection")));
        }
        let mut text = "first-session".to_owned();
        source.hide(&mut text);
        assert_eq!(text, "***", "kept though none is given now");
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_provider_refuses_is_asked_for_again_unless_it_is_just_new() {
        let source = source();
        let token = lent("first");
        source.take(&Ok(token.clone()));
        assert!(!source.hear_refused(&token.grant) && !source.is_due(), "another would be refused as well");
        tokio::time::advance(JUST_GIVEN).await;
        assert!(!source.is_due());
        assert!(source.hear_refused(&token.grant) && source.is_due());
        assert!(source.grant(Instant::now()).await.is_some(), "it may serve others");
        assert!(source.why_without().contains("refused what was given"), "{}", source.why_without());
        source.take(&Ok(lent("second")));
        assert!(source.hear_refused(&token.grant) && !source.is_due(), "there is another already");
    }

    #[test]
    fn why_there_is_none_names_who_was_asked_and_repeats_nobody() {
        let source = source();
        let at = "the metadata server of a machine (IMDSv2) at http://127.0.0.1";
        assert_eq!(source.why_without(), format!("{at}: no answer in time"));
        let fault = TokenFault::said(403, Some("arn:aws:x may not".to_owned())).of(source.credentials.asked());
        assert_eq!(fault.to_string(), format!("{at}: the answer has status 403: arn:aws:x may not"));
        source.take(&Err(fault));
        assert!(source.was_given_none());
        assert_eq!(source.why_without(), format!("{at}: the answer has status 403"));
    }

    #[test]
    fn failures_are_followed_by_longer_and_longer_waits() {
        let waits: Vec<u64> = [0, 1, 2, 3, 4, 40].map(|times| again_after(times).as_secs()).to_vec();
        assert_eq!(waits, [5, 10, 20, 40, 60, 60]);
    }
}
