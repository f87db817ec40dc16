//! Real incidents of two providers: every figure that follows from them, under every rule of when an incident ends.

use roundelay::simulate::{Ceiling, Outages, Rule, Severity};

use super::recorded;

/// Availability in per cent, windows, median minutes.
type Row = (&'static str, usize, &'static str);

struct Both {
    available: &'static str,
    overlaps: usize,
    minutes: &'static str,
    correlation: &'static str,
}

fn outages() -> Option<Outages> {
    let path = recorded("outages/api_incident_intervals.csv")?;
    let outages = Outages::load(&path).expect("the recorded incidents");
    assert_eq!(outages.incidents.len(), 239);
    assert_eq!(outages.watched_seconds(), 547 * 86_400);
    Some(outages)
}

#[track_caller]
fn check(rule: Rule, least_impact: u8, openai: Row, anthropic: Row, both: &Both) {
    let Some(outages) = outages() else { return };
    let ceiling = Ceiling::of(&outages, &["openai_api", "anthropic_api"], rule, Severity::Down { least_impact });
    for (alone, expected) in ceiling.alone.iter().zip([openai, anthropic]) {
        let (available, windows, median) = expected;
        assert_eq!(percent(alone.availability, 3), available, "{}", alone.service);
        assert_eq!(alone.windows, windows, "windows of {}", alone.service);
        if !median.is_empty() {
            assert_eq!(format!("{:.0}", alone.median_minutes), median, "median of {}", alone.service);
        }
    }
    assert_eq!(percent(ceiling.together, 3), both.available);
    assert_eq!((ceiling.overlaps.0, format!("{:.0}", ceiling.overlaps.1).as_str()), (both.overlaps, both.minutes));
    assert_eq!(format!("{:.2}", ceiling.correlation.expect("both were impaired")), both.correlation);
}

#[track_caller]
fn check_graded(rule: Rule, openai: &str, anthropic: &str, together: &str, extra_calls: &str) {
    let Some(outages) = outages() else { return };
    let ceiling = Ceiling::of(&outages, &["openai_api", "anthropic_api"], rule, Severity::Graded);
    assert_eq!(percent(ceiling.alone[0].availability, 3), openai);
    assert_eq!(percent(ceiling.alone[1].availability, 3), anthropic);
    assert_eq!(percent(ceiling.together, 4), together);
    assert_eq!(percent(ceiling.extra_calls, 2), extra_calls);
}

fn percent(share: f64, places: usize) -> String {
    format!("{:.places$}", share * 100.0)
}

fn both(available: &'static str, overlaps: usize, minutes: &'static str, correlation: &'static str) -> Both {
    Both { available, overlaps, minutes, correlation }
}

#[test]
fn every_incident_counted_as_down() {
    check(Rule::A, 1, ("98.043", 111, "86"), ("98.142", 108, "70"), &both("99.948", 7, "409", "1.43"));
    check(Rule::B, 1, ("97.518", 115, "44"), ("97.806", 112, "40"), &both("99.941", 11, "467", "1.09"));
    check(Rule::C, 1, ("96.333", 114, "88"), ("97.017", 111, "75"), &both("99.854", 16, "1149", "1.33"));
}

#[test]
fn major_and_critical_incidents_counted_as_down() {
    check(Rule::A, 2, ("99.148", 53, ""), ("99.236", 61, ""), &both("99.997", 1, "24", "0.47"));
    check(Rule::B, 2, ("98.570", 55, ""), ("99.323", 62, ""), &both("99.987", 3, "103", "1.35"));
    check(Rule::C, 2, ("98.049", 53, ""), ("98.940", 62, ""), &both("99.950", 4, "397", "2.44"));
}

#[test]
fn critical_incidents_counted_as_down() {
    let never = || both("100.000", 0, "0", "0.00");
    check(Rule::A, 3, ("99.800", 11, ""), ("99.990", 2, ""), &never());
    check(Rule::B, 3, ("99.346", 13, ""), ("99.996", 2, ""), &never());
    check(Rule::C, 3, ("99.099", 11, ""), ("99.990", 2, ""), &never());
}

#[test]
fn requests_failing_by_impact() {
    check_graded(Rule::A, "99.494", "99.655", "99.9988", "0.51");
    check_graded(Rule::B, "99.008", "99.642", "99.9958", "0.99");
    check_graded(Rule::C, "98.612", "99.483", "99.9837", "1.39");
}

#[test]
fn a_line_that_is_wrong_is_named() {
    let heading = "service,incident_id,impact,start_utc,monitoring_utc,end_utc,minutes,over_24h\n";
    let fault = |line: &str| Outages::parse(&format!("{heading}{line}"), "o.csv").unwrap_err().to_string();
    assert_eq!(fault("a,1,4,2024-01-01T00:00:00Z,,2024-01-01T01:00:00Z,60,0"), "o.csv:2: the impact is not 1, 2 or 3");
    assert_eq!(fault("a,1,1,yesterday,,2024-01-01T01:00:00Z,60,0"), "o.csv:2: `yesterday` is not a time");
    assert_eq!(fault("a,1,1"), "o.csv:2: this line has fewer than six cells");
    assert!(Outages::parse("a,b\n", "o.csv").unwrap_err().to_string().starts_with("o.csv:1: the heading is not"));
}

#[test]
fn overlapping_incidents_count_once_and_the_worst_of_them() {
    let text = "service,incident_id,impact,start_utc,monitoring_utc,end_utc\n\
        s,1,1,2024-01-01T00:00:00Z,,2024-01-01T02:00:00Z\n\
        s,2,3,2024-01-01T01:00:00Z,,2024-01-01T01:30:00Z\n\
        s,3,2,2024-01-01T02:00:00Z,,2024-01-01T03:00:00Z\n";
    let outages = Outages::parse(text, "o.csv").unwrap();
    let hours = |severity| -> Vec<(f64, f64)> {
        let start = 1_704_067_200;
        let windows = outages.impaired("s", Rule::C, severity).into_iter();
        windows.map(|window| ((window.end - start) as f64 / 3600.0, window.share)).collect()
    };
    assert_eq!(hours(Severity::Graded), [(1.0, 0.1), (1.5, 1.0), (2.0, 0.1), (3.0, 0.3)]);
    assert_eq!(hours(Severity::Down { least_impact: 1 }), [(3.0, 1.0)]);
    assert_eq!(hours(Severity::Down { least_impact: 3 }), [(1.5, 1.0)]);
}
