//! Who asks, as AWS wants to be told: a key as it is, or a signature of the right shape. No signature is computed here.

use crate::rehearsal::catalogue::{ProviderError, find};
use crate::rehearsal::http::Request;

/// Why AWS would not listen, whoever asks.
pub(in crate::rehearsal) fn unsigned(request: &Request) -> Option<&'static ProviderError> {
    let row = |name| Some(find(name).expect("the table has these rows"));
    let Some(authorization) = request.header("authorization") else { return row("bedrock:missing_token") };
    if authorization.starts_with("Bearer ") {
        return None;
    }
    if is_signature(request, authorization) { None } else { row("bedrock:incomplete_signature") }
}

/// `AWS4-HMAC-SHA256 Credential=ID/DAY/REGION/bedrock/aws4_request, SignedHeaders=…, Signature=…`
fn is_signature(request: &Request, authorization: &str) -> bool {
    let Some(moment) = request.header("x-amz-date") else { return false };
    let Some(parts) = authorization.strip_prefix("AWS4-HMAC-SHA256 ") else { return false };
    let mut parts = parts.split(", ");
    let mut part = |name: &str| parts.next().and_then(|part| part.strip_prefix(name));
    let (Some(credential), Some(fields), Some(signature)) =
        (part("Credential="), part("SignedHeaders="), part("Signature="))
    else {
        return false;
    };
    let scope: Vec<&str> = credential.split('/').collect();
    let [id, day, region, "bedrock", "aws4_request"] = scope[..] else { return false };
    let is_moment = moment.len() == "20150830T123600Z".len() && moment.starts_with(day) && day.len() == 8;
    // AWS wants its own fields signed, and the host.
    let fields: Vec<&str> = fields.split(';').collect();
    let own = request.headers.iter().map(|(name, _)| name.as_str()).filter(|name| name.starts_with("x-amz-"));
    let are_signed = own.chain(["host"]).all(|name| fields.contains(&name));
    let is_hex = signature.len() == 64 && signature.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    !id.is_empty() && !region.is_empty() && is_moment && are_signed && fields.is_sorted() && is_hex
}
