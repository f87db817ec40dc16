//! Plays the answer of a service, and the place where it goes wrong.

use super::{Stage, Then, spoil};
use crate::rehearsal::http::Framing;
use crate::rehearsal::scenario::{Break, Fault, Place, Scenario};
use crate::rehearsal::service::Reply;
use crate::rehearsal::wire::Gone;

impl Stage<'_> {
    /// Answers as the scenario says. Faults of event streams that have no meaning here are left out.
    pub(in crate::rehearsal) async fn serve(mut self, reply: Reply, scenario: &Scenario) -> Result<Then, Gone> {
        if scenario.fails_before_answer() {
            return self.before_answer(scenario).await;
        }
        self.wire.writes_singly = scenario.shape.writes_bytes_singly;
        self.wire.wait(scenario.pace.headers + scenario.pace.first).await?;
        if !reply.is_stream {
            return self.serve_whole(reply, scenario).await;
        }
        let framing = self.head(reply.content_type, Framing::unknown_length(self.is_http_10));
        for (told, piece) in reply.pieces.iter().enumerate() {
            // Each piece is an event with content.
            let is_at = |(Place::Content(after) | Place::Event(after)): Place| told as u32 >= after;
            match &scenario.fault {
                Fault::Breaks { after, how } if is_at(*after) => return self.break_off(framing, *how).await,
                Fault::ErrorInBand { after, error } if is_at(*after) => {
                    let event = self.dialect.error_event(*error, &self.error_body(*error));
                    framing.write(self.wire.outbox(), &event);
                    return self.end(framing).await;
                }
                Fault::Stalls { after, pause } if told as u32 == *after => self.stall(*pause).await?,
                _ => {}
            }
            framing.write(self.wire.outbox(), piece);
            self.wire.wait(scenario.pace.word).await?;
            self.wire.flush_if_full().await?;
        }
        self.end(framing).await
    }

    async fn serve_whole(mut self, reply: Reply, scenario: &Scenario) -> Result<Then, Gone> {
        let body = reply.pieces.concat();
        let body = match serde_json::from_slice(&body) {
            Ok(json) if scenario.fault != Fault::None => spoil::body(&scenario.fault, self.dialect, json),
            _ => body,
        };
        let framing = self.head(reply.content_type, Framing::Length(body.len()));
        match &scenario.fault {
            Fault::Breaks { how: how @ (Break::Cut | Break::Reset), .. } => {
                framing.write(self.wire.outbox(), &body[..body.len() / 2]);
                return self.break_off(framing, *how).await;
            }
            Fault::Stalls { pause, .. } => self.stall(*pause).await?,
            _ => {}
        }
        framing.write(self.wire.outbox(), &body);
        self.end(framing).await
    }
}
