//! `[store]`: how long records are kept, and what a power loss may cost.

use std::time::Duration;

use super::{
    length_of_time,
    reader::{At, Section},
};

/// What is kept, and how safely. Entries of money are kept for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// How long the record of an exchange is kept; `None` is for ever. At least [`Kept::RECORDS_MIN`].
    pub records: Option<Duration>,
    /// How long usage is kept by the hour, after which it is known by the day; `None` is for ever. At least
    /// [`Kept::HOURS_MIN`].
    pub hours: Option<Duration>,
    /// What a finished answer's record has to survive before the answer's end is shown.
    pub durability: Durability,
}

/// What a finished answer's record has to survive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process, at any instant.
    #[default]
    Fast,
    /// A power loss too.
    Strict,
}

impl Kept {
    /// A record is read from the journal again at the next start, if need be; one that was forgotten must not come back.
    pub const RECORDS_MIN: Duration = Duration::from_secs(86_400);
    /// Spend limits of a month begin again from the hours of that month, in whatever zone.
    pub const HOURS_MIN: Duration = Duration::from_secs(32 * 86_400);
}

impl Default for Kept {
    /// A quarter for questions about single requests; a year and a month, so that a month can be compared with the one
    /// a year before.
    fn default() -> Self {
        let days = |days: u64| Some(Duration::from_secs(days * 86_400));
        Self { records: days(90), hours: days(400), durability: Durability::Fast }
    }
}

/// Reads `[store]`.
pub(super) fn read(section: Section<'_>) -> Kept {
    let default = Kept::default();
    let durabilities = [("fast", Durability::Fast), ("strict", Durability::Strict)];
    let kept = Kept {
        records: length(&section, "keep_records", Kept::RECORDS_MIN, "1d").unwrap_or(default.records),
        hours: length(&section, "keep_hours", Kept::HOURS_MIN, "32d").unwrap_or(default.hours),
        durability: section.choice("durability", &durabilities).unwrap_or_default(),
    };
    section.finish();
    kept
}

/// A time of at least `least`, or `forever`.
fn length(section: &Section<'_>, key: &'static str, least: Duration, named: &str) -> Option<Option<Duration>> {
    let At { value: text, place } = section.text(key)?;
    let message = match length_of_time(&text.text) {
        _ if text.text == FOREVER => return Some(None),
        Some(length) if length >= least => return Some(Some(length)),
        Some(_) => format!("`{}` is too short", text.shown()),
        None => format!("`{}` is not a time with its unit", text.shown()),
    };
    let instead = format!("write at least `\"{named}\"`, such as `\"90d\"`, or `\"{FOREVER}\"`");
    section.reading().complain(&place, message, Some(instead));
    None
}

const FOREVER: &str = "forever";
