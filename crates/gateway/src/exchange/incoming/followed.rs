//! What another model needs to carry on an answer that breaks off.

use bytes::Bytes;
use roundelay_protocol::{
    anthropic::Place,
    chat::{Dialect, Event},
    openai_responses,
    seam::Shown,
    sse,
    translate::{Hold, StreamEncoder, Translation},
};

use super::{Incoming, Reading};

/// What was shown of an answer, and an encoder that can say more of it.
#[derive(Debug)]
pub(super) struct Followed {
    shown: Shown,
    /// Says an answer that is passed on as it is once more, to nobody, so that its encoder knows where to go on.
    shadow: Option<Translation>,
    /// Whether an event showed something of the answer in front of a tool call that is kept back.
    was_noted: bool,
}

/// Where an answer broke off.
#[derive(Debug)]
pub(in super::super) struct Cut {
    pub(in super::super) translation: Translation,
    /// What was shown, by all its attempts together.
    pub(in super::super) shown: Shown,
    trail: Trail,
}

/// What an end made here has to go on from.
#[derive(Debug)]
struct Trail {
    last_chunk: Bytes,
    unended: u128,
    place: Place,
}

/// What was shown of a response that may have to be ended before its time.
pub(in super::super) type ShownResponse = Option<Box<openai_responses::Shown>>;

impl Followed {
    pub(super) fn note(&mut self, event: &Event<'_>) {
        self.was_noted |= event.is_content();
        self.shown.note(event);
    }

    pub(super) fn hold_calls(&mut self) {
        if let Some(shadow) = &mut self.shadow {
            shadow.hold = Some(Hold::default());
        }
    }
}

impl Incoming {
    /// Makes ready for being carried on by another model.
    pub(in super::super) fn follow_along(&mut self, dialect: Dialect, wants_usage: bool) {
        let shadow = match self.reading {
            Reading::Translated(_) => None,
            _ => Some(Translation::new(dialect, StreamEncoder::new(dialect, "", wants_usage))),
        };
        self.followed = Some(Box::new(Followed { shown: Shown::default(), shadow, was_noted: false }));
    }

    /// Goes on from where an answer broke off.
    pub(in super::super) fn go_on_from(&mut self, cut: &Cut) {
        let Trail { last_chunk, unended, place, .. } = &cut.trail;
        (self.last_chunk, self.unended, self.place) = (last_chunk.clone(), *unended, *place);
        self.followed = Some(Box::new(Followed { shown: cut.shown.clone(), shadow: None, was_noted: false }));
    }

    /// Takes over what was shown of a response, once nobody else can.
    pub(in super::super) fn take_over(&mut self, response: ShownResponse) {
        self.response = response.or(self.response.take());
    }

    /// Whether another model may be able to carry it on.
    pub(in super::super) fn is_followed(&self) -> bool {
        self.followed.is_some()
    }

    /// Where it broke off; `None` where nobody can carry it on. The connection closes.
    pub(in super::super) fn into_cut(self) -> (Option<Box<Cut>>, ShownResponse) {
        let Self { followed, reading, last_chunk, unended, place, response, .. } = self;
        let Some(followed) = followed else { return (None, response) };
        let Followed { shown, shadow, .. } = *followed;
        let translation = match (reading, shadow) {
            (Reading::Translated(translated), _) => translated.into_translation(),
            (_, Some(shadow)) => shadow,
            (_, None) => return (None, response),
        };
        let trail = Trail { last_chunk, unended, place };
        (Some(Box::new(Cut { translation, shown, trail })), response)
    }

    /// Says an event that is passed on once more, to nobody.
    pub(super) fn follow(&mut self, event: &sse::Event) {
        let Some(followed) = &mut self.followed else { return };
        let Followed { shown, shadow: Some(shadow), was_noted } = &mut **followed else { return };
        *was_noted = false;
        let mut is_holding = shadow.hold.as_ref().is_some_and(Hold::is_holding);
        let holds = shadow.hold.is_some();
        let read = shadow.push(event.raw.clone(), &mut Vec::new(), &mut |event| {
            is_holding |= holds && super::translated::is_call(event);
            if !is_holding {
                *was_noted |= event.is_content();
                shown.note(event);
            }
        });
        // What was read differently here and there cannot be gone on from.
        let is_held_here = self.held.as_ref().is_some_and(super::Held::is_holding);
        if read.is_err() || is_held_here != is_holding || is_held_here && *was_noted {
            self.followed = None;
        }
    }
}
