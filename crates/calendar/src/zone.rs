//! Time zones as plain numbers: which offset from UTC holds from when on.

use std::{error::Error, fmt, sync::Arc};

use crate::{UnixTime, instant::WallClock};

/// A time zone: a name, and the offsets from UTC with the instants at which they begin. Cloning is one counter.
///
/// After the last transition its offset holds for ever, so whoever fills a zone goes as far ahead as anybody looks.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone(Arc<Parts>);

#[derive(PartialEq, Eq)]
struct Parts {
    name: String,
    first_offset: i32,
    transitions: Vec<(UnixTime, i32)>,
}

impl Zone {
    /// Coordinated universal time, called `UTC`.
    pub fn utc() -> Self {
        Self(Arc::new(Parts { name: "UTC".to_owned(), first_offset: 0, transitions: Vec::new() }))
    }

    /// A zone that never changes, `offset_seconds` ahead of UTC.
    ///
    /// # Errors
    ///
    /// See [`Zone::new`].
    pub fn fixed(name: impl Into<String>, offset_seconds: i32) -> Result<Self, BadZone> {
        Self::new(name, offset_seconds, Vec::new())
    }

    /// A zone that is `first_offset` seconds ahead of UTC before the first of its transitions; each of those is an
    /// instant and the seconds ahead of UTC from then on.
    ///
    /// # Errors
    ///
    /// When transitions are not in strictly rising order, or an offset is not below 26 hours, the widest that
    /// RFC 8536 §3.2 recommends.
    pub fn new(name: impl Into<String>, first_offset: i32, transitions: Vec<(UnixTime, i32)>) -> Result<Self, BadZone> {
        if !transitions.is_sorted_by(|(earlier, _), (later, _)| earlier < later) {
            return Err(BadZone::OutOfOrder);
        }
        let offsets = transitions.iter().map(|&(_, offset)| offset);
        if offsets.chain([first_offset]).any(|offset| offset.unsigned_abs() >= OFFSET_END) {
            return Err(BadZone::OffsetTooFar);
        }
        Ok(Self(Arc::new(Parts { name: name.into(), first_offset, transitions })))
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Seconds ahead of UTC at that instant; negative west of Greenwich.
    pub fn offset(&self, at: UnixTime) -> i32 {
        match self.begun(at) {
            0 => self.0.first_offset,
            count => self.0.transitions[count - 1].1,
        }
    }

    pub(crate) fn wall_clock(&self, at: UnixTime) -> WallClock {
        WallClock::at(at, self.offset(at))
    }

    /// The first transition after that instant.
    pub(crate) fn next_transition(&self, after: UnixTime) -> Option<UnixTime> {
        self.0.transitions.get(self.begun(after)).map(|&(at, _)| at)
    }

    /// How many transitions have happened by then.
    fn begun(&self, by: UnixTime) -> usize {
        self.0.transitions.partition_point(|&(at, _)| at <= by)
    }
}

/// Its name and how much there is of it; the whole list would bury whatever holds the zone.
impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({} with {} transitions)", self.0.name, self.0.transitions.len())
    }
}

/// Why numbers make no zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadZone {
    /// A transition is not later than the one before it.
    OutOfOrder,
    /// An offset is 26 hours or more.
    OffsetTooFar,
}

impl fmt::Display for BadZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfOrder => "the transitions of a time zone are not in rising order",
            Self::OffsetTooFar => "an offset of a time zone is 26 hours or more",
        })
    }
}

impl Error for BadZone {}

/// The first number of seconds that no offset reaches, to either side.
const OFFSET_END: u32 = 26 * 3600;
