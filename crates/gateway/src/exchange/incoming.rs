//! A streamed answer as it comes in: which of its bytes may be shown, and whether it is whole.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use roundelay_protocol::{
    openai::{
        Finish,
        chunk::Chunk,
        stream::{Terminal, is_done, is_hidden},
    },
    sse,
    usage::Usage,
};
use tokio::time::timeout;

use crate::upstream::{self, ReadFault};

/// The mark after which OpenAI's streams hold nothing.
const DONE: &[u8] = b"data: [DONE]\n\n";
/// How long the framing behind an answer's last event may take before the connection is given up.
const REST_MAX: Duration = Duration::from_millis(250);
/// Bytes of content to a token, where the upstream did not count: the usual figure for English prose.
const BYTES_PER_TOKEN: u64 = 4;

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
}

/// What a piece of a stream brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Lifecycle frames, comments, empty deltas: no reason to wait on.
    None,
    /// Content.
    Content,
    /// The stream is over, and the answer is whole.
    Ended,
}

/// A stream being read. Dropped, it closes the connection: so the provider learns that nobody waits.
#[derive(Debug)]
pub(super) struct Incoming {
    body: upstream::Body,
    events: sse::Reader,
    terminal: Terminal,
    caller_asked_usage: bool,
    /// What may be shown, once it may be.
    out: BytesMut,
    pub(super) has_content: bool,
    is_over: bool,
    content_bytes: u64,
    pub(super) usage: Option<Usage>,
    pub(super) finish: Option<Finish>,
    /// Events that were no JSON and were left out.
    pub(super) skipped: u32,
}

impl Incoming {
    pub(super) fn new(body: upstream::Body, choices: u32, caller_asked_usage: bool) -> Self {
        Self {
            body,
            events: sse::Reader::new(sse::Limits::default()),
            terminal: Terminal::new(choices),
            caller_asked_usage,
            out: BytesMut::new(),
            has_content: false,
            is_over: false,
            content_bytes: 0,
            usage: None,
            finish: None,
            skipped: 0,
        }
    }

    /// Reads what has arrived, or waits for more.
    ///
    /// Cancel-safe: what was read is kept.
    pub(super) async fn read(&mut self) -> Result<Progress, StreamFault> {
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

    /// The bytes that may be shown now: all so far, or none of the typed terminal and what follows it, which
    /// [`Self::tail`] gives.
    pub(super) fn shown_now(&mut self) -> Option<Bytes> {
        let may_show = self.has_content && !self.is_whole() && !self.out.is_empty();
        may_show.then(|| self.out.split().freeze())
    }

    /// The end of a whole answer, with the mark that its SDKs wait for.
    pub(super) fn tail(&mut self) -> Bytes {
        self.out.extend_from_slice(DONE);
        self.out.split().freeze()
    }

    /// Tokens of output, as counted by the upstream or, where it did not, from the bytes of content.
    pub(super) fn output_tokens(&self) -> u64 {
        self.usage.map_or_else(|| self.content_bytes.div_ceil(BYTES_PER_TOKEN), |usage| usage.completion())
    }

    /// Reads the answer's framing to its end, so that its connection can serve again.
    pub(super) async fn read_rest(mut self) {
        let rest = async { while let Ok(Some(_)) = self.body.read().await {} };
        let _ = timeout(REST_MAX, rest).await;
    }

    fn take(&mut self, piece: Bytes) -> Result<Progress, StreamFault> {
        self.events.push(piece);
        let mut progress = Progress::None;
        while let Some(event) = self.events.next() {
            let event = event.map_err(|_| StreamFault::Garbled)?;
            if self.learn(&event)? && progress == Progress::None {
                progress = Progress::Content;
            }
            if self.is_over {
                return Ok(Progress::Ended);
            }
        }
        Ok(progress)
    }

    /// Learns from one event; `true` when it brought content.
    fn learn(&mut self, event: &sse::Event) -> Result<bool, StreamFault> {
        let Some(data) = &event.data else {
            // A sign of life before content must not commit to this answer.
            if self.has_content {
                self.out.extend_from_slice(&event.raw);
            }
            return Ok(false);
        };
        if is_done(data) {
            self.terminal.observe_done();
            if !self.is_whole() {
                return Err(StreamFault::Unfinished);
            }
            self.is_over = true;
            return Ok(false);
        }
        let Ok(chunk) = Chunk::scan(data) else {
            self.skipped += 1;
            return Ok(false);
        };
        if chunk.is_error || chunk.finish == Some(Finish::Error) {
            return Err(StreamFault::Error(data.clone()));
        }
        self.terminal.observe(&chunk);
        self.finish = self.finish.or(chunk.finish);
        self.usage = chunk.usage.or(self.usage);
        self.has_content |= chunk.has_content() || self.is_whole();
        self.content_bytes += chunk.content_bytes as u64;
        if !is_hidden(&chunk, self.caller_asked_usage) {
            self.out.extend_from_slice(&event.raw);
        }
        // Some servers forget `[DONE]`; behind the last choice and its usage there is nothing to wait for.
        self.is_over = chunk.usage_only && self.is_whole();
        Ok(chunk.has_content())
    }

    /// The connection has ended; the answer may be whole all the same.
    fn end(&mut self, otherwise: StreamFault) -> Result<Progress, StreamFault> {
        if let Some(Ok(event)) = self.events.finish() {
            self.learn(&event)?;
        }
        if self.is_whole() { Ok(Progress::Ended) } else { Err(otherwise) }
    }
}
