//! The calendar's promises, through its public face.

mod model;
mod texts;
mod windows;
mod zones;
