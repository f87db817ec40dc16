//! How far a simulation is: a bar on standard error, and only for people.

use std::io::{self, IsTerminal as _};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar over all rows of a comparison.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    requests: usize,
}

impl Progress {
    pub(super) fn new(requests: usize, rows: usize) -> Self {
        let target =
            if io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some((requests * rows) as u64), target);
        if let Ok(style) = ProgressStyle::with_template("{msg:<16} [{bar:40}] {percent:>3} %, {eta} left") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar, requests }
    }

    pub(super) fn begin(&self, row: usize, name: &str) {
        self.bar.set_message(name.to_owned());
        self.advance(row, 0);
    }

    pub(super) fn advance(&self, row: usize, done: usize) {
        self.bar.set_position((row * self.requests + done) as u64);
    }

    pub(super) fn end(self) {
        self.bar.finish_and_clear();
    }
}
