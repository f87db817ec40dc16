//! Names for the beginnings of a conversation, by which what was prepared for one is found again.

use blake3::Hasher;

use crate::chat::{Arguments, Body, Part, Request, Role, Source, Text};

/// Stands for the first turns of a conversation.
pub type Prefix = [u8; 32];

/// The chain of hashes of a conversation's beginnings: element `i` stands for `turns[..=i]`.
///
/// Two beginnings have the same name when the same was said in them under the same key. What changes from request to
/// request although nothing else was said is no part of it: marks of the cache, thoughts and signatures, which callers
/// may leave out, and members that only one dialect knows. Neither are the system prompt and the tools: what stands
/// for turns does not stand for these.
///
/// `key` is a secret mixed with the tenant, so that no name can be guessed and none be found by another tenant.
pub fn prefixes(request: &Request<'_>, key: &[u8; 32]) -> Vec<Prefix> {
    // What is long comes first in a hash of its own, which takes several blocks at once then.
    let mut hasher = Hasher::new_keyed(key);
    let mut before = [0; 32];
    let chain = request.turns.iter().map(|turn| {
        turn.parts.iter().for_each(|part| add_part(&mut hasher, part));
        let role = match turn.role {
            Role::System => 1,
            Role::User => 2,
            Role::Assistant => 3,
        };
        hasher.update(&before);
        hasher.update(&[role]);
        before = *hasher.finalize().as_bytes();
        hasher.reset();
        before
    });
    chain.collect()
}

fn add_part(hasher: &mut Hasher, part: &Part<'_>) {
    match &part.body {
        Body::Text { text, .. } => add(hasher, 1, text.written()),
        Body::Refusal(text) => add(hasher, 2, text.written()),
        Body::Image { source, .. } => add_source(hasher, 3, source),
        Body::Audio { source } => add_source(hasher, 4, source),
        Body::File { source, name } => {
            add_source(hasher, 5, source);
            add(hasher, 6, name.as_ref().map_or("", Text::written));
        }
        Body::ToolCall(call) => {
            match &call.arguments {
                Arguments::Text(text) => add(hasher, 7, text.written()),
                Arguments::Value(value) => add(hasher, 8, value.as_str()),
            }
            add(hasher, 9, call.name.written());
            add(hasher, 10, call.id.written());
        }
        Body::ToolResult(result) => {
            result.content.iter().for_each(|part| add_part(hasher, part));
            foot(hasher, 14, result.content.len());
            add(hasher, if result.is_error { 11 } else { 12 }, result.id.written());
        }
        Body::Thinking { .. } | Body::SealedThinking { .. } => {}
        Body::Opaque { json, .. } => add(hasher, 13, json.as_str()),
    }
}

fn add_source(hasher: &mut Hasher, kind: u8, source: &Source<'_>) {
    let (form, text) = match source {
        Source::Inline { data, .. } => (0, data),
        Source::Url(url) => (1, url),
        Source::Handle(handle) => (2, handle),
        Source::Plain(text) => (3, text),
    };
    add(hasher, kind + FORM * form, text.written());
}

/// A text, how long it is, and what it is: read from its end, no two different conversations are written alike.
fn add(hasher: &mut Hasher, kind: u8, text: &str) {
    hasher.update(text.as_bytes());
    foot(hasher, kind, text.len());
}

fn foot(hasher: &mut Hasher, kind: u8, length: usize) {
    let mut foot = [kind; 9];
    foot[..8].copy_from_slice(&(length as u64).to_le_bytes());
    hasher.update(&foot);
}

/// More than there are kinds of parts.
const FORM: u8 = 32;
