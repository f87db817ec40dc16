//! A string that never prints.

use std::{borrow::Cow, fmt};

/// A credential. It has no `Display`, and its `Debug` is `***`, so that it cannot reach a log by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Takes a credential out of reach of formatting.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The credential itself: for the one place that sends or compares it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Whether a text has the form of the keys that this gateway gives to its callers.
pub fn is_ours(text: &str) -> bool {
    text.len() == 55 && text.starts_with("rl-") && text.as_bytes()[11] == b'-'
}

/// A path, or what was typed for a part of one, with every key, token and code of this gateway masked.
///
/// Also those that have a slip in them: all from a prefix to the end of its part.
pub fn without_ours(path: &str) -> String {
    let decoded = decoded(path);
    let parts: Vec<Cow<'_, str>> = decoded.split('/').map(masked).collect();
    parts.join("/")
}

fn masked(part: &str) -> Cow<'_, str> {
    let is_ours = |&(at, _): &(usize, char)| {
        let begins =
            |prefix: &str| part.get(at..at + prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
        let is_within_a_word = part[..at].ends_with(|c: char| c.is_alphanumeric());
        !is_within_a_word && part.len() - at > OURS_BYTES_MAX && OUR_PREFIXES.iter().any(|prefix| begins(prefix))
    };
    match part.char_indices().find(is_ours) {
        Some((at, _)) => format!("{}***", &part[..at]).into(),
        None => part.into(),
    }
}

/// What `%41` and the like stand for (RFC 3986, section 2.1).
fn decoded(text: &str) -> String {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match after {
            [high, low, ..] if *first == b'%' => digit(high).zip(digit(low)),
            _ => None,
        };
        bytes.push(escaped.map_or(*first, |(high, low)| high << 4 | low));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// How keys, operators' tokens and codes of this gateway begin, in lower case.
pub const OUR_PREFIXES: [&str; 3] = ["rl-", "rladmin-", "rc-"];
/// Their ids alone, which are no secret, are not longer.
const OURS_BYTES_MAX: usize = 12;

#[cfg(test)]
mod tests {
    use super::without_ours;

    #[track_caller]
    fn check(typed: &str, shown: &str) {
        assert_eq!(without_ours(typed), shown);
    }

    #[test]
    fn what_may_be_a_secret_is_masked_however_it_is_written() {
        let key = "rl-b66nd7az-uRcru8xPNACKwd5pxhTGSHSIRR0dwhZPI64HtkUgf2h";
        let code = "rc-b66nd7az-abcde-fghjk-mnpqr-stvwx";
        check(&format!("/admin/keys/{key}/revoke"), "/admin/keys/***/revoke");
        check(&format!("/admin/keys/{}", &key[..40]), "/admin/keys/***");
        check(&format!("/admin/keys/x {key}x"), "/admin/keys/x ***");
        check(&format!("/admin/keys/%20%72l%2d{}", &key[3..]), "/admin/keys/ ***");
        check(&format!("/admin/codes/{}", code.to_uppercase()), "/admin/codes/***");
        check(code, "***");
        check("RLADMIN-theowner-x", "***");
        check("/admin/keys/rl-b66nd7az", "/admin/keys/rl-b66nd7az");
        check("/admin/accounts/url-of-the-company", "/admin/accounts/url-of-the-company");
        check("100%", "100%");
        check("%e9/%zz", "\u{fffd}/%zz");
    }
}
