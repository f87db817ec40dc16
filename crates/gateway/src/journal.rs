//! The way a record takes to safety, without an answer ever waiting for the store.
//!
//! ```text
//!  exchange ─▶ Recorder::record ─▶ Journal: one write() to a file ─▶ the answer's last byte may go
//!                    └─▶ queue (65,536) ─▶ writer thread ─▶ Store, batched ─▶ the segment is deleted
//! ```
//!
//! What was written survives the end of the process at any instant, since it is in the system's page cache; it is not
//! forced to the disk, so a power loss can cost the last moments (until the system writes back, some 30 s on Linux).
//! Where `durability` is `strict`, a thread forces it to the disk, once for all who wait ([`Recorded`]), and the store
//! forces each of its transactions before a segment is deleted.
//! At the next start, segments that are left are read into the store again, which ignores what it has.

mod encoding;
mod force;
mod ids;
mod queue;
mod recorder;
mod segment;
mod writer;

pub use force::Recorded;
pub use ids::ExchangeIds;
pub use recorder::{DECISION_MAX, Faults, Recorder, StrictFault};
pub use segment::{Alone, Replayed, catch_up};
pub use writer::{Journal, JournalFault, SegmentNumber};
