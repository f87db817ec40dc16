//! An event stream in one piece of memory, cut into events, each with what it is for.

use std::io::Write as _;

/// What an event is for; faults are placed by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// What holds no content: the role, the beginning or the end of a block.
    Frame,
    /// A word, or a fragment of a tool call.
    Content,
    /// The end of a choice.
    Finish,
    Usage,
    /// The last event, where the dialect has one that says nothing else.
    Done,
}

/// The events of an answer, in order.
#[derive(Debug, Default)]
pub(super) struct Events {
    bytes: Vec<u8>,
    ends: Vec<(Kind, usize)>,
}

impl Events {
    /// The events in order, each with its `data:` and the blank line after it.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Kind, &[u8])> {
        let mut start = 0;
        self.ends.iter().map(move |&(kind, end)| {
            let event = &self.bytes[start..end];
            start = end;
            (kind, event)
        })
    }

    /// Adds an event that `write` writes to the end of what is there.
    pub(super) fn push_with(&mut self, kind: Kind, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.ends.push((kind, self.bytes.len()));
    }

    /// Adds an event without a name.
    pub(super) fn push(&mut self, kind: Kind, data: &serde_json::Value) {
        self.push_with(kind, |out| put(out, format_args!("data: {data}\n\n")));
    }

    /// Adds an event with the name that its data has as `type`.
    pub(super) fn push_named(&mut self, kind: Kind, name: &str, data: &serde_json::Value) {
        self.push_with(kind, |out| put(out, format_args!("event: {name}\ndata: {data}\n\n")));
    }
}

/// Appends formatted text.
pub(super) fn put(out: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("writing to memory cannot fail");
}

/// The pieces that a call's arguments arrive in, which do not know where JSON's tokens end.
pub(super) fn fragments(arguments: &str) -> impl Iterator<Item = String> {
    let characters: Vec<char> = arguments.chars().collect();
    let pieces: Vec<String> = characters.chunks(FRAGMENT_CHARACTERS).map(|piece| piece.iter().collect()).collect();
    pieces.into_iter()
}

const FRAGMENT_CHARACTERS: usize = 7;
