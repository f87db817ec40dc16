//! What every measurement is taken with: programs, cores, rounds and times.

use std::path::PathBuf;

use crate::fault::{Fault, Result};

#[derive(clap::Args, Clone)]
pub(crate) struct Settings {
    /// Count user instructions with valgrind.
    #[arg(long)]
    pub(super) callgrind: bool,
    /// The gateway's binary.
    #[arg(long, default_value = "target/release/roundelay")]
    pub(super) roundelay: PathBuf,
    /// Write every figure of every round to this file.
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    #[arg(long, default_value_t = 3)]
    pub(super) rounds: usize,
    /// Seconds of each measurement; below two the start of the streams weighs in.
    #[arg(long, default_value_t = 4.0)]
    pub(super) seconds: f64,
    /// Keep-alive connections of the load.
    #[arg(long, default_value_t = 64)]
    pub(super) connections: usize,
    /// Core of the candidate.
    #[arg(long, default_value_t = 0)]
    pub(super) candidate_core: usize,
    /// Core of upstream and load generator.
    #[arg(long, default_value_t = 1)]
    pub(super) load_core: usize,
}

impl Settings {
    pub(super) fn check(&self) -> Result<()> {
        if self.rounds == 0 {
            return Err(Fault::Measurement("no rounds, no figures".to_owned()));
        }
        Ok(())
    }
}

/// Every one of `all` once, from another start in each round, so that a slow minute of the machine does not fall on the same one.
pub(super) fn rotated<T: Copy>(all: &[T], round: usize) -> impl Iterator<Item = T> + '_ {
    all.iter().copied().cycle().skip(round % all.len().max(1)).take(all.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_takes_every_candidate_once_from_another_start() {
        let order = |round| rotated(&["direct", "nginx", "roundelay"], round).collect::<Vec<_>>();
        assert_eq!(order(0), ["direct", "nginx", "roundelay"]);
        assert_eq!(order(1), ["nginx", "roundelay", "direct"]);
        assert_eq!(order(3), order(0));
        assert_eq!(rotated::<u8>(&[], 2).count(), 0);
    }
}
