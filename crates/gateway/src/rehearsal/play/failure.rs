//! Faults that come instead of an answer: errors with a status, and connections that fail.

use super::{FOREVER, JSON, Stage, Then};
use crate::rehearsal::catalogue::ProviderError;
use crate::rehearsal::http::{Framing, Head};
use crate::rehearsal::scenario::{Fault, Scenario};
use crate::rehearsal::wire::Gone;

impl Stage<'_> {
    /// Plays a fault that comes instead of an answer.
    pub(in crate::rehearsal) async fn before_answer(mut self, scenario: &Scenario) -> Result<Then, Gone> {
        self.wire.wait(scenario.pace.headers + scenario.pace.first).await?;
        match &scenario.fault {
            Fault::ResetBeforeHeaders => Ok(Then::Reset),
            Fault::CloseBeforeHeaders => Ok(Then::Close),
            Fault::Garbage => {
                self.wire.outbox().extend_from_slice(GARBAGE);
                self.wire.flush().await.map(|()| Then::Close)
            }
            Fault::Silence => self.wire.wait(FOREVER).await.map(|()| Then::Close),
            Fault::Status(status) => {
                let body = self.dialect.error(*status, &format!("a rehearsed {status}"));
                let headers = self.dialect.error_headers(*status);
                self.refuse(scenario, *status, JSON, &headers, body.to_string().as_bytes()).await
            }
            Fault::Error(ProviderError { status, headers, body, .. }) => {
                self.refuse(scenario, *status, JSON, headers, body.as_bytes()).await
            }
            Fault::Html(status) => {
                let page = format!(
                    "<!DOCTYPE html>\n<html><head><title>rehearsal | {status}</title></head>\n\
                     <body><h1>Error {status}</h1><p>Ray ID: 8f00rehearsal0000</p></body></html>\n"
                );
                self.refuse(
                    scenario,
                    *status,
                    "text/html; charset=UTF-8",
                    &[("cf-ray", "8f00rehearsal0000-SIN")],
                    page.as_bytes(),
                )
                .await
            }
            Fault::EmptyBody => self.refuse(scenario, 200, JSON, &[], b"").await,
            Fault::EmptyStream => {
                let framing = self.head(self.dialect.stream_type(), Framing::unknown_length(self.is_http_10));
                self.end(framing).await
            }
            Fault::None
            | Fault::Breaks { .. }
            | Fault::Stalls { .. }
            | Fault::MalformedEvent(_)
            | Fault::MissingDone
            | Fault::DoneWithoutFinish
            | Fault::DoneAlone
            | Fault::EmptyChoices
            | Fault::ErrorInBand { .. }
            | Fault::Comments(_)
            | Fault::HugeLine(_) => Ok(Then::Close),
        }
    }

    pub(super) async fn refuse(
        &mut self,
        scenario: &Scenario,
        status: u16,
        content_type: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Then, Gone> {
        let retry_after = scenario.retry_after_s.map(|seconds| seconds.to_string());
        let mut headers: Vec<(&str, &str)> = headers.to_vec();
        if let Some(seconds) = &retry_after {
            headers.retain(|(name, _)| !name.starts_with("retry-after"));
            headers.push(("retry-after", seconds));
        }
        self.wire.writes_singly = scenario.shape.writes_bytes_singly;
        let framing = Framing::Length(body.len());
        Head { status, content_type, framing, keeps_alive: self.keeps_alive, headers: &headers }
            .write(self.wire.outbox());
        self.wire.outbox().extend_from_slice(body);
        self.end(framing).await
    }
}

impl Scenario {
    /// Whether the fault comes instead of an answer.
    pub(in crate::rehearsal) fn fails_before_answer(&self) -> bool {
        match self.fault {
            Fault::Status(_)
            | Fault::Error(_)
            | Fault::Html(_)
            | Fault::ResetBeforeHeaders
            | Fault::CloseBeforeHeaders
            | Fault::Garbage
            | Fault::Silence
            | Fault::EmptyBody
            | Fault::EmptyStream => true,
            Fault::None
            | Fault::Breaks { .. }
            | Fault::Stalls { .. }
            | Fault::MalformedEvent(_)
            | Fault::MissingDone
            | Fault::DoneWithoutFinish
            | Fault::DoneAlone
            | Fault::EmptyChoices
            | Fault::ErrorInBand { .. }
            | Fault::Comments(_)
            | Fault::HugeLine(_) => false,
        }
    }
}

const GARBAGE: &[u8] = b"\x16\x03\x01\x00\xff this is not HTTP\r\n\r\n";
