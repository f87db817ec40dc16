//! What conversations are made of: bytes that later responses share, counted for as long as one of them is kept.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;

/// Bytes that later responses of one place share.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) bytes: Bytes,
    names: Names,
    /// What is kept for it elsewhere, in bytes.
    beside: u64,
    counts: Counts,
}

/// The sums in which a piece is counted: of its place, and of all places together.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    pub(super) own: Arc<AtomicU64>,
    pub(super) all: Option<Arc<AtomicU64>>,
}

impl Counts {
    /// What the place takes, in bytes.
    pub(super) fn own(&self) -> u64 {
        self.own.load(Ordering::Relaxed)
    }

    fn sums(&self) -> impl Iterator<Item = &AtomicU64> {
        [Some(&self.own), self.all.as_ref()].into_iter().flatten().map(|sum| &**sum)
    }
}

impl Piece {
    pub(super) fn new(bytes: Bytes, beside: usize, counts: &Counts) -> Arc<Self> {
        Self::of_items(bytes, Names::default(), beside, counts)
    }

    fn of_items(bytes: Bytes, names: Names, beside: usize, counts: &Counts) -> Arc<Self> {
        let piece = Self { bytes, names, beside: beside as u64, counts: counts.clone() };
        for sum in piece.counts.sums() {
            sum.fetch_add(piece.size(), Ordering::Relaxed);
        }
        Arc::new(piece)
    }

    /// The item of that name; empty where nothing of it may be said again.
    pub(super) fn item(&self, name: &str) -> Option<Bytes> {
        let at = self.names.0.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
        Some(self.bytes.slice(self.names.0[at].1.clone()))
    }

    /// The names of its items.
    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.names.0.iter().map(|(name, _)| name)
    }

    fn size(&self) -> u64 {
        self.bytes.len() as u64 + self.names.size() + self.beside + PIECE_BYTES
    }

    fn is(&self, bytes: &Bytes) -> bool {
        self.bytes.as_ptr() == bytes.as_ptr() && self.bytes.len() == bytes.len()
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        for sum in self.counts.sums() {
            sum.fetch_sub(self.size(), Ordering::Relaxed);
        }
    }
}

/// What a piece takes beside its bytes, with its places in lists and maps.
const PIECE_BYTES: u64 = 256;

/// The same of a name.
const NAME_BYTES: u64 = 128;

/// Where items stand among others, sorted by their names.
#[derive(Debug, Default, Clone)]
pub(super) struct Names(Arc<[(Arc<str>, Range<usize>)]>);

impl Names {
    pub(super) fn new(places: Vec<(String, Range<usize>)>) -> Self {
        let mut names: Vec<_> = places.into_iter().map(|(name, at)| (Arc::from(name), at)).collect();
        names.sort_unstable_by(|(one, _), (other, _): &(Arc<str>, _)| one.cmp(other));
        names.dedup_by(|(one, _), (other, _)| one == other);
        Self(names.into())
    }

    fn size(&self) -> u64 {
        self.0.iter().map(|(name, _)| name.len() as u64 + NAME_BYTES).sum()
    }
}

/// A response that was just made.
#[derive(Debug)]
pub(super) struct Made<'a> {
    pub(super) id: Arc<str>,
    /// The name of the response it goes on from.
    pub(super) previous: Option<&'a str>,
    /// What that name stands for.
    pub(super) before: &'a [Bytes],
    /// The items of its request's own input; empty where there are none.
    pub(super) asked: Bytes,
    /// Those of its output; empty where there are none.
    pub(super) said: Bytes,
    /// Where these stand.
    pub(super) names: Names,
    /// As its caller gets it.
    pub(super) response: Bytes,
    /// Its vendor knows more of the conversation than is known here.
    pub(super) is_part: bool,
}

impl Made<'_> {
    /// The conversation up to its end, and how many of the pieces are its input and all before.
    ///
    /// `known` is what its place has of the response it goes on from. The very same bytes are counted once there. What
    /// comes from another place is counted anew: there it may be let go of at any time.
    pub(super) fn pieces(&self, known: &[Arc<Piece>], counts: &Counts) -> (Vec<Arc<Piece>>, usize) {
        let piece = |bytes: &Bytes| Piece::new(bytes.clone(), 0, counts);
        let before = self.before.iter().enumerate();
        let shared = before.map(|(at, bytes)| match known.get(at).filter(|piece| piece.is(bytes)) {
            Some(known) => Arc::clone(known),
            None => piece(bytes),
        });
        let mut pieces: Vec<_> = shared.collect();
        pieces.extend((!self.asked.is_empty()).then(|| piece(&self.asked)));
        let asked = pieces.len();
        let has_said = !self.said.is_empty() || !self.names.0.is_empty();
        pieces.extend(has_said.then(|| Piece::of_items(self.said.clone(), self.names.clone(), 0, counts)));
        (pieces, asked)
    }
}
