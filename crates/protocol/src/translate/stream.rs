//! Streams, from bytes in any pieces to bytes.

use bytes::Bytes;

use crate::{
    anthropic,
    chat::{Dialect, Event, Losses, Problem, StreamFault},
    gemini, openai_chat, openai_responses, sse,
};

/// Reads a stream of one dialect from bytes that arrive in any pieces.
#[derive(Debug)]
pub struct StreamDecoder {
    sse: sse::Reader,
    events: Decoder,
    /// After a fault nothing more is read.
    fault: Option<StreamFault>,
}

#[derive(Debug)]
enum Decoder {
    OpenaiChat(openai_chat::Decoder),
    OpenaiResponses(openai_responses::Decoder),
    Anthropic(anthropic::Decoder),
    Gemini(gemini::Decoder),
}

impl StreamDecoder {
    pub fn new(dialect: Dialect) -> Self {
        let events = match dialect {
            Dialect::OpenaiChat => Decoder::OpenaiChat(openai_chat::Decoder::default()),
            Dialect::OpenaiResponses => Decoder::OpenaiResponses(openai_responses::Decoder::default()),
            Dialect::Anthropic => Decoder::Anthropic(anthropic::Decoder::default()),
            Dialect::Gemini => Decoder::Gemini(gemini::Decoder::default()),
        };
        Self { sse: sse::Reader::new(sse::Limits::default()), events, fault: None }
    }

    /// Reads the next bytes and gives what they complete to `sink`.
    ///
    /// # Errors
    /// When the stream cannot be read on; every later call gives the same fault.
    pub fn push(&mut self, bytes: Bytes, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let read = self.read(bytes, sink);
        self.fault = read.clone().err();
        read
    }

    /// Learns that no bytes follow.
    ///
    /// # Errors
    /// [`StreamFault::Cut`] when the answer has no typed end.
    pub fn finish(&mut self, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        if let Some(event) = self.sse.finish()
            && let Some(data) = event?.data
        {
            self.events.event(&data, sink)?;
        }
        self.events.finish(sink)
    }

    fn read(&mut self, bytes: Bytes, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        self.sse.push(bytes);
        while let Some(event) = self.sse.next() {
            if let Some(data) = event?.data {
                self.events.event(&data, sink)?;
            }
        }
        Ok(())
    }
}

impl Decoder {
    fn event(&mut self, data: &[u8], sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        match self {
            Self::OpenaiChat(decoder) => decoder.event(data, sink),
            Self::OpenaiResponses(decoder) => decoder.event(data, sink),
            Self::Anthropic(decoder) => decoder.event(data, sink),
            Self::Gemini(decoder) => decoder.event(data, sink),
        }
    }

    fn finish(&mut self, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        match self {
            Self::OpenaiChat(decoder) => decoder.finish(sink),
            Self::OpenaiResponses(decoder) => decoder.finish(sink),
            Self::Anthropic(decoder) => decoder.finish(sink),
            Self::Gemini(decoder) => decoder.finish(sink),
        }
    }
}

/// Writes a stream of one dialect.
#[derive(Debug)]
pub enum StreamEncoder {
    OpenaiChat(openai_chat::Encoder),
    OpenaiResponses(openai_responses::Encoder),
    Anthropic(anthropic::Encoder),
    Gemini(gemini::Encoder),
}

impl StreamEncoder {
    /// `model` is the name the caller asked for; empty keeps the upstream's. `wants_usage` is for a chat caller only.
    pub fn new(dialect: Dialect, model: &str, wants_usage: bool) -> Self {
        match dialect {
            Dialect::OpenaiChat => Self::OpenaiChat(openai_chat::Encoder::new(model, wants_usage)),
            Dialect::OpenaiResponses => Self::OpenaiResponses(openai_responses::Encoder::new(model)),
            Dialect::Anthropic => Self::Anthropic(anthropic::Encoder::new(model)),
            Dialect::Gemini => Self::Gemini(gemini::Encoder::new(model)),
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
        }
    }

    /// Ends the stream with an error that the official clients raise, and nothing after it. Does nothing after an end.
    pub fn fail(&mut self, problem: &Problem<'_>, out: &mut Vec<u8>) {
        match self {
            Self::OpenaiChat(encoder) => encoder.fail(problem, out),
            Self::OpenaiResponses(encoder) => encoder.fail(problem, out),
            Self::Anthropic(encoder) => encoder.fail(problem, out),
            Self::Gemini(encoder) => encoder.fail(problem, out),
        }
    }

    /// Whether the typed end was written.
    pub fn has_ended(&self) -> bool {
        match self {
            Self::OpenaiChat(encoder) => encoder.has_ended(),
            Self::OpenaiResponses(encoder) => encoder.has_ended(),
            Self::Anthropic(encoder) => encoder.has_ended(),
            Self::Gemini(encoder) => encoder.has_ended(),
        }
    }

    /// What could not be said so far.
    pub fn losses(&self) -> &Losses {
        match self {
            Self::OpenaiChat(encoder) => encoder.losses(),
            Self::OpenaiResponses(encoder) => encoder.losses(),
            Self::Anthropic(encoder) => encoder.losses(),
            Self::Gemini(encoder) => encoder.losses(),
        }
    }
}

/// A stream of one dialect becoming a stream of another.
#[derive(Debug)]
pub struct Translation {
    pub decoder: StreamDecoder,
    pub encoder: StreamEncoder,
}

impl Translation {
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
        let mut written = Ok(());
        let read = self.decoder.push(bytes, &mut |event| {
            if written.is_ok() {
                watch(&event);
                written = self.encoder.event(&event, out);
            }
        });
        written.and(read)
    }

    /// Learns that the upstream sends no more.
    ///
    /// # Errors
    /// [`StreamFault::Cut`] when the answer has no typed end; end the caller's stream with [`StreamEncoder::fail`].
    pub fn finish(&mut self, out: &mut Vec<u8>, watch: &mut dyn FnMut(&Event<'_>)) -> Result<(), StreamFault> {
        let mut written = Ok(());
        let read = self.decoder.finish(&mut |event| {
            if written.is_ok() {
                watch(&event);
                written = self.encoder.event(&event, out);
            }
        });
        written.and(read)
    }
}
