//! Periods of the calendar in a time zone: the hour, day, week or month that an instant lies in.

use roundelay_calendar::{UnixTime, Zone};

use crate::Timestamp;

/// How long a period of a spend limit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Span {
    /// From a full hour on the wall clock to the next.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday's midnight.
    Week,
    /// From the midnight of the first.
    Month,
    /// For ever.
    Total,
}

impl Span {
    /// From the shortest.
    pub const ALL: [Self; 5] = [Self::Hour, Self::Day, Self::Week, Self::Month, Self::Total];

    /// The word for it in stores, commands and configuration.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Total => "total",
        }
    }

    /// The span of a word.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|span| span.label() == label)
    }

    /// When the period of `zone` that `at` lies in began; the earliest instant there is for ever.
    pub fn began(self, zone: &Zone, at: Timestamp) -> Timestamp {
        self.period(zone, at).start
    }

    /// The period of `zone` that `at` lies in.
    pub(crate) fn period(self, zone: &Zone, at: Timestamp) -> Period {
        let second = at.unix();
        let offset = i64::from(zone.offset(second));
        let local = second.0.saturating_add(offset);
        let day = local.div_euclid(DAY);
        let (first, last) = match self {
            Self::Hour => {
                // By the offset of the instant: a clock that is set forward or back ends no hour early.
                let start = local.div_euclid(HOUR).saturating_mul(HOUR).saturating_sub(offset);
                return Period::between(start, Some(start.saturating_add(HOUR)));
            }
            Self::Day => (day, day + 1),
            Self::Week => {
                let monday = day - (day + 3).rem_euclid(7); // day 0 was a Thursday
                (monday, monday + 7)
            }
            Self::Month => month(day),
            Self::Total => return Period::between(i64::MIN, None),
        };
        Period::between(midnight(zone, first), Some(midnight(zone, last)))
    }
}

/// A stretch of time, its end left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) start: Timestamp,
    /// `None` is never.
    pub(crate) end: Option<Timestamp>,
}

impl Period {
    fn between(start: i64, end: Option<i64>) -> Self {
        let instant = |second| Timestamp::from_unix(UnixTime(second));
        Self { start: instant(start), end: end.map(instant) }
    }

    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.end.is_some_and(|end| end <= now)
    }
}

/// The first second at which the clock of a zone shows that day (counted from 1970-01-01) or, where a change of the
/// clock leaves its midnight out, the first after it.
fn midnight(zone: &Zone, day: i64) -> i64 {
    let local = day.saturating_mul(DAY);
    // Offsets are below 26 hours, so what holds at the midnight meant holds at one of these ends or changes between.
    let near = [-OFFSET_END, OFFSET_END].map(|apart| i64::from(zone.offset(UnixTime(local.saturating_add(apart)))));
    let candidates = near.map(|offset| (local.saturating_sub(offset), offset));
    let is_shown = |&(second, offset): &(i64, i64)| i64::from(zone.offset(UnixTime(second))) == offset;
    let shown = candidates.into_iter().filter(is_shown).map(|(second, _)| second).min();
    shown.unwrap_or_else(|| candidates[0].0.max(candidates[1].0))
}

/// The first days of the month of a day and of the next, all counted from 1970-01-01.
///
/// The arithmetic of Howard Hinnant's "chrono-compatible low-level date algorithms": years that begin in March, in
/// eras of 400 years.
fn month(day: i64) -> (i64, i64) {
    let (year, month) = year_month(day);
    let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    (first_day(year, month), first_day(next_year, next_month))
}

fn year_month(day: i64) -> (i64, i64) {
    let shifted = day + EPOCH_FROM_MARCH_0000;
    let (era, day_of_era) = (shifted.div_euclid(ERA_DAYS), shifted.rem_euclid(ERA_DAYS));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month)
}

fn first_day(year: i64, month: i64) -> i64 {
    let from_march = year - i64::from(month <= 2);
    let (era, year_of_era) = (from_march.div_euclid(400), from_march.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5;
    era * ERA_DAYS + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - EPOCH_FROM_MARCH_0000
}

const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;
/// Seconds that no offset of a zone reaches.
const OFFSET_END: i64 = 26 * HOUR;
const ERA_DAYS: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_FROM_MARCH_0000: i64 = 719_468;
