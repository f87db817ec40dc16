//! What comes from the first tool call on, kept until the answer is whole.

use crate::chat::{Annotation, Body, Event, Logprob, PartKind, Source, Stop};

/// Keeps the events of an answer back from its first tool call on, so that one of which only a part came is shown to nobody.
#[derive(Debug, Default)]
pub struct Hold {
    events: Vec<Event<'static>>,
    bytes: usize,
    is_holding: bool,
}

/// As many bytes of calls as no model writes in one answer.
const HELD_MAX: usize = 8 << 20;
/// What an event takes beside its text.
const EVENT_BYTES: usize = 64;

impl Hold {
    /// Whether a tool call has begun.
    pub fn is_holding(&self) -> bool {
        self.is_holding
    }

    /// Whether more has come than is kept.
    pub fn is_full(&self) -> bool {
        self.bytes > HELD_MAX
    }

    /// Keeps the event, where it is part of a tool call or comes behind one; else gives it back.
    pub fn keep<'e>(&mut self, event: Event<'e>) -> Option<Event<'e>> {
        self.is_holding |= matches!(event, Event::PartStart { kind: PartKind::ToolCall { .. }, .. });
        if !self.is_holding {
            return Some(event);
        }
        self.bytes = self.bytes.saturating_add(bytes(&event).saturating_add(EVENT_BYTES));
        self.events.push(event.into_owned());
        None
    }

    /// What was kept, in order.
    pub fn release(&mut self) -> Vec<Event<'static>> {
        std::mem::take(&mut self.events)
    }
}

/// Bytes of what an event carries, as written.
fn bytes(event: &Event<'_>) -> usize {
    match event {
        Event::Text { text, .. }
        | Event::Arguments { text, .. }
        | Event::Thinking { text, .. }
        | Event::Refusal { text, .. } => text.written().len(),
        Event::Signature { signature, .. } => signature.text.written().len(),
        Event::Annotation { annotation, .. } => annotation_bytes(annotation),
        Event::Logprobs { tokens, .. } => tokens.iter().map(Logprob::kept_size).sum(),
        Event::PartStart { kind, .. } => match kind {
            PartKind::SealedThinking { data } => data.text.written().len(),
            PartKind::ToolCall { id, name, .. } => id.written().len() + name.written().len(),
            PartKind::Whole(body) => body_bytes(body),
            PartKind::Opaque { json, .. } => json.as_str().len(),
            PartKind::Text | PartKind::Thinking | PartKind::Refusal => 0,
        },
        Event::Opaque { json, .. } => json.as_str().len(),
        Event::Stop { stop: Stop::Other(word), .. } => word.written().len(),
        Event::Error(problem) => problem.message.written().len(),
        Event::Start(_) | Event::PartEnd { .. } | Event::Usage(_) | Event::Stop { .. } | Event::End => 0,
    }
}

fn annotation_bytes(annotation: &Annotation<'_>) -> usize {
    match annotation {
        Annotation::Url { url, title, raw, .. } => {
            let title = title.as_ref().map_or(0, |title| title.written().len());
            let raw = raw.as_ref().map_or(0, |(_, json)| json.as_str().len());
            url.written().len() + title + raw
        }
        Annotation::Opaque { json, .. } => json.as_str().len(),
    }
}

/// Of what comes whole in a stream: an image, a sound, a file.
fn body_bytes(body: &Body<'_>) -> usize {
    match body {
        Body::Image { source, .. } | Body::Audio { source } | Body::File { source, .. } => match source {
            Source::Inline { media_type, data } => media_type.written().len() + data.written().len(),
            Source::Url(text) | Source::Handle(text) | Source::Plain(text) => text.written().len(),
        },
        Body::Text { text, .. } | Body::Thinking { text, .. } | Body::Refusal(text) => text.written().len(),
        Body::SealedThinking { data } => data.text.written().len(),
        Body::Opaque { json, .. } => json.as_str().len(),
        Body::ToolCall(_) | Body::ToolResult(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Dialect, Json, Signature, Text, ToolCallKind};

    #[test]
    fn what_follows_a_call_is_kept_with_it() {
        let mut hold = Hold::default();
        let text = |text: &str| Event::Text { part: 0, text: Text::plain(text.to_owned()) };
        assert_eq!(hold.keep(text("a")), Some(text("a")));
        let (id, name) = (Text::plain("c".to_owned()), Text::plain("f".to_owned()));
        let kind = PartKind::ToolCall { id, name, kind: ToolCallKind::Function };
        let call = Event::PartStart { part: 1, choice: 0, kind };
        assert_eq!((hold.keep(call.clone()), hold.keep(text("b"))), (None, None));
        assert!(hold.is_holding() && !hold.is_full());
        assert_eq!(hold.release(), [call, text("b")]);
        let long = Event::Arguments { part: 1, text: Text::plain("x".repeat(HELD_MAX)) };
        assert!(hold.keep(long).is_none() && hold.is_full());
    }

    #[test]
    fn all_that_an_event_carries_counts() {
        let long = || Text::plain("x".repeat(HELD_MAX + 1));
        let signature = || Signature { text: long(), issuer: None };
        let json = || Json::built(format!("\"{}\"", "x".repeat(HELD_MAX)).into_bytes());
        let begins = |kind| Event::PartStart { part: 1, choice: 0, kind };
        let source = Source::Inline { media_type: "image/png".into(), data: long() };
        let page = Annotation::Url { url: long(), title: None, start: None, end: None, raw: None };
        let call = |id, name| PartKind::ToolCall { id, name, kind: ToolCallKind::Function };
        for event in [
            Event::Refusal { part: 1, text: long() },
            Event::Signature { part: 1, signature: signature() },
            Event::Annotation { part: 1, annotation: page },
            begins(PartKind::SealedThinking { data: signature() }),
            begins(PartKind::Whole(Box::new(Body::Image { source, detail: None }))),
            begins(PartKind::Opaque { dialect: Dialect::Gemini, json: json() }),
            begins(call("c".into(), long())),
            Event::Opaque { dialect: Dialect::Gemini, json: json() },
        ] {
            let mut hold = Hold::default();
            hold.keep(begins(call("c".into(), "f".into())));
            assert!(!hold.is_full() && hold.keep(event).is_none() && hold.is_full());
        }
    }
}
