//! How long an upstream asks to wait, wherever it says so.

use std::time::Duration;

use super::{Class, Flavour, Headers, told::Told};
use crate::civil;

/// The stated wait. Headers before the body, the body before what a provider's calendar implies.
pub(super) fn retry_after(
    flavour: Flavour,
    class: Class,
    headers: &dyn Headers,
    told: &Told,
    now: i64,
) -> Option<Duration> {
    let may_wait = matches!(
        class,
        Class::UpstreamMoney
            | Class::QuotaWindow
            | Class::RateLimit
            | Class::RampLimit
            | Class::Overload
            | Class::ServerError
            | Class::NotReady
    );
    if !may_wait {
        return None;
    }
    let stated = in_headers(headers, now)
        .or_else(|| told.retry_delay.filter(is_told))
        // When a limit is whole again says nothing of when a model is there.
        .or_else(|| (class != Class::NotReady).then(|| resets(headers, told, now)).flatten())
        .or_else(|| in_text(flavour, class, told, now));
    let wait = match (flavour, class) {
        // Its delay is that of the minute's limit, also when the day's is used up.
        (Flavour::Gemini, Class::QuotaWindow) => stated.max(in_calendar(flavour, class, told, now)),
        _ => stated.or_else(|| in_calendar(flavour, class, told, now)),
    };
    wait.filter(|wait| *wait <= WAIT_MAX)
}

/// Zero is what upstreams say that do not know.
fn is_told(wait: &Duration) -> bool {
    !wait.is_zero()
}

/// A longer wait is a misread date.
const WAIT_MAX: Duration = Duration::from_secs(400 * 86_400);

fn in_headers(headers: &dyn Headers, now: i64) -> Option<Duration> {
    let milliseconds = headers.header("retry-after-ms").and_then(|value| seconds(value, 1e-3));
    milliseconds.filter(is_told).or_else(|| {
        let value = headers.header("retry-after")?.trim();
        let wait = seconds(value, 1.0).or_else(|| until(civil::http_date(value)?, now));
        wait.filter(is_told)
    })
}

/// When a limit is whole again: the one the body names, else the headers'.
fn resets(headers: &dyn Headers, told: &Told, now: i64) -> Option<Duration> {
    let named = told.resets_at.as_deref().and_then(|at| until(moment(at, 0)?, now));
    named.filter(is_told).or_else(|| limits_reset(headers, now)).filter(is_told)
}

/// The latest reset among the limits that have nothing remaining.
fn limits_reset(headers: &dyn Headers, now: i64) -> Option<Duration> {
    const LIMITS: [(&str, &str); 7] = [
        ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
        ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
        ("x-ratelimit-remaining", "x-ratelimit-reset"),
        ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
        ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
        ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
        ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
    ];
    let exhausted = LIMITS.iter().filter(|(remaining, _)| headers.header(remaining).map(str::trim) == Some("0"));
    exhausted.filter_map(|(_, reset)| reset_value(headers.header(reset)?.trim(), now)).max()
}

/// `6m0s`, seconds, RFC 3339, or Unix time.
fn reset_value(value: &str, now: i64) -> Option<Duration> {
    match value.parse::<f64>() {
        Ok(number) if number < 1e9 => seconds(value, 1.0),
        _ => go_duration(value).or_else(|| until(moment(value, 0)?, now)),
    }
}

/// RFC 3339, or Unix time in seconds or milliseconds.
fn moment(value: &str, default_offset: i64) -> Option<i64> {
    match value.parse::<i64>() {
        Ok(number) if number > 100_000_000_000 => Some(number / 1000),
        Ok(number) => Some(number),
        Err(_) => civil::find(value, default_offset),
    }
}

fn in_text(flavour: Flavour, class: Class, told: &Told, now: i64) -> Option<Duration> {
    let announced = ["try again in ", "retry in ", "retry after ", "reset in ", "resets in "].iter().find_map(|mark| {
        let start = told.text.find(mark)? + mark.len();
        spoken_duration(&told.text[start..]).filter(is_told)
    });
    // Dates stand in many texts; only those of a window say when it opens.
    let is_window = matches!(class, Class::UpstreamMoney | Class::QuotaWindow | Class::RateLimit);
    // Zhipu, Moonshot and DashScope write Beijing time without saying so.
    let beijing = matches!(flavour, Flavour::Zhipu | Flavour::Moonshot | Flavour::DashScope);
    let offset = if beijing { 8 * 3600 } else { 0 };
    let first_to_come = || civil::find_all(&told.text, offset).filter_map(|at| until(at, now)).find(is_told);
    announced.or_else(|| is_window.then(first_to_come).flatten())
}

/// What a provider documents but does not say.
fn in_calendar(flavour: Flavour, class: Class, told: &Told, now: i64) -> Option<Duration> {
    match (flavour, class) {
        // Anthropic's spending limits reset with the calendar month, UTC; an empty purse does not.
        (Flavour::Anthropic, Class::UpstreamMoney) if !told.text.contains("credit balance") => {
            let is_limit =
                told.text.contains("usage limits") || told.words.iter().any(|w| w == "enforced_spend_limit_reached");
            is_limit.then(|| until(civil::next_month(now), now)).flatten()
        }
        (Flavour::Gemini, Class::QuotaWindow) => until(civil::next_pacific_midnight(now), now),
        // A wait tells loading from absent.
        (_, Class::NotReady) if is_loading(told) => Some(LOADING),
        _ => None,
    }
}

/// Between two looks at a model that is being loaded: large ones take minutes, small ones seconds.
const LOADING: Duration = Duration::from_secs(5);

fn is_loading(told: &Told) -> bool {
    told.words.iter().any(|word| word == "modelnotready") || told.text.contains("loading")
}

/// A number with a unit word or letter: `30.6s`, `2 minutes`, `1h5m`, `20ms`; seconds when there is none.
/// A date or a time of day is not a duration.
fn spoken_duration(text: &str) -> Option<Duration> {
    let after_digits = text.trim_start_matches(|c: char| c.is_ascii_digit());
    if civil::begins_with_date(text) || after_digits.starts_with(':') {
        return None;
    }
    let compact: String =
        text.chars().take(32).take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | ' ')).collect();
    let first = compact.split(' ').next().unwrap_or_default().trim_end_matches('.');
    if let Some(wait) = go_duration(first) {
        return Some(wait);
    }
    let unit = match compact.split(' ').nth(1).unwrap_or_default() {
        unit if unit.starts_with("ms") || unit.starts_with("milli") => 1e-3,
        unit if unit.starts_with("min") => 60.0,
        unit if unit.starts_with("hour") => 3600.0,
        unit if unit.starts_with("day") => 86_400.0,
        _ => 1.0,
    };
    seconds(first, unit)
}

/// A duration as Go writes it: `6m0s`, `1.5s`, `20ms`, `1h2m3s`.
pub(super) fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| c.is_ascii_alphabetic() || c == 'µ')?;
        let (number, after) = rest.split_at(unit_at);
        let unit_end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let unit = match unit {
            "d" => 86_400.0,
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        total = total.checked_add(seconds(number, unit)?)?;
        rest = next;
    }
    (!text.is_empty()).then_some(total)
}

fn seconds(number: &str, unit: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(number.trim().parse::<f64>().ok()? * unit).ok()
}

fn until(moment: i64, now: i64) -> Option<Duration> {
    u64::try_from(moment.checked_sub(now)?).ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected_ms: Option<u64>) {
        assert_eq!(go_duration(text), expected_ms.map(Duration::from_millis), "{text}");
    }

    #[test]
    fn durations_are_read_as_go_writes_them() {
        check("6m0s", Some(360_000));
        check("2m59.56s", Some(179_560));
        check("30.6s", Some(30_600));
        check("20ms", Some(20));
        check("1h2m3s", Some(3_723_000));
        check("", None);
        check("12", None);
        check("abc", None);
        check("1e400s", None);
        check("-5s", None);
    }
}
