//! AWS Signature Version 4: a header that shows who asks, and for what, without telling the secret.
//!
//! Source: the AWS IAM user guide, "Create a signed AWS API request". Only header fields that nobody between here and AWS
//! changes are signed: the host, the type of the body, and AWS's own. Paths are taken as written, without dots to resolve.

use std::fmt::{self, Write as _};

use aws_lc_rs::{
    digest::{SHA256, digest},
    hmac,
};

use super::RequestHead;
use crate::common::secret::Secret;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Who signs, and for which place.
#[derive(Debug, Clone)]
pub struct Signer {
    /// The public half of the key.
    pub access_key_id: Box<str>,
    /// The other half. It signs and is never sent.
    pub secret_access_key: Secret,
    /// What goes with a key that was lent for a time.
    pub session_token: Option<Secret>,
    /// `us-east-1`
    pub region: Box<str>,
    /// `bedrock`
    pub service: &'static str,
}

impl Signer {
    /// Adds to `head` who asks for what it says and `body`, at this instant: seconds since 1970 UTC. AWS takes a signature
    /// for five minutes before and after, by its own clock.
    pub fn sign(&self, head: &mut RequestHead, body: &[u8], unix_seconds: i64) {
        let now = jiff::Timestamp::from_second(unix_seconds).unwrap_or_default();
        let moment = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        head.field("x-amz-date", moment.as_bytes());
        if let Some(token) = &self.session_token {
            head.field("x-amz-security-token", token.expose().as_bytes());
        }
        let authorization = self.authorization(&String::from_utf8_lossy(head.bytes()), body, &moment);
        head.field("authorization", authorization.as_bytes());
    }

    /// The value of the field for a head as it stands on the wire.
    fn authorization(&self, head: &str, body: &[u8], moment: &str) -> String {
        let day = moment.split('T').next().unwrap_or_default();
        let Self { access_key_id, region, service, .. } = self;
        let scope = format!("{day}/{region}/{service}/aws4_request");
        let (request, fields) = canonical(head, body);
        let to_sign = format!("{ALGORITHM}\n{moment}\n{scope}\n{}", Hex(digest(&SHA256, request.as_bytes()).as_ref()));
        let signature = tag(&self.key(day), to_sign.as_bytes());
        let signature = Hex(signature.as_ref());
        format!("{ALGORITHM} Credential={access_key_id}/{scope}, SignedHeaders={fields}, Signature={signature}")
    }

    /// The key of one day at one place: of no use for anything else.
    fn key(&self, day: &str) -> hmac::Key {
        let secret = format!("AWS4{}", self.secret_access_key.expose());
        let first = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        [day, &self.region, self.service, "aws4_request"]
            .into_iter()
            .fold(first, |key, part| hmac::Key::new(hmac::HMAC_SHA256, tag(&key, part.as_bytes()).as_ref()))
    }
}

fn tag(key: &hmac::Key, bytes: &[u8]) -> hmac::Tag {
    hmac::sign(key, bytes)
}

/// The request in the one form that both sides sign, and the names of the fields in it.
fn canonical(head: &str, body: &[u8]) -> (String, String) {
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let method = words.next().unwrap_or_default();
    let target = words.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut query: Vec<&str> = query.split('&').collect();
    query.sort_unstable();
    let is_signed = |name: &str| matches!(name, "host" | "content-type") || name.starts_with("x-amz-");
    let fields = lines.filter_map(|line| line.split_once(": "));
    let mut fields: Vec<(&str, &str)> = fields.filter(|(name, _)| is_signed(name)).collect();
    fields.sort_unstable();
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let mut request = format!("{method}\n{}\n{}\n", Escaped(path), query.join("&"));
    for (name, value) in &fields {
        // Writing into a `String` cannot fail.
        let _ = writeln!(request, "{name}:{}", value.trim());
    }
    let _ = write!(request, "\n{names}\n{}", Hex(digest(&SHA256, body).as_ref()));
    (request, names)
}

/// A path with its escapes escaped once more, as every service of AWS but S3 signs it.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'/' => f.write_char('/')?,
                // What RFC 3986 reserves for nothing.
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    f.write_char(char::from(byte))?
                }
                byte => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 30 August 2015, 12:36 UTC: when AWS's own examples were signed.
    const THEN: i64 = 1_440_938_160;
    /// 23 November 2026, 16:30:05 UTC.
    const NOW: i64 = 1_795_451_405;

    fn signer(region: &str, service: &'static str, token: Option<&str>) -> Signer {
        Signer {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: token.map(Secret::new),
            region: region.into(),
            service,
        }
    }

    #[track_caller]
    fn check(
        signer: &Signer,
        mut head: RequestHead,
        (kind, body): (Option<&str>, &str),
        at: i64,
        (fields, signature): (&str, &str),
    ) {
        head.field("accept-encoding", b"identity");
        if let Some(kind) = kind {
            head.field("content-type", kind.as_bytes());
        }
        signer.sign(&mut head, body.as_bytes(), at);
        let head = String::from_utf8(head.bytes().to_vec()).unwrap();
        let ends = format!(", SignedHeaders={fields}, Signature={signature}\r\n");
        assert!(head.ends_with(&ends), "{head}");
        assert!(head.contains("\r\nauthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20"), "{head}");
        assert!(!head.contains("wJalr"), "{head}");
    }

    #[test]
    fn signatures_are_those_of_the_official_examples() {
        let host = "example.amazonaws.com";
        let plain = signer("us-east-1", "service", None);
        let usual = "host;x-amz-date";
        // The suite `aws-signing-test-suite/v4`, by the names of its folders.
        for (head, signature) in [
            (RequestHead::get("/", host), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            (RequestHead::post("/", host), "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
            (
                RequestHead::get("/?Param2=value2&Param1=value1", host),
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                RequestHead::get("/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", host),
                "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
            ),
            (RequestHead::get("/\u{1234}", host), "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
        ] {
            check(&plain, head, (None, ""), THEN, (usual, signature));
        }
        let lent =
            signer("us-east-1", "service", Some("6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"));
        let fields = "host;x-amz-date;x-amz-security-token";
        let signature = "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8";
        check(&lent, RequestHead::get("/", host), (None, ""), THEN, (fields, signature));
        let form = (Some("application/x-www-form-urlencoded"), "Param1=value1");
        let signature = "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a";
        check(&plain, RequestHead::post("/", host), form, THEN, ("content-type;host;x-amz-date", signature));
    }

    #[test]
    fn models_with_colons_and_slashes_are_signed_as_awss_own_client_does() {
        // What botocore 1.43.11 signs.
        let body = (Some("application/json"), r#"{"messages":[]}"#);
        check(
            &signer("us-east-1", "bedrock", None),
            RequestHead::post(
                "/model/anthropic.claude-3-5-sonnet-20240620-v1%3A0/converse",
                "bedrock-runtime.us-east-1.amazonaws.com",
            ),
            body,
            NOW,
            ("content-type;host;x-amz-date", "4a0259294b8ea595a68810645dca0961525ad842e17fdea53bf1f4cb90edfec0"),
        );
        let profile = "arn%3Aaws%3Abedrock%3Aeu-central-1%3A123456789012%3Aapplication-inference-profile%2Fabc123";
        check(
            &signer("eu-central-1", "bedrock", Some("TOKEN/+=")),
            RequestHead::post(
                &format!("/model/{profile}/converse-stream"),
                "bedrock-runtime.eu-central-1.amazonaws.com",
            ),
            body,
            NOW,
            (
                "content-type;host;x-amz-date;x-amz-security-token",
                "d213c4dcab24e011038c5626c3a16ead2494bfa695e4c865ba3d2e8a7e8442ba",
            ),
        );
    }
}
