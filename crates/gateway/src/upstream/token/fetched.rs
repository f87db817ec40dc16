//! What those who give out tokens are asked, and what they say.

use std::{fs, io::Read as _, path::Path, time::Duration};

use bytes::Bytes;
use http::HeaderValue;
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use tokio::time::Instant;

use super::{ANSWER_MAX, Grant, Token, TokenFault, WAIT};
use crate::{
    common::{clock::unix_time, file::unreadable},
    config::BaseUrl,
    upstream::{DispatchTimers, Endpoint, RequestHead, Upstream},
};

/// A token as Google, Entra ID and Azure's machines give it out.
#[derive(Deserialize)]
pub(super) struct Given {
    access_token: String,
    #[serde(default, deserialize_with = "seconds")]
    expires_in: Option<u64>,
    /// In Unix seconds.
    #[serde(default, deserialize_with = "seconds")]
    expires_on: Option<u64>,
}

/// Azure's machines write numbers as strings.
fn seconds<'de, D: Deserializer<'de>>(value: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u64),
        Text(String),
        Other(IgnoredAny),
    }
    Ok(match Written::deserialize(value)? {
        Written::Number(number) => Some(number),
        Written::Text(text) => text.parse().ok(),
        Written::Other(_) => None,
    })
}

#[derive(Deserialize)]
struct Refused {
    error: String,
    #[serde(default)]
    error_description: String,
}

impl Given {
    /// Reads an answer.
    pub(super) fn read((status, body): &(u16, Bytes)) -> Result<Self, TokenFault> {
        if let (200, Ok(given)) = (*status, serde_json::from_slice::<Self>(body)) {
            return Ok(given);
        }
        let words: Option<Refused> = serde_json::from_slice(body).ok();
        if *status == 200 && words.is_none() {
            return Err(TokenFault::new(NO_TOKEN));
        }
        let said = |Refused { error, error_description }: Refused| format!("{error}: {error_description}");
        Err(TokenFault::said(*status, words.map(said)))
    }

    /// The token with its end.
    pub(super) fn bearer(self) -> Result<Token, TokenFault> {
        let bearer = HeaderValue::try_from(format!("Bearer {}", self.access_token));
        let mut bearer = bearer.map_err(|_| TokenFault::new(NO_TOKEN))?;
        bearer.set_sensitive(true);
        let on = || self.expires_on.map(|on| on.saturating_sub(unix_time().as_secs()));
        let lasts = Duration::from_secs(self.expires_in.or_else(on).unwrap_or_default());
        Ok(Token::lasting(Grant::Bearer(bearer), lasts))
    }
}

/// Asks with a form.
pub(super) async fn post_form(upstream: &Upstream, url: &BaseUrl, form: String) -> Result<Given, TokenFault> {
    let mut head = RequestHead::post(&url.path_prefix, &url.authority());
    head.field("content-type", b"application/x-www-form-urlencoded").field("accept", b"application/json");
    Given::read(&fetch(upstream, url, &head, form.into()).await?)
}

/// Sends a request to where that is, and reads status and body of its answer.
pub(super) async fn fetch(
    upstream: &Upstream,
    url: &BaseUrl,
    head: &RequestHead,
    content: Bytes,
) -> Result<(u16, Bytes), TokenFault> {
    let endpoint = Endpoint::new(url.https, url.host.to_string().into(), url.port);
    let timers = DispatchTimers { connect: WAIT, headers: WAIT, deadline: Instant::now() + WAIT };
    let fetched = upstream.fetch(&endpoint, head, &content, timers, ANSWER_MAX).await;
    fetched.map_err(|fault| TokenFault::new(fault.reason()))
}

/// What a file holds that somebody else renews, without the line end.
pub(super) async fn read_file(path: &Path) -> Result<String, TokenFault> {
    let owned = path.to_owned();
    let read = move || {
        let mut text = String::new();
        fs::File::open(owned)?.take(ANSWER_MAX as u64).read_to_string(&mut text).map(|_| text)
    };
    let read = tokio::task::spawn_blocking(read).await;
    let fault = |why: &str| TokenFault::new(format!("`{}`: {why}", path.display()));
    let text = read.map_err(|_| fault("reading it ended in a panic"))?.map_err(|why| fault(&unreadable(&why)))?;
    match text.trim() {
        "" => Err(fault("it is empty")),
        // It goes into a header or a form, where a line has an end.
        text if !text.bytes().all(|byte| byte.is_ascii_graphic()) => Err(fault("it holds more than a token")),
        text => Ok(text.to_owned()),
    }
}

const NO_TOKEN: &str = "what was given is no token";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Result<Given, TokenFault> {
        Given::read(&(status, Bytes::copy_from_slice(body.as_bytes())))
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_lasts_as_long_as_is_said_however_it_is_written() {
        let in_an_hour = unix_time().as_secs() + 3_600;
        for (body, lasts) in [
            (r#"{"access_token":"ya29.x","expires_in":3599,"token_type":"Bearer"}"#.to_owned(), 3_589),
            (r#"{"access_token":"ya29.x","expires_in":"3599","expires_on":"9"}"#.to_owned(), 3_589),
            (format!(r#"{{"access_token":"ya29.x","expires_on":"{in_an_hour}"}}"#), 3_590),
            (r#"{"access_token":"ya29.x","expires_in":null}"#.to_owned(), 0),
        ] {
            let Ok(token) = read(200, &body).and_then(Given::bearer) else { panic!("{body}") };
            assert!(token.lasts.as_secs().abs_diff(lasts) <= 1, "{body}");
            assert!(matches!(token.grant, Grant::Bearer(bearer) if bearer == "Bearer ya29.x"));
        }
    }

    #[test]
    fn what_is_said_instead_of_a_token_is_kept_in_one_line() {
        let said = |status, body| read(status, body).err().unwrap().to_string();
        let refused = r#"{"error":"invalid_grant","error_description":"Invalid JWT\nSignature."}"#;
        assert_eq!(said(400, refused), "the answer has status 400: invalid_grant: Invalid JWTSignature.");
        assert_eq!(said(503, "<html>"), "the answer has status 503");
        assert_eq!(said(200, "{}"), "what was given is no token");
    }
}
