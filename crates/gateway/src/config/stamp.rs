//! By what a changed file is told from the one that was read.

use std::{fs, path::Path, time::Duration};

/// A file's time and length. Both change when it is written, and when another is put in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    modified: Duration,
    length: u64,
}

impl Stamp {
    /// The stamp of the file that is there now; `None` when there is none. Costs one `stat`, which also finds the
    /// swapped links of a Kubernetes volume.
    pub fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        let modified = metadata.modified().ok()?;
        #[expect(clippy::disallowed_types, reason = "a file's time is compared, not read as a clock")]
        let modified = modified.duration_since(std::time::SystemTime::UNIX_EPOCH).ok()?;
        Some(Self { modified, length: metadata.len() })
    }
}
