//! `schedule`: who is on duty in a pool, by the hour.

use std::collections::HashMap;

use roundelay_calendar::{Turn, UnixTime, Window};

use super::{
    super::{reader::Section, roster::Roster, window},
    Pool, members,
};

/// Members that take the place of a pool's own while a window holds.
#[derive(Debug, Clone)]
pub struct Shift {
    /// While it holds.
    pub window: Window,
    /// Indices into [`super::super::Config::models`] with their weights, in the order they were written.
    pub members: Vec<(usize, f64)>,
}

impl Pool {
    /// Everybody who is ever on duty: the members with their weights, then those of the schedule alone, with 0.
    pub fn everyone(&self) -> Vec<(usize, f64)> {
        let mut everyone = self.members.clone();
        for &(model, _) in self.schedule.iter().flat_map(|shift| &shift.members) {
            if !everyone.iter().any(|&(other, _)| other == model) {
                everyone.push((model, 0.0));
            }
        }
        everyone
    }

    /// Which shift is on duty at that instant.
    pub fn turn(&self, at: UnixTime) -> Turn {
        Turn::of(self.schedule.iter().map(|shift| &shift.window), at)
    }
}

impl Shift {
    /// Its weight for each of `everyone`, in their order; 0 for those who are off duty.
    pub(in super::super) fn weights(&self, everyone: &[(usize, f64)]) -> Vec<f64> {
        let weight = |&(model, _): &(usize, f64)| self.members.iter().find(|(member, _)| *member == model);
        everyone.iter().map(|one| weight(one).map_or(0.0, |&(_, weight)| weight)).collect()
    }
}

pub(super) fn read(
    pool: &Section<'_>,
    unpriced: Option<&str>,
    ids: &HashMap<String, u32>,
    roster: &mut Roster<'_>,
) -> Vec<Shift> {
    let mut shifts = Vec::new();
    for section in pool.sections("schedule") {
        let window = window::read(&section);
        let members = members::read(&section, unpriced, ids, roster);
        section.finish();
        shifts.push(Shift { window, members });
    }
    shifts
}
