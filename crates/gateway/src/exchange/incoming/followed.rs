//! What another model needs to carry on an answer that breaks off.

use bytes::Bytes;
use roundelay_protocol::{
    anthropic::Place,
    chat::{Dialect, Event},
    openai::stream::fingerprint,
    openai_responses,
    seam::{Shown, Way},
    translate::{Shadow, StreamEncoder, Translation},
};

use super::{Incoming, Reading};

/// What was shown of an answer.
#[derive(Debug)]
pub(super) enum Followed {
    /// Of one that is said again in other words, whose encoder can say more.
    Said(Shown),
    /// Of one that is passed on as it is.
    Passed(Box<Shadow>),
    /// Of one that nobody can carry on any more, and why: no more of it is kept.
    Unfit(&'static str),
}

/// Where an answer broke off.
#[derive(Debug)]
pub(in super::super) struct Cut {
    stream: Stream,
    trail: Trail,
}

#[derive(Debug)]
enum Stream {
    Said(Box<Translation>, Shown),
    Passed(Box<Shadow>),
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
    /// Learns what of an answer in other words is shown.
    pub(super) fn note(&mut self, event: &Event<'_>) {
        if let Self::Said(shown) = self {
            shown.note(event);
            if let Some(why) = shown.never() {
                *self = Self::Unfit(why);
            }
        }
    }

    /// Learns what is shown of an answer that is passed on as it is: whole events.
    pub(super) fn pass(&mut self, shown: &Bytes) {
        if let Self::Passed(shadow) = self {
            shadow.push(shown.clone());
            if let Some(why) = shadow.shown().never() {
                *self = Self::Unfit(why);
            }
        }
    }
}

impl Cut {
    /// What was shown, by all its attempts together.
    pub(in super::super) fn shown(&self) -> &Shown {
        match &self.stream {
            Stream::Said(_, shown) => shown,
            Stream::Passed(shadow) => shadow.shown(),
        }
    }

    /// Why it cannot be carried on; `None` where it can.
    pub(in super::super) fn unfit(&self) -> Option<&'static str> {
        match &self.stream {
            Stream::Said(_, shown) => shown.unfit(),
            Stream::Passed(shadow) => {
                let cannot =
                    || self.carry_on(Dialect::OpenaiChat, Way::Again).is_none().then_some("an item was ending");
                shadow.unfit().or_else(cannot)
            }
        }
    }

    /// A stream of the dialect `from` that carries it on; `None` where it is unfit.
    pub(in super::super) fn carry_on(&self, from: Dialect, way: Way) -> Option<Translation> {
        let shadow = match &self.stream {
            // Its encoder knows all that its chunks had.
            Stream::Said(translation, shown) => return Some(translation.carry_on(from, shown.seam(way))),
            Stream::Passed(shadow) => shadow,
        };
        let mut next = shadow.carry_on(from, way)?;
        if let (StreamEncoder::OpenaiChat(encoder), Some(known)) =
            (&mut next.encoder, fingerprint(&self.trail.last_chunk))
        {
            encoder.set_fingerprint(known);
        }
        Some(next)
    }
}

impl Incoming {
    /// Makes ready for being carried on by another model.
    pub(in super::super) fn follow_along(&mut self, dialect: Dialect, wants_usage: bool) {
        self.followed = Some(Box::new(match self.reading {
            Reading::Translated(_) => Followed::Said(Shown::default()),
            _ => Followed::Passed(Box::new(Shadow::new(dialect, wants_usage))),
        }));
    }

    /// Goes on from where an answer broke off.
    pub(in super::super) fn go_on_from(&mut self, cut: &Cut) {
        let Trail { last_chunk, unended, place } = &cut.trail;
        (self.last_chunk, self.unended, self.place) = (last_chunk.clone(), *unended, *place);
        self.followed = Some(Box::new(Followed::Said(cut.shown().clone())));
    }

    /// Takes over what was shown of a response, once nobody else can.
    pub(in super::super) fn take_over(&mut self, response: ShownResponse) {
        self.response = response.or_else(|| self.response.take());
    }

    /// Whether another model may be able to carry it on.
    pub(in super::super) fn is_followed(&self) -> bool {
        self.followed.as_deref().is_some_and(|followed| !matches!(followed, Followed::Unfit(_)))
    }

    /// Why nobody can carry it on, where that has shown itself on the way.
    pub(in super::super) fn unfit(&self) -> Option<&'static str> {
        match self.followed.as_deref()? {
            Followed::Unfit(why) => Some(why),
            Followed::Said(_) | Followed::Passed(_) => None,
        }
    }

    /// Where it broke off; `None` where nobody can carry it on. The connection closes.
    pub(in super::super) fn into_cut(self) -> (Option<Box<Cut>>, ShownResponse) {
        let Self { followed, reading, last_chunk, unended, place, response, .. } = self;
        let stream = match (followed.map(|followed| *followed), reading) {
            (Some(Followed::Said(shown)), Reading::Translated(translated)) => {
                Stream::Said(Box::new(translated.into_translation()), shown)
            }
            (Some(Followed::Passed(shadow)), _) => Stream::Passed(shadow),
            _ => return (None, response),
        };
        let trail = Trail { last_chunk, unended, place };
        (Some(Box::new(Cut { stream, trail })), response)
    }
}
