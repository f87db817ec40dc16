//! Lengths of time for people.

pub(super) use crate::common::duration::{of_ms, of_us};
