//! Where a comparison happens: scratch directory, upstream, cores and the load generator's command line.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{ChildStdin, Stdio};
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::candidate::Running;
use super::process::{self, Pinned, Process};
use super::settings::Settings;
use crate::fault::{Fault, Result};
use crate::load::{Held, Report};

pub(super) struct Site {
    pub(super) directory: Scratch,
    pub(super) upstream: SocketAddr,
    pub(super) roundelay: PathBuf,
    pub(super) seconds: f64,
    pub(super) connections: usize,
    pub(super) callgrind: bool,
    pub(super) candidate_core: usize,
    pub(super) candidate: Pinned,
    pub(super) load: Pinned,
    bench: PathBuf,
    /// Ended when the comparison is.
    _upstream: Process,
}

impl Site {
    pub(super) fn prepare(settings: &Settings) -> Result<Self> {
        process::require("taskset", "it is in the Debian package util-linux")?;
        // This program watches; it must not do so on the candidate's core.
        process::move_this_program_to(settings.load_core)?;
        let directory = Scratch::create()?;
        let bench = std::env::current_exe().map_err(Fault::io("find this program"))?;
        let load = Pinned::to(settings.load_core)?;
        let upstream = free_port()?;
        let mut command = load.command(&bench);
        command.args(["upstream", "--listen", &upstream.to_string()]);
        let process = Process::start(command, &directory.0.join("upstream.log"))?;
        process.wait_until_ready(upstream, None, Duration::from_secs(10))?;
        Ok(Self {
            upstream,
            roundelay: settings.roundelay.clone(),
            seconds: settings.seconds,
            connections: settings.connections,
            callgrind: settings.callgrind,
            candidate_core: settings.candidate_core,
            candidate: Pinned::to(settings.candidate_core)?,
            load,
            bench,
            _upstream: process,
            directory,
        })
    }

    /// Runs the load generator against a candidate; an answer missing or wrong is a fault, because it makes every figure wrong.
    pub(super) fn load(&self, running: &Running, arguments: &[String]) -> Result<Report> {
        let mut command = self.load_command(running);
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().map_err(Fault::io("start the load generator"))?;
        let output = Process::of(child).output(LOAD_LIMIT)?;
        let report: Report = parse(&output.stdout, &output.stderr)?;
        match report {
            Report { failed: 0, answered: 1.., .. } => Ok(report),
            Report { failed, answered, first_failure, .. } => Err(Fault::Measurement(format!(
                "{failed} of {} exchanges failed: {}",
                failed + answered,
                first_failure.unwrap_or_default()
            ))),
        }
    }

    /// Opens streams and keeps them until the result is dropped.
    pub(super) fn hold(&self, running: &Running, streams: usize) -> Result<Holding> {
        let mut command = self.load_command(running);
        command.args(["--open-streams", &streams.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(Fault::io("start the load generator"))?;
        let input = child.stdin.take();
        let output = child.stdout.take().expect("standard output is piped");
        let process = Process::of(child);
        let mut line = String::new();
        // The load generator speaks within its own limit of a minute, or ends, which closes the pipe.
        BufReader::new(output).read_line(&mut line).map_err(Fault::io("read the load generator's report"))?;
        let held: Held = parse(line.as_bytes(), b"")?;
        if held.open == streams {
            return Ok(Holding { _input: input, _process: process });
        }
        Err(Fault::Measurement(format!(
            "{} of {} streams opened within a minute{}",
            held.open,
            streams,
            held.first_failure.map(|failure| format!(": {failure}")).unwrap_or_default()
        )))
    }

    fn load_command(&self, running: &Running) -> std::process::Command {
        let mut command = self.load.command(&self.bench);
        command.args(["load", "--target", &running.address.to_string(), "--model", running.model]);
        command.args(["--key", &running.key, "--connections", &self.connections.to_string()]);
        command
    }
}

pub(super) struct Holding {
    _input: Option<ChildStdin>,
    _process: Process,
}

fn parse<T: DeserializeOwned>(output: &[u8], errors: &[u8]) -> Result<T> {
    serde_json::from_slice(output).map_err(|fault| {
        let errors = String::from_utf8_lossy(errors);
        Fault::Measurement(format!("the load generator did not report: {fault} {}", errors.trim()))
    })
}

/// A load that has not ended by then never will; the longest takes two minutes.
const LOAD_LIMIT: Duration = Duration::from_secs(600);

/// A port of the loopback that was free a moment ago.
pub(super) fn free_port() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(Fault::io("find a free port"))?;
    listener.local_addr().map_err(Fault::io("find a free port"))
}

/// A directory that is removed with everything in it.
pub(super) struct Scratch(pub(super) PathBuf);

impl Scratch {
    fn create() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("roundelay-bench-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(Fault::io(format!("create {}", path.display())))?;
        Ok(Self(path))
    }

    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        fs::write(&path, text).map_err(Fault::io(format!("write {}", path.display())))?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays behind lies in the system's temporary directory.
        drop(fs::remove_dir_all(&self.0));
    }
}
