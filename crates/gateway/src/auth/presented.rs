//! Where a caller's key is read from.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::AuthRefusal;

/// The key in `Authorization: Bearer`, else in `x-api-key`, else in `x-goog-api-key`. Not in the URL, which proxies on the
/// way log: that is for the paths of Gemini's dialect alone.
///
/// Another `Authorization` scheme, or an empty header, is passed over, since SDKs send one when they are given no key.
/// Errors with `Malformed` when the chosen header is not visible ASCII, with `Missing` when there is none.
pub fn presented(headers: &HeaderMap) -> Result<&str, AuthRefusal> {
    let candidates = [
        headers.get(AUTHORIZATION).and_then(|value| bearer(value.as_bytes())),
        headers.get("x-api-key").map(http::HeaderValue::as_bytes),
        headers.get("x-goog-api-key").map(http::HeaderValue::as_bytes),
    ];
    let chosen = candidates.into_iter().flatten().map(<[u8]>::trim_ascii).find(|key| !key.is_empty());
    let key = chosen.ok_or(AuthRefusal::Missing)?;
    match str::from_utf8(key) {
        Ok(key) if key.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(key),
        _ => Err(AuthRefusal::Malformed),
    }
}

/// The scheme's name has no case (RFC 9110, section 11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, key) = value.split_at_checked(BEARER.len())?;
    scheme.eq_ignore_ascii_case(BEARER).then_some(key)
}

const BEARER: &[u8] = b"bearer ";

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::{AuthRefusal, presented};

    #[track_caller]
    fn check(headers: &[(&'static str, &'static [u8])], expected: Result<&str, AuthRefusal>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
        }
        assert_eq!(presented(&map), expected);
    }

    #[test]
    fn a_key_is_read_from_each_place_in_order() {
        check(&[("authorization", b"Bearer rl-a")], Ok("rl-a"));
        check(&[("authorization", b"bEARER   rl-a ")], Ok("rl-a"));
        check(&[("x-api-key", b"rl-b")], Ok("rl-b"));
        check(&[("x-goog-api-key", b"rl-c")], Ok("rl-c"));
        check(&[("x-goog-api-key", b"rl-c"), ("x-api-key", b"rl-b"), ("authorization", b"Bearer rl-a")], Ok("rl-a"));
        check(&[("x-goog-api-key", b"rl-c"), ("x-api-key", b"rl-b")], Ok("rl-b"));
    }

    #[test]
    fn what_holds_no_key_is_passed_over() {
        check(&[("authorization", b"Basic abc"), ("x-api-key", b"rl-b")], Ok("rl-b"));
        check(&[("authorization", b"Bearer "), ("x-api-key", b"rl-b")], Ok("rl-b"));
        check(&[("authorization", b"rl-a")], Err(AuthRefusal::Missing));
        check(&[], Err(AuthRefusal::Missing));
        check(&[("x-api-key", b"")], Err(AuthRefusal::Missing));
    }

    #[test]
    fn what_is_not_visible_ascii_is_malformed() {
        check(&[("authorization", b"Bearer rl-\xff")], Err(AuthRefusal::Malformed));
        check(&[("authorization", "Bearer rl-é".as_bytes())], Err(AuthRefusal::Malformed));
        check(&[("x-api-key", b"rl a")], Err(AuthRefusal::Malformed));
    }
}
