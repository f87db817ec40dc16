//! Sets of weekdays: `daily`, `mon-fri`, `sat,sun`, `fri-mon`.

use std::{error::Error, fmt, str::FromStr};

/// A set of weekdays, never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Days(u8);

impl Days {
    /// Every day of the week.
    pub const DAILY: Self = Self(0b111_1111);

    /// Whether the set has that weekday: 0 for Monday to 6 for Sunday.
    pub fn has(self, weekday: u8) -> bool {
        weekday < 7 && self.0 & (1 << weekday) != 0
    }

    /// Adds the days from `first` to `last`, over the end of the week when need be.
    fn with_range(self, first: u8, last: u8) -> Self {
        let length = (last + 7 - first) % 7;
        (0..=length).fold(self, |days, step| Self(days.0 | 1 << ((first + step) % 7)))
    }
}

/// Reads days and ranges of days with commas between them: `mon-wed,fri`; or `daily`. A range may go over the end of
/// the week: `fri-mon`.
impl FromStr for Days {
    type Err = BadDays;

    fn from_str(text: &str) -> Result<Self, BadDays> {
        if text == "daily" {
            return Ok(Self::DAILY);
        }
        text.split(',').map(str::trim).try_fold(Self(0), |days, part| match part.split_once('-') {
            None => weekday(part).map(|day| days.with_range(day, day)),
            Some((first, last)) if first == last => Err(BadDays::RangeOfOne(weekday(first)?)),
            Some((first, last)) => Ok(days.with_range(weekday(first)?, weekday(last)?)),
        })
    }
}

/// In the form that is read: each run of three days or more as a range.
impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::DAILY {
            return f.write_str("daily");
        }
        // A week is a circle, so runs are told from Monday on, or from the day after the first gap when Monday is
        // in the middle of a run.
        let is_start = |day: u8| self.has(day) && !self.has((day + 6) % 7);
        let mut separator = "";
        for first in (0..7).filter(|&day| is_start(day)) {
            let length = (1..7).find(|step| !self.has((first + step) % 7)).expect("a day is missing");
            let name = |step: u8| NAMES[usize::from((first + step) % 7)];
            f.write_str(separator)?;
            match length {
                1 => f.write_str(name(0))?,
                2 => write!(f, "{},{}", name(0), name(1))?,
                _ => write!(f, "{}-{}", name(0), name(length - 1))?,
            }
            separator = ",";
        }
        Ok(())
    }
}

fn weekday(name: &str) -> Result<u8, BadDays> {
    let place = NAMES.iter().position(|known| *known == name);
    place.and_then(|place| u8::try_from(place).ok()).ok_or(BadDays::UnknownDay)
}

/// Why a text is no set of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadDays {
    /// A part of it is no day.
    UnknownDay,
    /// A range that ends with the day it begins with: that day (0 for Monday), or a whole week?
    RangeOfOne(u8),
}

impl fmt::Display for BadDays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownDay => {
                f.write_str("write `daily`, or days and ranges of them: `mon-fri`, `sat,sun`, `mon-wed,fri`, `fri-mon`")
            }
            Self::RangeOfOne(day) => {
                write!(f, "write `{}` for that day, `daily` for all", NAMES[usize::from(*day)])
            }
        }
    }
}

impl Error for BadDays {}

const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
