//! Seeded worlds: many callers of one tree of accounts, a provider that bills, a process that crashes at every step;
//! all promises are checked after every step.
//!
//! `SEED=n` replays one seed, `SEEDS=n` runs the first n.

mod acts;
mod checks;

use std::collections::BTreeMap;

use roundelay_calendar::Zone;
use roundelay_ledger::{
    AccountKind, Currency, Entry, ExchangeId, Factor, Held, HoldId, KeyId, Ledger, Limits, ListCost, Money, NodeId,
    Posting, Settings, Span, SpendLimit, Terms, Timestamp, invariants,
};

use crate::world::{at, named, nano};

#[test]
fn every_seed_keeps_the_promises_and_together_they_see_everything() {
    let seeds = match (number("SEED"), number("SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, Some(count)) => 0..count,
        (None, None) => 0..200,
    };
    let is_set = seeds.end - seeds.start >= 200;
    let mut seen = Seen::new();
    for seed in seeds {
        let _shown = Shown(seed);
        World::new(seed).run(&mut seen);
    }
    let unseen: Vec<_> = SOMETIMES.iter().filter(|name| !seen.contains_key(*name)).collect();
    assert!(!is_set || unseen.is_empty(), "never happened: {unseen:?}; happened: {seen:?}");
}

/// Prints its seed when a promise is broken.
struct Shown(u64);

impl Drop for Shown {
    #[expect(clippy::print_stderr, reason = "the seed is what a person needs to replay a failure")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("replay with SEED={} cargo test -p roundelay-ledger simulation", self.0);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a person chooses the seeds")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

const SOMETIMES: &[&str] = &[
    "authorised",
    "refused Balance",
    "refused Spend",
    "refused Requests",
    "refused Tokens",
    "refused Concurrency",
    "refused Closed",
    "refused Duplicate",
    "refused HoldsFull",
    "second attempt",
    "extended",
    "extension refused",
    "extension of an ended hold",
    "settled",
    "settled with a loss",
    "settled as an estimate",
    "settled in yuan",
    "settled below list price",
    "overrun UsageAboveBound",
    "overrun ExtensionRefused",
    "overrun InDoubt",
    "released",
    "released after dispatch",
    "expired",
    "in doubt",
    "in doubt, then settled",
    "in doubt until estimated",
    "second report",
    "late report after expiry",
    "old progress",
    "crash",
    "crash before dispatch was written",
    "crash between settlement and its entry",
    "recovered in doubt",
    "resumed from a checkpoint",
    "recovered twice",
    "top-up",
    "top-up asked for twice",
    "idempotency key reused",
    "adjusted down",
    "adjustment refused",
    "reversed",
    "reversed twice",
    "terms changed",
    "clock set back",
    "clock far ahead",
    "period ended under a hold",
    "balance below zero after an overrun",
    "hold of nothing on an empty balance",
];

type Seen = BTreeMap<&'static str, u32>;
type Attempt = (ExchangeId, u32);

fn note(seen: &mut Seen, name: &'static str) {
    *seen.entry(name).or_default() += 1;
}

/// A line of the journal that a gateway writes beside its entries.
enum Line {
    Dispatched(Held),
    Progress(Attempt, ListCost),
    Released(Attempt),
}

/// What the provider did for an attempt.
#[derive(Clone, Copy)]
struct Work {
    /// What it will bill in the end.
    cost: ListCost,
    is_billed: bool,
}

struct World {
    dice: Dice,
    ledger: Ledger,
    now: Timestamp,
    settings: Settings,
    terms: Vec<(NodeId, Terms)>,
    accounts: Vec<NodeId>,
    askers: Vec<NodeId>,
    /// On the disk.
    entries: Vec<Entry>,
    journal: Vec<Line>,
    /// At the provider, which does not crash.
    works: BTreeMap<Attempt, Work>,
    open: Vec<(HoldId, Attempt)>,
    ended: Vec<HoldId>,
    postings: Vec<Posting>,
    exchanges: u64,
    key_limits: Vec<(NodeId, Limits)>,
    is_calm: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let settings = Settings {
            holds_max: [6, 40, 1000][dice.below(3)],
            remembered_max: 1 << 16,
            in_doubt_micros: [60, 3_600][dice.below(2)] * 1_000_000,
        };
        let mut world = Self {
            dice,
            ledger: Ledger::new(settings),
            now: at(0),
            settings,
            terms: Vec::new(),
            accounts: Vec::new(),
            askers: Vec::new(),
            entries: Vec::new(),
            journal: Vec::new(),
            works: BTreeMap::new(),
            open: Vec::new(),
            ended: Vec::new(),
            postings: Vec::new(),
            exchanges: 0,
            key_limits: Vec::new(),
            is_calm: false,
        };
        world.found();
        world
    }

    /// An organisation, teams below it, projects below those; keys at any of them.
    fn found(&mut self) {
        for index in 0..2 + self.dice.below(4) {
            let parent = (index > 0).then(|| self.accounts[self.dice.below(self.accounts.len())]);
            let terms = self.some_terms(parent.is_none());
            let id = named(&format!("account-{index}"));
            let account = self.ledger.open_account(id, parent, &terms, self.now).unwrap();
            self.terms.push((account, terms));
            self.accounts.push(account);
        }
        for index in 0..2 + self.dice.below(4) {
            let account = self.accounts[self.dice.below(self.accounts.len())];
            let limits = self.some_limits();
            let key = self.ledger.open_key(KeyId::new(format!("key-{index}")), account, limits.clone(), self.now);
            self.key_limits.push((key.unwrap(), limits));
            self.askers.push(key.unwrap());
        }
    }

    fn some_terms(&mut self, is_top: bool) -> Terms {
        let kinds = [AccountKind::Prepaid, AccountKind::Inherits, AccountKind::Postpaid];
        let kind = if is_top { AccountKind::Prepaid } else { kinds[self.dice.below(3).min(self.dice.below(3))] };
        Terms {
            kind,
            currency: Currency::ALL[self.dice.below(2)],
            credit_line: nano([0, 0, 500][self.dice.below(3)]),
            multiplier: Factor::from_millionths([1_000_000, 800_000, 1_234_567, 333_333][self.dice.below(4)]),
            limits: self.some_limits(),
            is_closed: false,
        }
    }

    fn some_limits(&mut self) -> Limits {
        let zones = [Zone::utc(), Zone::fixed("east", 8 * 3600).unwrap()];
        let mut spend = Vec::new();
        for span in Span::ALL {
            if self.dice.below(8) == 0 {
                let amount = nano(500 + i64::try_from(self.dice.below(20_000)).unwrap());
                spend.push(SpendLimit { span, zone: zones[self.dice.below(2)].clone(), amount });
            }
        }
        Limits {
            requests_per_minute: (self.dice.below(6) == 0).then_some(3),
            tokens_per_minute: (self.dice.below(6) == 0).then_some(5_000),
            concurrency: (self.dice.below(6) == 0).then_some(2),
            spend,
        }
    }

    fn run(mut self, seen: &mut Seen) {
        for _ in 0..250 {
            self.pass_time(seen);
            let before = self.ledger.clone();
            self.step(seen);
            invariants::forward(&before, &self.ledger).unwrap();
            self.check(seen);
        }
        self.calm_down(seen);
    }

    /// Faults stop: everything that is open comes to its end, and what was billed was charged.
    fn calm_down(&mut self, seen: &mut Seen) {
        self.is_calm = true;
        for _ in 0..3 {
            self.now = self.now.plus(365 * 86_400 * 1_000_000);
            self.expire(seen);
            self.check(seen);
        }
        assert_eq!(self.ledger.open_holds(), 0, "a hold has no end");
        for node in self.accounts.iter().chain(&self.askers) {
            let standing = self.ledger.standing(*node);
            assert_eq!((standing.held, standing.running), (Money::ZERO, 0), "{node:?}");
        }
        self.check_bank();
    }

    fn pass_time(&mut self, seen: &mut Seen) {
        let micros = i64::try_from(self.dice.below(4_000_000)).unwrap();
        self.now = self.now.plus(micros);
        match self.dice.below(60) {
            0 => {
                note(seen, "clock set back");
                self.now = self.now.plus(-micros - [500_000, 7_200_000_000][self.dice.below(2)]);
            }
            1 => {
                note(seen, "clock far ahead");
                let before = self.now;
                let hours = [1, 24, 24 * 31][self.dice.below(3)];
                self.now = self.now.plus(hours * 3_600_000_000);
                if self.ledger.holds().any(|(_, held)| held.expires_at > self.now && before < self.now) {
                    note(seen, "period ended under a hold");
                }
            }
            _ => {}
        }
    }

    fn step(&mut self, seen: &mut Seen) {
        match self.dice.below(20) {
            0..=5 => self.authorise(seen),
            6..=7 => self.dispatch(seen),
            8..=9 => self.extend(seen),
            10 => self.progress(seen),
            11..=13 => self.settle(seen),
            14 => self.release(seen),
            15 => self.repeat(seen),
            16 => self.operate(seen),
            17 => self.expire(seen),
            18 => self.change_terms(seen),
            _ if self.dice.below(4) == 0 => self.crash(seen),
            _ => {}
        }
    }
}

/// splitmix64.
struct Dice(u64);

impl Dice {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.word() % u64::try_from(end).unwrap()).unwrap()
    }
}
