//! `[responses]`: what is kept of OpenAI's Responses, so that a conversation goes on from one by its name.

use std::time::Duration;

use super::reader::Section;

/// What `[responses]` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Responses {
    /// How much is kept at most, in bytes; `None` where nothing is.
    pub bytes_max: Option<u64>,
    /// How long a response is kept at most.
    pub keep: Duration,
}

impl Default for Responses {
    /// A working day of conversations; text is small.
    fn default() -> Self {
        Self { bytes_max: Some(256 << 20), keep: Duration::from_secs(24 * 3600) }
    }
}

/// Reads `[responses]`.
pub(super) fn read(section: Section<'_>) -> Responses {
    let default = Responses::default();
    let is_kept = section.choice("keep", &[("memory", true), ("off", false)]).unwrap_or(true);
    let mib = section.count("keep_mib", 1..MIB_MAX + 1);
    let hours = section.count("keep_hours", 1..HOURS_MAX + 1);
    section.finish();
    let bytes_max = mib.map_or(default.bytes_max, |mib| Some(mib << 20));
    Responses {
        bytes_max: bytes_max.filter(|_| is_kept),
        keep: hours.map_or(default.keep, |hours| Duration::from_secs(hours * 3600)),
    }
}

const MIB_MAX: u64 = 1 << 20;
/// A month, as OpenAI keeps them.
const HOURS_MAX: u64 = 30 * 24;
