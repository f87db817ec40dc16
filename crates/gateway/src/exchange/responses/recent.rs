//! The last responses of one connection, which goes on from them whether or not they are to be kept.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

use super::piece::{Counts, Made, Piece};

/// Of one connection at most so many are remembered; its client goes on from the last.
const RECENT_MAX: usize = 4;

/// The last responses of one connection, in no more bytes than a request may have: from what is longer, nothing could
/// go on.
#[derive(Debug)]
pub struct Recent {
    last: Mutex<VecDeque<Said>>,
    counts: Counts,
    bytes_max: u64,
}

/// A response's name, and the conversation up to its end.
type Said = (Arc<str>, Vec<Arc<Piece>>);

impl Recent {
    /// Remembers no more than so many bytes.
    pub fn new(bytes_max: u64) -> Self {
        Self { last: Mutex::default(), counts: Counts::default(), bytes_max }
    }

    /// The conversation up to the end of the response of that name.
    pub(super) fn find(&self, id: &str) -> Option<Vec<Bytes>> {
        let last = self.last();
        let (_, said) = last.iter().rev().find(|(known, _)| &**known == id)?;
        Some(said.iter().map(|piece| piece.bytes.clone()).collect())
    }

    /// The item of that name in the output of one of them.
    pub(super) fn item(&self, name: &str) -> Option<Bytes> {
        self.last().iter().rev().find_map(|(_, said)| said.last()?.item(name))
    }

    pub(super) fn keep(&self, made: &Made<'_>) {
        // Nothing could go on from it.
        if made.is_part {
            return;
        }
        let mut last = self.last();
        let known = last.iter().rev().find(|(id, _)| Some(&**id) == made.previous);
        let (pieces, _) = made.pieces(known.map_or(&[], |(_, said)| said), &self.counts);
        last.push_back((Arc::clone(&made.id), pieces));
        while last.len() > RECENT_MAX || self.counts.own() > self.bytes_max {
            last.pop_front();
        }
    }

    fn last(&self) -> MutexGuard<'_, VecDeque<Said>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::piece::Names, *};

    fn keep(recent: &Recent, id: &str, previous: Option<&str>, size: usize) {
        let before = previous.and_then(|previous| recent.find(previous)).unwrap_or_default();
        let (asked, said) = (vec![b'x'; size].into(), Bytes::new());
        let (names, response) = (Names::default(), Bytes::new());
        let made = Made { id: id.into(), previous, before: &before, asked, said, names, response, is_part: false };
        recent.keep(&made);
    }

    #[test]
    fn a_connection_remembers_its_last_responses_within_its_bytes() {
        let recent = Recent::new(10_000);
        for number in 0..100 {
            keep(&recent, &format!("r{number}"), None, 3_000);
            assert!(recent.counts.own() <= 10_000, "{}", recent.counts.own());
        }
        assert!(recent.find("r99").is_some() && recent.find("r97").is_some() && recent.find("r96").is_none());
        keep(&recent, "large", None, 10_001);
        assert!(recent.last().is_empty() && recent.counts.own() == 0, "nothing could go on from it");
    }

    #[test]
    fn a_conversation_is_counted_once() {
        let recent = Recent::new(20_000);
        keep(&recent, "r0", None, 9_000);
        for number in 1..20 {
            keep(&recent, &format!("r{number}"), Some(&format!("r{}", number - 1)), 10);
        }
        assert_eq!(recent.last().len(), RECENT_MAX);
        assert!(recent.counts.own() < 20_000, "{}", recent.counts.own());
        assert_eq!(recent.find("r19").unwrap().len(), 20);
    }
}
