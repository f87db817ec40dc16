//! Seeded worlds: many callers of one tree of accounts, a provider that bills, a process that crashes at every step;
//! all promises are checked after every step.
//!
//! `SEED=n` replays one seed, `SEEDS=n` runs the first n.

use std::collections::BTreeMap;

use roundelay_calendar::Zone;
use roundelay_ledger::{
    AccountKind, Ask, Audit, Bill, Currency, Entry, EntryKind, ExchangeId, Expiry, Extension, Factor, Held, HoldId,
    KeyId, Ledger, Limits, ListCost, Money, NodeId, NotExtended, OverrunCause, Party, PostRefused, Posting, Rate,
    Recovery, Settings, Shortage, Span, SpendLimit, Stage, System, Terms, Timestamp, invariants,
};

use crate::world::{at, cost, named, nano};

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

    fn authorise(&mut self, seen: &mut Seen) {
        let node = self.askers[self.dice.below(self.askers.len())];
        // One that was released may be held again, and the provider would know nothing of it.
        let last = self.works.get(&(ExchangeId::from_u64(self.exchanges), 1));
        let is_again = last.is_some_and(|work| work.is_billed) && self.dice.below(15) == 0;
        let second = (ExchangeId::from_u64(self.exchanges), 2);
        let is_fallback = self.exchanges > 0 && !self.works.contains_key(&second) && self.dice.below(8) == 0;
        let attempt = if is_fallback { 2 } else { 1 };
        if !is_again && !is_fallback {
            self.exchanges += 1;
        }
        let amount = [0, 1, 300, 900, 2_500][self.dice.below(5)];
        let far = [2_000_000, 60_000_000, 40 * 60 * 1_000_000][self.dice.below(3)];
        let ask = Ask {
            exchange: ExchangeId::from_u64(self.exchanges),
            attempt,
            is_first: !is_fallback,
            cost: cost(amount).plus(ListCost::from_parts(u128::from(self.dice.word() % 1_000_000)).unwrap()),
            tokens: [0, 500, 3_000][self.dice.below(3)],
            price: None,
            rate: Rate::from_millionths([7_123_456, 6_900_001][self.dice.below(2)]).unwrap(),
            expires_at: self.now.plus(far),
        };
        let ask = if amount == 0 { Ask { cost: ListCost::ZERO, ..ask } } else { ask };
        let spendable = self.ledger.spendable(node, ask.rate, self.now);
        let before = self.ledger.clone();
        match self.ledger.authorise(node, &ask, self.now) {
            Ok(hold) => {
                note(seen, "authorised");
                assert!(spendable.is_none_or(|most| ask.cost <= most), "more than was spendable: {spendable:?}");
                invariants::granted(&self.ledger, hold, self.now).unwrap();
                let payer = self.ledger.payer(node).unwrap();
                let left = self.ledger.standing(payer).left;
                assert!(amount == 0 || left.is_none_or(|left| left >= Money::ZERO));
                if amount == 0 && left.is_some_and(|left| left <= Money::ZERO) {
                    note(seen, "hold of nothing on an empty balance");
                }
                if is_fallback {
                    note(seen, "second attempt");
                }
                self.open.push((hold, (ask.exchange, attempt)));
            }
            Err(refused) => {
                let name = match refused.shortage {
                    Shortage::Balance { needed, left, .. } => {
                        assert!(needed > left && spendable.is_some_and(|most| ask.cost > most));
                        "refused Balance"
                    }
                    Shortage::Spend { needed, left, resets_at, .. } => {
                        assert!(needed > left && resets_at.is_none_or(|at| at > self.now));
                        assert!(spendable.is_some_and(|most| ask.cost > most));
                        "refused Spend"
                    }
                    Shortage::Requests { retry_at, .. } => {
                        self.check_retry(node, &ask, retry_at);
                        "refused Requests"
                    }
                    Shortage::Tokens { retry_at, .. } => {
                        self.check_retry(node, &ask, retry_at);
                        "refused Tokens"
                    }
                    Shortage::Concurrency { .. } => "refused Concurrency",
                    Shortage::Closed => "refused Closed",
                    Shortage::Duplicate => "refused Duplicate",
                    Shortage::HoldsFull => "refused HoldsFull",
                    Shortage::NoPayer | Shortage::TooLarge => panic!("{refused}"),
                };
                note(seen, name);
                invariants::twice_is_once(&before, &self.ledger).expect("a refusal changes nothing");
            }
        }
    }

    /// A refusal names an instant at which the same is not refused for the same rate, if nobody else comes.
    fn check_retry(&mut self, node: NodeId, ask: &Ask, retry_at: Option<Timestamp>) {
        let retry_at = retry_at.expect("no test asks for more than a minute's");
        assert!(retry_at > self.now && retry_at.since(self.now) <= 180_000_000);
        let shortage =
            self.ledger.clone().authorise(node, ask, retry_at).err().map(|refused| (refused.node, refused.shortage));
        let first =
            self.ledger.clone().authorise(node, ask, self.now).err().map(|refused| (refused.node, refused.shortage));
        let same = |one: &Shortage, other: &Shortage| std::mem::discriminant(one) == std::mem::discriminant(other);
        if let (Some((there, now)), Some((then_there, then))) = (first, shortage) {
            assert!(there != then_there || !same(&now, &then), "told to come back for nothing: {then:?}");
        }
    }

    fn pick(&mut self) -> Option<(HoldId, Attempt)> {
        (!self.open.is_empty()).then(|| self.open[self.dice.below(self.open.len())])
    }

    fn forget(&mut self, hold: HoldId) {
        self.open.retain(|&(open, _)| open != hold);
        self.ended.push(hold);
    }

    fn dispatch(&mut self, seen: &mut Seen) {
        let Some((hold, attempt)) = self.pick() else { return };
        if self.works.contains_key(&attempt) {
            return;
        }
        let Ok(held) = self.ledger.dispatched(hold) else { return };
        if !self.is_calm && self.dice.below(30) == 0 {
            note(seen, "crash before dispatch was written");
            return self.crash(seen); // the line never reached the journal, and so nothing was sent
        }
        self.journal.push(Line::Dispatched(held));
        let share = [0, 40, 90, 100, 100, 130][self.dice.below(6)];
        let cost = ListCost::from_parts(held.cost.parts() * share / 100).unwrap();
        self.works.insert(attempt, Work { cost, is_billed: true });
    }

    fn extend(&mut self, seen: &mut Seen) {
        let Some((hold, attempt)) = self.pick() else { return };
        let before = self.ledger.clone();
        let held = before.held(hold).copied();
        let expires_at = (self.dice.below(3) == 0).then(|| self.now.plus(120_000_000));
        let more = Extension { cost: cost([10, 700, 5_000][self.dice.below(3)]), tokens: 100, expires_at };
        match self.ledger.extend(hold, &more, self.now) {
            Ok(()) => {
                note(seen, "extended");
                invariants::granted(&self.ledger, hold, self.now).unwrap();
                let after = *self.ledger.held(hold).unwrap();
                assert_eq!(after.cost, held.unwrap().cost.plus(more.cost));
                if let Some(work) = self.works.get_mut(&attempt) {
                    work.cost = work.cost.plus(more.cost);
                    self.journal.push(Line::Dispatched(after));
                }
            }
            Err(NotExtended::Refused(_)) => {
                note(seen, "extension refused");
                let after = *self.ledger.held(hold).unwrap();
                assert_eq!(after, Held { is_refused_more: true, ..held.unwrap() });
                // The stream is stopped, a little late.
                if let Some(work) = self.works.get_mut(&attempt).filter(|_| self.dice.below(2) == 0) {
                    work.cost = after.cost.plus(cost(7));
                }
            }
            Err(NotExtended::Ended(_)) => {
                note(seen, "extension of an ended hold");
                invariants::twice_is_once(&before, &self.ledger).unwrap();
            }
        }
    }

    fn progress(&mut self, seen: &mut Seen) {
        let Some((hold, attempt)) = self.pick() else { return };
        let Some(work) = self.works.get(&attempt) else { return };
        let so_far = ListCost::from_parts(work.cost.parts() * self.dice.below(101) as u128 / 100).unwrap();
        let before = self.ledger.held(hold).map(|held| held.delivered);
        if self.ledger.progress(hold, so_far).is_ok() {
            let after = self.ledger.held(hold).unwrap().delivered;
            assert!(Some(after) >= before && after >= so_far);
            if before > Some(so_far) {
                note(seen, "old progress");
            }
            self.journal.push(Line::Progress(attempt, so_far));
        }
    }

    fn settle(&mut self, seen: &mut Seen) {
        let Some((hold, attempt)) = self.pick() else { return };
        let Some(work) = self.works.get(&attempt).copied() else { return };
        let caller = [work.cost, work.cost, ListCost::ZERO][self.dice.below(3)];
        let bill = Bill { caller, upstream: work.cost, tokens: 400, is_estimated: false };
        let (before, held) = (self.ledger.clone(), self.ledger.held(hold).copied());
        let Ok(settlement) = self.ledger.settle(hold, &bill, self.now) else {
            note(seen, "late report after expiry");
            invariants::twice_is_once(&before, &self.ledger).unwrap();
            return self.forget(hold);
        };
        if !self.is_calm && self.dice.below(15) == 0 {
            note(seen, "crash between settlement and its entry");
            return self.crash(seen); // nobody was told, and the disk knows nothing of it
        }
        let held = held.expect("it was settled");
        if held.stage == Stage::InDoubt {
            note(seen, "in doubt, then settled");
        }
        self.settled(&held, &bill, settlement, seen);
        self.forget(hold);
    }

    /// Stores the entries of a settlement, having counted again what they should say.
    fn settled(&mut self, held: &Held, bill: &Bill, settlement: roundelay_ledger::Settlement, seen: &mut Seen) {
        note(seen, "settled");
        let charge = &settlement.charge;
        // Half up, by a way that differs from the ledger's: twice the amount, one added, halved.
        let parts = bill.caller.parts() * u128::from(charge.multiplier.millionths());
        let half_up = |numerator: u128, denominator: u128| (2 * numerator / denominator).div_ceil(2);
        let usd = half_up(parts, 1_000_000_000_000);
        let in_currency = match charge.currency {
            Currency::Usd => usd,
            Currency::Cny => half_up(parts * u128::from(charge.rate.millionths()), 1_000_000_000_000_000_000),
        };
        assert_eq!((charge.usd.nano(), charge.amount.nano()), (usd as i64, in_currency as i64));
        let excess = charge.amount.nano() - charge.held.nano();
        assert_eq!(settlement.overrun.nano(), excess.max(0));
        assert_eq!(settlement.released.nano(), (-excess).max(0));
        assert_eq!(charge.held, held.amount(charge.currency));
        assert_eq!(charge.amount <= charge.held, bill.caller <= held.cost || charge.overrun.is_none());
        let lost = bill.upstream.less(bill.caller).usd();
        assert_eq!(settlement.loss.as_ref().map_or(Money::ZERO, |loss| loss.amount), lost);
        let names = [
            (settlement.loss.is_some(), "settled with a loss"),
            (charge.is_estimated, "settled as an estimate"),
            (charge.currency == Currency::Cny, "settled in yuan"),
            (charge.multiplier < Factor::ONE, "settled below list price"),
            (charge.overrun == Some(OverrunCause::UsageAboveBound), "overrun UsageAboveBound"),
            (charge.overrun == Some(OverrunCause::ExtensionRefused), "overrun ExtensionRefused"),
            (charge.overrun == Some(OverrunCause::InDoubt), "overrun InDoubt"),
            (charge.overrun.is_some() && charge.balance.is_negative(), "balance below zero after an overrun"),
        ];
        names.iter().filter(|(is_so, _)| *is_so).for_each(|(_, name)| note(seen, name));
        self.entries.push(settlement.charge);
        self.entries.extend(settlement.loss);
    }

    fn release(&mut self, seen: &mut Seen) {
        let Some((hold, attempt)) = self.pick() else { return };
        if self.ledger.release(hold, self.now).is_ok() {
            note(seen, "released");
            self.journal.push(Line::Released(attempt));
            if let Some(work) = self.works.get_mut(&attempt) {
                note(seen, "released after dispatch");
                work.is_billed = false; // it answered with an error that is not billed
            }
        }
        self.forget(hold);
    }

    /// A report that came before comes again.
    fn repeat(&mut self, seen: &mut Seen) {
        if self.ended.is_empty() {
            return;
        }
        let hold = self.ended[self.dice.below(self.ended.len())];
        let before = self.ledger.clone();
        let now = self.now;
        let more = Extension { cost: cost(5), ..Extension::default() };
        assert!(self.ledger.settle(hold, &Bill::full(cost(9), 9), now).is_err());
        assert!(self.ledger.release(hold, now).is_err() && self.ledger.extend(hold, &more, now).is_err());
        assert!(self.ledger.dispatched(hold).is_err() && self.ledger.progress(hold, cost(3)).is_err());
        invariants::twice_is_once(&before, &self.ledger).unwrap();
        note(seen, "second report");
    }

    fn operate(&mut self, seen: &mut Seen) {
        if self.dice.below(4) == 0 {
            return self.reverse(seen);
        }
        let account = self.accounts[self.dice.below(self.accounts.len())];
        let amount = [3_000, 20_000, -400, -9_000][self.dice.below(4)];
        let name = format!("act-{}", self.postings.len());
        let rate = Rate::from_millionths(7_000_000).unwrap();
        let mut posting =
            Posting { account, amount: nano(amount), rate, reason: "simulated".into(), idempotency: name.into() };
        if self.dice.below(4) == 0 && !self.postings.is_empty() {
            posting = self.postings[self.dice.below(self.postings.len())].clone();
            if self.dice.below(3) == 0 {
                posting.amount = nano(posting.amount.nano() + 1);
            }
        }
        let before = self.ledger.clone();
        let is_top_up = posting.amount > Money::ZERO;
        let posted =
            if is_top_up { self.ledger.top_up(&posting, self.now) } else { self.ledger.adjust(&posting, self.now) };
        match posted {
            Ok(posted) if posted.is_new => {
                note(seen, if is_top_up { "top-up" } else { "adjusted down" });
                self.entries.push(posted.entry);
                self.postings.push(posting);
            }
            Ok(posted) => {
                note(seen, "top-up asked for twice");
                assert!(self.entries.contains(&posted.entry));
                invariants::twice_is_once(&before, &self.ledger).unwrap();
            }
            Err(refused) => {
                match refused {
                    PostRefused::KeyReused => note(seen, "idempotency key reused"),
                    PostRefused::Short { .. } => note(seen, "adjustment refused"),
                    PostRefused::NoBalance => {}
                    PostRefused::BadAmount | PostRefused::NoCharge | PostRefused::TooLarge => panic!("{refused}"),
                }
                invariants::twice_is_once(&before, &self.ledger).unwrap();
            }
        }
    }

    fn reverse(&mut self, seen: &mut Seen) {
        let charges = self.entries.iter().filter(|entry| entry.kind == EntryKind::Charge);
        let charges: Vec<_> = charges.cloned().collect();
        if charges.is_empty() {
            return;
        }
        let charge = &charges[self.dice.below(charges.len())];
        let name = format!("reversal-{}", self.entries.len());
        match self.ledger.reverse(charge, "simulated".into(), name.into(), self.now) {
            Ok(posted) => {
                note(seen, "reversed");
                assert_eq!((posted.entry.amount, posted.entry.usd), (charge.amount, charge.usd));
                self.entries.push(posted.entry);
            }
            Err(refused) => {
                note(seen, "reversed twice");
                assert_eq!(refused, PostRefused::NoCharge);
            }
        }
    }

    fn expire(&mut self, seen: &mut Seen) {
        while let Some(expiry) = self.ledger.expire(self.now) {
            match expiry {
                Expiry::Expired(held) => {
                    note(seen, "expired");
                    assert!(!self.works.contains_key(&(held.exchange, held.attempt)), "it was sent");
                }
                Expiry::InDoubt(_, held) => {
                    note(seen, "in doubt");
                    assert_eq!(held.stage, Stage::InDoubt);
                }
                Expiry::Estimated(held, settlement) => {
                    note(seen, "in doubt until estimated");
                    let bill = Bill { is_estimated: true, ..Bill::full(held.delivered, held.tokens) };
                    self.settled(&held, &bill, *settlement, seen);
                }
            }
        }
        invariants::nothing_overdue(&self.ledger, self.now).unwrap();
    }

    /// Only what leaves the windows as they are: a limit of another span begins empty, and entries would fill it.
    fn change_terms(&mut self, seen: &mut Seen) {
        if self.dice.below(3) > 0 {
            return;
        }
        note(seen, "terms changed");
        let which = self.dice.below(self.terms.len());
        let is_closed = self.dice.below(8) == 0;
        let credit_line = nano([0, 800][self.dice.below(2)]);
        let per_minute = [None, Some(2), Some(30)][self.dice.below(3)];
        let (account, terms) = &mut self.terms[which];
        let limits = Limits { requests_per_minute: per_minute, ..terms.limits.clone() };
        *terms = Terms { is_closed, credit_line, limits, ..terms.clone() };
        self.ledger.change_account(*account, terms, self.now).unwrap();
    }

    /// Memory is gone; accounts, entries and the journal are there.
    fn crash(&mut self, seen: &mut Seen) {
        note(seen, "crash");
        self.ledger = self.refolded(seen);
        self.ended.clear();
        self.open.clear();
        let mut recovery = Recovery::new();
        self.journal.iter().for_each(|line| match line {
            Line::Dispatched(held) => recovery.dispatched(*held),
            Line::Progress((exchange, attempt), so_far) => recovery.progress(*exchange, *attempt, *so_far),
            Line::Released((exchange, attempt)) => recovery.released(*exchange, *attempt),
        });
        self.entries.iter().for_each(|entry| recovery.entry(entry));
        for lost in recovery.in_doubt() {
            note(seen, "recovered in doubt");
            let hold = self.ledger.reinstate(&lost, self.now).expect("it has no entry");
            self.open.push((hold, (lost.exchange, lost.attempt)));
            if self.dice.below(4) == 0 {
                note(seen, "recovered twice");
                assert_eq!(self.ledger.reinstate(&lost, self.now), Err(Shortage::Duplicate));
            }
        }
    }

    fn empty(&self) -> Ledger {
        let mut ledger = Ledger::new(self.settings);
        for &(account, ref terms) in &self.terms {
            let (name, parent) = self.place(account);
            let roundelay_ledger::NodeName::Account(id) = name else { panic!("a key among accounts") };
            assert_eq!(ledger.open_account(id, parent, terms, self.now), Ok(account));
        }
        for (key, limits) in &self.key_limits {
            let (name, account) = self.place(*key);
            let roundelay_ledger::NodeName::Key(id) = name else { panic!("an account among keys") };
            assert_eq!(ledger.open_key(id, account.unwrap(), limits.clone(), self.now), Ok(*key));
        }
        ledger
    }

    /// The books again: from all entries, or from a checkpoint somewhere among them.
    fn refolded(&mut self, seen: &mut Seen) -> Ledger {
        let mut ledger = self.empty();
        let (before, after) = self.entries.split_at(self.dice.below(self.entries.len() + 1));
        before.iter().for_each(|entry| ledger.apply(entry).unwrap());
        if self.dice.below(2) == 0 {
            note(seen, "resumed from a checkpoint");
            let checkpoint = ledger.checkpoint();
            ledger = self.empty();
            ledger.resume(&checkpoint).unwrap();
            before.iter().for_each(|entry| ledger.remember(entry));
        }
        after.iter().for_each(|entry| ledger.apply(entry).unwrap());
        ledger
    }

    fn place(&self, node: NodeId) -> (roundelay_ledger::NodeName, Option<NodeId>) {
        (self.ledger.name(node).clone(), self.ledger.parent(node))
    }

    fn check(&mut self, seen: &mut Seen) {
        invariants::state(&self.ledger).unwrap();
        if self.dice.below(10) == 0 {
            let refolded = self.refolded(seen);
            invariants::same_books(&self.ledger, &refolded).unwrap();
            self.check_audit();
        }
    }

    fn check_audit(&self) {
        let mut audit = Audit::new();
        for entry in &self.entries {
            audit.entry(entry).unwrap();
        }
        for (account, terms) in &self.terms {
            let standing = self.ledger.standing(*account);
            audit.claim(Party::Account(*account), terms.currency, standing.balance).unwrap();
        }
        for system in System::ALL {
            for currency in Currency::ALL {
                assert_eq!(audit.house_nano(system, currency), self.ledger.house_nano(system, currency));
            }
        }
    }

    /// All that the provider billed is in the ledger, to the last nano-dollar where its usage was received.
    fn check_bank(&self) {
        let billed: Vec<_> = self.works.iter().filter(|(_, work)| work.is_billed).collect();
        let attempts = billed.iter().map(|(attempt, _)| *attempt);
        invariants::billed_is_recorded(attempts, &self.entries, &self.ledger).unwrap();
        let by_attempt = |kind| {
            let of_kind = self.entries.iter().filter(move |entry| entry.kind == kind);
            of_kind.map(|entry| ((entry.exchange.unwrap(), entry.attempt), entry)).collect::<BTreeMap<_, _>>()
        };
        let (charges, losses) = (by_attempt(EntryKind::Charge), by_attempt(EntryKind::Loss));
        for (attempt, work) in billed {
            let charge = charges[attempt];
            if !charge.is_estimated && charge.multiplier == Factor::ONE {
                let lost = losses.get(attempt).map_or(0, |loss| loss.amount.nano());
                assert_eq!(charge.usd.nano() + lost, work.cost.usd().nano(), "{attempt:?}");
            }
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
