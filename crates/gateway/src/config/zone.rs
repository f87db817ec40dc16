//! Time zones by name, from the time zone database.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use roundelay_calendar::{UnixTime, Zone};

use super::complaint::nearest;

/// The name that is meant when none was written.
pub(super) const DEFAULT_ZONE: &str = "UTC";

/// The zone of that IANA name, from 1970 to 2100, in capitals or not; `None` when there is none. The database is the
/// system's; where the system has none, the one built in.
pub(super) fn zone(name: &str) -> Option<(Zone, TimeZone)> {
    if name == DEFAULT_ZONE {
        return Some((Zone::utc(), TimeZone::UTC));
    }
    let rules = TimeZone::get(name).ok().filter(|rules| !rules.is_unknown())?;
    let canonical = rules.iana_name().filter(|canonical| is_place(canonical))?.to_owned();
    let offset = |at| rules.to_offset(at).seconds();
    let end = Timestamp::from_second(END_SECOND).expect("2100 is within the range of a timestamp");
    let mut last = offset(Timestamp::UNIX_EPOCH);
    let first = last;
    let mut transitions = Vec::new();
    for transition in rules.following(Timestamp::UNIX_EPOCH).take_while(|transition| transition.timestamp() < end) {
        let next = transition.offset().seconds();
        // Some change the name of the time alone.
        if next != last {
            transitions.push((UnixTime(transition.timestamp().as_second()), next));
            last = next;
        }
    }
    Zone::new(canonical, first, transitions).ok().map(|zone| (zone, rules))
}

/// The name that was probably meant: spelt nearly so, or a place of that name without its continent.
pub(super) fn nearest_zone(name: &str) -> Option<String> {
    let names: Vec<String> = jiff::tz::db().available().map(|known| known.to_string()).collect();
    let places = || names.iter().map(String::as_str).filter(|known| is_place(known));
    if let Some(known) = nearest(name, places()) {
        return Some(known.to_owned());
    }
    let city = |known: &str| known.rsplit('/').next().map(str::to_lowercase).unwrap_or_default();
    let cities: Vec<(String, &str)> = places().map(|known| (city(known), known)).collect();
    let meant = nearest(&city(name), cities.iter().map(|(city, _)| city.as_str()))?;
    cities.iter().find(|(city, _)| city == meant).map(|&(_, known)| known.to_owned())
}

/// The instant that a date (its first moment there) or an RFC 3339 time means.
pub(super) fn instant(text: &str, rules: &TimeZone) -> Option<UnixTime> {
    let at = match text.parse::<Date>() {
        Ok(date) if text.len() == "2026-12-01".len() => date.to_zoned(rules.clone()).ok()?.timestamp(),
        _ => text.parse().ok()?,
    };
    // Windows are kept to the second.
    Some(UnixTime(at.as_second()))
}

/// Whether that is a zone and not one of the other files beside them; those below `right` count leap seconds.
fn is_place(name: &str) -> bool {
    !["posix/", "right/"].iter().any(|folder| name.starts_with(folder))
        && !["localtime", "posixrules", "Factory"].contains(&name)
}

/// 2100-01-01T00:00:00Z.
const END_SECOND: i64 = 4_102_444_800;
