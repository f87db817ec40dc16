//! What is always true of money, as predicates: for debug assertions, property tests, the simulator and audits.
//!
//! They look at a ledger from outside and count again what it keeps; none of them changes anything.

use std::collections::{BTreeMap, BTreeSet};
use std::{error::Error, fmt};

use crate::{
    AccountBooks, Currency, Entry, EntryKind, ExchangeId, Held, HoldId, Ledger, Money, NodeId, Party, Sequence, Stage,
    System, Timestamp,
};

/// A promise about money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Promise {
    /// What all parties have together is nothing, in each currency.
    Conservation,
    /// No prepaid account has charged and held more than its balance and its credit line, but for what could not be
    /// refused.
    WithinBalance,
    /// What was granted fits every spend limit on its way.
    WithinSpendLimit,
    /// Every hold that was taken is open or ended once.
    OneEnd,
    /// No more is charged than was held, but for a cause.
    OverrunHasCause,
    /// What the provider billed was recorded.
    BilledIsRecorded,
    /// The same entries give the same books.
    SameBooks,
    /// A report that comes twice changes nothing.
    TwiceIsOnce,
    /// What was spent grows.
    SpentGrows,
    /// Every amount is one that can be.
    Amount,
    /// An entry goes between the parties that its kind names.
    Parties,
    /// A hold is on every node of its path, once, and nothing else is.
    WholePath,
    /// Entries are counted without gaps, and never back.
    Forward,
    /// Nothing stays overdue.
    NothingOverdue,
}

/// A promise that is broken, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub promise: Promise,
    /// The account or key at which it shows.
    pub node: Option<NodeId>,
    /// The entry at which it shows.
    pub sequence: Option<Sequence>,
}

impl Broken {
    const fn new(promise: Promise) -> Self {
        Self { promise, node: None, sequence: None }
    }

    const fn at(promise: Promise, node: NodeId) -> Self {
        Self { promise, node: Some(node), sequence: None }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a promise about money is broken: {:?}", self.promise)?;
        if let Some(sequence) = self.sequence {
            write!(f, ", at entry {sequence}")?;
        }
        Ok(())
    }
}

impl Error for Broken {}

/// All that can be seen of a ledger at one instant. As much work as there are accounts, keys and holds.
pub fn state(ledger: &Ledger) -> Result<(), Broken> {
    conservation(ledger)?;
    within_balance(ledger)?;
    one_end(ledger)?;
    whole_path(ledger)
}

/// [`Promise::Conservation`].
pub fn conservation(ledger: &Ledger) -> Result<(), Broken> {
    let is_balanced = |currency: Currency| {
        let house: i128 = System::ALL.iter().map(|&system| ledger.house_nano(system, currency)).sum();
        let accounts = ledger.tree.nodes.iter().filter(|node| node.currency == currency);
        house + accounts.map(|node| node.balance).sum::<i128>() == 0
    };
    let is_kept = Currency::ALL.into_iter().all(is_balanced);
    holds(is_kept, Broken::new(Promise::Conservation))
}

/// [`Promise::WithinBalance`].
pub fn within_balance(ledger: &Ledger) -> Result<(), Broken> {
    let over = ledger.tree.nodes.iter().position(|node| node.headroom().is_some_and(|left| left < -node.excused));
    over.map_or(Ok(()), |index| Err(Broken::at(Promise::WithinBalance, node_at(index))))
}

/// [`Promise::WithinSpendLimit`] for a hold that was granted or extended at `now`.
pub fn granted(ledger: &Ledger, hold: HoldId, now: Timestamp) -> Result<(), Broken> {
    let Some(held) = ledger.held(hold).filter(|held| held.usd > Money::ZERO) else {
        return Ok(());
    };
    let path = ledger.tree.at(held.node).path.as_slice();
    let is_over = |&&up: &&NodeId| {
        let node = ledger.tree.at(up);
        node.windows.iter().any(|window| window.left(node.pending, now) < 0)
    };
    path.iter().find(is_over).map_or(Ok(()), |&node| Err(Broken::at(Promise::WithinSpendLimit, node)))
}

/// [`Promise::OneEnd`].
pub fn one_end(ledger: &Ledger) -> Result<(), Broken> {
    let counts = ledger.counts();
    let ended = counts.settled + counts.released + counts.expired;
    let names: BTreeSet<_> = ledger.holds().map(|(_, held)| (held.exchange, held.attempt)).collect();
    let is_kept = counts.taken == ended + ledger.open_holds() as u64 && names.len() == ledger.open_holds();
    holds(is_kept, Broken::new(Promise::OneEnd))
}

/// [`Promise::WholePath`]: what every node holds is the sum of the open holds below it, also after a period has ended.
pub fn whole_path(ledger: &Ledger) -> Result<(), Broken> {
    let mut sums = vec![(0i128, 0i128, 0u32); ledger.tree.nodes.len()];
    for (_, held) in ledger.holds() {
        let amount = |node: NodeId| i128::from(held.amount(ledger.tree.at(node).currency).nano());
        for &up in ledger.tree.at(held.node).path.as_slice() {
            sums[up.index()].0 += amount(up);
            sums[up.index()].2 += u32::from(held.stage != Stage::InDoubt);
        }
        sums[held.payer.index()].1 += amount(held.payer);
    }
    let kept = ledger.tree.nodes.iter().map(|node| (node.pending, node.held, node.running));
    let wrong = kept.zip(sums).position(|(kept, counted)| kept != counted);
    wrong.map_or(Ok(()), |index| Err(Broken::at(Promise::WholePath, node_at(index))))
}

/// What an entry shows by itself: [`Promise::Amount`], [`Promise::Parties`], [`Promise::OverrunHasCause`].
pub fn entry(entry: &Entry) -> Result<(), Broken> {
    let broken = |promise| Broken { promise, node: entry.account(), sequence: Some(entry.sequence) };
    let amounts = [entry.amount, entry.usd, entry.held];
    holds(amounts.iter().all(|amount| !amount.is_negative()), broken(Promise::Amount))?;
    holds(goes_where_it_should(entry), broken(Promise::Parties))?;
    let is_over = entry.amount > entry.held;
    let is_explained = entry.kind != EntryKind::Charge || is_over == entry.overrun.is_some();
    holds(is_explained, broken(Promise::OverrunHasCause))
}

fn goes_where_it_should(entry: &Entry) -> bool {
    use System::{Loss, Revenue, Treasury};
    let is_of_attempt = entry.exchange.is_some() && entry.attempt > 0;
    let is_act = entry.idempotency.is_some() && entry.reason.is_some();
    match (entry.kind, entry.debit, entry.credit) {
        (EntryKind::TopUp, Party::System(Treasury), Party::Account(_)) => is_act && entry.exchange.is_none(),
        (EntryKind::Adjustment, Party::System(Treasury), Party::Account(_))
        | (EntryKind::Adjustment, Party::Account(_), Party::System(Treasury)) => is_act && entry.exchange.is_none(),
        (EntryKind::Charge, Party::Account(_), Party::System(Revenue)) => is_of_attempt && entry.node.is_some(),
        (EntryKind::Reversal, Party::System(Revenue), Party::Account(_)) => is_of_attempt && is_act,
        (EntryKind::Loss, Party::System(Loss), Party::System(Revenue)) => {
            is_of_attempt && entry.currency == Currency::Usd
        }
        _ => false,
    }
}

/// [`Promise::Forward`] and [`Promise::SpentGrows`] from one look at a ledger to a later one.
pub fn forward(before: &Ledger, after: &Ledger) -> Result<(), Broken> {
    holds(before.sequence() <= after.sequence(), Broken::new(Promise::Forward))?;
    let shrunk = before.tree.nodes.iter().zip(&after.tree.nodes).position(|(old, new)| new.spent < old.spent);
    shrunk.map_or(Ok(()), |index| Err(Broken::at(Promise::SpentGrows, node_at(index))))
}

/// [`Promise::SameBooks`] for a ledger and one that only had the same entries.
pub fn same_books(ledger: &Ledger, refolded: &Ledger) -> Result<(), Broken> {
    let broken = Broken::new(Promise::SameBooks);
    let is_same = ledger.sequence() == refolded.sequence() && ledger.books.house == refolded.books.house;
    holds(is_same, broken)?;
    let (kept, counted): (Vec<AccountBooks>, _) = (ledger.account_books(), refolded.account_books());
    holds(kept.len() == counted.len(), broken)?;
    let wrong = kept.iter().zip(&counted).position(|(kept, counted)| kept != counted);
    wrong.map_or(Ok(()), |index| Err(Broken::at(Promise::SameBooks, node_at(index))))
}

/// [`Promise::TwiceIsOnce`] for a ledger before and after a report that had come before.
pub fn twice_is_once(before: &Ledger, after: &Ledger) -> Result<(), Broken> {
    let broken = Broken::new(Promise::TwiceIsOnce);
    same_books(before, after).map_err(|_| broken)?;
    let holds_of = |ledger: &Ledger| ledger.holds().map(|(id, held)| (id, *held)).collect::<Vec<(HoldId, Held)>>();
    holds(before.counts() == after.counts() && holds_of(before) == holds_of(after), broken)
}

/// [`Promise::NothingOverdue`] after [`Ledger::expire`] found nothing more to do at `now`.
pub fn nothing_overdue(ledger: &Ledger, now: Timestamp) -> Result<(), Broken> {
    let overdue = ledger.holds().find(|(_, held)| held.expires_at <= now);
    overdue.map_or(Ok(()), |(_, held)| Err(Broken::at(Promise::NothingOverdue, held.node)))
}

/// [`Promise::BilledIsRecorded`]: every attempt that a provider billed has its charge, or is still held.
pub fn billed_is_recorded<'a>(
    billed: impl IntoIterator<Item = &'a (ExchangeId, u32)>,
    entries: &[Entry],
    ledger: &Ledger,
) -> Result<(), Broken> {
    let charges = entries.iter().filter(|entry| entry.kind == EntryKind::Charge);
    let charged = charges.filter_map(|entry| Some(((entry.exchange?, entry.attempt), entry.sequence)));
    let charged: BTreeMap<_, _> = charged.collect();
    let held: BTreeSet<_> = ledger.holds().map(|(_, held)| (held.exchange, held.attempt)).collect();
    let is_kept = billed.into_iter().all(|attempt| charged.contains_key(attempt) || held.contains(attempt));
    holds(is_kept, Broken::new(Promise::BilledIsRecorded))
}

fn node_at(index: usize) -> NodeId {
    NodeId(u32::try_from(index).expect("nodes are numbered by 32 bits"))
}

const fn holds(is_kept: bool, broken: Broken) -> Result<(), Broken> {
    if is_kept { Ok(()) } else { Err(broken) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccountId, Ask, ListCost, Rate, Settings, Span, SpendLimit, Terms};

    /// A prepaid account with 100, of which 40 are held until 50, and a limit of 90 in all.
    fn ledger() -> (Ledger, HoldId) {
        let mut ledger = Ledger::new(Settings::default());
        let spend = vec![SpendLimit { span: Span::Total, zone: roundelay_calendar::Zone::utc(), amount: nano(90) }];
        let mut terms = Terms { credit_line: nano(100), ..Terms::new(crate::AccountKind::Prepaid) };
        terms.limits.spend = spend;
        let now = Timestamp(0);
        let account = ledger.open_account(AccountId::default_account(), None, &terms, now).unwrap();
        let cost = ListCost::from_usd(nano(40)).unwrap();
        let (exchange, rate, expires_at) = (ExchangeId::from_u64(1), Rate::ONE, Timestamp(50));
        let ask = Ask { exchange, attempt: 1, is_first: true, cost, tokens: 0, price: None, rate, expires_at };
        let hold = ledger.authorise(account, &ask, now).unwrap();
        (ledger, hold)
    }

    fn nano(amount: i64) -> Money {
        Money::from_nano(amount)
    }

    fn take_away(ledger: &mut Ledger, hold: HoldId) {
        assert!(ledger.holds.remove(hold).is_some());
    }

    #[track_caller]
    fn check(
        spoil: impl FnOnce(&mut Ledger, HoldId),
        test: impl Fn(&Ledger, HoldId) -> Result<(), Broken>,
        promise: Promise,
    ) {
        let (mut ledger, hold) = ledger();
        assert_eq!(test(&ledger, hold), Ok(()));
        spoil(&mut ledger, hold);
        assert_eq!(test(&ledger, hold).map_err(|broken| broken.promise), Err(promise));
    }

    #[test]
    fn each_promise_can_be_seen_to_be_broken() {
        let state = |ledger: &Ledger, _| state(ledger);
        check(|ledger, _| ledger.tree.nodes[0].balance += 1, state, Promise::Conservation);
        check(|ledger, _| ledger.books.house[0][1] -= 1, state, Promise::Conservation);
        check(|ledger, _| ledger.tree.nodes[0].held = 101, state, Promise::WithinBalance);
        check(|ledger, _| ledger.tree.nodes[0].held = 39, state, Promise::WholePath);
        check(|ledger, _| ledger.tree.nodes[0].pending += 1, state, Promise::WholePath);
        check(|ledger, _| ledger.tree.nodes[0].running = 0, state, Promise::WholePath);
        check(take_away, state, Promise::OneEnd);
        let granted = |ledger: &Ledger, hold| granted(ledger, hold, Timestamp(0));
        check(|ledger, _| ledger.tree.nodes[0].pending = 91, granted, Promise::WithinSpendLimit);
        let overdue = |ledger: &Ledger, _| nothing_overdue(ledger, Timestamp(49));
        check(|ledger, hold| ledger.holds.find_mut(hold).unwrap().expires_at.0 = 49, overdue, Promise::NothingOverdue);
        let (first, _) = ledger();
        let forward = |ledger: &Ledger, _| forward(&first, ledger);
        check(|ledger, _| ledger.tree.nodes[0].spent = -1, forward, Promise::SpentGrows);
        let same = |ledger: &Ledger, _| same_books(&first, ledger);
        check(|ledger, _| ledger.books.sequence.0 = 1, same, Promise::SameBooks);
        check(|ledger, _| ledger.tree.nodes[0].balance = 1, same, Promise::SameBooks);
        let twice = |ledger: &Ledger, _| twice_is_once(&first, ledger);
        check(|ledger, hold| assert!(ledger.release(hold, Timestamp(0)).is_ok()), twice, Promise::TwiceIsOnce);
        let billed = |ledger: &Ledger, _| billed_is_recorded(&[(ExchangeId::from_u64(1), 1)], &[], ledger);
        check(|ledger, hold| assert!(ledger.release(hold, Timestamp(0)).is_ok()), billed, Promise::BilledIsRecorded);
    }
}
