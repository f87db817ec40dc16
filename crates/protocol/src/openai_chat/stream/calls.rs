//! The tool calls of one choice, which stream side by side.

use super::super::request::google_signature;
use crate::{
    chat::{Event, Progress, Signature, StreamFault, Text, ToolCallKind},
    json::{Malformed, Reader},
    wire,
};

/// A call that has begun.
#[derive(Debug)]
pub(super) struct Call {
    /// The upstream's own number of it.
    index: u64,
    id: String,
    pub(super) part: u32,
    progress: Progress,
    kind: ToolCallKind,
    pub(super) is_open: bool,
}

/// What one element of `tool_calls` says.
#[derive(Debug, Default)]
pub(super) struct Piece<'a> {
    index: Option<u64>,
    pub(super) id: Text<'a>,
    pub(super) name: Text<'a>,
    pub(super) arguments: Option<Text<'a>>,
    pub(super) signature: Option<Signature<'a>>,
    pub(super) kind: ToolCallKind,
}

impl<'a> Piece<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let mut piece = Self::default();
        wire::members(reader, |reader, name| {
            match name {
                "index" => piece.index = wire::whole(reader)?,
                "id" => piece.id = wire::text(reader)?.unwrap_or_default(),
                "function" => piece.function(reader)?,
                "custom" => {
                    piece.kind = ToolCallKind::Custom;
                    piece.function(reader)?;
                }
                "extra_content" => piece.signature = google_signature(reader)?,
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        Ok(piece)
    }

    /// The old `function_call`, which is the function itself.
    pub(super) fn read_function(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let mut piece = Self::default();
        piece.function(reader)?;
        piece.id = piece.name.clone();
        Ok(piece)
    }

    fn function(&mut self, reader: &mut Reader<'a>) -> Result<(), Malformed> {
        wire::members(reader, |reader, name| {
            match name {
                "name" => self.name = wire::text(reader)?.unwrap_or_default(),
                "arguments" | "input" => {
                    let raw = reader.raw()?;
                    // Some servers write the object itself.
                    self.arguments = match raw.as_bytes() {
                        [b'"', .., b'"'] => Some(Text::from(Reader::of(raw).string()?)),
                        [b'{', ..] => Some(Text::plain(raw)),
                        _ => None,
                    };
                }
                _ => reader.pass()?,
            }
            Ok(())
        })
    }

    /// Which of the calls it goes on with; `None` when it begins one.
    ///
    /// The index tells calls apart, but some servers leave it out and some use 0 for all: then a new id with a name
    /// begins a call.
    pub(super) fn place(&self, calls: &[Call]) -> Option<usize> {
        let begins = |call: &Call| !self.name.is_empty() && !self.id.is_empty() && !self.id.is(&call.id);
        let found = match self.index {
            Some(index) => calls.iter().rposition(|call| call.index == index),
            None if !self.id.is_empty() => calls.iter().rposition(|call| self.id.is(&call.id)),
            None if !self.name.is_empty() => None,
            None => calls.len().checked_sub(1),
        };
        found.filter(|place| !begins(&calls[*place]))
    }

    pub(super) fn begin(&self, part: u32, calls: &[Call]) -> Call {
        Call {
            index: self.index.unwrap_or(calls.len() as u64),
            id: self.id.decode().into_owned(),
            part,
            progress: Progress::default(),
            kind: self.kind,
            is_open: true,
        }
    }
}

impl Call {
    /// Whether its arguments are complete, so that nothing of it can follow.
    pub(super) fn is_whole(&self) -> bool {
        self.kind == ToolCallKind::Function && self.progress.is_whole()
    }

    /// Passes a piece of its arguments on.
    pub(super) fn advance(&mut self, arguments: Text<'_>, sink: &mut dyn FnMut(Event<'_>)) -> Result<(), StreamFault> {
        if arguments.is_empty() {
            return Ok(());
        }
        if !self.is_open {
            if arguments.is_blank() {
                return Ok(());
            }
            return Err(StreamFault::Order("arguments of a tool call that had ended"));
        }
        self.progress.advance(&arguments);
        sink(Event::Arguments { part: self.part, text: arguments });
        Ok(())
    }
}
