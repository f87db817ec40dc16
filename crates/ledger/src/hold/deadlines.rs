//! Which hold is overdue first: a binary heap that knows the place of each slot, so that one that ends early is taken
//! out at once and the heap is never larger than the number of open holds.

use crate::Timestamp;

#[derive(Debug, Clone, Default)]
pub(super) struct Deadlines {
    /// Each not after its two children, at twice its place and one or two more; equal deadlines by slot.
    heap: Vec<(Timestamp, u32)>,
    /// By slot; [`NOWHERE`] for one without a deadline.
    places: Vec<u32>,
}

impl Deadlines {
    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }

    pub(super) fn first(&self) -> Option<(u32, Timestamp)> {
        self.heap.first().map(|&(at, slot)| (slot, at))
    }

    /// Adds a slot that has no deadline.
    pub(super) fn insert(&mut self, slot: u32, at: Timestamp) {
        if self.places.len() <= slot as usize {
            self.places.resize(slot as usize + 1, NOWHERE);
        }
        self.heap.push((at, slot));
        self.place(self.heap.len() - 1);
        self.rise(self.heap.len() - 1);
    }

    pub(super) fn remove(&mut self, slot: u32) {
        let place = self.places[slot as usize];
        if place == NOWHERE {
            return;
        }
        self.places[slot as usize] = NOWHERE;
        let place = place as usize;
        self.heap.swap_remove(place);
        if place < self.heap.len() {
            self.place(place);
            let risen = self.rise(place);
            self.sink(risen);
        }
    }

    fn rise(&mut self, mut place: usize) -> usize {
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.heap[parent] <= self.heap[place] {
                break;
            }
            self.swap(parent, place);
            place = parent;
        }
        place
    }

    fn sink(&mut self, mut place: usize) {
        loop {
            let children = 2 * place + 1..(2 * place + 3).min(self.heap.len());
            let Some(least) = children.min_by_key(|&child| self.heap[child]) else {
                return;
            };
            if self.heap[place] <= self.heap[least] {
                return;
            }
            self.swap(place, least);
            place = least;
        }
    }

    fn swap(&mut self, one: usize, other: usize) {
        self.heap.swap(one, other);
        self.place(one);
        self.place(other);
    }

    fn place(&mut self, place: usize) {
        let (_, slot) = self.heap[place];
        self.places[slot as usize] = u32::try_from(place).expect("as many as slots, below 2³²");
    }
}

const NOWHERE: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_deadline_is_always_at_hand() {
        let (mut deadlines, mut model) = (Deadlines::default(), Vec::new());
        let mut word = 1u32;
        for _ in 0..3000 {
            word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let slot = (word >> 8) % 50;
            deadlines_forget(&mut deadlines, &mut model, slot);
            if word >> 31 == 0 {
                let at = Timestamp(i64::from((word >> 16) % 20));
                deadlines.insert(slot, at);
                model.push((at, slot));
            }
            assert_eq!(deadlines.first(), model.iter().min().map(|&(at, slot)| (slot, at)));
            assert_eq!(deadlines.len(), model.len());
        }
    }

    fn deadlines_forget(deadlines: &mut Deadlines, model: &mut Vec<(Timestamp, u32)>, slot: u32) {
        if (slot as usize) < deadlines.places.len() {
            deadlines.remove(slot);
        }
        model.retain(|&(_, known)| known != slot);
    }
}
