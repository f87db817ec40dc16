//! `days`, `hours`, `zone`, `from` and `until`: when an entry of a list holds.

use std::{fmt::Display, str::FromStr};

use jiff::tz::TimeZone;
use roundelay_calendar::{Days, Hours, UnixTime, Window, Zone};

use super::{
    reader::{At, Section},
    zone::{DEFAULT_ZONE, instant, nearest_zone, zone},
};

/// Reads when an entry holds. What is wrong is complained about, and taken as not written.
pub(super) fn read(section: &Section<'_>) -> Window {
    let days = parsed(section, "days", "this is not a set of days");
    let hours = parsed(section, "hours", "this is not a stretch of the day");
    let (zone, rules) = read_zone(section).unwrap_or_else(|| (Zone::utc(), TimeZone::UTC));
    let from = read_instant(section, "from", &rules);
    let until = read_instant(section, "until", &rules);
    if !["days", "hours", "from", "until"].iter().any(|key| section.has(key)) {
        let instead = "write `hours = \"22:00-08:00\"`, `days = \"sat,sun\"`, or both".to_owned();
        section.reading().complain(section.place(), "this does not say when it holds", Some(instead));
    }
    if from.zip(until).is_some_and(|(from, until)| until <= from) {
        section.complain("until", "this is not after `from`, so it never holds", Some("write a later one".to_owned()));
    }
    Window { days: days.unwrap_or(Days::DAILY), hours: hours.unwrap_or(Hours::ALL), zone, from, until }
}

fn parsed<T: FromStr<Err: Display>>(section: &Section<'_>, key: &'static str, fault: &str) -> Option<T> {
    let At { value: text, place } = section.text(key)?;
    match text.text.parse() {
        Ok(value) => Some(value),
        Err(instead) => {
            let message = format!("`{}`: {fault}", text.shown());
            section.reading().complain(&place, message, Some(instead.to_string()));
            None
        }
    }
}

fn read_zone(section: &Section<'_>) -> Option<(Zone, TimeZone)> {
    let At { value: name, place } = section.text("zone")?;
    let found = zone(&name.text);
    if found.is_none() {
        // What came from elsewhere is not to be guessed at in public.
        let meant = if name.is_foreign { None } else { nearest_zone(&name.text) };
        let instead = match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("write a name of the IANA database, such as `Asia/Shanghai`, or `{DEFAULT_ZONE}`"),
        };
        section.reading().complain(&place, format!("there is no time zone `{}`", name.shown()), Some(instead));
    }
    found
}

fn read_instant(section: &Section<'_>, key: &'static str, rules: &TimeZone) -> Option<UnixTime> {
    let At { value: text, place } = section.text(key)?;
    let found = instant(&text.text, rules);
    if found.is_none() {
        let instead = "write a date, `\"2026-12-01\"`, or a time with its offset, `\"2026-12-01T08:00:00+08:00\"`";
        section.reading().complain(&place, format!("`{}` is no date", text.shown()), Some(instead.to_owned()));
    }
    found
}
