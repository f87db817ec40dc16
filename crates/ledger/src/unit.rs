//! What is billed by something else than tokens: images, seconds of audio, characters, searches.

/// Counts of one answer, beside its tokens. Each is paid for where its price is not nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Units {
    /// Images that were made.
    pub images: u64,
    /// Audio that was heard, in milliseconds.
    pub audio_ms: u64,
    /// Characters that were spoken.
    pub characters: u64,
    /// Searches, as rerankers count them.
    pub searches: u64,
}

/// What each unit costs; 0 where it costs nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnitPrices {
    /// An image, in nano-USD.
    pub image: u64,
    /// A second of audio, in nano-USD.
    pub second: u64,
    /// A million characters, in nano-USD.
    pub characters: u64,
    /// A search, in nano-USD.
    pub search: u64,
}

impl UnitPrices {
    /// In the order of their declaration.
    pub const fn list(&self) -> [u64; 4] {
        [self.image, self.second, self.characters, self.search]
    }

    /// Each with its name, as configuration writes it.
    pub const fn named(&self) -> [(&'static str, u64); 4] {
        let [image, second, characters, search] = self.list();
        [("per_image", image), ("per_second", second), ("characters", characters), ("per_search", search)]
    }

    /// Each price as `change` makes it, and the first fault.
    pub(crate) fn map(&self, change: impl Fn(u64) -> Option<u64>) -> Option<Self> {
        Some(Self {
            image: change(self.image)?,
            second: change(self.second)?,
            characters: change(self.characters)?,
            search: change(self.search)?,
        })
    }

    /// What these units cost in 10⁻¹⁵ USD; `None` when that cannot be written.
    pub(crate) fn exact(&self, units: &Units) -> Option<u128> {
        let each = |count: u64, price: u64, parts: u128| (u128::from(count) * u128::from(price)).checked_mul(parts);
        [
            each(units.images, self.image, PARTS_PER_NANO)?,
            each(units.audio_ms, self.second, PARTS_PER_NANO / 1_000)?,
            each(units.characters, self.characters, 1)?,
            each(units.searches, self.search, PARTS_PER_NANO)?,
        ]
        .into_iter()
        .try_fold(0u128, u128::checked_add)
    }
}

/// Parts of 10⁻¹⁵ USD in a nano-dollar.
const PARTS_PER_NANO: u128 = 1_000_000;
