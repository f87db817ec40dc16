//! Responses that are kept, so that a conversation goes on from one by its name, at any provider.
//!
//! In memory alone, bounded in bytes and by time, and each account's own: a name means nothing to another account.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use roundelay_ledger::AccountId;
use roundelay_protocol::{
    chat::{Event, Issuer, Stop},
    openai::{BadRequest, Operation, Request},
    openai_responses::{Encoder, Identity, Thread, ended_with, said},
    usage::Usage,
};
use tokio::time::Instant;

use super::{call::Inbound, gateway::Gateway, refusal::Refusal};
use crate::{common::clock::unix_time, config};

/// Of one connection at most so many are remembered; its client goes on from the last.
const RECENT_MAX: usize = 4;

/// A response, and the conversation that it ended.
#[derive(Debug)]
pub struct Kept {
    id: Arc<str>,
    /// What was said up to its end: items of inputs and outputs.
    said: Vec<Arc<Piece>>,
    /// As its caller got it.
    response: Arc<Piece>,
    /// How many of the pieces were its request's input and all before.
    asked: usize,
    at: Instant,
}

impl Kept {
    /// The response as its caller got it.
    pub fn response(&self) -> Bytes {
        self.response.bytes.clone()
    }

    /// The items that it answered, in pieces.
    pub fn input(&self) -> impl Iterator<Item = &[u8]> {
        self.said[..self.asked].iter().map(|piece| &*piece.bytes)
    }
}

/// Bytes that later responses share. Counted for as long as one of them is kept.
#[derive(Debug)]
struct Piece {
    bytes: Bytes,
    /// What is kept for it elsewhere, in bytes.
    beside: u64,
    counted: Option<Counts>,
}

impl Piece {
    fn size(&self) -> u64 {
        self.bytes.len() as u64 + self.beside + PIECE_BYTES
    }

    fn new(bytes: Bytes, beside: usize, counted: Option<Counts>) -> Arc<Self> {
        let piece = Self { bytes, beside: beside as u64, counted };
        for sum in piece.counted.iter().flatten() {
            sum.fetch_add(piece.size(), Ordering::Relaxed);
        }
        Arc::new(piece)
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        for sum in self.counted.iter().flatten() {
            sum.fetch_sub(self.size(), Ordering::Relaxed);
        }
    }
}

/// What a piece takes beside its bytes, with its places in lists and maps.
const PIECE_BYTES: u64 = 256;

/// The responses that are kept for all accounts.
#[derive(Debug, Default)]
pub struct Responses {
    shelves: Mutex<Shelves>,
    /// What all of them take.
    bytes: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct Shelves {
    of: HashMap<AccountId, Shelf>,
    /// When it was last looked through for what is too old.
    swept: Option<Instant>,
}

/// Those of one account.
#[derive(Debug, Default)]
struct Shelf {
    kept: HashMap<Arc<str>, Arc<Kept>>,
    /// From the oldest to the youngest; some may be gone.
    order: VecDeque<(Instant, Arc<str>)>,
    bytes: Arc<AtomicU64>,
}

impl Shelf {
    /// Lets go of the oldest; `false` when there is none.
    fn drop_oldest(&mut self) -> bool {
        let Some((at, id)) = self.order.pop_front() else { return false };
        // A younger one of the same name is another.
        if self.kept.get(&id).is_some_and(|kept| kept.at == at) {
            self.kept.remove(&id);
        }
        true
    }
}

impl Responses {
    /// The account's response of that name.
    pub fn find(&self, account: &AccountId, id: &str, settings: &config::Responses) -> Option<Arc<Kept>> {
        settings.bytes_max?;
        let shelves = self.shelves();
        let kept = shelves.of.get(account)?.kept.get(id)?;
        (kept.at.elapsed() < settings.keep).then(|| Arc::clone(kept))
    }

    /// Forgets the account's response of that name; `false` when there is none. Those that go on from it stay.
    pub fn forget(&self, account: &AccountId, id: &str) -> bool {
        self.shelves().of.get_mut(account).is_some_and(|shelf| shelf.kept.remove(id).is_some())
    }

    /// Keeps a response, and lets go of what is too old; where there is too much, of the oldest of the account that keeps
    /// most.
    fn keep(&self, account: &AccountId, settings: &config::Responses, kept: impl FnOnce(Counts) -> Kept) {
        let Some(bytes_max) = settings.bytes_max else { return };
        let mut shelves = self.shelves();
        let shelf = shelves.of.entry(account.clone()).or_default();
        let kept = Arc::new(kept([Arc::clone(&shelf.bytes), Arc::clone(&self.bytes)]));
        shelf.order.push_back((kept.at, Arc::clone(&kept.id)));
        shelf.kept.insert(Arc::clone(&kept.id), kept);
        shelves.sweep(settings.keep);
        while self.bytes.load(Ordering::Relaxed) > bytes_max {
            let largest = shelves.of.values_mut().max_by_key(|shelf| shelf.bytes.load(Ordering::Relaxed));
            if !largest.is_some_and(Shelf::drop_oldest) {
                break;
            }
        }
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelves {
    /// Lets go of what is too old, now and then.
    fn sweep(&mut self, keep: Duration) {
        if self.swept.is_some_and(|swept| swept.elapsed() < SWEEP_EVERY) {
            return;
        }
        self.swept = Some(Instant::now());
        for shelf in self.of.values_mut() {
            while shelf.order.front().is_some_and(|(at, _)| at.elapsed() >= keep) {
                shelf.drop_oldest();
            }
        }
        self.of.retain(|_, shelf| !shelf.order.is_empty());
    }
}

/// Old responses are not found, so that they may stay a little longer.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// The sums in which a piece is counted.
type Counts = [Arc<AtomicU64>; 2];

/// The last responses of one connection, which goes on from them whether or not they are to be kept.
#[derive(Debug, Default)]
pub struct Recent(Mutex<VecDeque<Arc<Kept>>>);

impl Recent {
    fn find(&self, id: &str) -> Option<Arc<Kept>> {
        let recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recent.iter().rev().find(|kept| &*kept.id == id).cloned()
    }

    fn keep(&self, kept: Kept) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == RECENT_MAX {
            recent.pop_front();
        }
        recent.push_back(Arc::new(kept));
    }
}

/// A request's place in its conversation.
#[derive(Debug, Default)]
pub struct Turn {
    /// Of the connection it came by, where that has a memory.
    recent: Option<Arc<Recent>>,
    /// The name of the response it goes on from.
    pub(super) previous: Option<String>,
    before: Option<Arc<Kept>>,
    /// Its own items, where they may be asked for again.
    own: Option<Vec<u8>>,
    is_stored: bool,
}

impl Turn {
    /// Of a request that came by a connection with a memory.
    pub fn on(recent: Arc<Recent>) -> Self {
        Self { recent: Some(recent), ..Self::default() }
    }
}

/// Puts what a request goes on from in front of its own input, in the place of its name.
///
/// # Errors
/// When nothing of that name is kept, or all of it together is larger than a body may be.
pub(super) fn take_up(gateway: &Gateway, inbound: &mut Inbound) -> Result<(), Refusal> {
    let settings = gateway.snapshot.load().config.responses;
    let recent = inbound.turn.take().and_then(|turn| turn.recent);
    if settings.bytes_max.is_none() && recent.is_none() {
        return Ok(());
    }
    // What is no JSON is refused in better words by who reads it next.
    let Ok(thread) = Thread::read(&inbound.body) else { return Ok(()) };
    let own = thread.items(&inbound.body);
    let mut turn = Turn { recent, is_stored: thread.store, own: Some(own), ..Turn::default() };
    if let Some(previous) = &thread.previous {
        let recent = turn.recent.as_ref().and_then(|recent| recent.find(previous));
        let kept = recent.or_else(|| gateway.responses.find(&inbound.caller.account, previous, &settings));
        let kept = kept.ok_or_else(|| not_kept(previous))?;
        let before: Vec<&[u8]> = kept.said.iter().map(|piece| &*piece.bytes).collect();
        let length = before.iter().map(|items| items.len()).sum::<usize>() + inbound.body.len();
        if length as u64 > gateway.server.body_max {
            return Err(Refusal::BodyTooLarge(gateway.server.body_max));
        }
        inbound.body = thread.continued(&inbound.body, &before).into();
        turn.previous.clone_from(&thread.previous);
        turn.before = Some(kept);
    }
    inbound.turn = Some(Box::new(turn));
    Ok(())
}

/// A request as it is with what it goes on from; for who only wants to know how long it is.
///
/// # Errors
/// When nothing of that name is kept for the account.
pub fn spelled_out(gateway: &Gateway, account: &AccountId, body: Bytes) -> Result<Bytes, Refusal> {
    let settings = gateway.snapshot.load().config.responses;
    let Ok(thread) = Thread::read(&body) else { return Ok(body) };
    let Some(previous) = thread.previous.as_ref().filter(|_| settings.bytes_max.is_some()) else { return Ok(body) };
    let kept = gateway.responses.find(account, previous, &settings).ok_or_else(|| not_kept(previous))?;
    let before: Vec<&[u8]> = kept.said.iter().map(|piece| &*piece.bytes).collect();
    Ok(thread.continued(&body, &before).into())
}

/// OpenAI's own words for it, by which clients know that they have to send the conversation whole.
fn not_kept(id: &str) -> Refusal {
    let id: String = id.chars().filter(|c| !c.is_control()).take(100).collect();
    Refusal::BadRequest(BadRequest {
        message: format!("Previous response with id '{id}' not found."),
        param: Some("previous_response_id"),
        code: "previous_response_not_found",
    })
}

/// Keeps what came of a request: of a stream its last words are enough.
pub(super) fn keep(gateway: &Gateway, inbound: &mut Inbound, issuer: Issuer, end: End<'_>) {
    let Some(turn) = inbound.turn.as_deref_mut() else { return };
    let response = match end {
        End::Whole(body) => Some(body.clone()),
        End::Stream(tail) => ended_with(tail),
    };
    let Some((response, own)) = response.zip(turn.own.take()) else { return };
    let Ok(Some(said)) = said(&response, issuer) else { return };
    let make = |counted: Option<Counts>| {
        let mut pieces = turn.before.as_ref().map(|before| before.said.clone()).unwrap_or_default();
        let piece = |bytes: Bytes| Piece::new(bytes, 0, counted.clone());
        pieces.extend((!own.is_empty()).then(|| piece(own.clone().into())));
        let asked = pieces.len();
        pieces.extend((!said.items.is_empty()).then(|| piece(said.items.clone().into())));
        // Copied, since it may be a small part of something large.
        let list = size_of_val(&*pieces);
        let response = Piece::new(Bytes::copy_from_slice(&response), list, counted.clone());
        Kept { id: said.id.as_str().into(), said: pieces, response, asked, at: Instant::now() }
    };
    if let Some(recent) = &turn.recent {
        recent.keep(make(None));
    }
    if turn.is_stored {
        let settings = gateway.snapshot.load().config.responses;
        gateway.responses.keep(&inbound.caller.account, &settings, |counts| make(Some(counts)));
    }
}

/// Makes ready for a request that is to come: its answer has no output and costs nothing, and its input is remembered.
/// The events of that answer, in the framing of a stream.
///
/// # Errors
/// As an exchange that does not begin.
pub fn make_ready(gateway: &Gateway, inbound: &mut Inbound) -> Result<Bytes, Refusal> {
    take_up(gateway, inbound)?;
    let request = Request::scan(inbound.operation, &inbound.body).map_err(Refusal::BadRequest)?;
    let snapshot = gateway.snapshot.load();
    if snapshot.target(&request.model).is_none() {
        return Err(Refusal::unknown_model(&request.model));
    }
    if !inbound.caller.may_ask_for(&request.model) {
        return Err(Refusal::model_not_allowed(&request.model));
    }
    let mut encoder = Encoder::new(&request.model);
    if let Some(identity) = identity(inbound) {
        encoder.introduce(identity);
    }
    let mut stream = Vec::new();
    for event in [Event::Usage(Usage::default()), Event::Stop { choice: 0, stop: Stop::Finished }, Event::End] {
        encoder.event(&event, &mut stream).expect("nothing is held back of no output");
    }
    let stream = Bytes::from(stream);
    // There are no thoughts in it that anybody could have signed.
    keep(gateway, inbound, Issuer(0), End::Stream(&stream));
    Ok(stream)
}

/// What a response that is made here is called, where the request is for one.
pub(super) fn identity(inbound: &Inbound) -> Option<Identity> {
    if inbound.operation != Operation::Responses {
        return None;
    }
    let name = inbound.id.to_string();
    let created = unix_time().as_secs().cast_signed();
    let previous = inbound.turn.as_ref().and_then(|turn| turn.previous.as_deref());
    Identity::new(&name, created, &inbound.body, previous).ok()
}

/// How an answer came.
#[derive(Debug)]
pub(super) enum End<'a> {
    /// As a body.
    Whole(&'a Bytes),
    /// As a stream, with these last words.
    Stream(&'a Bytes),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(id: &str, before: Option<&Kept>, size: usize, counts: Counts) -> Kept {
        let mut said = before.map(|before| before.said.clone()).unwrap_or_default();
        said.push(Piece::new(vec![b'x'; size].into(), 0, Some(counts.clone())));
        let response = Piece::new(Bytes::new(), 0, Some(counts));
        Kept { id: id.into(), asked: said.len(), said, response, at: Instant::now() }
    }

    fn account(name: &str) -> AccountId {
        name.parse().unwrap()
    }

    fn settings(bytes_max: u64) -> config::Responses {
        config::Responses { bytes_max: Some(bytes_max), keep: Duration::from_secs(60) }
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_is_its_accounts_and_for_a_time() {
        let responses = Responses::default();
        let (mine, other, settings) = (account("mine"), account("other"), settings(1 << 20));
        responses.keep(&mine, &settings, |counts| kept("r", None, 10, counts));
        assert!(responses.find(&mine, "r", &settings).is_some());
        assert!(responses.find(&other, "r", &settings).is_none());
        assert!(!responses.forget(&other, "r"));
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(responses.find(&mine, "r", &settings).is_none());
        responses.keep(&other, &settings, |counts| kept("s", None, 10, counts));
        assert_eq!(responses.shelves().of.len(), 1, "what is too old goes with the next that comes");
        assert!(responses.forget(&other, "s") && !responses.forget(&other, "s"));
    }

    #[tokio::test]
    async fn who_keeps_most_lets_go_first() {
        let responses = Responses::default();
        let (small, large, settings) = (account("small"), account("large"), settings(100_000));
        responses.keep(&small, &settings, |counts| kept("s", None, 1_000, counts));
        for number in 0..200 {
            let id = format!("l{number}");
            responses.keep(&large, &settings, |counts| kept(&id, None, 10_000, counts));
            assert!(responses.bytes.load(Ordering::Relaxed) <= 100_000);
        }
        assert!(responses.find(&small, "s", &settings).is_some());
        assert!(responses.find(&large, "l0", &settings).is_none());
        assert!(responses.find(&large, "l199", &settings).is_some());
    }

    #[tokio::test]
    async fn a_conversation_shares_what_was_said_before_and_is_counted_once() {
        let responses = Responses::default();
        let (mine, settings) = (account("mine"), settings(1 << 30));
        responses.keep(&mine, &settings, |counts| kept("r0", None, 1_000_000, counts));
        for number in 1..100 {
            let before = responses.find(&mine, &format!("r{}", number - 1), &settings).unwrap();
            let id = format!("r{number}");
            responses.keep(&mine, &settings, |counts| kept(&id, Some(&before), 10, counts));
        }
        assert!(responses.bytes.load(Ordering::Relaxed) < 1_200_000);
        for number in 0..99 {
            responses.forget(&mine, &format!("r{number}"));
        }
        assert!(responses.bytes.load(Ordering::Relaxed) > 1_000_000, "the last one still holds it");
        responses.forget(&mine, "r99");
        assert_eq!(responses.bytes.load(Ordering::Relaxed), 0);
    }
}
