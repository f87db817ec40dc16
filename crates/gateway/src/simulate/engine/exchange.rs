//! The exchanges under way.

use std::{sync::Arc, time::Duration};

use super::{
    super::{
        prices::Sheet,
        upstream::{Failure, Fate},
    },
    pilot::Course,
};

/// One request under way.
#[derive(Debug)]
pub(in super::super) struct Exchange {
    /// Its place in the workload.
    pub(super) request: usize,
    pub(super) arrived: Duration,
    pub(super) course: Course,
    /// The prices it is planned and charged by.
    pub(super) sheet: Arc<Sheet>,
    pub(super) attempts: u32,
    pub(super) flights: Vec<Flight>,
    /// Since it arrived.
    pub(super) first_content: Option<Duration>,
}

/// One attempt under way.
#[derive(Debug)]
pub(in super::super) struct Flight {
    /// From 1 within its exchange.
    pub(super) number: u32,
    pub(in super::super) deployment: usize,
    pub(super) routed: Option<roundelay_routing::Attempt>,
    pub(super) began: Duration,
    pub(in super::super) fate: Fate,
    pub(super) result: Result,
    pub(super) has_content: bool,
}

/// How an attempt ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Result {
    Answered,
    Failed(Failure),
    /// Content came, the end did not.
    Cut,
}

/// Exchanges by a number that is used again once they are over.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    places: Vec<Option<Exchange>>,
    free: Vec<usize>,
}

impl Exchange {
    pub(super) fn new(request: usize, arrived: Duration, course: Course, sheet: Arc<Sheet>) -> Self {
        Self { request, arrived, course, sheet, attempts: 0, flights: Vec::new(), first_content: None }
    }
}

impl Exchanges {
    pub(super) fn add(&mut self, exchange: Exchange) -> usize {
        match self.free.pop() {
            Some(place) => {
                self.places[place] = Some(exchange);
                place
            }
            None => {
                self.places.push(Some(exchange));
                self.places.len() - 1
            }
        }
    }

    pub(super) fn at(&mut self, id: usize) -> &mut Exchange {
        self.places[id].as_mut().expect("an exchange that is asked what to do is under way")
    }

    pub(super) fn find(&mut self, id: usize) -> Option<&mut Exchange> {
        self.places.get_mut(id)?.as_mut()
    }

    pub(super) fn remove(&mut self, id: usize) {
        self.places[id] = None;
        self.free.push(id);
    }
}
