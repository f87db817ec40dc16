//! Windows against a naive model: a list of stretches of wall-clock minutes, and a walk minute by minute.

use proptest::prelude::*;
use roundelay_calendar::{UnixTime, Window, Zone};

/// A window as numbers: days as bits from Monday, minutes of the day.
#[derive(Debug, Clone)]
struct Written {
    days: u8,
    start: i64,
    end: i64,
    first_offset: i32,
    transitions: Vec<(i64, i32)>,
    from: Option<i64>,
    until: Option<i64>,
}

impl Written {
    fn window(&self) -> Window {
        let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let days: Vec<&str> = (0..7).filter(|day| self.days & 1 << day != 0).map(|day| names[day]).collect();
        let time = |minute: i64| format!("{:02}:{:02}", minute / 60, minute % 60);
        let transitions = self.transitions.iter().map(|&(minute, offset)| (UnixTime(minute * 60), offset * 60));
        Window {
            days: days.join(",").parse().expect("names of days"),
            hours: format!("{}-{}", time(self.start), time(self.end)).parse().expect("two times"),
            zone: Zone::new("model", self.first_offset * 60, transitions.collect()).expect("in order"),
            from: self.from.map(|minute| UnixTime(minute * 60)),
            until: self.until.map(|minute| UnixTime(minute * 60)),
        }
    }

    /// Whether the minute that begins at `minute` (since 1970, UTC) is within.
    fn holds(&self, minute: i64) -> bool {
        let begun = self.transitions.iter().rev().find(|&&(at, _)| at <= minute);
        let wall = minute + i64::from(begun.map_or(self.first_offset, |&(_, offset)| offset));
        let length = if self.end > self.start { self.end - self.start } else { self.end + 1440 - self.start };
        let today = wall.div_euclid(1440);
        let is_shown = [today - 1, today].into_iter().any(|day| {
            let is_on = self.days & 1 << (day + 3).rem_euclid(7) != 0;
            let begin = day * 1440 + self.start;
            is_on && (begin..begin + length).contains(&wall)
        });
        is_shown && self.from.is_none_or(|from| from <= minute) && self.until.is_none_or(|until| minute < until)
    }
}

/// Days of minutes that the model walks over.
const SPAN: i64 = 24 * 1440;

fn written() -> impl Strategy<Value = Written> {
    let offset = -1559i32..1560;
    let transitions = prop::collection::btree_map(0i64..SPAN, offset.clone(), 0..5);
    let cut = || prop::option::of(0i64..SPAN);
    (1u8..128, 0i64..1440, 0i64..=1440, offset, transitions, cut(), cut())
        .prop_filter("no length", |(_, start, end, ..)| start != end)
        .prop_map(|(days, start, end, first_offset, transitions, from, until)| Written {
            days,
            start,
            end,
            first_offset,
            transitions: transitions.into_iter().collect(),
            from,
            until,
        })
}

proptest! {
    #[test]
    fn a_window_holds_when_the_naive_one_does_and_changes_when_it_changes(
        written in written(), start in 0i64..SPAN, second in 0i64..60,
    ) {
        let window = written.window();
        let now = written.holds(start);
        prop_assert_eq!(window.contains(UnixTime(start * 60 + second)), now);
        let last = SPAN + 15 * 1440;
        let change = (start + 1..last).find(|&minute| written.holds(minute) != now);
        let found = window.next_change(UnixTime(start * 60 + second)).map(|at| at.0);
        match change {
            Some(minute) => prop_assert_eq!(found, Some(minute * 60)),
            // After the last transition and the last cut, a fortnight shows whatever there is to see.
            None => prop_assert_eq!(found, None),
        }
    }

    #[test]
    fn nothing_changes_between_two_changes(written in written(), start in 0i64..SPAN) {
        let window = written.window();
        let mut at = UnixTime(start * 60);
        for _ in 0..20 {
            let Some(change) = window.next_change(at) else { break };
            prop_assert!(change > at);
            prop_assert!(window.contains(change) != window.contains(at));
            for minute in (at.0 / 60..change.0 / 60).step_by(7) {
                prop_assert_eq!(window.contains(UnixTime(minute * 60)), window.contains(at));
            }
            at = change;
        }
    }
}
