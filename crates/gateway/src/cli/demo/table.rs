//! The demo's screen: one table that is drawn in place, or a line a second where there is no terminal.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    time::Duration,
};

use roundelay_routing::{BreakerState, DeploymentHealth, Instant};
use serde_json::json;

use super::{
    stage::{Act, POOL, Stage},
    traffic::Traffic,
};
use crate::cli::say;

const BAR: usize = 24;

/// Where the demo is shown.
#[derive(Debug)]
pub(super) struct Table {
    is_live: bool,
    is_json: bool,
    /// Lines of the last frame, to be drawn over.
    height: usize,
    opened: u64,
    was_open: Vec<bool>,
}

impl Table {
    /// Prints how to join in from another terminal.
    pub(super) fn new(stage: &Stage, is_live: bool, is_json: bool) -> Self {
        let (callers, admin, key) = (stage.callers_address(), stage.admin_address(), stage.key());
        if is_json {
            let base_url = format!("http://{callers}/v1");
            say(&json!({ "base_url": base_url, "admin": format!("http://{admin}"), "key": key, "model": POOL }));
        } else {
            say(&format_args!(
                "Roundelay demo: one gateway, three rehearsal providers, a few callers. Ctrl-C ends it.\n"
            ));
            say(&"Try it from another terminal:");
            say(&format_args!("  curl http://{callers}/v1/chat/completions -H 'Authorization: Bearer {key}' \\"));
            say(&format_args!(
                "    -H 'Content-Type: application/json' -d '{{\"model\":\"{POOL}\",\"messages\":[{{\"role\":\"user\",\"content\":\"hello\"}}]}}'"
            ));
            say(&format_args!("  base_url = http://{callers}/v1   api_key = {key}"));
            say(&format_args!("  metrics  = http://{admin}/metrics\n"));
        }
        Self { is_live, is_json, height: 0, opened: 0, was_open: Vec::new() }
    }

    /// Shows how things are.
    pub(super) fn draw(&mut self, stage: &Stage, traffic: &Traffic, act: Act, elapsed: Duration) {
        let (health, now) = stage.health();
        // `provider/anything` is not part of the play.
        let health: Vec<_> = health.into_iter().filter(|health| !health.name.ends_with("/*")).collect();
        self.count_openings(&health);
        if self.is_json {
            say(&as_json(&health, traffic, act, elapsed));
        } else if self.is_live {
            let frame = self.frame(&health, now, traffic, act, elapsed);
            let up = if self.height == 0 { String::new() } else { format!("\x1b[{}A", self.height) };
            self.height = frame.lines().count();
            let mut out = io::stdout().lock();
            // A terminal that is gone ends the demo by its own signal.
            let _ = out.write_all(format!("{up}{}", frame.replace('\n', "\x1b[K\n")).as_bytes());
            let _ = out.flush();
        } else {
            let shares: Vec<String> = health.iter().map(|h| short(h, traffic)).collect();
            say(&format_args!(
                "{:>3} s  {}  answered {}  errors seen {}  | {}",
                elapsed.as_secs(),
                shares.join("  "),
                traffic.whole(),
                traffic.errors(),
                act.line()
            ));
        }
    }

    /// Says what it came to.
    pub(super) fn summary(&self, traffic: &Traffic) {
        let (whole, errors, replaced) = (traffic.whole(), traffic.errors(), traffic.replaced());
        if self.is_json {
            say(&json!({
                "answered": whole, "errors_seen": errors, "replaced_attempts": replaced, "breaker_openings": self.opened,
            }));
        } else {
            say(&format_args!(
                "\n{whole} calls answered whole, {errors} errors seen by callers; {replaced} failed attempts were replaced \
                 unseen; breakers opened: {}",
                self.opened
            ));
        }
    }

    fn count_openings(&mut self, health: &[DeploymentHealth]) {
        let is_open: Vec<bool> = health.iter().map(|h| breaker(h) == "open").collect();
        let newly = |(index, open): (usize, &bool)| *open && !self.was_open.get(index).copied().unwrap_or(false);
        self.opened += is_open.iter().enumerate().filter(|pair| newly(*pair)).count() as u64;
        self.was_open = is_open;
    }

    fn frame(
        &self,
        health: &[DeploymentHealth],
        now: Instant,
        traffic: &Traffic,
        act: Act,
        elapsed: Duration,
    ) -> String {
        let mut frame = String::new();
        // Writing into a `String` cannot fail.
        let _ = writeln!(
            frame,
            "\x1b[1m{:<22} {:<26} {:>6}  {:<10} {:>7}  {:>9}  {:>9}\x1b[0m",
            "deployment", "share of the last 3 s", "", "breaker", "success", "in flight", "1st token"
        );
        for one in health {
            let share = traffic.share(&one.name);
            let filled = (share * BAR as f64).round() as usize;
            let (breaker, colour) = match breaker(one) {
                "open" => (open_for(one, now), "\x1b[31m"),
                "half-open" => ("half-open".to_owned(), "\x1b[33m"),
                closed => (closed.to_owned(), "\x1b[32m"),
            };
            let success = one.success_ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{:.0} %", ratio * 100.0));
            let first = one.first_content.map_or_else(|| "-".to_owned(), |first| format!("{} ms", first.as_millis()));
            let _ = writeln!(
                frame,
                "{:<22} {}{} {:>6.1} %  {colour}{breaker:<10}\x1b[0m {success:>7}  {:>9}  {first:>9}",
                one.name,
                "█".repeat(filled),
                "·".repeat(BAR - filled.min(BAR)),
                share * 100.0,
                one.in_flight
            );
        }
        let _ = writeln!(
            frame,
            "\nanswered whole {:>6}    errors seen by callers {:>3}    failed attempts replaced unseen {:>4}    breaker openings {:>2}",
            traffic.whole(),
            traffic.errors(),
            traffic.replaced(),
            self.opened
        );
        let _ = writeln!(frame, "{:>3} s  {}", elapsed.as_secs(), act.line());
        frame
    }
}

fn breaker(health: &DeploymentHealth) -> &'static str {
    match (health.breaker, health.endpoint_breaker) {
        (BreakerState::Open, _) | (_, BreakerState::Open) => "open",
        (BreakerState::HalfOpen, _) | (_, BreakerState::HalfOpen) => "half-open",
        (BreakerState::Closed, BreakerState::Closed) => "closed",
    }
}

fn open_for(health: &DeploymentHealth, now: Instant) -> String {
    match health.open_until {
        Some(until) => format!("open {:>2} s", until.saturating_duration_since(now).as_secs() + 1),
        None => "open".to_owned(),
    }
}

fn short(health: &DeploymentHealth, traffic: &Traffic) -> String {
    format!("{} {:>3.0} % {}", health.name, traffic.share(&health.name) * 100.0, breaker(health))
}

fn as_json(health: &[DeploymentHealth], traffic: &Traffic, act: Act, elapsed: Duration) -> serde_json::Value {
    let deployments: Vec<_> = health
        .iter()
        .map(|one| json!({ "deployment": &*one.name, "share": traffic.share(&one.name), "breaker": breaker(one) }))
        .collect();
    json!({
        "seconds": elapsed.as_secs(),
        "act": act.line(),
        "deployments": deployments,
        "answered": traffic.whole(),
        "errors_seen": traffic.errors(),
        "replaced_attempts": traffic.replaced(),
    })
}
