//! The attempts that are held or were charged of late, so that nothing is done twice.

use std::collections::{HashMap, VecDeque};

use crate::{EntryKind, ExchangeId};

pub(super) type Attempt = (ExchangeId, u32);

#[derive(Debug, Clone)]
pub(super) struct Recent {
    /// Only looked up, never walked: its order is not the same in every run.
    marks: HashMap<Attempt, Mark>,
    /// Those with an entry, oldest first.
    charged: VecDeque<Attempt>,
    charged_max: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    is_held: bool,
    /// Bits of the kinds of its entries.
    kinds: u8,
}

impl Recent {
    pub(super) fn new(charged_max: usize) -> Self {
        Self { marks: HashMap::new(), charged: VecDeque::new(), charged_max: charged_max.max(1) }
    }

    pub(super) fn is_known(&self, attempt: Attempt) -> bool {
        self.marks.contains_key(&attempt)
    }

    pub(super) fn has(&self, attempt: Attempt, kind: EntryKind) -> bool {
        self.marks.get(&attempt).is_some_and(|mark| mark.kinds & kind.bit() != 0)
    }

    pub(super) fn hold(&mut self, attempt: Attempt) {
        self.marks.entry(attempt).or_default().is_held = true;
    }

    /// Its hold ended.
    pub(super) fn end(&mut self, attempt: Attempt) {
        if let Some(mark) = self.marks.get_mut(&attempt) {
            mark.is_held = false;
            if mark.kinds == 0 {
                self.marks.remove(&attempt);
            }
        }
    }

    /// An entry of it was made.
    pub(super) fn enter(&mut self, attempt: Attempt, kind: EntryKind) {
        let mark = self.marks.entry(attempt).or_default();
        let is_first = mark.kinds == 0;
        mark.kinds |= kind.bit();
        if is_first {
            self.charged.push_back(attempt);
        }
        if self.charged.len() > self.charged_max
            && let Some(oldest) = self.charged.pop_front()
        {
            self.marks.remove(&oldest);
        }
    }
}
