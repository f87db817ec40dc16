//! What is being done now and how long is left, on standard error.

use std::collections::VecDeque;
use std::fmt::Display;
use std::io::Write;
use std::time::{Duration, Instant};

use super::candidate::Kind;
use super::settings::Settings;

pub(super) struct Progress {
    /// Stages not yet begun, with their expected seconds.
    ahead: VecDeque<(Kind, f64)>,
    stage: String,
    stage_seconds: f64,
    stage_began: Instant,
    rounds: usize,
}

impl Progress {
    pub(super) fn new(settings: &Settings, kinds: &[Kind]) -> Self {
        let round = kinds.iter().map(|kind| (*kind, round_seconds(*kind, settings.seconds)));
        let counting = kinds.iter().filter(|kind| **kind != Kind::Direct);
        let counting = counting.map(|kind| (*kind, counting_seconds(*kind, settings.callgrind)));
        let rounds = (0..settings.rounds).flat_map(|_| round.clone());
        Self {
            ahead: rounds.chain(counting).collect(),
            stage: "preparing".to_owned(),
            stage_seconds: 0.0,
            stage_began: Instant::now(),
            rounds: settings.rounds,
        }
    }

    pub(super) fn round(&mut self, number: usize, kind: Kind) {
        self.begin(format!("round {number} of {}, {kind}", self.rounds), kind);
    }

    pub(super) fn counting(&mut self, kind: Kind) {
        self.begin(format!("counting, {kind}"), kind);
    }

    fn begin(&mut self, stage: String, kind: Kind) {
        // A round takes the candidates in its own order.
        let at = self.ahead.iter().position(|(ahead, _)| *ahead == kind);
        self.stage_seconds = at.and_then(|at| self.ahead.remove(at)).map_or(0.0, |(_, seconds)| seconds);
        self.stage = stage;
        self.stage_began = Instant::now();
    }

    pub(super) fn step(&mut self, what: &str) {
        let left = self.left();
        let (minutes, seconds) = (left.as_secs() / 60, left.as_secs() % 60);
        write_line(&format!("[{minutes}:{seconds:02} left] {}: {what}", self.stage));
    }

    pub(super) fn say(what: &str) {
        write_line(what);
    }

    pub(super) fn drop_candidate(&mut self, kind: Kind, why: &impl Display) {
        self.ahead.retain(|(ahead, _)| *ahead != kind);
        write_line(&format!("{kind} is left out: {why}"));
    }

    pub(super) fn end(&mut self) {
        self.ahead.clear();
        write_line("done");
    }

    fn left(&self) -> Duration {
        let ahead: f64 = self.ahead.iter().map(|(_, seconds)| seconds).sum();
        let stage = self.stage_seconds - self.stage_began.elapsed().as_secs_f64();
        Duration::from_secs_f64(ahead + stage.max(0.0))
    }
}

fn round_seconds(kind: Kind, seconds: f64) -> f64 {
    match kind {
        Kind::Direct => 2.0 + 4.0 * seconds,
        Kind::Nginx | Kind::Roundelay | Kind::Prepaid => 7.0 + 6.0 * seconds,
        Kind::Litellm => 40.0 + 10.0 * seconds,
    }
}

fn counting_seconds(kind: Kind, callgrind: bool) -> f64 {
    match (kind, callgrind) {
        (Kind::Direct, _) => 0.0,
        (Kind::Litellm, _) => 60.0,
        (Kind::Nginx | Kind::Roundelay | Kind::Prepaid, true) => 25.0,
        (Kind::Nginx | Kind::Roundelay | Kind::Prepaid, false) => 8.0,
    }
}

fn write_line(line: &str) {
    // A closed terminal does not stop a measurement.
    drop(writeln!(std::io::stderr(), "{line}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_shrinks_by_stages_begun_and_candidates_left_out() {
        let ahead = VecDeque::from([(Kind::Direct, 10.0), (Kind::Nginx, 20.0), (Kind::Roundelay, 40.0)]);
        let stage_began = Instant::now();
        let mut progress = Progress { ahead, stage: String::new(), stage_seconds: 0.0, stage_began, rounds: 1 };
        assert_eq!(progress.left(), Duration::from_secs(70));
        progress.drop_candidate(Kind::Roundelay, &"absent");
        assert_eq!(progress.left(), Duration::from_secs(30));
        progress.round(1, Kind::Nginx);
        progress.stage_began = Instant::now().checked_sub(Duration::from_secs(100)).unwrap();
        assert_eq!(progress.left(), Duration::from_secs(10));
    }
}
