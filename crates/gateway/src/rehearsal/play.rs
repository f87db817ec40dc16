//! Plays a scenario on the wire: the honest answer, and the place where it goes wrong.

mod failure;
mod serve;
mod spoil;

use std::time::Duration;

use super::answer::{self, Answer, Usage};
use super::asked::Asked;
use super::bedrock;
use super::catalogue::ProviderError;
use super::dialect::Dialect;
use super::events::{Events, Kind};
use super::http::{Framing, Head};
use super::scenario::{Break, Counting, Fault, Place, Scenario};
use super::wire::{Gone, Wire};

/// What becomes of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    NextRequest,
    Close,
    Reset,
}

/// A wire with a request waiting for its answer.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    wire: &'a mut Wire,
    is_http_10: bool,
    keeps_alive: bool,
    dialect: Dialect,
}

impl<'a> Stage<'a> {
    pub(super) fn new(wire: &'a mut Wire, keeps_alive: bool, is_http_10: bool, dialect: Dialect) -> Self {
        Self { wire, is_http_10, keeps_alive, dialect }
    }

    /// Answers `asked` as the scenario says.
    pub(super) async fn play(mut self, asked: &Asked, scenario: &Scenario) -> Result<Then, Gone> {
        if scenario.fails_before_answer() {
            return self.before_answer(scenario).await;
        }
        if let Some(error) = scenario.nature.refuses(asked) {
            return self
                .refuse(scenario, 400, JSON, &self.dialect.error_headers(400), error.to_string().as_bytes())
                .await;
        }
        self.wire.writes_singly = scenario.shape.writes_bytes_singly;
        let answers = answer::compose(asked, scenario);
        let counting = scenario.shape.counting;
        let usage = match counting {
            Counting::Hidden => None,
            Counting::Honest => Some(Usage::of(asked, scenario, &answers)),
            Counting::Zero | Counting::Early => Some(Usage::default()),
        };
        if asked.is_streamed {
            let usage = usage.filter(|_| asked.wants_usage);
            let events = Dialect::stream(asked, &answers, usage, counting == Counting::Early);
            self.stream(scenario, &events).await
        } else {
            let body = Dialect::whole(asked, &answers, usage);
            self.whole(scenario, &answers, body).await
        }
    }

    async fn stream(mut self, scenario: &Scenario, events: &Events) -> Result<Then, Gone> {
        self.wire.wait(scenario.pace.headers).await?;
        let framing = self.head(self.dialect.stream_type(), Framing::unknown_length(self.is_http_10));
        let mut told = 0; // content events
        let mut is_stalled = false;
        for (number, (kind, event)) in (1..).zip(events.iter()) {
            if kind == Kind::Content || kind == Kind::Finish && told == 0 {
                let pause = if told == 0 { scenario.pace.first } else { scenario.pace.word };
                self.wire.wait(pause).await?;
            }
            let is_at = |place: Place| match place {
                Place::Content(after) => told >= after && matches!(kind, Kind::Content | Kind::Finish),
                Place::Event(after) => number > after,
            };
            match &scenario.fault {
                Fault::Breaks { after, how } if is_at(*after) => return self.break_off(framing, *how).await,
                Fault::ErrorInBand { after, error } if is_at(*after) => {
                    let event = self.dialect.error_event(*error, &self.error_body(*error));
                    framing.write(self.wire.outbox(), &event);
                    return self.end(framing).await;
                }
                _ => {}
            }
            if matches!(kind, Kind::Content | Kind::Finish) {
                match &scenario.fault {
                    Fault::Stalls { after, pause } if told >= *after && !is_stalled => {
                        is_stalled = true;
                        self.stall(*pause).await?;
                    }
                    Fault::Comments(length) if !is_stalled => {
                        is_stalled = true;
                        self.comments(framing, self.dialect.comment(), *length).await?;
                    }
                    _ => {}
                }
            }
            if scenario.fault == Fault::MalformedEvent(number) {
                framing.write(self.wire.outbox(), &self.dialect.malformed_event());
            }
            self.tell(framing, scenario, number, kind, event);
            told += u32::from(kind == Kind::Content);
            self.wire.flush_if_full().await?;
        }
        self.end(framing).await
    }

    /// Writes one event, or what the fault makes of it.
    fn tell(&mut self, framing: Framing, scenario: &Scenario, number: u32, kind: Kind, event: &[u8]) {
        let out = self.wire.outbox();
        match (&scenario.fault, kind) {
            (Fault::MissingDone, Kind::Done) | (Fault::DoneWithoutFinish, Kind::Finish) => {}
            (Fault::DoneAlone, Kind::Frame | Kind::Content | Kind::Finish | Kind::Usage) => {}
            (Fault::EmptyChoices, Kind::Frame | Kind::Content | Kind::Finish) => {
                framing.write(out, &self.dialect.empty_event());
            }
            (Fault::HugeLine(kib), _) if number == 2 && self.dialect == Dialect::Bedrock => {
                framing.write(out, &bedrock::padded(event, *kib, spoil::padded));
            }
            (Fault::HugeLine(kib), _) if number == 2 => {
                framing.write(out, &spoil::padded(event, "}\n\n", *kib));
            }
            _ => framing.write(out, event),
        }
    }

    async fn whole(
        mut self,
        scenario: &Scenario,
        answers: &[Answer<'_>],
        body: serde_json::Value,
    ) -> Result<Then, Gone> {
        self.wire.wait(time_to_compose(scenario, answers)).await?;
        let body = match scenario.fault {
            Fault::ErrorInBand { error, .. } => self.error_body(error).into_bytes(),
            _ => spoil::body(&scenario.fault, self.dialect, body),
        };
        let framing = match scenario.fault {
            Fault::Comments(_) => Framing::unknown_length(self.is_http_10),
            _ => Framing::Length(body.len()),
        };
        let framing = self.head(JSON, framing);
        let half = body.len() / 2;
        match &scenario.fault {
            Fault::Breaks { how: how @ (Break::Cut | Break::Reset), .. } => {
                framing.write(self.wire.outbox(), &body[..half]);
                return self.break_off(framing, *how).await;
            }
            Fault::Stalls { pause, .. } => {
                framing.write(self.wire.outbox(), &body[..half]);
                self.stall(*pause).await?;
                framing.write(self.wire.outbox(), &body[half..]);
            }
            Fault::Comments(length) => {
                self.comments(framing, b"\n", *length).await?;
                framing.write(self.wire.outbox(), &body);
            }
            _ => framing.write(self.wire.outbox(), &body),
        }
        self.end(framing).await
    }

    /// An error inside an answer.
    fn error_body(&self, error: Option<&ProviderError>) -> String {
        match error {
            Some(error) => error.body.to_owned(),
            None => self.dialect.error(500, "the server had an error while processing your request").to_string(),
        }
    }

    /// Writes the head of a 200.
    fn head(&mut self, content_type: &str, framing: Framing) -> Framing {
        Head {
            status: 200,
            content_type,
            framing,
            keeps_alive: self.keeps_alive,
            headers: &[("x-request-id", "req_rehearsal")],
        }
        .write(self.wire.outbox());
        framing
    }

    async fn end(&mut self, framing: Framing) -> Result<Then, Gone> {
        framing.end(self.wire.outbox());
        self.wire.flush().await?;
        Ok(if self.keeps_alive && framing != Framing::UntilClose { Then::NextRequest } else { Then::Close })
    }

    async fn break_off(&mut self, framing: Framing, how: Break) -> Result<Then, Gone> {
        match how {
            Break::End => self.end(framing).await,
            Break::Cut => self.wire.flush().await.map(|()| Then::Close),
            Break::Reset => self.wire.flush().await.map(|()| Then::Reset),
        }
    }

    async fn stall(&mut self, pause: Option<Duration>) -> Result<(), Gone> {
        self.wire.wait(pause.unwrap_or(FOREVER)).await?;
        // What never goes on ends with the caller, or as gone.
        if pause.is_none() { Err(Gone) } else { Ok(()) }
    }

    async fn comments(&mut self, framing: Framing, comment: &[u8], length: Option<Duration>) -> Result<(), Gone> {
        let mut left = length.unwrap_or(FOREVER);
        while !left.is_zero() {
            framing.write(self.wire.outbox(), comment);
            let pause = left.min(COMMENT_PAUSE);
            self.wire.wait(pause).await?;
            left -= pause;
        }
        if length.is_none() { Err(Gone) } else { Ok(()) }
    }
}

/// An answer that is not streamed arrives when its last word would have.
fn time_to_compose(scenario: &Scenario, answers: &[Answer<'_>]) -> Duration {
    let words: usize = answers.iter().map(|answer| answer.reasoning.len() + answer.content.len()).sum();
    let gaps = u32::try_from(words.saturating_sub(1)).unwrap_or(u32::MAX);
    let pace = &scenario.pace;
    (pace.headers + pace.first).saturating_add(pace.word.saturating_mul(gaps))
}

const JSON: &str = "application/json";
const COMMENT_PAUSE: Duration = Duration::from_millis(250);
/// Longer than any caller's deadline, shorter than a leak.
const FOREVER: Duration = Duration::from_secs(15 * 60);
