//! Refusals of thoughts that a server did not think itself.
//!
//! Sources: Anthropic, "extended thinking" (blocks must be passed back unmodified); OpenAI, `invalid_encrypted_content`
//! ("the encrypted content could not be verified"); Google, "thought signatures" (400 where one is missing or not valid).

/// Whether an upstream refused a request for the signatures or the sealed thoughts in it. Without these, it may take it.
pub fn rejects_thoughts(status: u16, body: &[u8]) -> bool {
    if status != 400 {
        return false;
    }
    let said = String::from_utf8_lossy(&body[..body.len().min(LOOKED_AT)]).to_ascii_lowercase();
    let has = |word: &str| said.contains(word);
    let is_thought = has("thinking") || has("thought") || has("encrypted") || has("reasoning");
    let is_refused = has("signature")
        || has("invalid_encrypted_content")
        || has("could not be verified")
        || has("could not be decrypted")
        || has("cannot be modified")
        || has("expected `thinking`");
    is_thought && is_refused
}

/// Errors are shorter.
const LOOKED_AT: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_thoughts_are_told_from_others() {
        let anthropic = r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages.1.content.0: Invalid `signature` in `thinking` block"}}"#;
        let first = r#"{"error":{"message":"messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`."}}"#;
        let openai = r#"{"error":{"message":"The encrypted content gAAA... could not be verified.","code":"invalid_encrypted_content"}}"#;
        let google =
            r#"{"error":{"code":400,"message":"Function call is missing a thought_signature in functionCall parts."}}"#;
        for body in [anthropic, first, openai, google] {
            assert!(rejects_thoughts(400, body.as_bytes()), "{body}");
            assert!(!rejects_thoughts(500, body.as_bytes()), "{body}");
        }
        for body in [
            r#"{"error":{"message":"`max_tokens` must be greater than `thinking.budget_tokens`"}}"#,
            r#"{"error":{"message":"The request signature we calculated does not match the signature you provided."}}"#,
            "",
        ] {
            assert!(!rejects_thoughts(400, body.as_bytes()), "{body}");
        }
    }
}
