//! What was measured on every route, and what it adds to the first.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::super::machine;
use super::route::Route;
use super::work::Work;
use crate::fault::Fault;
use crate::statistics::Spread;

pub(super) struct Figures {
    /// CPU µs for one of it, of each round.
    cpu: BTreeMap<(Work, Route), Vec<f64>>,
    /// CPU µs more than [`Route::ChatPassed`] of the same round.
    added: BTreeMap<(Work, Route), Vec<f64>>,
    /// User instructions for one of it.
    pub(super) instructions: BTreeMap<(Work, Route), f64>,
    remarks: BTreeMap<(Work, Route), String>,
    pub(super) without_instructions: Option<String>,
    pub(super) version: String,
    /// The machine and the settings, as written to JSON.
    pub(super) conditions: Value,
    /// The load average before the first round and after the last.
    pub(super) load: [Option<f64>; 2],
    others: Duration,
    elapsed: Duration,
}

impl Figures {
    pub(super) fn new(conditions: Value) -> Self {
        Self {
            cpu: BTreeMap::new(),
            added: BTreeMap::new(),
            instructions: BTreeMap::new(),
            remarks: BTreeMap::new(),
            without_instructions: None,
            version: String::new(),
            conditions,
            load: [machine::load_average(), None],
            others: Duration::ZERO,
            elapsed: Duration::ZERO,
        }
    }

    pub(super) fn end(&mut self) {
        self.load[1] = machine::load_average();
    }

    /// Keeps what one round brought.
    pub(super) fn record(&mut self, work: Work, each: &BTreeMap<Route, f64>) {
        let base = each.get(&Route::ChatPassed);
        for (route, value) in each {
            self.cpu.entry((work, *route)).or_default().push(*value);
            if let (Some(base), true) = (base, *route != Route::ChatPassed) {
                self.added.entry((work, *route)).or_default().push(value - base);
            }
        }
    }

    /// Says why a slice is missing.
    pub(super) fn remark(&mut self, work: Work, route: Route, why: &Fault) {
        self.remarks.insert((work, route), why.to_string());
    }

    /// Other programs had the gateway's core for so long while it was measured.
    pub(super) fn note_others(&mut self, others: Duration, elapsed: Duration) {
        self.others += others;
        self.elapsed += elapsed;
    }

    /// The share of its core that others took, in percent.
    pub(super) fn others_percent(&self) -> f64 {
        if self.elapsed.is_zero() { 0.0 } else { self.others.as_secs_f64() / self.elapsed.as_secs_f64() * 100.0 }
    }

    pub(super) fn cpu(&self, work: Work, route: Route) -> &[f64] {
        self.cpu.get(&(work, route)).map_or(&[], Vec::as_slice)
    }

    pub(super) fn added(&self, work: Work, route: Route) -> &[f64] {
        self.added.get(&(work, route)).map_or(&[], Vec::as_slice)
    }

    pub(super) fn added_spread(&self, work: Work, route: Route) -> Option<Spread> {
        Spread::of(self.added(work, route))
    }

    pub(super) fn added_instructions(&self, work: Work, route: Route) -> Option<f64> {
        let of = |route| self.instructions.get(&(work, route));
        (route != Route::ChatPassed).then_some(())?;
        Some(of(route)? - of(Route::ChatPassed)?)
    }

    pub(super) fn remark_on(&self, work: Work, route: Route) -> Option<&str> {
        self.remarks.get(&(work, route)).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_the_median_of_differences_within_a_round() {
        let mut figures = Figures::new(Value::Null);
        // The machine is twice as slow in the second round: the median of the one less that of the other would be 18.
        for (base, translated) in [(40.0, 50.0), (80.0, 99.0), (41.0, 52.0)] {
            let each = BTreeMap::from([(Route::ChatPassed, base), (Route::ChatToMessages, translated)]);
            figures.record(Work::Request, &each);
        }
        let added = figures.added_spread(Work::Request, Route::ChatToMessages).unwrap();
        assert_eq!((added.median, added.lowest, added.highest), (11.0, 10.0, 19.0));
        assert_eq!(figures.added_spread(Work::Request, Route::ChatPassed), None);
    }

    #[test]
    fn a_round_without_the_base_adds_nothing_to_it() {
        let mut figures = Figures::new(Value::Null);
        figures.record(Work::Turn, &BTreeMap::from([(Route::MessagesToChat, 9.0)]));
        assert_eq!(figures.cpu(Work::Turn, Route::MessagesToChat), [9.0]);
        assert_eq!(figures.added(Work::Turn, Route::MessagesToChat), [0.0; 0]);
    }
}
