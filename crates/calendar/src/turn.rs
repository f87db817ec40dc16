//! Which of several windows counts.

use crate::{UnixTime, Window};

/// Which of several windows counts at an instant: the first that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// Its place in the list; `None` when none holds.
    pub index: Option<usize>,
    /// The first later instant at which another counts, or none; `None` when that never comes.
    pub until: Option<UnixTime>,
}

impl Turn {
    /// Asks windows in the order in which they count.
    pub fn of<'a>(windows: impl Iterator<Item = &'a Window> + Clone, at: UnixTime) -> Self {
        let index = windows.clone().position(|window| window.contains(at));
        // Nothing after the window that holds can take its place; its own end, or the beginning of one before it, can.
        let rivals = index.map_or(usize::MAX, |index| index + 1);
        let until = windows.take(rivals).filter_map(|window| window.next_change(at)).min();
        Self { index, until }
    }
}
