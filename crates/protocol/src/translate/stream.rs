//! Streams, from bytes in any pieces to bytes.

use bytes::Bytes;

use crate::{
    anthropic,
    bedrock::{self, frame},
    chat::{Dialect, Event, FreeTools, Issuer, Json, Losses, Problem, Start, StreamFault},
    gemini,
    openai::chunk::Chunk,
    openai_chat, openai_responses,
    seam::Seam,
    sse,
};

use super::hold::Hold;

type Sink<'s> = dyn FnMut(Event<'_>) + 's;

/// Reads a stream of one dialect from bytes that arrive in any pieces.
#[derive(Debug)]
pub struct StreamDecoder {
    dialect: Decoder,
    /// After a fault nothing more is read.
    fault: Option<StreamFault>,
}

#[derive(Debug)]
enum Decoder {
    OpenaiChat(sse::Reader, openai_chat::Decoder),
    OpenaiResponses(sse::Reader, openai_responses::Decoder),
    Anthropic(sse::Reader, anthropic::Decoder),
    Gemini(sse::Reader, gemini::Decoder),
    Bedrock(frame::Reader, bedrock::Decoder),
}

impl StreamDecoder {
    pub fn new(dialect: Dialect) -> Self {
        let sse = || sse::Reader::new(sse::Limits::LARGE);
        let dialect = match dialect {
            Dialect::OpenaiChat => Decoder::OpenaiChat(sse(), openai_chat::Decoder::default()),
            Dialect::OpenaiResponses => Decoder::OpenaiResponses(sse(), openai_responses::Decoder::default()),
            Dialect::Anthropic => Decoder::Anthropic(sse(), anthropic::Decoder::default()),
            Dialect::Gemini => Decoder::Gemini(sse(), gemini::Decoder::default()),
            Dialect::Bedrock => Decoder::Bedrock(frame::Reader::default(), bedrock::Decoder::default()),
        };
        Self { dialect, fault: None }
    }

    /// Reads the next bytes and gives what they complete to `sink`.
    ///
    /// # Errors
    /// When the stream cannot be read on; every later call gives the same fault.
    pub fn push(&mut self, bytes: Bytes, sink: &mut Sink<'_>) -> Result<(), StreamFault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let read = match &mut self.dialect {
            Decoder::OpenaiChat(sse, decoder) => events(sse, bytes, &mut |data| decoder.event(data, sink)),
            Decoder::OpenaiResponses(sse, decoder) => events(sse, bytes, &mut |data| decoder.event(data, sink)),
            Decoder::Anthropic(sse, decoder) => events(sse, bytes, &mut |data| decoder.event(data, sink)),
            Decoder::Gemini(sse, decoder) => events(sse, bytes, &mut |data| decoder.event(data, sink)),
            Decoder::Bedrock(frames, decoder) => self::frames(frames, &bytes, decoder, sink),
        };
        self.fault = read.clone().err();
        read
    }

    /// Learns that no bytes follow.
    ///
    /// # Errors
    /// [`StreamFault::Cut`] when the answer has no typed end.
    pub fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), StreamFault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        match &mut self.dialect {
            Decoder::OpenaiChat(sse, decoder) => {
                last_event(sse, &mut |data| decoder.event(data, sink))?;
                decoder.finish(sink)
            }
            Decoder::OpenaiResponses(sse, decoder) => {
                last_event(sse, &mut |data| decoder.event(data, sink))?;
                decoder.finish(sink)
            }
            Decoder::Anthropic(sse, decoder) => {
                last_event(sse, &mut |data| decoder.event(data, sink))?;
                decoder.finish(sink)
            }
            Decoder::Gemini(sse, decoder) => {
                last_event(sse, &mut |data| decoder.event(data, sink))?;
                decoder.finish(sink)
            }
            // A part of a frame is no frame.
            Decoder::Bedrock(frames, _) if !frames.is_empty() => Err(StreamFault::Cut),
            Decoder::Bedrock(_, decoder) => decoder.finish(sink),
        }
    }
}

fn events(
    sse: &mut sse::Reader,
    bytes: Bytes,
    read: &mut dyn FnMut(&[u8]) -> Result<(), StreamFault>,
) -> Result<(), StreamFault> {
    sse.push(bytes);
    while let Some(event) = sse.next() {
        if let Some(data) = event?.data {
            read(&data)?;
        }
    }
    Ok(())
}

/// An event whose blank line did not come is read as well; the beginning of one says nothing.
fn last_event(
    sse: &mut sse::Reader,
    read: &mut dyn FnMut(&[u8]) -> Result<(), StreamFault>,
) -> Result<(), StreamFault> {
    let Some(event) = sse.finish() else { return Ok(()) };
    let Some(data) = event?.data else { return Ok(()) };
    match read(&data) {
        Err(StreamFault::Malformed(_)) => Ok(()),
        read => read,
    }
}

fn frames(
    frames: &mut frame::Reader,
    bytes: &[u8],
    decoder: &mut bedrock::Decoder,
    sink: &mut Sink<'_>,
) -> Result<(), StreamFault> {
    frames.push(bytes);
    while let Some(frame) = frames.next()? {
        decoder.frame(&frame, sink)?;
    }
    Ok(())
}

/// Writes a stream of one dialect.
#[derive(Clone, Debug)]
pub enum StreamEncoder {
    OpenaiChat(openai_chat::Encoder),
    OpenaiResponses(openai_responses::Encoder),
    Anthropic(anthropic::Encoder),
    Gemini(gemini::Encoder),
    Bedrock(bedrock::Encoder),
}

impl StreamEncoder {
    /// `model` is the name the caller asked for; empty keeps the upstream's. `wants_usage` is for a chat caller only.
    pub fn new(dialect: Dialect, model: &str, wants_usage: bool) -> Self {
        match dialect {
            Dialect::OpenaiChat => Self::OpenaiChat(openai_chat::Encoder::new(model, wants_usage)),
            Dialect::OpenaiResponses => Self::OpenaiResponses(openai_responses::Encoder::new(model)),
            Dialect::Anthropic => Self::Anthropic(anthropic::Encoder::new(model)),
            Dialect::Gemini => Self::Gemini(gemini::Encoder::new(model)),
            Dialect::Bedrock => Self::Bedrock(bedrock::Encoder::default()),
        }
    }

    /// Appends what `event` is in the dialect.
    ///
    /// # Errors
    /// When the dialect would have to hold back more than its limit.
    pub fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), StreamFault> {
        match self {
            Self::OpenaiChat(encoder) => {
                encoder.event(event, out);
                Ok(())
            }
            Self::OpenaiResponses(encoder) => encoder.event(event, out),
            Self::Anthropic(encoder) => encoder.event(event, out),
            Self::Gemini(encoder) => encoder.event(event, out),
            Self::Bedrock(encoder) => encoder.event(event, out),
        }
    }

    /// Ends the stream with an error that the official clients raise, and nothing after it. Does nothing after an end.
    pub fn fail(&mut self, problem: &Problem<'_>, out: &mut Vec<u8>) {
        match self {
            Self::OpenaiChat(encoder) => encoder.fail(problem, out),
            Self::OpenaiResponses(encoder) => encoder.fail(problem, out),
            Self::Anthropic(encoder) => encoder.fail(problem, out),
            Self::Gemini(encoder) => encoder.fail(problem, out),
            Self::Bedrock(encoder) => encoder.fail(problem, out),
        }
    }

    /// What the caller pays, in dollars: told with the usage at the end. Bedrock has no room for it.
    pub fn set_cost(&mut self, cost: Json<'static>) {
        match self {
            Self::OpenaiChat(encoder) => encoder.set_cost(cost),
            Self::OpenaiResponses(encoder) => encoder.set_cost(cost),
            Self::Anthropic(encoder) => encoder.set_cost(cost),
            Self::Gemini(encoder) => encoder.set_cost(cost),
            Self::Bedrock(_) => {}
        }
    }

    /// Whether the typed end was written.
    pub fn has_ended(&self) -> bool {
        match self {
            Self::OpenaiChat(encoder) => encoder.has_ended(),
            Self::OpenaiResponses(encoder) => encoder.has_ended(),
            Self::Anthropic(encoder) => encoder.has_ended(),
            Self::Gemini(encoder) => encoder.has_ended(),
            Self::Bedrock(encoder) => encoder.has_ended(),
        }
    }

    /// What could not be said so far.
    pub fn losses(&self) -> &Losses {
        match self {
            Self::OpenaiChat(encoder) => encoder.losses(),
            Self::OpenaiResponses(encoder) => encoder.losses(),
            Self::Anthropic(encoder) => encoder.losses(),
            Self::Gemini(encoder) => encoder.losses(),
            Self::Bedrock(encoder) => encoder.losses(),
        }
    }
}

/// A stream of one dialect becoming a stream of another.
///
/// Its end is held back: when [`Self::is_whole`], the answer is paid for first, and then told by [`Self::end`].
#[derive(Debug)]
pub struct Translation {
    pub decoder: StreamDecoder,
    pub encoder: StreamEncoder,
    /// Tools of the request that were said as functions.
    pub tools: FreeTools,
    /// The deployment that answers: its signatures are marked with it.
    pub issuer: Option<Issuer>,
    /// What the answer is called where its dialect has no names.
    pub names: Start<'static>,
    /// Where its answer carries on one that was cut.
    pub seam: Option<Box<Seam>>,
    /// Keeps tool calls back until the answer is whole; `None` where each piece is said as it comes.
    pub hold: Option<Hold>,
    /// Whether an error of the upstream's is said as well. Where it is not, another answer may be said behind what was.
    pub tells_errors: bool,
    /// All that came, whether or not it is said; counted where somebody wants to know.
    pub came: Option<Chunk>,
    is_whole: bool,
}

impl Translation {
    /// `from` is the upstream's dialect, `encoder` the caller's.
    pub fn new(from: Dialect, encoder: StreamEncoder) -> Self {
        let decoder = StreamDecoder::new(from);
        let (tools, names) = (FreeTools::default(), Start::default());
        let (seam, hold, came) = (None, None, None);
        Self { decoder, encoder, tools, issuer: None, names, seam, hold, tells_errors: true, came, is_whole: false }
    }

    /// A stream of the dialect `from` that carries on this one, which was cut, in the same stream of the caller's.
    pub fn carry_on(&self, from: Dialect, seam: Seam) -> Self {
        Self { seam: Some(Box::new(seam)), ..Self::new(from, self.encoder.clone()) }
    }

    /// Goes on in the place of a stream that was passed on as it came, when this one was given the same events and what it
    /// wrote was shown to nobody: the caller knows the provider's own names and numbers, which `response` has where the
    /// dialect is that of Responses. `false` where the caller's stream cannot go on at this place, which is between the
    /// events that end an item.
    pub fn take_over(&mut self, response: Option<&openai_responses::Shown>) -> bool {
        match (&mut self.encoder, response) {
            (StreamEncoder::OpenaiResponses(encoder), Some(response)) => encoder.take_over(response),
            (StreamEncoder::OpenaiResponses(_), None) => false,
            _ => true,
        }
    }

    /// Whether the upstream's typed end has come.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Reads the upstream's next bytes and appends the caller's to `out`. `watch` sees every event first.
    ///
    /// # Errors
    /// When either side cannot go on. What was whole before is in `out`; end it with [`StreamEncoder::fail`].
    pub fn push(
        &mut self,
        bytes: Bytes,
        out: &mut Vec<u8>,
        watch: &mut dyn FnMut(&Event<'_>),
    ) -> Result<(), StreamFault> {
        let (decoder, mut writer) = self.parted(out, watch);
        let read = decoder.push(bytes, &mut |event| writer.write(event));
        writer.written.and(read)
    }

    /// Learns that the upstream sends no more.
    ///
    /// # Errors
    /// [`StreamFault::Cut`] when the answer has no typed end; end the caller's stream with [`StreamEncoder::fail`].
    pub fn finish(&mut self, out: &mut Vec<u8>, watch: &mut dyn FnMut(&Event<'_>)) -> Result<(), StreamFault> {
        let (decoder, mut writer) = self.parted(out, watch);
        let read = decoder.finish(&mut |event| writer.write(event));
        writer.written.and(read)
    }

    /// Says what was held back.
    ///
    /// # Errors
    /// As [`StreamEncoder::event`].
    pub fn release(&mut self, out: &mut Vec<u8>) -> Result<(), StreamFault> {
        release(&mut self.hold, &mut self.encoder, out)
    }

    fn parted<'w>(
        &'w mut self,
        out: &'w mut Vec<u8>,
        watch: &'w mut dyn FnMut(&Event<'_>),
    ) -> (&'w mut StreamDecoder, Writer<'w>) {
        let Self { decoder, encoder, tools, issuer, names, seam, hold, tells_errors, came, is_whole } = self;
        let (issuer, tells_errors, seam) = (*issuer, *tells_errors, seam.as_deref_mut());
        let written = Ok(());
        let writer =
            Writer { encoder, tools, issuer, names, seam, hold, tells_errors, came, is_whole, out, watch, written };
        (decoder, writer)
    }

    /// Appends the end of a whole answer with what the caller pays, in dollars. Does nothing for one that is not whole.
    ///
    /// # Errors
    /// As [`StreamEncoder::event`].
    pub fn end(&mut self, cost: Option<Json<'static>>, out: &mut Vec<u8>) -> Result<(), StreamFault> {
        if !self.is_whole {
            return Ok(());
        }
        if let Some(cost) = cost {
            self.encoder.set_cost(cost);
        }
        self.encoder.event(&Event::End, out)
    }
}

/// The way of one event from the decoder to the caller.
struct Writer<'w> {
    encoder: &'w mut StreamEncoder,
    tools: &'w mut FreeTools,
    issuer: Option<Issuer>,
    names: &'w Start<'static>,
    seam: Option<&'w mut Seam>,
    hold: &'w mut Option<Hold>,
    tells_errors: bool,
    came: &'w mut Option<Chunk>,
    is_whole: &'w mut bool,
    out: &'w mut Vec<u8>,
    watch: &'w mut dyn FnMut(&Event<'_>),
    written: Result<(), StreamFault>,
}

impl Writer<'_> {
    fn write(&mut self, event: Event<'_>) {
        if self.written.is_err() {
            return;
        }
        let event = match self.issuer {
            Some(issuer) => event.stamped(issuer),
            None => event,
        };
        let event = match event {
            Event::Start(start) => Event::Start(start.or(self.names)),
            event => event,
        };
        if let Some(came) = &mut self.came {
            came.note(&event);
        }
        let Self { encoder, tools, seam, hold, tells_errors, is_whole, out, watch, .. } = self;
        let mut written = Ok(());
        let mut say = |event: Event<'_>| {
            watch(&event);
            if written.is_ok() {
                written = match event {
                    Event::End => {
                        **is_whole = true;
                        release(hold, encoder, out)
                    }
                    Event::Error(_) if !*tells_errors => Ok(()),
                    event => say_or_keep(event, hold, encoder, out),
                };
            }
        };
        let mut spliced = Ok(());
        let turned = tools.event(event, &mut |event| match seam {
            Some(seam) if spliced.is_ok() => spliced = seam.event(event, &mut say),
            Some(_) => {}
            None => say(event),
        });
        self.written = turned.and(spliced).and(written);
    }
}

/// Says an event, or keeps it until the answer is whole.
fn say_or_keep(
    event: Event<'_>,
    hold: &mut Option<Hold>,
    encoder: &mut StreamEncoder,
    out: &mut Vec<u8>,
) -> Result<(), StreamFault> {
    let Some(keeper) = hold else { return encoder.event(&event, out) };
    match keeper.keep(event) {
        Some(event) => encoder.event(&event, out),
        None if keeper.is_full() => release(hold, encoder, out),
        None => Ok(()),
    }
}

fn release(hold: &mut Option<Hold>, encoder: &mut StreamEncoder, out: &mut Vec<u8>) -> Result<(), StreamFault> {
    let Some(mut held) = hold.take() else { return Ok(()) };
    held.release().iter().try_for_each(|event| encoder.event(event, out))
}
