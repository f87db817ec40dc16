//! What comes from the first tool call on, kept until the answer is whole.

use crate::chat::{Event, PartKind};

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
        let text = match &event {
            Event::Text { text, .. } | Event::Arguments { text, .. } | Event::Thinking { text, .. } => {
                text.written().len()
            }
            Event::Opaque { json, .. } => json.as_str().len(),
            _ => 0,
        };
        self.bytes = self.bytes.saturating_add(text + EVENT_BYTES);
        self.events.push(event.into_owned());
        None
    }

    /// What was kept, in order.
    pub fn release(&mut self) -> Vec<Event<'static>> {
        std::mem::take(&mut self.events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Text, ToolCallKind};

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
}
