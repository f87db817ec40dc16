//! A weekly window: whether it holds, and when that changes.

use crate::{Days, Hours, UnixTime, Zone, instant::WallClock};

/// Hours of certain weekdays in a time zone, perhaps only between two instants.
///
/// A window belongs to the day on which it begins: `mon-fri` with `22:00-08:00` holds until Saturday 08:00, and not
/// in the first hours of Monday.
///
/// The wall clock decides. Of an hour that a change to summer time leaves out nothing is there, and an hour that
/// comes twice holds twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The days on which it begins.
    pub days: Days,
    /// The hours of each of those days.
    pub hours: Hours,
    /// Whose wall clock.
    pub zone: Zone,
    /// It does not hold before; `None` has no beginning.
    pub from: Option<UnixTime>,
    /// It no longer holds from here on; `None` has no end.
    pub until: Option<UnixTime>,
}

impl Window {
    /// Whether it holds at that instant.
    pub fn contains(&self, at: UnixTime) -> bool {
        self.from.is_none_or(|from| from <= at)
            && self.until.is_none_or(|until| at < until)
            && self.shows(self.zone.wall_clock(at))
    }

    /// The first instant after `at` at which [`Window::contains`] differs from what it is at `at`; `None` when it
    /// stays so for ever.
    pub fn next_change(&self, at: UnixTime) -> Option<UnixTime> {
        let now = self.contains(at);
        let mut reached = at;
        // After the last transition of the zone a week has every edge there is, so this ends.
        while let Some(edge) = self.next_edge(reached) {
            if self.contains(edge) != now {
                return Some(edge);
            }
            reached = edge;
        }
        None
    }

    /// Whether a clock that shows this is within it.
    fn shows(&self, clock: WallClock) -> bool {
        let (start, end) = (self.hours.start_second(), self.hours.end_second());
        let begins_today = self.days.has(clock.weekday()) && clock.second >= start;
        if self.hours.is_over_midnight() {
            return begins_today || (self.days.has(clock.weekday_before()) && clock.second < end);
        }
        begins_today && clock.second < end
    }

    /// The next instant after `at` at which the answer could change; `None` when none is left.
    fn next_edge(&self, at: UnixTime) -> Option<UnixTime> {
        match (self.from, self.until) {
            (_, Some(until)) if until <= at => return None,
            (Some(from), _) if at < from => return Some(from),
            _ => {}
        }
        let edges = [self.until, self.zone.next_transition(at), self.next_wall_edge(at)];
        edges.into_iter().flatten().min()
    }

    /// The next instant at which the wall clock, as it is set now, shows the beginning or the end of the hours.
    fn next_wall_edge(&self, at: UnixTime) -> Option<UnixTime> {
        if self.days == Days::DAILY && self.hours == Hours::ALL {
            return None;
        }
        let clock = self.zone.wall_clock(at);
        let edges = [self.hours.start_second(), self.hours.end_second()];
        let ahead = |edge: u32| match edge {
            _ if edge > clock.second => edge - clock.second,
            _ => edge + DAY - clock.second,
        };
        let wait = edges.into_iter().map(ahead).min()?;
        at.0.checked_add(i64::from(wait)).map(UnixTime)
    }
}

/// The seconds of a day.
const DAY: u32 = 86_400;
