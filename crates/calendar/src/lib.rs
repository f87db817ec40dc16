//! Weekly windows in a time zone: whether one holds at an instant, and when that changes next.
//!
//! This crate does *not* know: what time it is, any database of time zones, or what a window is for. Whoever makes a
//! [`Zone`] brings its offsets along.

#![warn(missing_docs)]

mod days;
mod hours;
mod instant;
mod turn;
mod window;
mod zone;

pub use days::{BadDays, Days};
pub use hours::{BadHours, Hours};
pub use instant::UnixTime;
pub use turn::Turn;
pub use window::Window;
pub use zone::{BadZone, Zone};
