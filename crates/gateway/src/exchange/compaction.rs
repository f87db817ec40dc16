//! Conversations that are compacted, by `POST /v1/responses/compact` or by an item `compaction_trigger`, and requests that
//! go on from what that gave.
//!
//! A deployment that compacts by itself is passed the request as it is, and what it sealed is marked as its own. Any other
//! is asked for notes, in the same exchange: the same plan, attempts, holds and record. The notes are sealed for the
//! caller's account, and nothing of them is kept here: whoever sends them back has them opened, as a message of the user's,
//! before anything else is done with the request.

use std::ops::Range;

use bytes::Bytes;
use memchr::{memchr, memmem};
use roundelay_ledger::AccountId;
use roundelay_protocol::{
    Malformed,
    chat::{self, Answer, Body, Dialect, Part, Role, Stop, Text, Turn, Why},
    failure::{Class, Failure},
    handover::{compacted, compaction_question, left_out_of_notes, stands_for_others},
    openai::{BadRequest, Request, answer::Answer as Scanned},
    openai_responses::{
        Compacted, Kept, SEALED_HERE, encode_answer_as, kept_messages, sealed_here, stream_of, with_issuer,
        with_messages,
    },
    translate::scan_answer,
};

use super::{
    attempt::Whole,
    call::{Call, Inbound},
    flight::{Flight, counted},
    gateway::Gateway,
    outcome::{self, Failed},
    outgoing::{Outgoing, bad},
    refusal::Refusal,
    responses::identity,
    snapshot::Deployment,
};
use crate::upstream::RequestHead;

/// A request for a conversation to be compacted.
#[derive(Debug, Default)]
pub struct Compaction {
    form: Form,
    /// Messages that stay word for word beside the notes, as items of the answer.
    kept: Bytes,
    /// Which of them are without what is no text, by their place in the caller's input.
    without_media: Vec<usize>,
}

/// How it is asked for, and answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Form {
    /// By a path of its own: messages and an item.
    #[default]
    Path,
    /// By the last item of a request for a response, streamed or not: a response that is one item.
    Trigger,
}

/// Puts aside what of the conversation stays as it is, where it is to be compacted.
pub(super) fn begin(inbound: &mut Inbound, request: &Request) -> Option<Form> {
    if inbound.compaction.is_none() && request.holds.compaction_trigger {
        inbound.compaction = Some(Box::new(Compaction { form: Form::Trigger, ..Compaction::default() }));
    }
    let compaction = inbound.compaction.as_deref_mut()?;
    let kept = kept_messages(&inbound.body, &inbound.id.to_string(), KEPT_BYTES_MAX);
    let Kept { items, without_media } = kept.unwrap_or_default();
    compaction.kept = items.into();
    if compaction.form == Form::Path {
        // By an item asks who keeps the user's messages itself.
        compaction.without_media = without_media;
    }
    Some(compaction.form)
}

impl Compaction {
    /// What a response that is a compaction goes on from.
    pub(super) fn kept(&self) -> &Bytes {
        &self.kept
    }

    /// The messages beside the notes that are without what is no text, by their place in the caller's input.
    pub(super) fn without_media(&self) -> &[usize] {
        &self.without_media
    }
}

/// The request with the notes that stand behind its compaction items; `None` where it holds none that were sealed here.
///
/// # Errors
/// When one was not sealed for this account, or not here.
pub(super) fn opened(
    gateway: &Gateway,
    account: &AccountId,
    request: &Request,
    body: &Bytes,
) -> Result<Option<Bytes>, Refusal> {
    if !request.holds.compactions {
        return Ok(None);
    }
    let key = gateway.keys.compaction_key();
    let items = sealed_here(body).map_err(|fault| Refusal::BadRequest(not_json(fault)))?;
    let messages = items.into_iter().map(|item| match key.open(account, &item.sealed) {
        Some(notes) => Ok((item.span, compacted(&notes))),
        None => Err(not_ours(item.number)),
    });
    let messages: Vec<_> = messages.collect::<Result<_, _>>().map_err(Refusal::BadRequest)?;
    Ok(Some(with_messages(body, &messages).into()))
}

fn not_json(fault: Malformed) -> BadRequest {
    BadRequest { message: fault.to_string(), param: None, code: "invalid_value" }
}

/// One message for all that cannot be opened, so that nobody learns whose an item is.
fn not_ours(number: usize) -> BadRequest {
    BadRequest {
        message: format!(
            "The encrypted content of `input[{number}]` could not be verified: it was changed on its way, or compacted for \
             another account or by another gateway. Leave the item out and send the conversation itself, or have that \
             compacted anew"
        ),
        param: Some("input".into()),
        code: "invalid_encrypted_content",
    }
}

/// Takes out of a request for a compaction what is not for one.
///
/// # Errors
/// When it asks for a stream.
pub(super) fn narrow(request: &mut Request, form: Form) -> Result<(), Refusal> {
    // It ends with an answer more often than with a question, and nobody is to go on with that.
    request.needs.prefill = false;
    if form == Form::Trigger {
        return Ok(());
    }
    if request.stream {
        let message = "a compaction is not streamed: leave `stream` out".to_owned();
        return Err(Refusal::BadRequest(BadRequest {
            message,
            param: Some("stream".into()),
            code: "unsupported_parameter",
        }));
    }
    request.max_output_tokens = None;
    Ok(())
}

impl Call {
    /// Whether a deployment is asked for notes of the conversation, because it cannot compact it by itself.
    pub(super) fn wants_notes(&self, deployment: &Deployment) -> bool {
        match self.compaction {
            None => false,
            Some(Form::Path) => deployment.compact_head().is_none(),
            Some(Form::Trigger) => !deployment.takes_trigger(),
        }
    }

    /// The head of a request to a deployment that has a path for it, where it was asked for by that.
    pub(super) fn compact_head<'d>(&self, deployment: &'d Deployment) -> Option<&'d RequestHead> {
        deployment.compact_head().filter(|_| self.compaction == Some(Form::Path))
    }
}

/// The question for notes of a conversation.
///
/// `output_max` is the most that its model gives, where that is known.
pub(super) fn question(
    asked: &chat::Request<'_>,
    output_max: Option<u64>,
) -> Result<(chat::Request<'static>, chat::Losses), BadRequest> {
    if asked.turns.is_empty() {
        return Err(bad("there is nothing in `input` that could be compacted".to_owned()));
    }
    let mut losses = chat::Losses::default();
    for (turn, said) in asked.turns.iter().enumerate() {
        for (number, part) in said.parts.iter().enumerate() {
            if let Some(what) = left_out_of_notes(part, said.role != Role::Assistant) {
                let why = if stands_for_others(part) { Why::Issuer } else { Why::NoPeer };
                losses.add(why, format!("turns.{turn}.parts.{number}"), what);
            }
        }
    }
    let mut question = chat::Request::new(Dialect::OpenaiChat);
    let text = Text::plain(compaction_question(&asked.turns)).into_owned();
    question.turns = vec![Turn { role: Role::User, parts: vec![Part::text(text)], extra: chat::Extra::default() }];
    question.output_max = Some(output_max.map_or(NOTES_TOKENS_MAX, |most| most.min(NOTES_TOKENS_MAX)));
    Ok((question, losses))
}

/// What a deployment compacted by itself, with its seal marked where it is not streamed.
pub(super) fn natively(whole: Whole, deployment: &Deployment) -> Option<Whole> {
    let body = with_issuer(&whole.body, deployment.issuer).ok()?;
    let cost_place = scan_answer(Dialect::OpenaiResponses, &body).ok()?.cost_place;
    Some(whole.with_body(body.into(), cost_place))
}

/// The notes of an answer as a compaction; `None` where they did not come to their end.
pub(super) fn of_notes(
    answer: &Answer<'_>,
    scanned: Scanned,
    (call, inbound): (&Call, &Inbound),
    flight: &Flight<'_>,
    outgoing: &Outgoing,
    model: &str,
) -> Option<Whole> {
    let Some(notes) = notes(answer) else {
        let output = scanned.usage.map_or_else(|| scanned.output.tokens(), |usage| outcome::output(&usage));
        flight.note_wasted(scanned.usage, output);
        return None;
    };
    let usage = scanned.usage.unwrap_or_else(|| counted(flight.seen(None, scanned.output.tokens()).delivered));
    let key = flight.gateway.keys.compaction_key();
    let sealed = format!("{SEALED_HERE}{}", key.seal(&inbound.caller.account, &notes));
    let created = (inbound.id.unix_ms() / 1000).cast_signed();
    let compaction = inbound.compaction.as_deref()?;
    let name = inbound.id.to_string();
    let compacted = Compacted { name: &name, created, kept: &compaction.kept, sealed: &sealed, usage };
    let whole = |body: Vec<u8>, cost_place, content_type| {
        Whole::made_here(body.into(), Scanned { cost_place, ..scanned }, content_type, outgoing)
    };
    let place = |said: &[u8]| Some(scan_answer(Dialect::OpenaiResponses, said).ok()?.cost_place);
    let (body, content_type) = match compaction.form {
        Form::Path => (compacted.encode(), JSON),
        Form::Trigger => {
            let (response, identity) = (compacted.as_response(model), identity(inbound)?);
            if call.request.stream {
                let stream = stream_of(&response, identity);
                let last = last_data(&stream)?;
                let place = place(&stream[last.clone()])?.map(|place| place.behind(last.start));
                return Some(whole(stream, place, STREAM));
            }
            (encode_answer_as(&response, "", Some(&identity), &mut chat::Losses::default()), JSON)
        }
    };
    let place = place(&body)?;
    Some(whole(body, place, content_type))
}

/// The failure of notes that did not come to their end. Their question may be to blame: it says nothing of who was asked.
pub(super) fn unfinished(status: u16) -> Failed {
    let message = "the notes of the conversation did not come to their end: they were cut, filtered or refused";
    let failure = Failure::new(Class::TruncatedComplete, message);
    Failed { failure, status: Some(status), words: None, reused_connection: false, had_content: true }
}

/// Where the data of the last event that has some stands.
fn last_data(stream: &[u8]) -> Option<Range<usize>> {
    let start = memmem::rfind(stream, b"data: {")? + b"data: ".len();
    let length = memchr(b'\n', &stream[start..])?;
    Some(start..start + length)
}

fn notes(answer: &Answer<'_>) -> Option<String> {
    let choice = answer.choices.first()?;
    let is_refusal = |part: &Part<'_>| matches!(part.body, Body::Refusal(_));
    if choice.stop != Some(Stop::Finished) || choice.parts.iter().any(is_refusal) {
        return None;
    }
    let notes: String = choice.parts.iter().filter_map(Part::as_text).map(|text| text.decode()).collect();
    let notes = notes.trim();
    (!notes.is_empty()).then(|| notes.to_owned())
}

const JSON: &str = "application/json";
const STREAM: &str = "text/event-stream; charset=utf-8";
/// What the user said last stays word for word, as long as it is no longer than about 20 000 tokens of prose: as much as
/// Codex CLI keeps where it compacts by itself (`core/src/compact.rs`, `COMPACT_USER_MESSAGE_MAX_TOKENS`).
const KEPT_BYTES_MAX: usize = 80_000;
/// Tokens that notes may take, with what is thought before. They are asked to be a third of that at most.
pub(super) const NOTES_TOKENS_MAX: u64 = 8_192;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_came_to_its_end_is_notes() {
        let answer = |stop, parts| {
            let mut answer = Answer::new(Dialect::OpenaiChat);
            answer.choices.push(chat::Choice { parts, stop, ..chat::Choice::default() });
            notes(&answer)
        };
        let words = || vec![Part::text(Text::plain(" They chose ")), Part::text(Text::plain("blue.\n"))];
        assert_eq!(answer(Some(Stop::Finished), words()).as_deref(), Some("They chose blue."));
        for stop in [None, Some(Stop::Length), Some(Stop::Filter), Some(Stop::ToolCalls), Some(Stop::Pause)] {
            assert_eq!(answer(stop, words()), None);
        }
        assert_eq!(answer(Some(Stop::Finished), vec![Part::text(Text::plain(" "))]), None);
        let refused = vec![Part::text(Text::plain("x")), Part::new(Body::Refusal(Text::plain("no")))];
        assert_eq!(answer(Some(Stop::Finished), refused), None);
        assert_eq!(notes(&Answer::new(Dialect::OpenaiChat)), None);
    }
}
