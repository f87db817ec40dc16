//! One connection: requests in turn until somebody closes it.

use serde_json::Value;
use tokio::net::TcpStream;

use super::control::Control;
use super::dialect::Dialect;
use super::http::{self, Framing, Head, Request, Unread};
use super::openai;
use super::play::Then;
use super::wire::Wire;
use super::{endpoint, play};

/// Serves a connection to its end.
pub(super) async fn run(stream: TcpStream, control: Control) {
    let _open = control.connection();
    let mut wire = Wire::new(stream);
    loop {
        let request = match http::read(&mut wire).await {
            Ok(request) => request,
            Err(Unread::Gone) => return,
            Err(Unread::Refused(status, why)) => {
                let body = openai::error(why, "invalid_request_error", None, None).to_string();
                write_reply(&mut wire, status, &[], body.as_bytes(), false);
                return wire.close_after_refusal().await;
            }
        };
        match serve(&mut wire, &control, request).await {
            Then::NextRequest => {}
            Then::Close => return,
            Then::Reset => return wire.reset().await,
        }
    }
}

async fn serve(wire: &mut Wire, control: &Control, request: Request) -> Then {
    let (keeps_alive, is_http_10) = (request.keeps_alive, request.is_http_10);
    wire.writes_singly = false;
    match endpoint::route(control, request) {
        endpoint::Route::Reply { status, body } => reply(wire, status, &[], &body, keeps_alive).await,
        endpoint::Route::Refuse { dialect, status, body } => {
            reply(wire, status, &dialect.error_headers(status), &body, keeps_alive).await
        }
        endpoint::Route::Act(scenario) => {
            // What needs no question is told in bytes of its own, or of the list of models.
            let stage = play::Stage::new(wire, keeps_alive, is_http_10, Dialect::OpenAiChat);
            stage.before_answer(&scenario).await.unwrap_or(Then::Close)
        }
        endpoint::Route::Answer { asked, scenario } => {
            control.request_began();
            let sent_before = wire.sent;
            let played = play::Stage::new(wire, keeps_alive, is_http_10, asked.dialect).play(&asked, &scenario).await;
            control.request_ended(wire.sent - sent_before, played.is_err());
            played.unwrap_or(Then::Close)
        }
        endpoint::Route::Serve { reply, scenario } => {
            control.request_began();
            let sent_before = wire.sent;
            let played =
                play::Stage::new(wire, keeps_alive, is_http_10, Dialect::OpenAiChat).serve(reply, &scenario).await;
            control.request_ended(wire.sent - sent_before, played.is_err());
            played.unwrap_or(Then::Close)
        }
    }
}

async fn reply(wire: &mut Wire, status: u16, headers: &[(&str, &str)], body: &Value, keeps_alive: bool) -> Then {
    write_reply(wire, status, headers, body.to_string().as_bytes(), keeps_alive);
    match wire.flush().await {
        Ok(()) if keeps_alive => Then::NextRequest,
        Ok(()) | Err(_) => Then::Close,
    }
}

fn write_reply(wire: &mut Wire, status: u16, headers: &[(&str, &str)], body: &[u8], keeps_alive: bool) {
    let framing = Framing::Length(body.len());
    Head { status, content_type: "application/json", framing, keeps_alive, headers }.write(wire.outbox());
    wire.outbox().extend_from_slice(body);
}
