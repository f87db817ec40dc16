//! Responses that are kept, so that a conversation goes on from one by its name, at any provider.
//!
//! In memory alone, bounded in bytes and by time, and each account's own: a name means nothing to another account.

mod piece;
mod recent;
mod shelves;

use std::sync::Arc;

use bytes::Bytes;
use roundelay_ledger::AccountId;
use roundelay_protocol::{
    chat::{Event, Issuer, Stop},
    openai::{BadRequest, Operation, Request},
    openai_responses::{Echo, Encoder, Identity, Thread, ended_with, holds_compaction, references, said, with_items},
    usage::Usage,
};

use self::piece::{Made, Names};
pub use self::{
    recent::Recent,
    shelves::{Kept, Responses},
};
use super::{
    Ending,
    answer::AnswerBody,
    call::{Inbound, allowed},
    count::admit,
    gateway::Gateway,
    refusal::Refusal,
};
use crate::common::clock::unix_time;

/// A request's place in its conversation.
#[derive(Debug, Default)]
pub struct Turn {
    /// Of the connection it came by, where that has a memory.
    recent: Option<Arc<Recent>>,
    /// The name of the response it goes on from.
    pub(super) previous: Option<String>,
    /// What its response is kept with, where that may be asked for again.
    own: Option<Own>,
    /// Who has answered it.
    issuer: Option<Issuer>,
    /// The body without what it goes on from, and what its response repeats of that.
    asked: (Bytes, Echo),
    /// What was read of its body, where that is still what its caller wrote.
    request: Option<Request>,
    /// Items stand elsewhere in the body than their caller wrote them.
    pub(super) is_renumbered: bool,
}

#[derive(Debug)]
struct Own {
    /// What the name stands for that it goes on from.
    before: Vec<Bytes>,
    /// The items of its own input.
    items: Bytes,
    is_stored: bool,
    is_part: bool,
}

impl Turn {
    /// Of a request that came by a connection with a memory.
    pub fn on(recent: Arc<Recent>) -> Self {
        Self { recent: Some(recent), ..Self::default() }
    }

    /// What was read of the request on the way to its place.
    pub(super) fn request(&self) -> Option<&Request> {
        self.request.as_ref()
    }

    /// Lets go of what only an attempt needs.
    pub(super) fn forget(&mut self) {
        (self.asked, self.request) = (<(Bytes, Echo)>::default(), None);
    }
}

/// Puts what a request goes on from in front of its own input, in the place of its name; and items that it names alone in
/// the place of theirs, where they are kept here.
///
/// # Errors
/// When nothing of the name that it goes on from is kept, or all of it together is larger than a body may be.
pub(super) fn take_up(gateway: &Gateway, inbound: &mut Inbound) -> Result<(), Refusal> {
    let settings = gateway.snapshot.load().config.responses;
    let recent = inbound.turn.take().and_then(|turn| turn.recent);
    if settings.bytes_max.is_none() && recent.is_none() {
        return Ok(());
    }
    // Who reads it next refuses what is none.
    let Ok((mut request, mut thread)) = Request::scan_in_thread(&inbound.body) else { return Ok(()) };
    let mut is_renumbered = false;
    if request.holds.references {
        let shelf = |name: &str| gateway.responses.item(&inbound.caller.account, name, &settings);
        let find = |name: &str| recent.as_ref().and_then(|recent| recent.item(name)).or_else(|| shelf(name));
        if let Some(whole) = with_named_items(gateway, &inbound.body, find)? {
            (inbound.body, is_renumbered) = (whole.body, whole.is_renumbered);
            let Ok(again) = Request::scan_in_thread(&inbound.body) else { return Ok(()) };
            (request, thread) = again;
        }
    }
    let mut request = Some(request);
    let is_stored = thread.store && settings.bytes_max.is_some() && inbound.compaction.is_none();
    // Read before the conversation so far is put in front of them.
    let items = (is_stored || recent.is_some()).then(|| thread.items(&inbound.body).into());
    let (mut before, asked) = (Vec::new(), (inbound.body.clone(), thread.echo.clone()));
    if let Some(previous) = &thread.previous {
        let recent = recent.as_ref().and_then(|recent| recent.find(previous));
        let kept = || gateway.responses.find(&inbound.caller.account, previous, &settings).and_then(|kept| kept.said());
        before = recent.or_else(kept).ok_or_else(|| not_kept(previous))?;
        inbound.body = continued(gateway, &thread, &inbound.body, &before)?;
        (request, is_renumbered) = (None, true);
    }
    let own = items.map(|items| Own { before, items, is_stored, is_part: thread.is_part });
    inbound.turn =
        Some(Box::new(Turn { recent, previous: thread.previous, own, issuer: None, asked, request, is_renumbered }));
    Ok(())
}

/// A body in which items stand that were named alone.
struct Whole {
    body: Bytes,
    /// Some were of no use, and are not there any more.
    is_renumbered: bool,
}

/// Puts items in the place of their names, as far as `find` has them: an empty one is of no use to anybody. `None` where
/// it has none of them.
fn with_named_items(
    gateway: &Gateway,
    body: &Bytes,
    find: impl Fn(&str) -> Option<Bytes>,
) -> Result<Option<Whole>, Refusal> {
    let Ok(references) = references(body) else { return Ok(None) };
    let found = references.into_iter().filter_map(|one| Some((one.span, find(&one.id)?)));
    let found: Vec<_> = found.collect();
    if found.is_empty() {
        return Ok(None);
    }
    check_length(gateway, body.len() + found.iter().map(|(_, item)| item.len()).sum::<usize>())?;
    let is_renumbered = found.iter().any(|(_, item)| item.is_empty());
    Ok(Some(Whole { body: with_items(body, &found).into(), is_renumbered }))
}

/// A request as it is with what it goes on from; for who only wants to know how long it is.
///
/// # Errors
/// As [`take_up`]: when nothing of that name is kept for the account, or it is too large.
pub fn spelled_out(gateway: &Gateway, account: &AccountId, body: Bytes) -> Result<Bytes, Refusal> {
    let settings = gateway.snapshot.load().config.responses;
    if settings.bytes_max.is_none() {
        return Ok(body);
    }
    let find = |name: &str| gateway.responses.item(account, name, &settings);
    let body = with_named_items(gateway, &body, find)?.map_or(body, |whole| whole.body);
    let Ok(thread) = Thread::read(&body) else { return Ok(body) };
    let Some(previous) = &thread.previous else { return Ok(body) };
    let kept = gateway.responses.find(account, previous, &settings).and_then(|kept| kept.said());
    continued(gateway, &thread, &body, &kept.ok_or_else(|| not_kept(previous))?)
}

fn continued(gateway: &Gateway, thread: &Thread, body: &Bytes, before: &[Bytes]) -> Result<Bytes, Refusal> {
    check_length(gateway, before.iter().map(Bytes::len).sum::<usize>() + body.len())?;
    let before: Vec<&[u8]> = before.iter().map(|items| &**items).collect();
    Ok(thread.continued(body, &before).into())
}

fn check_length(gateway: &Gateway, length: usize) -> Result<(), Refusal> {
    let max = gateway.server.body_max;
    if length as u64 > max { Err(Refusal::BodyTooLarge(max)) } else { Ok(()) }
}

/// OpenAI's own words for it, by which clients know that they have to send the conversation whole.
fn not_kept(id: &str) -> Refusal {
    let id: String = id.chars().filter(|c| !c.is_control()).take(100).collect();
    Refusal::BadRequest(BadRequest {
        message: format!("Previous response with id '{id}' not found."),
        param: Some("previous_response_id".into()),
        code: "previous_response_not_found",
    })
}

/// Remembers who has answered: only who sealed a thought can read it.
pub(super) fn answered_by(inbound: &mut Inbound, issuer: Issuer) {
    if let Some(turn) = inbound.turn.as_deref_mut() {
        turn.issuer = Some(issuer);
    }
}

/// Keeps what came of a request that was answered: of a stream its last words are enough.
pub(super) fn keep(gateway: &Gateway, inbound: &mut Inbound, ending: &Ending) {
    let Some(issuer) = inbound.turn.as_ref().filter(|turn| turn.own.is_some()).and_then(|turn| turn.issuer) else {
        return;
    };
    let response = match ending {
        Ending::Whole(answer) => match answer.body() {
            AnswerBody::Whole(body) if inbound.compaction.is_some() => ended_with(body).or_else(|| Some(body.clone())),
            AnswerBody::Whole(body) => Some(body.clone()),
            AnswerBody::Stream(_) => None,
        },
        Ending::Streamed(tail) => ended_with(tail),
        Ending::Refused(_) | Ending::Cut(_) | Ending::Interrupted(_) => None,
    };
    if let Some(response) = response {
        keep_response(gateway, inbound, issuer, response);
    }
}

fn keep_response(gateway: &Gateway, inbound: &mut Inbound, issuer: Issuer, response: Bytes) {
    let Some(turn) = inbound.turn.as_deref_mut() else { return };
    let Some(mut own) = turn.own.take() else { return };
    let Ok(Some(said)) = said(&response, issuer) else { return };
    if let Some(compaction) = inbound.compaction.as_ref().filter(|_| holds_compaction(&response)) {
        // What was compacted is not gone on from as well.
        own = Own { before: Vec::new(), items: compaction.kept().clone(), ..own };
    }
    let made = Made {
        id: said.id.into(),
        previous: turn.previous.as_deref(),
        before: &own.before,
        asked: own.items,
        said: said.items.into(),
        names: Names::new(said.names),
        response,
        is_part: own.is_part,
    };
    if let Some(recent) = &turn.recent {
        recent.keep(&made);
    }
    if own.is_stored {
        let settings = gateway.snapshot.load().config.responses;
        gateway.responses.keep(&inbound.caller.account, &settings, &made);
    }
}

/// Makes ready for a request that is to come: its answer has no output and costs nothing, and its input is remembered.
/// The events of that answer, in the framing of a stream.
///
/// It takes one of the requests a minute that its key has.
///
/// # Errors
/// As an exchange that does not begin.
pub fn make_ready(gateway: &Gateway, inbound: &mut Inbound) -> Result<Bytes, Refusal> {
    take_up(gateway, inbound)?;
    let request = Request::scan(inbound.operation, &inbound.body).map_err(Refusal::BadRequest)?;
    let snapshot = gateway.snapshot.load();
    let target = snapshot.target(&request.model).ok_or_else(|| Refusal::unknown_model(&request.model))?;
    allowed(&inbound.caller, &snapshot, &request.model, target)?;
    admit(gateway, &inbound.caller, inbound.id, &snapshot)?;
    let mut encoder = Encoder::new(&request.model);
    if let Some(identity) = identity(inbound) {
        encoder.introduce(identity);
    }
    let mut stream = Vec::new();
    for event in [Event::Usage(Usage::default()), Event::Stop { choice: 0, stop: Stop::Finished }, Event::End] {
        encoder.event(&event, &mut stream).expect("nothing is held back of no output");
    }
    let stream = Bytes::from(stream);
    if let Some(response) = ended_with(&stream) {
        // There are no thoughts in it that anybody could have signed.
        keep_response(gateway, inbound, Issuer(0), response);
    }
    Ok(stream)
}

/// What a response that is made here is called, where the request is for one.
pub(super) fn identity(inbound: &Inbound) -> Option<Identity> {
    if inbound.operation != Operation::Responses {
        return None;
    }
    let name = inbound.id.to_string();
    let created = unix_time().as_secs().cast_signed();
    let turn = inbound.turn.as_deref();
    let previous = turn.and_then(|turn| turn.previous.as_deref());
    Some(match turn.map(|turn| &turn.asked).filter(|(body, _)| !body.is_empty()) {
        Some((body, echo)) => Identity::new(&name, created, (body, echo), previous),
        None => Identity::new(&name, created, (&inbound.body, &Echo::read(&inbound.body).ok()?), previous),
    })
}
