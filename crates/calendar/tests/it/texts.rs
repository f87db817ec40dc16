//! Days and hours are read as people write them, and shown in the form that is read.

use roundelay_calendar::{BadDays, BadHours, Days, Hours};

/// The days `text` means, Monday first, and how they are shown.
#[track_caller]
fn check_days(text: &str, has: &str, shown: &str) {
    let days: Days = text.parse().expect("a row is a set of days");
    let week: String = (0..7).map(|day| if days.has(day) { 'x' } else { '.' }).collect();
    assert_eq!(week, has, "{text}");
    assert_eq!(days.to_string(), shown);
    assert_eq!(shown.parse(), Ok(days), "what is shown is read as the same");
}

#[test]
fn days_are_read_and_shown() {
    check_days("daily", "xxxxxxx", "daily");
    check_days("mon-sun", "xxxxxxx", "daily");
    check_days("wed-tue", "xxxxxxx", "daily");
    check_days("mon-fri", "xxxxx..", "mon-fri");
    check_days("sat,sun", ".....xx", "sat,sun");
    check_days("sat-sun", ".....xx", "sat,sun");
    check_days("sun", "......x", "sun");
    check_days("fri-mon", "x...xxx", "fri-mon");
    check_days("sun,mon", "x.....x", "sun,mon");
    check_days("mon-wed,fri", "xxx.x..", "mon-wed,fri");
    check_days("fri, mon-wed ,tue", "xxx.x..", "mon-wed,fri");
    check_days("mon,wed,fri,sun", "x.x.x.x", "wed,fri,sun,mon");
}

#[test]
fn every_set_of_days_is_shown_as_it_is_read() {
    for bits in 1..128u8 {
        let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let written: Vec<&str> = (0..7).filter(|day| bits & 1 << day != 0).map(|day| names[day]).collect();
        let days: Days = written.join(",").parse().expect("names of days");
        assert_eq!(days.to_string().parse(), Ok(days), "{written:?}");
        assert!((0..7).all(|day| days.has(day) == (bits & 1 << day != 0)), "{written:?}");
    }
}

#[test]
fn what_is_no_set_of_days_is_refused() {
    for text in ["", "mon-", "-mon", "mon-fir", "Mon", "monday", "mon,", "mon-tue-wed", "mon;tue", "weekdays"] {
        assert_eq!(text.parse::<Days>(), Err(BadDays::UnknownDay), "{text:?}");
    }
    assert_eq!("tue-tue".parse::<Days>(), Err(BadDays::RangeOfOne(1)));
    assert_eq!(BadDays::RangeOfOne(1).to_string(), "write `tue` for that day, `daily` for all");
    assert!(!Days::DAILY.has(7));
}

#[test]
fn hours_are_read_and_shown() {
    for text in ["00:00-24:00", "22:00-08:00", "09:30-18:05", "00:00-00:01", "23:59-24:00", "22:00-00:00"] {
        let hours: Hours = text.parse().expect("a row is a stretch of the day");
        assert_eq!(hours.to_string(), text);
    }
    assert_eq!("00:00-24:00".parse(), Ok(Hours::ALL));
}

#[test]
fn what_is_no_stretch_of_the_day_is_refused() {
    for text in [
        "",
        "09:00",
        "9:00-18:00",
        "09:00-18",
        "09:00 - 18:00",
        "24:01-01:00",
        "00:00-24:01",
        "12:60-13:00",
        "25:00-26:00",
        "-1:00-02:00",
        "09:00–18:00",
        "０9:00-18:00",
    ] {
        assert_eq!(text.parse::<Hours>(), Err(BadHours::NotTwoTimes), "{text:?}");
    }
    assert_eq!("24:00-08:00".parse::<Hours>(), Err(BadHours::StartsAfterTheDay));
    let nothing = "08:00-08:00".parse::<Hours>().expect_err("no length");
    assert_eq!(nothing, BadHours::NoLength { start: 480 });
    assert!(nothing.to_string().contains("`00:00-24:00`"), "{nothing}");
}
