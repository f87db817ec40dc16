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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_has_the_offsets_of_the_database() {
        for name in [
            "Africa/Casablanca", // the clock follows the moon
            "America/New_York",
            "America/Sao_Paulo",
            "Antarctica/Troll",
            "Asia/Kathmandu",
            "Asia/Shanghai",
            "Australia/Lord_Howe",
            "Europe/Dublin", // winter is the exception there
            "Pacific/Apia",
        ] {
            let (zone, rules) = zone(name).expect("a zone of the database");
            assert_eq!(zone.name(), name);
            for at in (0..END_SECOND).step_by(3 * 86_400 + 7 * 3_601) {
                let expected = rules.to_offset(Timestamp::from_second(at).expect("before 2100")).seconds();
                assert_eq!(zone.offset(UnixTime(at)), expected, "{name} at {at}");
            }
        }
    }

    #[test]
    fn a_date_is_its_first_moment_there() {
        for (text, name, expected) in [
            ("2026-12-01", "UTC", Some("2026-12-01T00:00:00Z")),
            ("2026-12-01", "Asia/Shanghai", Some("2026-11-30T16:00:00Z")),
            ("2026-12-01T00:00:00Z", "Asia/Shanghai", Some("2026-12-01T00:00:00Z")),
            ("2026-12-01T00:00:00.9+08:00", "UTC", Some("2026-11-30T16:00:00Z")),
            // Beirut's summer of 2025 begins at midnight, so that day has no 00:00.
            ("2025-03-30", "Asia/Beirut", Some("2025-03-29T22:00:00Z")),
            ("20261201", "UTC", None),
            ("2026-12-01T00:00:00", "UTC", None),
            ("", "UTC", None),
        ] {
            let (_, rules) = zone(name).expect("a zone of the database");
            let expected = expected.map(|at| at.parse::<Timestamp>().expect("a time").as_second());
            assert_eq!(instant(text, &rules).map(|at| at.0), expected, "{text} in {name}");
        }
    }

    #[test]
    fn a_city_is_enough_to_guess_a_zone() {
        for (name, meant) in [
            ("Asia/Shangai", Some("Asia/Shanghai")),
            ("shanghai", Some("Asia/Shanghai")),
            ("Europe/New_York", Some("America/New_York")),
            ("Middle-earth", None),
        ] {
            assert_eq!(nearest_zone(name).as_deref(), meant, "{name}");
        }
    }
}
