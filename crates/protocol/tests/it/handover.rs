//! Hand-over: what stays of a conversation, and that every dialect takes it.

mod conversations;
mod facts;

mod laws;
mod rows;

mod strict;

use roundelay_protocol::{
    chat::{Body, Part, Request, Role, Turn},
    estimate::Tokenizer,
    handover::{DoesNotFit, Room, Takes, Told, hand_over},
};

/// Room for so many tokens, and all media.
fn room(tokens: u64) -> Room {
    Room { tokens, tokenizer: Tokenizer::Wide, verbatim: None, takes: Takes::ALL }
}

/// What is handed over where no summary is ready.
fn without_summary<'a>(request: &Request<'a>, room: &Room) -> Result<(Request<'a>, Told), DoesNotFit> {
    let mut after = request.clone();
    hand_over(&mut after, room, &mut |_| None).map(|told| (after, told))
}

/// All texts of a turn, those in results too.
fn texts(turn: &Turn<'_>) -> Vec<String> {
    fn of(part: &Part<'_>) -> Vec<String> {
        match &part.body {
            Body::Text { text, .. } => vec![text.decode().into_owned()],
            Body::ToolResult(result) => result.content.iter().flat_map(of).collect(),
            _ => Vec::new(),
        }
    }
    turn.parts.iter().flat_map(of).collect()
}

/// `user: call result` and so on, a turn a line.
fn shape(request: &Request<'_>) -> String {
    let word = |part: &Part<'_>| match &part.body {
        Body::Text { text, .. } if text.decode().contains("earlier turns of this conversation") => {
            "STAND-IN".to_owned()
        }
        Body::Text { text, .. } => text.decode().chars().take(12).collect(),
        Body::ToolCall(call) => format!("call:{}", call.id),
        Body::ToolResult(result) => format!("result:{}", result.id),
        Body::Image { .. } => "image".to_owned(),
        Body::Thinking { .. } => "thought".to_owned(),
        _ => "other".to_owned(),
    };
    let line = |turn: &Turn<'_>| {
        let role = match turn.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        let words: Vec<_> = turn.parts.iter().map(word).collect();
        format!("{role}: {}", words.join(" "))
    };
    request.turns.iter().map(line).collect::<Vec<_>>().join("\n")
}
