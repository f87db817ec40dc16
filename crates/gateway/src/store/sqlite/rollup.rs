//! Usage by the hour: added up in memory for each batch, then written once for what is alike.

use std::collections::BTreeMap;

use roundelay_ledger::{Currency, EntryKind, Money};
use rusqlite::Connection;

use super::{StoreFault, days};
use crate::store::{EntryRow, Record, Usage};

/// What is being added.
#[derive(Debug, Default)]
pub(super) struct Rollup<'a>(BTreeMap<Group<'a>, Sums>);

/// What is alike. Where there is no model or deployment, its name is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Group<'a> {
    pub(super) hour: i64,
    pub(super) account: &'a str,
    pub(super) key: &'a str,
    pub(super) model: &'a str,
    pub(super) deployment: &'a str,
    pub(super) outcome: &'a str,
}

#[derive(Debug, Default)]
struct Sums {
    exchanges: i64,
    unpriced: i64,
    estimated: i64,
    input: i64,
    cache_read: i64,
    cache_write: i64,
    output: i64,
    reasoning: i64,
    cost: i64,
    usd: i64,
    cny: i64,
    cny_as_usd: i64,
    lost: i64,
}

impl<'a> Rollup<'a> {
    /// Adds an exchange to the hour in which it began. Where several attempts had their part in it, it counts as one of
    /// the model that the record names, and the tokens of each part as those of its own.
    pub(super) fn add(&mut self, record: &'a Record) {
        let group = Group { hour: hour_of_ms(record.started_at_ms), ..Self::group(record) };
        self.0.entry(group).or_default().exchanges += 1;
        let mut parts =
            record.attempts.iter().filter_map(|attempt| Some((attempt, attempt.part.as_deref()?))).peekable();
        let is_unpriced = record.cost.is_none() && record.model.is_some();
        if parts.peek().is_none() {
            return self.add_tokens(group, &record.usage, record.cost, is_unpriced);
        }
        // It is one answer whose cost is not known or whose tokens are estimated, whatever the number of its parts.
        let (mut is_unpriced, mut is_counted) = (is_unpriced, true);
        for (attempt, part) in parts {
            let group = Group { model: &part.model, deployment: &attempt.deployment, ..group };
            let usage = Usage { estimated: is_counted && part.usage.estimated, ..part.usage };
            self.add_tokens(group, &usage, part.cost, is_unpriced && part.unpriced);
            (is_unpriced, is_counted) = (is_unpriced && !part.unpriced, is_counted && !part.usage.estimated);
        }
    }

    fn add_tokens(&mut self, group: Group<'a>, usage: &Usage, cost: Option<Money>, is_unpriced: bool) {
        let sums = self.0.entry(group).or_default();
        sums.unpriced += i64::from(is_unpriced);
        sums.estimated += i64::from(usage.estimated);
        for (sum, tokens) in [
            (&mut sums.input, usage.input),
            (&mut sums.cache_read, usage.cache_read),
            (&mut sums.cache_write, usage.cache_write),
            (&mut sums.output, usage.output),
            (&mut sums.reasoning, usage.reasoning),
        ] {
            add(sum, i64::try_from(tokens).unwrap_or(CLAIM_MAX).min(CLAIM_MAX));
        }
        add(&mut sums.cost, cost.map_or(0, Money::nano).clamp(0, COST_MAX));
    }

    /// Adds what an attempt was charged or lost to the hour in which it was, among what is like `group`.
    pub(super) fn add_entry(&mut self, entry: &EntryRow, group: Group<'a>) {
        let sums = self.0.entry(Group { hour: hour_of_us(entry.at_us), ..group }).or_default();
        match (entry.kind, entry.currency) {
            (EntryKind::Loss, _) => add(&mut sums.lost, entry.usd.nano()),
            (EntryKind::Charge, Currency::Usd) => add(&mut sums.usd, entry.change.nano().saturating_neg()),
            (EntryKind::Charge, Currency::Cny) => {
                add(&mut sums.cny, entry.change.nano().saturating_neg());
                add(&mut sums.cny_as_usd, entry.usd.nano());
            }
            // Top-ups, corrections and what is given back are no usage.
            (EntryKind::TopUp | EntryKind::Reversal | EntryKind::Adjustment, _) => {}
        }
    }

    /// The group of what an attempt was charged or lost; its hour is then that of each entry.
    pub(super) fn group_of(record: &'a Record, attempt: u32) -> Group<'a> {
        let group = Self::group(record);
        let attempt = record.attempts.iter().find(|one| one.number == attempt);
        match attempt.and_then(|one| Some((one, one.part.as_deref()?))) {
            Some((one, part)) => Group { model: &part.model, deployment: &one.deployment, ..group },
            None => group,
        }
    }

    fn group(record: &'a Record) -> Group<'a> {
        Group {
            hour: 0,
            account: record.account.as_str(),
            key: record.key.as_str(),
            model: record.model.as_deref().unwrap_or_default(),
            deployment: record.deployment.as_deref().unwrap_or_default(),
            outcome: &record.outcome,
        }
    }

    /// Adds all of it to what is stored, and adds up the days that are over by its newest hour.
    pub(super) fn write(&self, connection: &Connection) -> Result<(), StoreFault> {
        let end = days::end(connection)?;
        self.add_to(connection, "usage_hours", Some)?;
        self.add_to(connection, "usage_days", |hour| (hour < end).then_some(days::first_hour(hour)))?;
        let newest = self.0.last_key_value().map_or(end, |(group, _)| days::first_hour(group.hour));
        if newest > end { days::add_up(connection, end, newest) } else { Ok(()) }
    }

    fn add_to(
        &self,
        connection: &Connection,
        table: &str,
        place: impl Fn(i64) -> Option<i64>,
    ) -> Result<(), StoreFault> {
        let mut statement = connection.prepare_cached(&format!("INSERT INTO {table} {UPSERT}"))?;
        for (group, sums) in &self.0 {
            let Some(hour) = place(group.hour) else { continue };
            statement.execute(rusqlite::params![
                hour,
                group.account,
                group.key,
                group.model,
                group.deployment,
                group.outcome,
                sums.exchanges,
                sums.unpriced,
                sums.estimated,
                sums.input,
                sums.cache_read,
                sums.cache_write,
                sums.output,
                sums.reasoning,
                sums.cost,
                sums.usd,
                sums.cny,
                sums.cny_as_usd,
                sums.lost,
            ])?;
        }
        Ok(())
    }
}

/// The hour that an instant lies in, as unix time / 3,600 s.
pub(super) const fn hour_of_ms(ms: i64) -> i64 {
    ms.div_euclid(3_600_000)
}

pub(super) const fn hour_of_us(us: i64) -> i64 {
    us.div_euclid(3_600_000_000)
}

fn add(sum: &mut i64, more: i64) {
    *sum = sum.saturating_add(more).min(SUM_MAX);
}

/// An upstream may claim any number of tokens: 2⁴⁰ is far more than any exchange has, and four million of these fit a
/// sum.
const CLAIM_MAX: i64 = 1 << 40;
/// 140,000 USD, more than an exchange may cost.
const COST_MAX: i64 = 1 << 47;
/// Two of these can still be added, so that no row is ever refused. It is written out in `UPSERT`.
const SUM_MAX: i64 = 1 << 62;
const UPSERT: &str = "
    VALUES
        (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
    ON CONFLICT DO UPDATE SET
        exchanges = exchanges + excluded.exchanges,
        unpriced = unpriced + excluded.unpriced,
        estimated = estimated + excluded.estimated,
        input = min(input + excluded.input, 1 << 62),
        cache_read = min(cache_read + excluded.cache_read, 1 << 62),
        cache_write = min(cache_write + excluded.cache_write, 1 << 62),
        output = min(output + excluded.output, 1 << 62),
        reasoning = min(reasoning + excluded.reasoning, 1 << 62),
        cost_nano = min(cost_nano + excluded.cost_nano, 1 << 62),
        usd_nano = min(usd_nano + excluded.usd_nano, 1 << 62),
        cny_nano = min(cny_nano + excluded.cny_nano, 1 << 62),
        cny_as_usd_nano = min(cny_as_usd_nano + excluded.cny_as_usd_nano, 1 << 62),
        lost_nano = min(lost_nano + excluded.lost_nano, 1 << 62)";
