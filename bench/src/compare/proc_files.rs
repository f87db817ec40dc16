//! What Linux tells about processes in `/proc` (proc(5)).

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

pub(super) fn soft_limit_of_open_files() -> u64 {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    match line.and_then(|line| line.split_whitespace().next()) {
        Some("unlimited") | None => u64::MAX,
        Some(number) => number.parse().unwrap_or(u64::MAX),
    }
}

/// User and system time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct CpuTime {
    pub(super) user: Duration,
    pub(super) system: Duration,
}

impl CpuTime {
    pub(super) fn since(self, before: Self) -> Self {
        Self { user: self.user.saturating_sub(before.user), system: self.system.saturating_sub(before.system) }
    }

    pub(super) fn total(self) -> Duration {
        self.user + self.system
    }
}

/// What each thread of a process has run so far.
#[derive(Debug)]
pub(super) struct Threads(BTreeMap<String, Duration>);

impl Threads {
    /// To the nanosecond, by the scheduler's own account (`/proc/ID/task/ID/schedstat`); empty where the kernel keeps none.
    pub(super) fn read(id: u32) -> Self {
        let tasks = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
        let times = tasks.filter_map(|task| {
            let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
            let nanoseconds = text.split_whitespace().next()?.parse().ok()?;
            Some((task.file_name().into_string().ok()?, Duration::from_nanos(nanoseconds)))
        });
        Self(times.collect())
    }

    /// `None` when there was nothing before, or when a thread has ended, which takes its time with it.
    pub(super) fn since(&self, before: &Self) -> Option<Duration> {
        let mut sum = Duration::ZERO;
        for (thread, earlier) in &before.0 {
            sum += self.0.get(thread)?.saturating_sub(*earlier);
        }
        let new = self.0.iter().filter(|(thread, _)| !before.0.contains_key(*thread));
        (!before.0.is_empty()).then(|| sum + new.map(|(_, time)| *time).sum::<Duration>())
    }
}

pub(super) fn all_ids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Time for which programs, or other guests of the host, had `core`; interrupts are left out.
pub(super) fn core_time(core: usize) -> Option<Duration> {
    core_ticks(&fs::read_to_string("/proc/stat").ok()?, core).map(|ticks| tick().mul_f64(ticks as f64))
}

fn core_ticks(text: &str, core: usize) -> Option<u64> {
    let name = format!("cpu{core}");
    let line = text.lines().find(|line| line.split_whitespace().next() == Some(&name))?;
    let fields: Vec<u64> = line.split_whitespace().skip(1).map_while(|field| field.parse().ok()).collect();
    // User, nice, system, and what the host gave to others.
    [0, 1, 2, 7].into_iter().map(|field| fields.get(field)).sum()
}

/// The fields of `/proc/ID/stat` that are wanted here (proc(5)).
#[derive(Debug, PartialEq)]
pub(super) struct Stat {
    pub(super) parent: u32,
    pub(super) user_ticks: u64,
    pub(super) system_ticks: u64,
}

impl Stat {
    pub(super) fn read(id: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
    }

    fn parse(line: &str) -> Option<Self> {
        // The name in parentheses may hold spaces and parentheses itself. What follows starts with field 3.
        let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            user_ticks: number(14)? + number(16)?,
            system_ticks: number(15)? + number(17)?,
        })
    }
}

/// The unit of times in `/proc`; Linux has shown 100 a second on every common architecture for decades.
pub(super) fn tick() -> Duration {
    let output = Command::new("getconf").arg("CLK_TCK").output().ok();
    let rate = output.and_then(|output| String::from_utf8(output.stdout).ok()?.trim().parse().ok());
    Duration::from_secs_f64(1.0 / rate.unwrap_or(100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_is_busy_with_programs_and_stolen_time() {
        let text = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu1 1 2 4 800 900 16 32 8 0 0\ncpu10 5 5 5 5 5 5 5 5 0 0\n";
        assert_eq!(core_ticks(text, 1), Some(15));
        assert_eq!(core_ticks(text, 10), Some(20));
        assert_eq!(core_ticks(text, 2), None);
    }

    #[test]
    fn threads_that_come_count_and_one_that_went_voids_the_count() {
        let threads = |times: &[(&str, u64)]| {
            Threads(times.iter().map(|(id, nanos)| ((*id).to_owned(), Duration::from_nanos(*nanos))).collect())
        };
        let before = threads(&[("1", 100), ("2", 50)]);
        let after = threads(&[("1", 130), ("2", 50), ("3", 7)]);
        assert_eq!(after.since(&before), Some(Duration::from_nanos(37)));
        assert_eq!(before.since(&after), None);
        assert_eq!(before.since(&threads(&[])), None);
    }

    #[test]
    fn a_process_name_with_parentheses_does_not_shift_the_fields() {
        let line = "42 (a) b (c) S 7 1 1 0 -1 0 0 0 0 0 100 50 3 2 20 0 1 0 5";
        assert_eq!(Stat::parse(line), Some(Stat { parent: 7, user_ticks: 103, system_ticks: 52 }));
        assert_eq!(Stat::parse("42 (short) S 7"), None);
    }
}
