//! What a figure was taken on and with: without it a figure says nothing.

use std::fs;
use std::thread;

use serde_json::{Value, json};

use super::settings::Settings;
use crate::clock;
use crate::script::REQUEST_BYTES;

pub(super) fn describe(settings: &Settings) -> Value {
    json!({
        "taken_unix_s": clock::unix_nanoseconds() / 1_000_000_000,
        "machine": {
            "cores": thread::available_parallelism().map_or(1, std::num::NonZero::get),
            "processor": field("/proc/cpuinfo", "model name"),
            "memory_gib": memory_gib(),
            "kernel": fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim(),
        },
        "settings": {
            "rounds": settings.rounds,
            "seconds": settings.seconds,
            "connections": settings.connections,
            "candidate_core": settings.candidate_core,
            "load_core": settings.load_core,
            "request_body_bytes": REQUEST_BYTES,
        },
    })
}

/// The mean number of processes that ran or waited in the last minute (proc(5)).
pub(super) fn load_average() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

fn memory_gib() -> Option<u64> {
    let total = field("/proc/meminfo", "MemTotal")?;
    let kib: u64 = total.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024 / 1024)
}

/// The value after the first `name :` in a file of `/proc`.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
