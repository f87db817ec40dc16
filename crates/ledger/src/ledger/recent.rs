//! The attempts that are held or were charged of late, so that nothing is done twice.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use crate::{EntryKind, ExchangeId};

pub(super) type Attempt = (ExchangeId, u32);

#[derive(Debug, Clone)]
pub(super) struct Recent {
    /// The bits of the kinds of its entries; none while it is held. Only looked up, never walked.
    kinds: HashMap<Attempt, u8, BuildHasherDefault<Mix>>,
    /// Those that are over, oldest first.
    done: VecDeque<Attempt>,
    done_max: usize,
}

impl Recent {
    pub(super) fn new(done_max: usize) -> Self {
        Self { kinds: HashMap::default(), done: VecDeque::new(), done_max: done_max.max(1) }
    }

    pub(super) fn is_known(&self, attempt: Attempt) -> bool {
        self.kinds.contains_key(&attempt)
    }

    pub(super) fn has(&self, attempt: Attempt, kind: EntryKind) -> bool {
        self.kinds.get(&attempt).is_some_and(|kinds| kinds & kind.bit() != 0)
    }

    pub(super) fn hold(&mut self, attempt: Attempt) {
        self.kinds.insert(attempt, 0);
    }

    /// Its hold ended; its entry is still to come, if it has one.
    pub(super) fn end(&mut self, attempt: Attempt) {
        self.kinds.remove(&attempt);
    }

    /// An entry of it was made.
    pub(super) fn enter(&mut self, attempt: Attempt, kind: EntryKind) {
        self.keep(attempt, kind.bit());
    }

    /// It was sent and owes nothing: it has no entry, and is not to be sent again.
    pub(super) fn retire(&mut self, attempt: Attempt) {
        self.keep(attempt, RETIRED);
    }

    fn keep(&mut self, attempt: Attempt, bits: u8) {
        let kinds = self.kinds.entry(attempt).or_default();
        let is_first = *kinds == 0;
        *kinds |= bits;
        if is_first {
            self.done.push_back(attempt);
        }
        if self.done.len() > self.done_max
            && let Some(oldest) = self.done.pop_front()
        {
            self.kinds.remove(&oldest);
        }
    }
}

/// Spreads numbers that this gateway gives out itself, so nobody can choose ones that collide: a multiplication costs
/// a tenth of a keyed hash, three times a request.
#[derive(Debug, Clone, Copy, Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(byte.into()));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(GOLDEN);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32) // a product is mixed best at its top
    }
}

/// Beside the bits of the five kinds of entries.
const RETIRED: u8 = 1 << 7;
/// 2⁶⁴ divided by the golden ratio, made odd (Knuth, The Art of Computer Programming, 6.4).
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
