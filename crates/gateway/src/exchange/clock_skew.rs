//! Signatures that a provider does not take because one of the two clocks is wrong.
//!
//! The refusal looks like that of a wrong key, and no new key helps; so the log says what does.

use jiff::fmt::rfc2822::DateTimeParser;
use roundelay_protocol::failure::Headers;

/// How many seconds this machine's clock is ahead of the one that refused a signature because of its time; `None` where
/// it was refused for another reason, or not at all.
pub(super) fn refused_by(status: u16, headers: &dyn Headers, body: &[u8], now: i64) -> Option<i64> {
    if !matches!(status, 400 | 401 | 403) {
        return None;
    }
    let text = String::from_utf8_lossy(body).to_lowercase();
    let kind = headers.header("x-amzn-errortype").unwrap_or_default();
    let is_of_time = SAYINGS.iter().any(|saying| text.contains(saying)) || kind.starts_with("RequestExpired");
    let theirs = DateTimeParser::new().parse_timestamp(headers.header("date")?).ok()?;
    is_of_time.then(|| now - theirs.as_second())
}

/// What AWS says of a time that is more than five minutes away, in small letters.
const SAYINGS: [&str; 3] = ["signature expired", "signature not yet current", "request has expired"];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, body: &str, expected: Option<i64>) {
        let headers =
            vec![("date", "Mon, 23 Nov 2026 17:00:05 GMT"), ("x-amzn-errortype", "InvalidSignatureException")];
        assert_eq!(refused_by(status, &headers, body.as_bytes(), 1_795_451_405), expected, "{body}");
    }

    #[test]
    fn a_signature_of_another_time_is_told_from_a_wrong_one() {
        let expired =
            "Signature expired: 20261123T163005Z is now earlier than 20261123T165505Z (20261123T170005Z - 5 min.)";
        check(403, &format!(r#"{{"message":"{expired}"}}"#), Some(-1800));
        check(403, r#"{"message":"Signature not yet current: 1 is still later than 2"}"#, Some(-1800));
        check(403, r#"{"message":"The request signature we calculated does not match"}"#, None);
        check(500, r#"{"message":"Signature expired"}"#, None);
    }
}
