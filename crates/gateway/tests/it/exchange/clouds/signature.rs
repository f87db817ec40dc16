//! Signature Version 4 from the verifier's side, written from AWS's own description alone.

use aws_lc_rs::{digest, hmac};

use crate::support::Asked;

/// Whether a request is signed by whom it says, for the service and region that it says. Panics when it is not signed.
pub(super) fn is_genuine(asked: &Asked, secret: &str) -> bool {
    let [authorization] = asked.fields("authorization")[..] else { panic!("one signature: {}", asked.head) };
    let part = |name: &str| {
        let (_, rest) = authorization.split_once(name).unwrap_or_else(|| panic!("{name} in {authorization}"));
        rest.split(',').next().unwrap()
    };
    let (credential, names, signature) = (part("Credential="), part("SignedHeaders="), part("Signature="));
    let (_, scope) = credential.split_once('/').unwrap();
    let moment = asked.fields("x-amz-date")[0];
    assert_eq!(scope.split('/').next(), moment.split('T').next(), "{authorization}");

    // Bedrock's paths hold no character but these that are escaped a second time.
    let path = asked.target().replace('%', "%25");
    let mut request = format!("POST\n{path}\n\n");
    for name in names.split(';') {
        request += &format!("{name}:{}\n", asked.fields(name).join(","));
    }
    request += &format!("\n{names}\n{}", hex(digest::digest(&digest::SHA256, asked.body.as_bytes()).as_ref()));
    let request = hex(digest::digest(&digest::SHA256, request.as_bytes()).as_ref());
    let to_sign = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{request}");

    let mut key = format!("AWS4{secret}").into_bytes();
    for word in scope.split('/') {
        key = mac(&key, word);
    }
    hex(&mac(&key, &to_sign)) == signature
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
