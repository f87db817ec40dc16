//! What stays the same through a conversation, and so tells which one a request belongs to.

use std::ops::Range;

use super::Request;

/// Where the unchanging part of the prompt stands in the body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    spans: Vec<Range<usize>>,
    has_user: bool,
}

impl Head {
    /// Keeps the content of a system or developer message, up to the first user message's.
    pub(super) fn add(&mut self, is_user: bool, content: Range<usize>) {
        if self.has_user || self.spans.len() == SPANS_MAX {
            return;
        }
        self.has_user = is_user;
        self.spans.push(content);
    }
}

impl Head {
    /// Keeps a system prompt that is no message: it stands before them, wherever in the body it is written.
    pub(super) fn add_system(&mut self, content: Range<usize>) {
        self.spans.insert(0, content);
    }
}

impl Request {
    /// A hash of the system and developer messages and the first user message, of their bytes as written.
    ///
    /// `body` must be the body that was scanned. Equal heads hash alike under one seed; the seed keeps one
    /// tenant from steering another's. A collision only sends two conversations to one deployment.
    pub fn head(&self, body: &[u8], seed: u64) -> u64 {
        let spans = self.head.spans.iter().filter_map(|span| body.get(span.clone()));
        spans.fold(mix(seed, self.head.spans.len() as u64), hash_bytes)
    }
}

/// Eight bytes a step; the length last, so that padding with zeros changes the hash.
fn hash_bytes(seed: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let hash = words.iter().fold(seed, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let last = rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    mix(mix(hash, last), bytes.len() as u64)
}

/// Folds the two halves of a full product, as wyhash does: each bit of the input reaches each of the output.
fn mix(hash: u64, word: u64) -> u64 {
    let product = u128::from(hash ^ 0x9e37_79b9_7f4a_7c15) * u128::from(word ^ 0xd1b5_4a32_d192_ed03);
    let (low, high) = (product as u64, (product >> 64) as u64);
    (low ^ high).wrapping_add(hash.rotate_left(23))
}

/// More system messages than this tell no more about which conversation it is.
const SPANS_MAX: usize = 16;
