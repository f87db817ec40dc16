//! What a request only names, and its vendor keeps: who is told the rest alone would answer without the conversation.

use roundelay_protocol::{
    chat::{self, Dialect},
    handover::{self, named_item},
    openai::BadRequest,
};

/// Whether not all that was said is in the request.
pub(in crate::exchange) fn is_kept_elsewhere(asked: &chat::Request<'_>) -> bool {
    handover::is_kept_elsewhere(asked) || vendors_own(asked).is_some()
}

/// Refuses to tell a request in another dialect than that of its names.
///
/// Servers that speak Responses may know what it names. A part of a thread of Anthropic's is told nobody in other words.
pub(super) fn check_known(asked: &chat::Request<'_>, to: Dialect) -> Result<(), BadRequest> {
    if asked.dialect == Dialect::OpenaiResponses && to == Dialect::OpenaiResponses {
        return Ok(());
    }
    vendors_own(asked).map_or(Ok(()), Err)
}

/// What of a request its vendor keeps, as an error for its caller; `None` where all of it is there.
pub(super) fn vendors_own(asked: &chat::Request<'_>) -> Option<BadRequest> {
    match asked.dialect {
        Dialect::Anthropic => thread(asked),
        Dialect::OpenaiResponses => {
            conversation(asked).or_else(|| previous(asked)).or_else(|| prompt(asked)).or_else(|| item(asked))
        }
        Dialect::OpenaiChat | Dialect::Gemini | Dialect::Bedrock => None,
    }
}

fn has(asked: &chat::Request<'_>, member: &str) -> bool {
    asked.extra.find(member).is_some_and(|value| value.as_str() != "null")
}

/// Where Anthropic keeps a conversation, a request holds its last turn alone. Its clients then send all of it
/// (`thread_unsupported_request` in their error's details).
fn thread(asked: &chat::Request<'_>) -> Option<BadRequest> {
    has(asked, "thread").then(|| {
        let message = "`thread` is a conversation that Anthropic keeps, and no model that may answer now is at Anthropic: \
                       send the whole conversation without it";
        BadRequest {
            message: message.to_owned(),
            param: Some("thread".into()),
            code: "thread_unsupported_request",
        }
    })
}

fn conversation(asked: &chat::Request<'_>) -> Option<BadRequest> {
    has(asked, "conversation").then(|| {
        let what = "`conversation` is kept by its provider alone";
        let advice = "send its items in `input`, go on from a response by `previous_response_id`";
        unknown((what, advice), "conversation", "unsupported_parameter")
    })
}

/// Where responses are kept here, its name is not in the request any more.
fn previous(asked: &chat::Request<'_>) -> Option<BadRequest> {
    asked.previous.as_ref().map(|_| {
        let what = "`previous_response_id` names what its provider keeps: no responses are kept here";
        unknown(
            (what, "send the conversation itself in `input`"),
            "previous_response_id",
            "previous_response_not_found",
        )
    })
}

fn prompt(asked: &chat::Request<'_>) -> Option<BadRequest> {
    has(asked, "prompt").then(|| {
        let what = "`prompt` is a template that its provider keeps";
        unknown((what, "send its text in `instructions` and `input`"), "prompt", "unsupported_parameter")
    })
}

fn item(asked: &chat::Request<'_>) -> Option<BadRequest> {
    let name = asked.turns.iter().flat_map(|turn| &turn.parts).find_map(named_item)?;
    let name: String = name.decode().chars().filter(|c| !c.is_control()).take(NAME_MAX).collect();
    let what = format!("Item with id '{name}' in `input` is not kept here for this account, or no longer");
    let advice = "send the item itself, go on from a response by `previous_response_id`";
    Some(unknown((&what, advice), "input", "item_not_found"))
}

fn unknown((what, advice): (&str, &str), param: &'static str, code: &'static str) -> BadRequest {
    let message = format!(
        "{what}, and no model that may answer now is at a provider that speaks Responses and could know it: {advice}, or \
         name a model whose provider does"
    );
    BadRequest { message, param: Some(param.into()), code }
}

/// Characters of a name in an error.
const NAME_MAX: usize = 100;
