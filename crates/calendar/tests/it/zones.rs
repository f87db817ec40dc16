//! The zones of the tests, from the IANA database, and what makes no zone.

use roundelay_calendar::{BadZone, UnixTime, Zone};

/// The zone of that name, right for 2026 (and Apia for December 2011).
#[track_caller]
pub(crate) fn zone(name: &str) -> Zone {
    let (first, transitions): (i32, &[(i64, i32)]) = match name {
        "UTC" => return Zone::utc(),
        "Asia/Shanghai" => (28_800, &[]),
        "Asia/Kolkata" => (19_800, &[]),
        "Europe/Berlin" => (3_600, &[(1_774_746_000, 7_200), (1_792_890_000, 3_600)]),
        "America/New_York" => (-18_000, &[(1_772_953_200, -14_400), (1_793_512_800, -18_000)]),
        "Australia/Lord_Howe" => (39_600, &[(1_775_314_800, 37_800), (1_791_041_400, 39_600)]),
        "Pacific/Apia" => (-36_000, &[(1_325_239_200, 50_400)]),
        other => panic!("no zone {other} here"),
    };
    let transitions = transitions.iter().map(|&(at, offset)| (UnixTime(at), offset)).collect();
    Zone::new(name, first, transitions).expect("a zone of the database")
}

#[test]
fn an_offset_holds_from_its_instant_on() {
    let berlin = zone("Europe/Berlin");
    for (at, offset) in [
        (i64::MIN, 3_600),
        (1_774_745_999, 3_600),
        (1_774_746_000, 7_200),
        (1_792_889_999, 7_200),
        (1_792_890_000, 3_600),
        (i64::MAX, 3_600),
    ] {
        assert_eq!(berlin.offset(UnixTime(at)), offset, "{at}");
    }
    assert_eq!(format!("{berlin:?}"), "Zone(Europe/Berlin with 2 transitions)");
}

#[test]
fn what_is_no_zone_is_refused() {
    let at = |at, offset| (UnixTime(at), offset);
    assert_eq!(Zone::new("x", 0, vec![at(5, 0), at(5, 60)]), Err(BadZone::OutOfOrder));
    assert_eq!(Zone::new("x", 0, vec![at(5, 0), at(4, 60)]), Err(BadZone::OutOfOrder));
    assert_eq!(Zone::new("x", 0, vec![at(5, -93_600)]), Err(BadZone::OffsetTooFar));
    assert_eq!(Zone::fixed("x", 93_600), Err(BadZone::OffsetTooFar));
    assert!(Zone::fixed("x", -93_599).is_ok());
}
