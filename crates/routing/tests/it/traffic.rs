//! Exchanges that arrive, overlap and wait under virtual time, and a record of where they went.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use roundelay_routing::{
    Attempt, AttemptKind, Catalog, Demand, Draw, Instant, Outcome, Plan, Router, Step, StopReason,
};

/// What a deployment does with an attempt, and how long that takes.
pub(crate) struct Answer {
    pub(crate) after: Duration,
    pub(crate) outcome: Outcome,
}

/// One dispatch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) at: Instant,
    pub(crate) deployment: usize,
    pub(crate) kind: AttemptKind,
    pub(crate) is_probe: bool,
}

/// Exchanges on their way.
pub(crate) struct Traffic {
    pub(crate) router: Router,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) now: Instant,
    pub(crate) sent: Vec<Sent>,
    /// How each exchange ended that is over; `None` = it was answered.
    pub(crate) ended: Vec<Option<StopReason>>,
    pub(crate) draws: Vec<Draw>,
    /// How many wait, and how many ever did at once.
    pub(crate) waiting: usize,
    pub(crate) waiting_most: usize,
    exchanges: Vec<Exchange>,
    due: BinaryHeap<Reverse<(Instant, u64, usize)>>,
    turns: u64,
}

struct Exchange {
    demand: Demand,
    plan: Option<Plan>,
    running: Option<(Attempt, Outcome)>,
    is_waiting: bool,
    steps: u32,
}

impl Traffic {
    pub(crate) fn new(mut router: Router, catalog: Catalog) -> Self {
        let catalog = router.adopt(catalog);
        Self {
            router,
            catalog,
            now: Instant::default(),
            sent: Vec::new(),
            ended: Vec::new(),
            draws: Vec::new(),
            waiting: 0,
            waiting_most: 0,
            exchanges: Vec::new(),
            due: BinaryHeap::new(),
            turns: 0,
        }
    }

    /// An exchange that will begin then.
    pub(crate) fn arrive(&mut self, demand: Demand, at: Instant) {
        self.exchanges.push(Exchange { demand, plan: None, running: None, is_waiting: false, steps: 0 });
        self.look_at(self.exchanges.len() - 1, at);
    }

    /// Lives until then; `answer` is asked at each dispatch.
    pub(crate) fn run(&mut self, until: Instant, mut answer: impl FnMut(&Attempt, Instant) -> Answer) {
        while self.next_due().is_some_and(|at| at <= until) {
            self.run_one(&mut answer);
        }
        self.now = until;
    }

    /// When something happens next.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.peek().map(|due| due.0.0)
    }

    /// Lets one thing happen.
    pub(crate) fn run_one(&mut self, answer: &mut impl FnMut(&Attempt, Instant) -> Answer) {
        let Some(Reverse((at, _, index))) = self.due.pop() else { return };
        self.now = at;
        self.step(index, answer);
    }

    /// How many of the dispatches since the one numbered `from` went to a deployment first.
    pub(crate) fn firsts(&self, deployment: usize, from: usize) -> usize {
        let is_first = |sent: &&Sent| sent.kind == AttemptKind::First && sent.deployment == deployment;
        self.sent[from..].iter().filter(is_first).count()
    }

    fn look_at(&mut self, index: usize, at: Instant) {
        self.turns += 1;
        self.due.push(Reverse((at, self.turns, index)));
    }

    fn step(&mut self, index: usize, answer: &mut impl FnMut(&Attempt, Instant) -> Answer) {
        let (router, now) = (&mut self.router, self.now);
        let exchange = &mut self.exchanges[index];
        exchange.steps += 1;
        assert!(exchange.steps < 5_000, "a plan does not end");
        let plan = exchange.plan.get_or_insert_with(|| router.plan(&self.catalog, exchange.demand.clone(), now));
        if let Some((attempt, outcome)) = exchange.running.take() {
            if matches!(outcome, Outcome::Success { .. } | Outcome::MidStream) {
                router.commit(&attempt, Some(Duration::from_millis(1)), now);
            }
            plan.report(router, &attempt, &outcome, now);
            if matches!(outcome, Outcome::Success { .. }) {
                return self.end(index, None);
            }
        }
        self.waiting -= usize::from(exchange.is_waiting);
        exchange.is_waiting = false;
        match plan.next(router, now) {
            Step::Attempt(attempt) => {
                let Answer { after, outcome } = answer(&attempt, now);
                let deployment = attempt.deployment.0 as usize;
                self.sent.push(Sent { at: now, deployment, kind: attempt.kind, is_probe: attempt.is_probe });
                exchange.running = Some((attempt, outcome));
                self.look_at(index, now + after);
            }
            Step::Wait(look) => {
                assert!(look > now && look < exchange.demand.deadline, "waits past the deadline, or not at all");
                exchange.is_waiting = true;
                self.waiting += 1;
                self.waiting_most = self.waiting_most.max(self.waiting);
                self.look_at(index, look);
            }
            Step::HandOver => panic!("nobody allowed it"),
            Step::Stop(stop) => self.end(index, Some(stop.reason)),
        }
    }

    fn end(&mut self, index: usize, stop: Option<StopReason>) {
        let exchange = &mut self.exchanges[index];
        let decision = exchange.plan.take().expect("it ran").into_decision();
        self.draws.extend(decision.draws);
        self.ended.push(stop);
    }
}
