//! Windows by the wall clock: over midnight, over changes of the clock, in zones of half an hour, between two dates.

use roundelay_calendar::{Turn, UnixTime, Window};

use super::zones::zone;

/// A window that is not cut at either end.
#[track_caller]
pub(crate) fn window(days: &str, hours: &str, name: &str) -> Window {
    let (days, hours) = (days.parse().expect("days"), hours.parse().expect("hours"));
    Window { days, hours, zone: zone(name), from: None, until: None }
}

/// `YYYY-MM-DDTHH:MM[:SS]` in UTC, by counting days (Howard Hinnant, "chrono-compatible low-level date algorithms").
#[track_caller]
fn utc(text: &str) -> UnixTime {
    let numbers: Vec<i64> = text.split(['-', 'T', ':']).map(|part| part.parse().expect("a number")).collect();
    let [year, month, day, hour, minute, ref second @ ..] = numbers[..] else { panic!("{text}") };
    let (year, month_from_march) = (if month <= 2 { year - 1 } else { year }, (month + 9) % 12);
    let era_year = year.rem_euclid(400);
    let of_era = era_year * 365 + era_year / 4 - era_year / 100 + (153 * month_from_march + 2) / 5 + day - 1;
    let days = year.div_euclid(400) * 146_097 + of_era - 719_468;
    UnixTime(days * 86_400 + hour * 3_600 + minute * 60 + second.first().copied().unwrap_or(0))
}

/// From the first instant on (not held just before), the window is held between each pair of instants, and not
/// between the pairs. All in UTC.
#[track_caller]
fn check(window: &Window, start: &str, held: &[(&str, &str)]) {
    let mut at = utc(start);
    assert!(!window.contains(at), "held at {start}");
    for (begin, end) in held {
        assert_eq!(window.next_change(at), Some(utc(begin)), "the beginning {begin}");
        assert!(window.contains(utc(begin)) && !window.contains(UnixTime(utc(begin).0 - 1)), "{begin}");
        assert_eq!(window.next_change(utc(begin)), Some(utc(end)), "the end {end}");
        assert!(!window.contains(utc(end)) && window.contains(UnixTime(utc(end).0 - 1)), "{end}");
        at = utc(end);
    }
}

#[test]
fn a_window_over_midnight_belongs_to_the_day_on_which_it_begins() {
    // 2026-06-01 is a Monday; Shanghai is 8 hours ahead.
    check(
        &window("mon-fri", "22:00-08:00", "Asia/Shanghai"),
        "2026-05-31T16:30", // Monday 00:30: no window began on Sunday.
        &[
            ("2026-06-01T14:00", "2026-06-02T00:00"),
            ("2026-06-02T14:00", "2026-06-03T00:00"),
            ("2026-06-03T14:00", "2026-06-04T00:00"),
            ("2026-06-04T14:00", "2026-06-05T00:00"),
            ("2026-06-05T14:00", "2026-06-06T00:00"), // Saturday 08:00
            ("2026-06-08T14:00", "2026-06-09T00:00"), // Monday 22:00
        ],
    );
}

#[test]
fn midnight_is_no_edge_of_its_own() {
    let sunday = "2026-05-31T12:00";
    check(&window("mon,tue", "00:00-24:00", "UTC"), sunday, &[("2026-06-01T00:00", "2026-06-03T00:00")]);
    check(&window("mon", "22:00-00:00", "UTC"), sunday, &[("2026-06-01T22:00", "2026-06-02T00:00")]);
    check(&window("mon", "22:00-24:00", "UTC"), sunday, &[("2026-06-01T22:00", "2026-06-02T00:00")]);
    check(&window("mon", "00:00-00:01", "UTC"), sunday, &[("2026-06-01T00:00", "2026-06-01T00:01")]);
    let always = window("daily", "00:00-24:00", "Europe/Berlin");
    assert!(always.contains(utc("2026-03-29T01:00")));
    assert_eq!(always.next_change(utc("2026-01-01T00:00")), None);
}

#[test]
fn in_spring_the_skipped_hour_is_not_there() {
    // Berlin goes from 02:00 to 03:00 at 01:00 UTC.
    check(
        &window("daily", "02:00-03:00", "Europe/Berlin"),
        "2026-03-27T12:00",
        &[("2026-03-28T01:00", "2026-03-28T02:00"), ("2026-03-30T00:00", "2026-03-30T01:00")],
    );
    check(
        &window("daily", "02:30-04:00", "Europe/Berlin"),
        "2026-03-28T12:00",
        &[("2026-03-29T01:00", "2026-03-29T02:00"), ("2026-03-30T00:30", "2026-03-30T02:00")],
    );
    check(
        &window("sat", "22:00-08:00", "Europe/Berlin"),
        "2026-03-28T12:00",
        &[("2026-03-28T21:00", "2026-03-29T06:00")], // nine hours
    );
    // New York goes from 02:00 to 03:00 at 07:00 UTC.
    check(
        &window("sun", "01:00-02:30", "America/New_York"),
        "2026-03-07T12:00",
        &[("2026-03-08T06:00", "2026-03-08T07:00"), ("2026-03-15T05:00", "2026-03-15T06:30")],
    );
}

#[test]
fn in_autumn_the_repeated_hour_counts_twice() {
    // Berlin goes from 03:00 to 02:00 at 01:00 UTC.
    check(
        &window("daily", "02:00-03:00", "Europe/Berlin"),
        "2026-10-24T12:00",
        &[("2026-10-25T00:00", "2026-10-25T02:00"), ("2026-10-26T01:00", "2026-10-26T02:00")],
    );
    check(
        &window("daily", "02:00-02:30", "Europe/Berlin"),
        "2026-10-24T12:00",
        &[
            ("2026-10-25T00:00", "2026-10-25T00:30"),
            ("2026-10-25T01:00", "2026-10-25T01:30"),
            ("2026-10-26T01:00", "2026-10-26T01:30"),
        ],
    );
    check(
        &window("sat", "22:00-08:00", "America/New_York"),
        "2026-10-31T12:00",
        &[("2026-11-01T02:00", "2026-11-01T13:00")], // eleven hours
    );
}

#[test]
fn zones_of_half_an_hour_are_kept_to_the_minute() {
    check(
        &window("mon", "00:00-09:00", "Asia/Kolkata"),
        "2026-05-31T18:29",
        &[("2026-05-31T18:30", "2026-06-01T03:30")],
    );
    // Lord Howe goes back by half an hour, from 02:00 to 01:30, at 15:00 UTC.
    check(
        &window("daily", "01:30-02:00", "Australia/Lord_Howe"),
        "2026-04-04T10:00",
        &[("2026-04-04T14:30", "2026-04-04T15:30"), ("2026-04-05T15:00", "2026-04-05T15:30")],
    );
    // And on again, from 02:00 to 02:30, at 15:30 UTC.
    check(
        &window("daily", "02:00-02:30", "Australia/Lord_Howe"),
        "2026-10-02T16:30",
        &[("2026-10-04T15:00", "2026-10-04T15:30")],
    );
}

#[test]
fn a_day_that_a_country_leaves_out_is_not_there() {
    // Samoa had no 30 December 2011, a Friday.
    check(
        &window("fri", "08:00-12:00", "Pacific/Apia"),
        "2011-12-24T00:00",
        &[("2012-01-05T18:00", "2012-01-05T22:00")],
    );
}

#[test]
fn two_dates_cut_a_window() {
    let days = window("daily", "09:00-18:00", "UTC");
    let cut = Window { from: Some(utc("2026-06-01T12:00")), until: Some(utc("2026-06-02T10:00")), ..days.clone() };
    check(
        &cut,
        "2020-01-01T00:00",
        &[("2026-06-01T12:00", "2026-06-01T18:00"), ("2026-06-02T09:00", "2026-06-02T10:00")],
    );
    assert_eq!(cut.next_change(utc("2026-06-02T10:00")), None, "it is over");
    let from_night = Window { from: Some(utc("2026-06-01T22:00")), ..days };
    assert_eq!(from_night.next_change(utc("2026-06-01T12:00")), Some(utc("2026-06-02T09:00")));
}

#[test]
fn the_ends_of_time_are_no_trouble() {
    let nights = window("mon-fri", "22:00-08:00", "Europe/Berlin");
    for at in [i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX] {
        let change = nights.next_change(UnixTime(at));
        assert!(change.is_none_or(|change| change.0 > at), "{at}: {change:?}");
    }
}

#[test]
fn the_first_window_that_holds_counts() {
    let list = [window("daily", "10:00-12:00", "UTC"), window("daily", "09:00-18:00", "UTC")];
    for (now, index, until) in [
        ("2026-06-01T08:59", None, "2026-06-01T09:00"),
        ("2026-06-01T09:00", Some(1), "2026-06-01T10:00"),
        ("2026-06-01T10:00", Some(0), "2026-06-01T12:00"),
        ("2026-06-01T12:00", Some(1), "2026-06-01T18:00"),
    ] {
        assert_eq!(Turn::of(list.iter(), utc(now)), Turn { index, until: Some(utc(until)) }, "{now}");
    }
    assert_eq!(Turn::of([].iter(), utc("2026-06-01T08:00")), Turn { index: None, until: None });
}
