//! One run: arrivals and events in the order of virtual time.

mod exchange;
mod pilot;

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc, time::Duration};

pub(super) use self::exchange::Flight;
use self::{
    exchange::{Exchange, Exchanges, Result as Landing},
    pilot::{Bearing, Pilot},
};
use super::{
    cache::PrefixCache,
    dice::Dice,
    prices::Prices,
    scenario::{Scenario, ScenarioFault, Way},
    tally::{RowKind, Summary, Tally},
    upstream::{Fate, Upstream},
};
use crate::config::{Behaviour, Failing};

/// Runs the whole workload one way. `progress` is told now and then how many requests have arrived.
///
/// # Errors
/// When the router refuses the catalog.
pub fn run(scenario: &Scenario, way: Way, progress: &mut dyn FnMut(usize)) -> Result<Summary, ScenarioFault> {
    let mut run = Run {
        scenario,
        pilot: Pilot::new(scenario, way)?,
        upstreams: scenario.upstreams(),
        exchanges: Exchanges::default(),
        events: BinaryHeap::new(),
        order: 0,
        now: Duration::ZERO,
        everything: Behaviour::default().cache.map(PrefixCache::new),
        prices: Prices::new(scenario),
        tally: Tally::new(scenario),
    };
    for (index, request) in scenario.workload.requests.iter().enumerate() {
        run.pass_time(request.at);
        run.arrive(index);
        if index.is_multiple_of(PROGRESS_EVERY) {
            progress(index);
        }
    }
    run.pass_time(Duration::MAX);
    let kind = if way.is_oracle() { RowKind::Oracle } else { RowKind::Simulated };
    Ok(run.tally.conclude(scenario.name_of(way), kind, scenario))
}

struct Run<'a> {
    scenario: &'a Scenario,
    pilot: Pilot,
    upstreams: Vec<Upstream>,
    prices: Prices,
    exchanges: Exchanges,
    events: BinaryHeap<Reverse<Event>>,
    /// Counts events: of two at the same instant, the one that was foreseen first comes first.
    order: u64,
    now: Duration,
    /// The prompt cache of one deployment that sees every request.
    everything: Option<PrefixCache>,
    tally: Tally,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    at: Duration,
    order: u64,
    exchange: usize,
    /// The attempt that it is about.
    attempt: u32,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// The exchange asks what to do next.
    Go,
    /// The first content is here.
    Content,
    /// The attempt is over.
    End,
    /// A second attempt may begin beside the first.
    Hedge,
}

impl Run<'_> {
    /// Lets happen what happens up to this time, and then makes it the present.
    fn pass_time(&mut self, until: Duration) {
        while let Some(Reverse(event)) = self.events.peek()
            && event.at <= until
        {
            let Some(Reverse(event)) = self.events.pop() else { return };
            self.now = event.at;
            match event.what {
                What::Go => self.go(event.exchange),
                What::Content => self.content(event.exchange, event.attempt),
                What::End => self.end(event.exchange, event.attempt),
                What::Hedge => self.hedge(event.exchange, event.attempt),
            }
        }
        self.now = until;
    }

    fn arrive(&mut self, index: usize) {
        let request = &self.scenario.workload.requests[index];
        if let Some(everything) = &mut self.everything
            && !request.prefix.is_empty()
        {
            self.tally.cached_in_one(everything.cached(&request.prefix, request.input_tokens, self.now));
            everything.keep(&request.prefix, self.now);
        }
        let sheet = self.prices.freeze(self.scenario, self.now);
        let course = self.pilot.set_out(self.scenario, index, &sheet, &mut self.upstreams, self.now);
        let id = self.exchanges.add(Exchange::new(index, self.now, course, sheet));
        self.go(id);
    }

    fn go(&mut self, id: usize) {
        let exchange = self.exchanges.at(id);
        match self.pilot.next(&mut exchange.course, exchange.attempts, self.now) {
            Bearing::Attempt { deployment, routed } => self.dispatch(id, deployment, routed),
            // A wait that has no length would go on for ever.
            Bearing::Wait(until) => self.foresee(until.max(self.now + A_MOMENT), id, 0, What::Go),
            Bearing::Stop(reason) => {
                self.tally.unanswered(self.exchanges.at(id).request, reason);
                self.exchanges.remove(id);
            }
        }
    }

    fn dispatch(&mut self, id: usize, deployment: usize, routed: Option<roundelay_routing::Attempt>) {
        let exchange = self.exchanges.at(id);
        exchange.attempts += 1;
        let (number, index) = (exchange.attempts, exchange.request);
        let request = &self.scenario.workload.requests[index];
        let dice = Dice::of(self.scenario.seed, index, deployment, number);
        let fate = self.upstreams[deployment].take(request, dice, self.now);
        let patience = self.pilot.deadline(self.scenario, index, exchange.arrived).saturating_sub(self.now);
        let timeouts = &self.scenario.layout.deployments[deployment].timeouts;
        let (most, total) = if request.is_stream {
            (timeouts.first_content.min(patience), timeouts.total)
        } else {
            ((timeouts.first_content + timeouts.idle).min(timeouts.total).min(patience), Duration::MAX)
        };
        let (lasts, result) = outcome(&fate, most, total);
        exchange.flights.push(Flight { number, deployment, routed, began: self.now, fate, result, has_content: false });
        self.tally.attempt(deployment, number == 1);
        if !matches!(result, Landing::Failed(_)) {
            self.foresee(self.now + fate.first, id, number, What::Content);
        }
        self.foresee(self.now + lasts, id, number, What::End);
        if let Some(at) = self.pilot.hedge_at(&self.exchanges.at(id).course, request.is_stream) {
            self.foresee(at, id, number, What::Hedge);
        }
    }

    /// `beside` = the attempt that was to be looked at; it may be over, and its exchange as well.
    fn hedge(&mut self, id: usize, beside: u32) {
        let Some(exchange) = self.exchanges.find(id) else { return };
        let is_stream = self.scenario.workload.requests[exchange.request].is_stream;
        let is_waiting = |flight: &Flight| flight.number == beside && !flight.has_content;
        if !exchange.flights.iter().any(is_waiting) {
            return;
        }
        if let Some((deployment, routed)) = self.pilot.hedge(&mut exchange.course, is_stream, self.now) {
            self.tally.hedge();
            self.dispatch(id, deployment, Some(routed));
        }
    }

    fn content(&mut self, id: usize, number: u32) {
        let Some(exchange) = self.exchanges.find(id) else { return };
        let Some(place) = exchange.flights.iter().position(|flight| flight.number == number) else { return };
        let request = &self.scenario.workload.requests[exchange.request];
        let mut flight = exchange.flights.remove(place);
        flight.has_content = true;
        self.upstreams[flight.deployment].keep(request, self.now);
        let took = request.is_stream.then(|| self.now - flight.began);
        self.pilot.commit(flight.routed.as_ref(), took, self.now);
        exchange.first_content.get_or_insert(self.now - exchange.arrived);
        // The first to show content wins; whoever runs beside it is hung up on, and its input is paid for at worst.
        for lost in exchange.flights.drain(..) {
            self.upstreams[lost.deployment].release();
            self.pilot.abandon(&mut exchange.course, &lost, self.now);
            self.tally.wasted(exchange.sheet.cost(lost.deployment, &request.tokens(lost.fate.cached, 0)));
        }
        exchange.flights.push(flight);
    }

    fn end(&mut self, id: usize, number: u32) {
        let Some(exchange) = self.exchanges.find(id) else { return };
        let Some(place) = exchange.flights.iter().position(|flight| flight.number == number) else { return };
        let flight = exchange.flights.remove(place);
        let index = exchange.request;
        let request = &self.scenario.workload.requests[index];
        let upstream = &mut self.upstreams[flight.deployment];
        upstream.release();
        self.pilot.report(&mut exchange.course, &flight, request, self.now);
        let sheet = Arc::clone(&exchange.sheet);
        let price = |output| sheet.cost(flight.deployment, &request.tokens(flight.fate.cached, output));
        match flight.result {
            Landing::Answered => {
                let (arrived, first) =
                    (exchange.arrived, exchange.first_content.unwrap_or(self.now - exchange.arrived));
                self.tally.answered(index, &flight, first, self.now - arrived, price(request.output_tokens));
                self.exchanges.remove(id);
            }
            Landing::Cut => {
                self.tally.wasted(price(request.output_tokens));
                self.tally.unanswered(index, "cut");
                self.exchanges.remove(id);
            }
            Landing::Failed(failure) => {
                let spent = if upstream.is_billed(failure) { price(0) } else { Some(0) };
                self.tally.wasted(spent);
                // Another attempt may run beside the one that failed.
                if exchange.flights.is_empty() {
                    self.go(id);
                }
            }
        }
    }

    fn foresee(&mut self, at: Duration, exchange: usize, attempt: u32, what: What) {
        self.order += 1;
        self.events.push(Reverse(Event { at, order: self.order, exchange, attempt, what }));
    }
}

/// How long an attempt lasts and how it ends, for somebody who gives up when no content came in `most`, or no end in `total`.
fn outcome(fate: &Fate, most: Duration, total: Duration) -> (Duration, Landing) {
    let silence = super::upstream::Failure { how: Failing::Timeout, retry_after: None };
    match fate.failure {
        _ if fate.first > most => (most, Landing::Failed(silence)),
        Some(failure) => (fate.first, Landing::Failed(failure)),
        None if fate.total > total => (total, Landing::Cut),
        None => (fate.total, Landing::Answered),
    }
}

const PROGRESS_EVERY: usize = 4_096;
const A_MOMENT: Duration = Duration::from_micros(1);
