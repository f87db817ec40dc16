//! Attempts that were handed out and not yet reported.

use std::time::Duration;

use crate::catalog::Slots;
use crate::instant::Instant;
use crate::latency::Bucket;

/// An attempt that nobody has reported.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flight {
    pub(crate) slots: Slots,
    pub(crate) conversation: Option<u64>,
    pub(crate) started: Instant,
    /// When it is given up, unless its content has reached the caller: streams may be longer than any deadline.
    pub(crate) expires: Instant,
    pub(crate) is_committed: bool,
    /// How the request is measured.
    pub(crate) bucket: Bucket,
    pub(crate) target: u64,
    pub(crate) payer: u64,
    /// As estimated; 0 where what is sent is not what was estimated.
    pub(crate) input_tokens: u64,
    /// Whether it carries on an answer: it is shorter than answers are, and may turn out to be another one.
    pub(crate) is_rest: bool,
    /// Whether its conversation was there before.
    pub(crate) is_warm: bool,
    /// The time to first content, once it is known.
    pub(crate) first_content: Option<Duration>,
}

impl Flight {
    fn is_given_up(&self, now: Instant) -> bool {
        !self.is_committed && now >= self.expires
    }
}

/// Places are used again; an id names a place and how often it was used, so that a late report finds nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flights {
    places: Vec<Place>,
    free: Vec<u32>,
    /// The place that is looked at next for expiry.
    hand: usize,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    uses: u32,
    flight: Option<Flight>,
}

impl Flights {
    pub(crate) fn add(&mut self, flight: Flight) -> u64 {
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place { uses: 0, flight: None });
            u32::try_from(self.places.len() - 1).expect("fewer than 2^32 attempts are in flight")
        });
        let place = &mut self.places[index as usize];
        place.uses = place.uses.wrapping_add(1);
        place.flight = Some(flight);
        id(place.uses, index)
    }

    pub(crate) fn find_mut(&mut self, attempt: u64) -> Option<&mut Flight> {
        let (uses, index) = parts(attempt);
        let place = self.places.get_mut(index as usize).filter(|place| place.uses == uses)?;
        place.flight.as_mut()
    }

    pub(crate) fn take(&mut self, attempt: u64) -> Option<Flight> {
        let (uses, index) = parts(attempt);
        let place = self.places.get_mut(index as usize).filter(|place| place.uses == uses)?;
        let flight = place.flight.take()?;
        self.free.push(index);
        Some(flight)
    }

    /// Looks at a few places in turn, and takes one that has expired.
    pub(crate) fn take_expired(&mut self, now: Instant, looks: usize) -> Option<(u64, Flight)> {
        for _ in 0..looks.min(self.places.len()) {
            self.hand = (self.hand + 1) % self.places.len();
            let place = &self.places[self.hand];
            if place.flight.is_some_and(|flight| flight.is_given_up(now)) {
                let index = u32::try_from(self.hand).expect("a place has a 32-bit index");
                let attempt = id(place.uses, index);
                return Some((attempt, self.take(attempt)?));
            }
        }
        None
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }
}

fn id(uses: u32, index: u32) -> u64 {
    u64::from(uses) << 32 | u64::from(index)
}

fn parts(attempt: u64) -> (u32, u32) {
    let index = u32::try_from(attempt & u64::from(u32::MAX)).expect("masked to 32 bits");
    (u32::try_from(attempt >> 32).expect("shifted to 32 bits"), index)
}
