//! A streamed answer as it comes in: which of its bytes may be shown, and whether it is whole.

mod audio;
mod followed;
mod held;
mod translated;

use std::{mem, ops::Range, time::Duration};

use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use roundelay_ledger::Money;
use roundelay_protocol::{
    anthropic::{self, Place},
    chat::{Dialect, Losses},
    estimate::{Output, OutputTokens},
    gemini,
    openai::{
        Finish,
        chunk::Chunk,
        service,
        stream::{Terminal, counted, cut_short, is_done, is_hidden},
        with_cost,
    },
    openai_responses, sse,
    translate::Follower,
    usage::{CostPlace, Usage},
};
use roundelay_routing::Tokens;
use tokio::time::timeout;

pub(super) use self::followed::{Cut, ShownResponse};
use self::{followed::Followed, held::Held, translated::Translated};
use super::outcome;
use crate::upstream::{self, ReadFault};

/// The mark after which OpenAI's streams hold nothing.
const DONE: &[u8] = b"data: [DONE]\n\n";
/// Why an answer ends before its time.
pub(super) const BUDGET: &str = "budget";
/// How long the framing behind an answer's last event may take before the connection is given up.
const REST_MAX: Duration = Duration::from_millis(250);
/// What may come before the first content, in bytes: a role and some lifecycle frames are a thousandth of it, unless they
/// repeat all that was asked for.
const HELD_BACK_MAX: usize = 8 << 20;

/// Why a stream cannot be read on.
#[derive(Debug)]
pub(super) enum StreamFault {
    /// The upstream said so, in an event with this data.
    Error(Bytes),
    /// The connection ended before the answer did.
    Cut,
    /// It came to an orderly end without a typed one.
    Unfinished,
    /// An event larger than any answer needs, or broken framing.
    Garbled,
    /// Nothing that counts as progress came in time.
    Silent,
    /// It was to carry on an answer, and began another one.
    Diverged,
}

/// What a piece of a stream brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Progress {
    /// Lifecycle frames, comments, pings, empty deltas: no reason to wait on.
    None,
    /// No content, but a sign that the model works: a block began or ended, or what was thought unseen was signed.
    Work,
    /// Content.
    Content,
    /// The stream is over, and the answer is whole.
    Ended,
}

impl Progress {
    /// What a chunk brings that is not the last.
    fn of(chunk: &Chunk) -> Self {
        if chunk.has_content() {
            Self::Content
        } else if chunk.goes_on {
            Self::Work
        } else {
            Self::None
        }
    }
}

/// A stream being read. Dropped, it closes the connection: so the provider learns that nobody waits.
#[derive(Debug)]
pub(super) struct Incoming {
    body: upstream::Body,
    reading: Reading,
    /// Whose words are shown.
    dialect: Dialect,
    /// What of the request its deployment was not told.
    pub(super) dropped: Option<HeaderValue>,
    content_type: Option<String>,
    events: sse::Reader,
    terminal: Terminal,
    caller_asked_usage: bool,
    /// What may be shown, once it may be.
    out: BytesMut,
    pub(super) has_content: bool,
    is_over: bool,
    content: Output,
    /// Events with content; none has less than a token.
    content_events: u64,
    /// Of the content, what came before the first tool call that is kept back.
    before_calls: Output,
    /// Of the content, what has been shown.
    shown: Output,
    /// The data of the last chunk, which tells what an end made here looks like.
    last_chunk: Bytes,
    /// Choices whose end was not among what was shown, one bit an index.
    unended: u128,
    /// How far what was shown of Anthropic's events has come.
    place: Place,
    /// What was shown of a response that may have to be ended before its time.
    response: Option<Box<openai_responses::Shown>>,
    /// The mark after which nothing comes, as the provider wrote it; empty where it did not.
    mark: Bytes,
    counted: Option<Counted>,
    /// Where in `out` the last data with a count is, and where in it the cost goes.
    usage_data: Option<(Range<usize>, CostPlace)>,
    pub(super) finish: Option<Finish>,
    /// Events that were no JSON and were left out.
    pub(super) skipped: u32,
    /// Keeps tool calls back until they are whole, where the bytes are passed on as they are.
    held: Option<Held>,
    /// What another model needs to carry this answer on.
    followed: Option<Box<Followed>>,
    /// What was to be carried on differs.
    has_diverged: bool,
}

/// How a stream is read.
#[derive(Debug)]
enum Reading {
    /// OpenAI's chunks, passed on as they are.
    OpenAi,
    /// Anthropic's events, passed on as they are.
    Messages(Box<anthropic::Scanner>),
    /// Events of another dialect, passed on as they are.
    Passed(Follower),
    /// In another dialect than the caller's.
    Translated(Box<Translated>),
    /// A service's events, passed on as they are: how many ends have come.
    Service(u32),
    /// Audio, passed on as it is: about how many bytes a token has.
    Audio(u64),
}

/// What the provider has counted.
#[derive(Debug, Clone, Copy)]
struct Counted {
    usage: Usage,
    /// The content that had come by then.
    content: Output,
    content_events: u64,
}

impl Incoming {
    /// OpenAI's, for a caller who speaks it as well.
    pub(super) fn new(body: upstream::Body, choices: u32, caller_asked_usage: bool) -> Self {
        Self::of(body, Reading::OpenAi, Dialect::OpenaiChat, choices, caller_asked_usage)
    }

    /// Anthropic's, for a caller who speaks it as well.
    pub(super) fn messages(body: upstream::Body) -> Self {
        Self::of(body, Reading::Messages(Box::default()), Dialect::Anthropic, 1, true)
    }

    /// Of a dialect that is followed in the common form, for a caller who speaks it as well.
    pub(super) fn passed(body: upstream::Body, dialect: Dialect, follower: Follower) -> Self {
        Self::of(body, Reading::Passed(follower), dialect, 1, true)
    }

    /// A service's events, with an end for each choice.
    pub(super) fn events(body: upstream::Body, choices: u32, content_type: &str) -> Self {
        let incoming = Self::of(body, Reading::Service(0), Dialect::OpenaiChat, choices, true);
        Self { content_type: Some(content_type.to_owned()), ..incoming }
    }

    /// Audio, whose end is that of its bytes.
    pub(super) fn audio(body: upstream::Body, content_type: &str) -> Self {
        let reading = Reading::Audio(audio::bytes_per_token(content_type));
        let incoming = Self::of(body, reading, Dialect::OpenaiChat, 1, true);
        Self { content_type: Some(content_type.to_owned()), ..incoming }
    }

    /// What it is, where that is not what its caller's dialect always says.
    pub(super) fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// Whether it is made of events, between which signs of life and errors can be told.
    pub(super) fn has_events(&self) -> bool {
        !matches!(self.reading, Reading::Audio(_))
    }

    fn of(body: upstream::Body, reading: Reading, dialect: Dialect, choices: u32, caller_asked_usage: bool) -> Self {
        let terminal = Terminal::new(choices);
        let limits = match (&reading, dialect) {
            (Reading::Service(_), _) | (_, Dialect::OpenaiResponses | Dialect::Gemini) => sse::Limits::LARGE,
            _ => sse::Limits::default(),
        };
        Self {
            body,
            reading,
            dialect,
            dropped: None,
            content_type: None,
            events: sse::Reader::new(limits),
            unended: terminal.unfinished(),
            place: Place::default(),
            response: None,
            mark: Bytes::new(),
            terminal,
            caller_asked_usage,
            out: BytesMut::new(),
            has_content: false,
            is_over: false,
            content: Output::default(),
            content_events: 0,
            before_calls: Output::default(),
            shown: Output::default(),
            last_chunk: Bytes::new(),
            counted: None,
            usage_data: None,
            finish: None,
            skipped: 0,
            held: None,
            followed: None,
            has_diverged: false,
        }
    }

    /// Makes ready for an end before its time.
    pub(super) fn may_be_cut_short(&mut self) {
        self.response = (self.dialect == Dialect::OpenaiResponses).then(Box::default);
    }

    /// Reads what has arrived, or waits for more.
    ///
    /// Cancel-safe: what was read is kept.
    pub(super) async fn read(&mut self) -> Result<Progress, StreamFault> {
        if self.has_diverged {
            return Err(StreamFault::Diverged);
        }
        match self.body.read().await {
            Ok(Some(piece)) => self.take(piece),
            Ok(None) => self.end(StreamFault::Unfinished),
            Err(ReadFault::Cut(_)) => self.end(StreamFault::Cut),
            Err(ReadFault::Garbled(_)) => Err(StreamFault::Garbled),
        }
    }

    /// Whether every choice has its reason to end. More may follow: usage, `[DONE]`.
    pub(super) fn is_whole(&self) -> bool {
        self.terminal.is_whole()
    }

    /// Whether nothing more will come: the answer is whole, and so are its trimmings.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The bytes that may be shown now: all so far, or none of the typed terminal and what follows it, which
    /// [`Self::tail`] gives.
    pub(super) fn shown_now(&mut self) -> Option<Bytes> {
        let showable = self.held.as_ref().map_or(self.out.len(), |held| held.showable(self.out.len()));
        let may_show = self.has_content && !self.is_whole() && showable > 0;
        if may_show && self.held.as_ref().is_some_and(Held::is_holding) {
            return self.shown_before_calls();
        }
        may_show.then(|| {
            self.shown = if self.is_holding() { self.before_calls } else { self.content };
            self.unended = self.terminal.unfinished();
            self.usage_data = None;
            match &self.reading {
                Reading::OpenAi | Reading::Passed(_) | Reading::Service(_) | Reading::Audio(_) => {}
                Reading::Messages(scanner) => self.place = scanner.place(),
                Reading::Translated(translated) => {
                    translated.note_shown(&self.out, &mut self.place, &mut self.last_chunk);
                }
            }
            let shown = self.out.split().freeze();
            if let Some(followed) = &mut self.followed {
                followed.pass(&shown);
            }
            if let Some(response) = &mut self.response {
                response.push(shown.clone());
            }
            shown
        })
    }

    /// The same where what follows is kept back.
    fn shown_before_calls(&mut self) -> Option<Bytes> {
        let (shown, content, place) = self.held.as_mut()?.split(&mut self.out)?;
        (self.shown, self.place) = (content, place);
        self.unended = self.terminal.unfinished();
        self.usage_data = self.usage_data.take().and_then(|(span, place)| {
            let start = span.start.checked_sub(shown.len())?;
            Some((start..start + span.len(), place))
        });
        let shown = shown.freeze();
        if let Some(followed) = &mut self.followed {
            followed.pass(&shown);
        }
        if let Some(response) = &mut self.response {
            response.push(shown.clone());
        }
        Some(shown)
    }

    /// Keeps tool calls back until all of the answer is here.
    pub(super) fn hold_calls(&mut self) {
        match &mut self.reading {
            Reading::Translated(translated) => translated.hold_calls(),
            _ => self.held = Some(Held::default()),
        }
    }

    /// Whether a part of the answer is here that is kept back.
    pub(super) fn is_holding(&self) -> bool {
        match &self.reading {
            Reading::Translated(translated) => translated.is_holding(),
            _ => self.held.as_ref().is_some_and(Held::is_holding),
        }
    }

    /// Tokens of output that said once more what the caller had from an earlier attempt: their share of what was counted.
    pub(super) fn wasted(&self) -> u64 {
        let Reading::Translated(translated) = &self.reading else { return 0 };
        let repeated = translated.repeated();
        if repeated == 0 {
            return 0;
        }
        let all = u128::from(self.content.text_bytes.saturating_add(repeated));
        let Some(usage) = self.usage() else {
            return Output { text_bytes: repeated, ..Output::default() }.tokens().total();
        };
        let visible = u128::from(usage.output.saturating_sub(usage.reasoning));
        u64::try_from((visible * u128::from(repeated)).div_ceil(all)).unwrap_or(u64::MAX)
    }

    /// What [`Self::tail`] gave, with what was charged for it in the usage that it holds; and where the answer `is_lowered`
    /// and went as far as there was money for, with a word of that. An end that is made here tells what is `paid` where
    /// its provider has not counted.
    pub(super) fn priced(&mut self, tail: Bytes, paid: Usage, charged: Option<Money>, is_lowered: bool) -> Bytes {
        let uncounted = self.usage().is_none().then_some(paid);
        self.priced_as(tail, uncounted, charged, is_lowered)
    }

    /// The same of an answer by several models, with what is paid for all of it in the place of what the last one counted.
    pub(super) fn priced_in_all(
        &mut self,
        tail: Bytes,
        paid: Usage,
        charged: Option<Money>,
        is_lowered: bool,
    ) -> Bytes {
        self.priced_as(tail, Some(paid), charged, is_lowered)
    }

    fn priced_as(&mut self, tail: Bytes, uncounted: Option<Usage>, charged: Option<Money>, is_lowered: bool) -> Bytes {
        let tail = match (&mut self.reading, charged.zip(self.usage_data.clone())) {
            (Reading::Translated(translated), _) => translated.ended(&tail, uncounted, charged),
            (_, Some((charged, (data, place)))) => {
                let priced = with_cost(&tail[data.clone()], place, &charged.to_string());
                [&tail[..data.start], &priced, &tail[data.end..]].concat().into()
            }
            (_, None) => tail,
        };
        if !is_lowered || self.finish != Some(Finish::Length) {
            return tail;
        }
        match self.dialect {
            Dialect::Anthropic => anthropic::with_stop(&tail, BUDGET).into(),
            Dialect::OpenaiResponses => openai_responses::with_stop(&tail, BUDGET).into(),
            Dialect::Gemini => gemini::with_stop(&tail, BUDGET).into(),
            _ => before_done(&tail, &cut_short(&self.last_chunk, 0, BUDGET)),
        }
    }

    /// What [`Self::cut_short`] gave, with the count that its caller asked for: of what is paid, in tokens of input and of
    /// output, and what was charged.
    pub(super) fn counted(&self, tail: Bytes, (input, output): (u64, u64), charged: Option<Money>) -> Bytes {
        if !self.caller_asked_usage {
            return tail;
        }
        let charged = charged.map(|charged| charged.to_string());
        match self.dialect {
            Dialect::Anthropic => {
                return anthropic::cut_short(self.place, (input, output), charged.as_deref(), BUDGET).into();
            }
            Dialect::Gemini => {
                let unfinished = self.unended | self.terminal.unfinished();
                return gemini::cut_short(unfinished, (input, output), charged.as_deref(), BUDGET).into();
            }
            _ => {}
        }
        if let Some(response) = &self.response {
            return response.cut_short((input, output), charged.as_deref(), BUDGET).into();
        }
        before_done(&tail, &counted(&self.last_chunk, input, output, charged.as_deref()))
    }

    /// The end of a whole answer, with the mark that its SDKs wait for.
    pub(super) fn tail(&mut self) -> Bytes {
        self.shown = self.content;
        if let Reading::Translated(translated) = &mut self.reading {
            translated.finish(&mut self.out);
            return self.out.split().freeze();
        }
        if let Reading::Audio(_) = self.reading {
            return self.out.split().freeze();
        }
        // A last event may have come without its blank line; another one ends nothing twice.
        if !self.out.is_empty() && !self.out.ends_with(b"\n\n") && !self.out.ends_with(b"\r\n\r\n") {
            self.out.extend_from_slice(b"\n\n");
        }
        let mark = mem::take(&mut self.mark);
        self.out.extend_from_slice(match self.dialect {
            _ if !mark.is_empty() => &mark,
            Dialect::Anthropic => anthropic::STOP,
            // Their end is an event like others.
            _ if matches!(self.reading, Reading::Service(_)) => b"",
            Dialect::OpenaiChat => DONE,
            // The typed end is the last event.
            Dialect::OpenaiResponses | Dialect::Gemini | Dialect::Bedrock => b"",
        });
        self.out.split().freeze()
    }

    /// An end in the place of all that was not shown, because there is no money for it: each choice stops at its length.
    pub(super) fn cut_short(&mut self) -> Bytes {
        self.out.clear();
        let (unfinished, output) = (self.unended | self.terminal.unfinished(), self.shown.tokens().total());
        match self.dialect {
            Dialect::Anthropic => return anthropic::cut_short(self.place, (0, output), None, BUDGET).into(),
            Dialect::Gemini => return gemini::cut_short(unfinished, (0, output), None, BUDGET).into(),
            _ => {}
        }
        if let Some(response) = &self.response {
            return response.cut_short((0, output), None, BUDGET).into();
        }
        let end = cut_short(&self.last_chunk, unfinished, BUDGET);
        self.out.extend_from_slice(&end);
        self.out.extend_from_slice(DONE);
        self.out.split().freeze()
    }

    /// What the provider has counted of all that came; `None` while content has come since.
    ///
    /// Some begin with a count of nothing, and some count on with every chunk.
    pub(super) fn usage(&self) -> Option<Usage> {
        let counted = self.counted.filter(|counted| counted.content_events == self.content_events)?;
        Some(counted.usage)
    }

    /// What the provider has counted so far, whatever has come since: where it tells at the beginning, its input.
    pub(super) fn counted_so_far(&self) -> Option<Usage> {
        self.counted.map(|counted| counted.usage)
    }

    /// How many tokens the output so far has, at least and at most: by the provider's own count, and what has come since.
    pub(super) fn output_bounds(&self) -> (u64, u64) {
        let (tokens, content, events) = self.counted.map_or_else(Default::default, |counted| {
            (counted.usage.completion(), counted.content, counted.content_events)
        });
        let least = self.content_events - events;
        let most = self.content.since(content).bound().max(least);
        let tokens = tokens.saturating_sub(self.wasted());
        (tokens.saturating_add(least), tokens.saturating_add(most))
    }

    /// Tokens of output that were shown, from their bytes.
    pub(super) fn shown_tokens(&self) -> OutputTokens {
        match self.usage() {
            Some(usage) if self.shown == self.content => outcome::output(&usage),
            _ => self.shown.tokens(),
        }
    }

    /// Whether any word was shown that is new to its caller, whatever its provider counts.
    pub(super) fn has_shown_words(&self) -> bool {
        self.shown.tokens().total() > 0
    }

    /// The data of the last chunk that came, which tells what others of its stream look like; empty where it is not chat's.
    pub(super) fn last_chunk(&self) -> Bytes {
        if self.dialect == Dialect::OpenaiChat { self.last_chunk.clone() } else { Bytes::new() }
    }

    /// What of the answer its caller's dialect could not say; `None` where it is passed on as it is.
    pub(super) fn losses(&self) -> Option<&Losses> {
        match &self.reading {
            Reading::Translated(translated) => Some(translated.losses()),
            Reading::OpenAi | Reading::Messages(_) | Reading::Passed(_) | Reading::Service(_) | Reading::Audio(_) => {
                None
            }
        }
    }

    /// Lets go of what nobody will be shown. Where it `is_paid`, it counts as shown.
    pub(super) fn forget_unshown(&mut self, is_paid: bool) {
        self.out.clear();
        if is_paid {
            self.shown = self.content;
        }
    }

    /// Tokens of output, as counted by the upstream or, where it did not, from the bytes of content.
    pub(super) fn output_tokens(&self) -> u64 {
        self.usage().map_or_else(|| self.content.tokens().total(), |usage| usage.completion())
    }

    /// What the answer took, as routing learns from it.
    pub(super) fn tokens(&self) -> Tokens {
        outcome::tokens(self.usage(), self.output_tokens())
    }

    /// Reads the answer's framing to its end, so that its connection can serve again.
    pub(super) async fn read_rest(mut self) {
        let rest = async { while let Ok(Some(_)) = self.body.read().await {} };
        let _ = timeout(REST_MAX, rest).await;
    }

    fn take(&mut self, piece: Bytes) -> Result<Progress, StreamFault> {
        match self.reading {
            Reading::Translated(_) => return self.translate(Some(piece)),
            Reading::Audio(per_token) => return Ok(self.hear(&piece, per_token)),
            Reading::OpenAi | Reading::Messages(_) | Reading::Passed(_) | Reading::Service(_) => {}
        }
        self.events.push(piece);
        let mut progress = Progress::None;
        while let Some(event) = self.events.next() {
            let event = event.map_err(|_| StreamFault::Garbled)?;
            progress = progress.max(self.learn(&event)?);
            if self.is_over {
                return Ok(Progress::Ended);
            }
        }
        Ok(progress)
    }

    fn hear(&mut self, piece: &Bytes, per_token: u64) -> Progress {
        self.out.extend_from_slice(piece);
        self.content.audio_bytes += audio::as_streamed(piece.len(), per_token);
        self.content_events += 1;
        self.has_content = true;
        Progress::Content
    }

    /// Learns from one event, and says what it brought; never that it is the last.
    fn learn(&mut self, event: &sse::Event) -> Result<Progress, StreamFault> {
        let Some(data) = &event.data else {
            // A sign of life before content must not commit to this answer.
            if self.has_content {
                self.out.extend_from_slice(&event.raw);
            }
            return Ok(Progress::None);
        };
        let place = match &self.reading {
            Reading::Messages(scanner) if self.held.is_some() => scanner.place(),
            _ => Place::default(),
        };
        let mut has_stopped = false;
        let (chunk, is_mark) = match &mut self.reading {
            Reading::Messages(scanner) => (scanner.chunk(data).ok(), scanner.has_stopped()),
            Reading::Passed(follower) => {
                let chunk = follower.chunk(data).ok();
                has_stopped = follower.has_stopped();
                (chunk, false)
            }
            _ if is_done(data) => {
                self.terminal.observe_done();
                (Some(Chunk::default()), true)
            }
            Reading::Service(ends) => {
                let scanned = service::event::scan(data).map(|(chunk, is_end)| {
                    let place = 1_u128.checked_shl(*ends).unwrap_or(0);
                    *ends += u32::from(is_end);
                    Chunk { finished: if is_end { place } else { 0 }, seen: place, ..chunk }
                });
                (scanned.ok(), false)
            }
            _ => (Chunk::scan(data).ok(), false),
        };
        let Some(chunk) = chunk else {
            self.skipped += 1;
            return Ok(Progress::None);
        };
        if is_mark {
            // Anthropic's may bring the reason to stop that the beginning foretold.
            self.terminal.observe(&chunk);
            self.finish = self.finish.or(chunk.finish);
            if !self.is_whole() {
                return Err(StreamFault::Unfinished);
            }
            if self.dialect == Dialect::Anthropic || matches!(self.reading, Reading::Service(_)) {
                self.mark = event.raw.clone();
            }
            self.is_over = true;
            return Ok(Progress::None);
        }
        if chunk.is_error || chunk.finish == Some(Finish::Error) {
            return Err(StreamFault::Error(data.clone()));
        }
        self.terminal.observe(&chunk);
        self.finish = self.finish.or(chunk.finish);
        if let Some(held) = &mut self.held {
            held.note(chunk.content, self.out.len(), self.content, place);
        }
        self.has_content |= chunk.has_content() && !self.is_holding() || self.is_whole();
        self.content = self.content.plus(chunk.output);
        self.content_events += u64::from(chunk.has_content());
        if let Some(mut usage) = chunk.usage {
            // Of several images each has its end, and the last one's count.
            usage.units.images = self.content.images;
            let (content, content_events) = (self.content, self.content_events);
            self.counted = Some(Counted { usage, content, content_events });
        }
        self.last_chunk = data.clone();
        if !is_hidden(&chunk, self.caller_asked_usage) {
            // Data over several lines is not of one piece in the event, and is left as it is.
            if let Some(place) = chunk.cost_place
                && let Some(at) = event.raw.iter().position(|&byte| byte == b'{')
                && event.raw[at..].starts_with(data)
            {
                let at = self.out.len() + at;
                self.usage_data = Some((at..at + data.len(), place));
            }
            self.out.extend_from_slice(&event.raw);
        }
        if self.held.as_ref().is_some_and(|held| held.is_full(self.out.len())) {
            (self.held, self.has_content) = (None, true);
        }
        if !self.has_content && !self.is_holding() && self.out.len() > HELD_BACK_MAX {
            return Err(StreamFault::Garbled);
        }
        // Some servers forget `[DONE]`; behind the last choice and its usage there is nothing to wait for.
        self.is_over = has_stopped || chunk.usage_only && self.is_whole();
        Ok(Progress::of(&chunk))
    }

    /// The connection has ended; the answer may be whole all the same.
    fn end(&mut self, otherwise: StreamFault) -> Result<Progress, StreamFault> {
        if let Reading::Translated(_) = self.reading {
            let read = self.translate(None);
            return match read {
                _ if self.is_whole() => Ok(Progress::Ended),
                Err(fault @ (StreamFault::Error(_) | StreamFault::Garbled)) => Err(fault),
                _ => Err(otherwise),
            };
        }
        let is_orderly = self.has_content && self.body.is_framed();
        if let (Reading::Audio(_), StreamFault::Unfinished, true) = (&self.reading, &otherwise, is_orderly) {
            // Its framing told that this was all.
            self.is_over = true;
            return Ok(Progress::Ended);
        }
        if let Some(Ok(mut event)) = self.events.finish() {
            // What is said behind it is an event of its own.
            event.raw = [&*event.raw, b"\n\n"].concat().into();
            self.learn(&event)?;
        }
        if self.is_whole() { Ok(Progress::Ended) } else { Err(otherwise) }
    }
}

/// An event more before the mark that ends a tail.
fn before_done(tail: &Bytes, event: &[u8]) -> Bytes {
    let end = tail.len().saturating_sub(DONE.len());
    [&tail[..end], event, &tail[end..]].concat().into()
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
        task::JoinSet,
        time::Instant,
    };

    use roundelay_protocol::translate::{StreamEncoder, Translation};

    use super::*;
    use crate::upstream::{DispatchTimers, Endpoint, RequestHead, Upstream};

    const ROLE: &str = r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#;
    const TEXT: &str = r#"{"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}],"x-unknown": 1 }"#;
    const STOP: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":7,"total_tokens":10}}"#;
    const FAILED: &str = r#"{"error":{"message":"overloaded","code":503}}"#;
    const HALF: &str = r#"{"choices":[{"index":0,"del"#;
    const MARK: &str = "[DONE]";

    /// Events with these data, a comment where a line begins with `:`.
    fn stream(lines: &[&str]) -> String {
        let event =
            |line: &&str| if line.starts_with(':') { format!("{line}\n\n") } else { format!("data: {line}\n\n") };
        lines.iter().map(event).collect()
    }

    /// How a stream ended.
    #[derive(Debug, PartialEq)]
    enum End {
        Whole,
        Error,
        Cut,
        Unfinished,
        Garbled,
    }

    /// A stream as it comes from a server on loopback; with `is_cut`, its connection ends before the body does.
    async fn incoming(sent: &str, is_cut: bool, asked_usage: bool) -> (Incoming, JoinSet<()>) {
        let (body, server) = body(&chunked(sent, is_cut)).await;
        (Incoming::new(body, 1, asked_usage), server)
    }

    fn chunked(sent: &str, is_cut: bool) -> String {
        let last = if is_cut { "" } else { "0\r\n\r\n" };
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{sent}\r\n{last}", sent.len())
    }

    /// The body of this answer, as it comes from a server on loopback that closes behind it.
    async fn body(answer: &str) -> (upstream::Body, JoinSet<()>) {
        let answer = answer.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Endpoint::new(false, "127.0.0.1".into(), listener.local_addr().unwrap().port());
        let mut server = JoinSet::new();
        server.spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                socket.read_buf(&mut request).await.unwrap();
            }
            socket.write_all(answer.as_bytes()).await.unwrap();
        });
        let timers = DispatchTimers { connect: LONG, headers: LONG, deadline: Instant::now() + LONG };
        let (head, body) = (RequestHead::post("/", "test"), Bytes::new());
        let (_, body) = Upstream::new().dispatch(&endpoint, &head, &body, timers).await.unwrap();
        (body, server)
    }

    /// What of a stream is shown before its end is known, what with its end, and how it ended.
    #[track_caller]
    fn check(
        (sent, is_cut, asked_usage): (&[&str], bool, bool),
        (before, with_end, end): (&[&str], &[&str], End),
    ) -> impl Future<Output = Incoming> {
        let place = std::panic::Location::caller();
        let (sent, before, with_end) = (stream(sent), stream(before), stream(with_end));
        async move {
            let (mut incoming, _server) = incoming(&sent, is_cut, asked_usage).await;
            let mut shown = Vec::new();
            let ended = loop {
                let read = timeout(LONG, incoming.read()).await.expect("an end in time");
                if let Some(bytes) = incoming.shown_now() {
                    shown.extend_from_slice(&bytes);
                }
                match read {
                    Ok(Progress::None | Progress::Work | Progress::Content) => {}
                    Ok(Progress::Ended) => break End::Whole,
                    Err(StreamFault::Error(_)) => break End::Error,
                    Err(StreamFault::Cut) => break End::Cut,
                    Err(StreamFault::Unfinished) => break End::Unfinished,
                    Err(StreamFault::Garbled | StreamFault::Silent | StreamFault::Diverged) => break End::Garbled,
                }
            };
            assert_eq!(ended, end, "{place}: {sent}");
            assert_eq!(String::from_utf8(shown).unwrap(), before, "{place}: {sent}");
            if end == End::Whole {
                assert_eq!(incoming.tail(), with_end, "{place}: {sent}");
            }
            incoming
        }
    }

    const LONG: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn the_typed_end_is_held_back_and_makes_an_answer_whole() {
        // All of it came in one piece: nothing is shown before the record is safe.
        check((&[ROLE, TEXT, STOP, MARK], false, false), (&[], &[ROLE, TEXT, STOP, MARK], End::Whole)).await;
        check((&[TEXT, STOP, USAGE, MARK], false, true), (&[], &[TEXT, STOP, USAGE, MARK], End::Whole)).await;
    }

    #[tokio::test]
    async fn a_missing_mark_is_added_and_what_follows_it_is_not_shown() {
        check((&[TEXT, STOP], false, false), (&[], &[TEXT, STOP, MARK], End::Whole)).await;
        check((&[TEXT, STOP], true, false), (&[], &[TEXT, STOP, MARK], End::Whole)).await;
        check((&[TEXT, STOP, USAGE], false, true), (&[], &[TEXT, STOP, USAGE, MARK], End::Whole)).await;
        check((&[TEXT, STOP, MARK, TEXT], false, false), (&[], &[TEXT, STOP, MARK], End::Whole)).await;
    }

    #[tokio::test]
    async fn usage_is_learnt_and_hidden_from_who_did_not_ask() {
        for asked in [false, true] {
            let shown: &[&str] = if asked { &[TEXT, STOP, USAGE, MARK] } else { &[TEXT, STOP, MARK] };
            let incoming = check((&[TEXT, STOP, USAGE, MARK], false, asked), (&[], shown, End::Whole)).await;
            assert_eq!(incoming.output_tokens(), 7);
        }
        let incoming = check((&[TEXT, STOP, MARK], false, false), (&[], &[TEXT, STOP, MARK], End::Whole)).await;
        assert_eq!((incoming.usage(), incoming.output_tokens()), (None, 1), "two letters are a token");
    }

    #[tokio::test]
    async fn a_count_that_content_has_followed_is_not_the_last() {
        let early = r#"{"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}"#;
        let running =
            r#"{"choices":[{"index":0,"delta":{"content":"Hi"}}],"usage":{"prompt_tokens":3,"completion_tokens":5}}"#;
        for (sent, counted, bound) in [
            (&[early, TEXT, TEXT, STOP, MARK][..], None, 2),
            (&[early, TEXT, STOP, USAGE, MARK], Some(7), 7),
            (&[running, running, STOP, MARK], Some(5), 5),
            (&[running, TEXT, STOP, MARK], None, 6),
        ] {
            let (mut incoming, _server) = incoming(&stream(sent), false, true).await;
            while !matches!(incoming.read().await, Ok(Progress::Ended) | Err(_)) {}
            assert_eq!(incoming.usage().map(|usage| usage.completion()), counted, "{sent:?}");
            assert_eq!(incoming.output_bounds().1, bound, "{sent:?}");
        }
    }

    #[tokio::test]
    async fn speech_and_tool_calls_are_counted_by_what_they_hold() {
        let call = r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\""}}]}}]}"#;
        let second = "A".repeat(64_000);
        let speech = format!(
            r#"{{"choices":[{{"index":0,"delta":{{"audio":{{"id":"a","data":"{second}","transcript":"hey you"}}}}}}]}}"#
        );
        let text = |text| OutputTokens { text, ..OutputTokens::default() };
        for (sent, shown, bounds) in [
            (&[call][..], text(1), (1, 2)),
            (&[TEXT, &speech], OutputTokens { text: 3, audio: 20, images: 0 }, (2, 5 + 40)),
        ] {
            let (mut incoming, _server) = incoming(&stream(sent), false, false).await;
            while incoming.read().await.is_ok() {}
            assert!(incoming.shown_now().is_some());
            assert_eq!((incoming.shown_tokens(), incoming.output_bounds()), (shown, bounds), "{sent:?}");
        }
        let counted = r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":30,"completion_tokens_details":{"audio_tokens":22}}}"#;
        let (mut incoming, _server) = incoming(&stream(&[&speech, STOP, counted, MARK]), false, true).await;
        while !matches!(incoming.read().await, Ok(Progress::Ended) | Err(_)) {}
        incoming.tail();
        assert_eq!(incoming.shown_tokens(), OutputTokens { text: 8, audio: 22, images: 0 }, "as the provider counted");
    }

    #[tokio::test]
    async fn what_is_cut_short_ends_every_choice_whose_end_was_not_shown() {
        let of = |index: u32, what: &str| format!(r#"{{"id":"a","choices":[{{"index":{index},{what}}}]}}"#);
        let (text, stop) = (r#""delta":{"content":"Hi"}"#, r#""delta":{},"finish_reason":"stop""#);
        let sent = [of(0, text), of(1, text), of(0, stop)];
        let (mut incoming, _server) = incoming(&stream(&sent.each_ref().map(String::as_str)), false, false).await;
        while incoming.read().await.is_ok() {}
        // The first choice's own end came in the same piece as what there is no money for.
        let end = String::from_utf8(incoming.cut_short().to_vec()).unwrap();
        assert_eq!(end.matches("\"finish_reason\":\"length\"").count(), 2, "{end}");
    }

    #[tokio::test]
    async fn the_mark_alone_ends_nothing() {
        check((&[TEXT, MARK], false, false), (&[TEXT], &[], End::Unfinished)).await;
        check((&[MARK], false, false), (&[], &[], End::Unfinished)).await;
        check((&[TEXT], false, false), (&[TEXT], &[], End::Unfinished)).await;
        check((&[], false, false), (&[], &[], End::Unfinished)).await;
        check((&[ROLE, TEXT], true, false), (&[ROLE, TEXT], &[], End::Cut)).await;
    }

    #[tokio::test]
    async fn a_malformed_event_is_left_out() {
        let incoming = check(
            (&[TEXT, HALF, "", "7", TEXT, STOP, MARK], false, false),
            (&[], &[TEXT, TEXT, STOP, MARK], End::Whole),
        )
        .await;
        assert_eq!(incoming.skipped, 3);
    }

    #[tokio::test]
    async fn an_error_ends_the_stream_and_is_not_shown() {
        let broken = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"error"}]}"#;
        for error in [FAILED, broken] {
            check((&[TEXT, error, TEXT, STOP, MARK], false, false), (&[TEXT], &[], End::Error)).await;
            check((&[ROLE, error], false, false), (&[], &[], End::Error)).await;
        }
    }

    #[tokio::test]
    async fn signs_of_life_before_content_are_held_back() {
        check((&[": ping", ROLE, ": ping"], false, false), (&[], &[], End::Unfinished)).await;
        // A comment before content is nobody's; the role goes with the content.
        check((&[": ping", ROLE, TEXT, ": after"], false, false), (&[ROLE, TEXT, ": after"], &[], End::Unfinished))
            .await;
    }

    #[tokio::test]
    async fn an_event_without_end_is_not_waited_for() {
        let long = "x".repeat((1 << 20) + 1);
        check((&[TEXT, &long], false, false), (&[TEXT], &[], End::Garbled)).await;
    }

    #[tokio::test]
    async fn what_is_long_in_one_line_is_no_event_without_end() {
        let picture = "A".repeat(9 << 20);
        let ended = format!(r#"{{"type":"image_generation.completed","b64_json":"{picture}"}}"#);
        let part = format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"inlineData":{{"mimeType":"image/png","data":"{picture}"}}}}]}},"finishReason":"STOP"}}]}}"#
        );
        // Not every dialect has a place for pictures.
        let text =
            format!(r#"{{"candidates":[{{"content":{{"parts":[{{"text":"{picture}"}}]}},"finishReason":"STOP"}}]}}"#);
        for (sent, dialect) in [(ended, None), (part, Some(Dialect::Gemini)), (text, Some(Dialect::OpenaiChat))] {
            let sent = stream(&[&sent]);
            let (body, _server) = body(&chunked(&sent, false)).await;
            let mut incoming = match dialect {
                None => Incoming::events(body, 1, "text/event-stream"),
                Some(Dialect::Gemini) => {
                    Incoming::passed(body, Dialect::Gemini, Follower::new(Dialect::Gemini).unwrap())
                }
                Some(to) => {
                    let translation = Translation::new(Dialect::Gemini, StreamEncoder::new(to, "", false));
                    Incoming::translated(body, translation, (Dialect::Gemini, to), false)
                }
            };
            let ended = loop {
                match incoming.read().await {
                    Ok(Progress::Ended) => break Ok(()),
                    Err(fault) => break Err(fault),
                    Ok(_) => {}
                }
            };
            assert!(ended.is_ok(), "{dialect:?}: {ended:?}");
            assert!(incoming.tail().len() > 9 << 20, "{dialect:?}");
        }
    }

    #[tokio::test]
    async fn sound_that_its_connection_ends_may_be_cut() {
        for (framing, is_all) in [("content-length: 4\r\n", true), ("", false)] {
            let (body, _server) = body(&format!("HTTP/1.1 200 OK\r\n{framing}\r\nRIFF")).await;
            let mut incoming = Incoming::audio(body, "audio/wav");
            while let Ok(Progress::Content) = incoming.read().await {}
            assert_eq!(incoming.is_over(), is_all, "{framing}");
        }
    }
}
