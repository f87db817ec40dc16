//! Starting, pinning, watching and ending a process and its children.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::proc_files::{self, CpuTime, Stat};
use crate::clock;
use crate::fault::{Fault, Result};

/// How a program is started: on one core, with enough file descriptors.
#[derive(Clone)]
pub(super) struct Pinned {
    prefix: Vec<String>,
}

impl Pinned {
    pub(super) fn to(core: usize) -> Result<Self> {
        let mut prefix: Vec<String> = ["taskset", "-c", &core.to_string()].map(str::to_owned).into();
        if proc_files::soft_limit_of_open_files() < OPEN_FILES {
            require("prlimit", "it is in the Debian package util-linux")?;
            // Only the soft limit: the hard one is not ours to change.
            prefix.extend(["prlimit".to_owned(), format!("--nofile={OPEN_FILES}:")]);
        }
        Ok(Self { prefix })
    }

    /// The same, with `wrapper` between this and the program.
    pub(super) fn wrapped(&self, wrapper: &[String]) -> Self {
        Self { prefix: [self.prefix.as_slice(), wrapper].concat() }
    }

    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(&self.prefix[0]);
        command.args(&self.prefix[1..]).arg(program).stdin(Stdio::null());
        command
    }
}

/// Pins this program; what it starts without a pin of its own inherits this one.
pub(super) fn move_this_program_to(core: usize) -> Result<()> {
    let mut command = Command::new("taskset");
    command.args(["-cp", &core.to_string(), &std::process::id().to_string()]);
    let output = command.output().map_err(Fault::io("start taskset"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Fault::Measurement(format!("core {core} cannot be used: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

/// A child process, ended with its children when dropped.
pub(super) struct Process {
    child: Child,
    log: Option<PathBuf>,
    started: Instant,
}

impl Process {
    /// Starts `command` with its output in `log`.
    pub(super) fn start(mut command: Command, log: &Path) -> Result<Self> {
        let output = File::create(log).map_err(Fault::io(format!("create {}", log.display())))?;
        let errors = output.try_clone().map_err(Fault::io("share a log file"))?;
        let started = Instant::now();
        let name = format!("start {:?}", command.get_program());
        let child = command.stdout(output).stderr(errors).spawn().map_err(Fault::io(name))?;
        Ok(Self { child, log: Some(log.to_owned()), started })
    }

    pub(super) fn of(child: Child) -> Self {
        Self { child, log: None, started: Instant::now() }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `address` accepts, or answers `GET path` with 200, and returns how long that took since the start.
    pub(super) fn wait_until_ready(
        &self,
        address: SocketAddr,
        path: Option<&str>,
        limit: Duration,
    ) -> Result<Duration> {
        while self.started.elapsed() < limit {
            if answers(address, path) {
                return Ok(self.started.elapsed());
            }
            if fs::read_to_string(format!("/proc/{}/stat", self.id())).map_or(true, |stat| stat.contains(") Z ")) {
                return Err(Fault::Measurement(format!("ended before it was ready{}", self.last_words())));
            }
            clock::sleep(Duration::from_millis(1));
        }
        Err(Fault::Measurement(format!("not ready within {} s{}", limit.as_secs(), self.last_words())))
    }

    fn last_words(&self) -> String {
        let text = self.log.as_ref().and_then(|log| fs::read_to_string(log).ok()).unwrap_or_default();
        let lines: Vec<&str> = text.trim().lines().collect();
        match lines.as_slice() {
            [] => String::new(),
            lines => format!(": {}", lines[lines.len().saturating_sub(3)..].join(" | ")),
        }
    }

    /// This process and everything it started, directly or not.
    pub(super) fn tree(&self) -> Vec<u32> {
        let parents: Vec<(u32, u32)> =
            proc_files::all_ids().filter_map(|id| Some((id, Stat::read(id)?.parent))).collect();
        let mut tree = BTreeSet::from([self.id()]);
        loop {
            let before = tree.len();
            tree.extend(
                parents.iter().filter(|(_, parent)| tree.contains(parent)).map(|(id, _)| *id).collect::<Vec<_>>(),
            );
            if tree.len() == before {
                return tree.into_iter().collect();
            }
        }
    }

    /// Processor time of the whole tree so far, children that ended and were waited for included.
    pub(super) fn cpu_time(&self) -> CpuTime {
        let tick = proc_files::tick();
        self.tree().into_iter().filter_map(Stat::read).fold(
            CpuTime { user: Duration::ZERO, system: Duration::ZERO },
            |sum, stat| CpuTime {
                user: sum.user + tick.mul_f64(stat.user_ticks as f64),
                system: sum.system + tick.mul_f64(stat.system_ticks as f64),
            },
        )
    }

    /// Resident memory of the whole tree in MiB; a page shared by two processes counts twice.
    pub(super) fn resident_mib(&self) -> f64 {
        let kib = |id: u32| -> Option<f64> {
            let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
            line.split_whitespace().next()?.parse().ok()
        };
        self.tree().into_iter().filter_map(kib).sum::<f64>() / 1024.0
    }

    /// Waits for the end and returns what was written to the pipes, which must fit into them; kills after `limit`.
    pub(super) fn output(mut self, limit: Duration) -> Result<Output> {
        while !matches!(self.child.try_wait(), Ok(Some(_))) {
            if self.started.elapsed() > limit {
                return Err(Fault::Measurement(format!("not done within {} s", limit.as_secs())));
            }
            clock::sleep(Duration::from_millis(10));
        }
        let mut output = Output { stdout: Vec::new(), stderr: Vec::new() };
        if let (Some(stdout), Some(stderr)) = (&mut self.child.stdout, &mut self.child.stderr) {
            stdout.read_to_end(&mut output.stdout).map_err(Fault::io("read a program's output"))?;
            stderr.read_to_end(&mut output.stderr).map_err(Fault::io("read a program's errors"))?;
        }
        Ok(output)
    }

    /// Asks the process to end and waits; what is left of its tree then, or after `limit`, is killed.
    pub(super) fn end(&mut self, signal: &str, limit: Duration) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        let tree = self.tree();
        send_signal(signal, &[self.id()]);
        let asked = Instant::now();
        let mut ended = false;
        while !ended && asked.elapsed() < limit {
            ended = matches!(self.child.try_wait(), Ok(Some(_)));
            clock::sleep(Duration::from_millis(5));
        }
        let root = self.id();
        let left: Vec<u32> =
            tree.into_iter().filter(|id| Stat::read(*id).is_some() && !(ended && *id == root)).collect();
        if !left.is_empty() {
            send_signal("KILL", &left);
        }
        if !ended {
            // It was killed: this waits for the kernel only.
            drop(self.child.wait());
        }
    }
}

/// What a program wrote.
pub(super) struct Output {
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end("TERM", Duration::from_secs(10));
    }
}

fn send_signal(signal: &str, ids: &[u32]) {
    let ids = ids.iter().map(u32::to_string);
    // A process that has just ended cannot be signalled, and need not be.
    drop(Command::new("kill").arg(format!("-{signal}")).args(ids).stderr(Stdio::null()).status());
}

fn answers(address: SocketAddr, path: Option<&str>) -> bool {
    let limit = Duration::from_secs(2);
    let Ok(mut stream) = TcpStream::connect_timeout(&address, limit) else { return false };
    let Some(path) = path else { return true };
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    let mut status = [0; 12];
    stream.set_read_timeout(Some(limit)).is_ok()
        && stream.write_all(request.as_bytes()).is_ok()
        && stream.read_exact(&mut status).is_ok()
        && status.ends_with(b" 200")
}

/// Finds `program` in `PATH` or in the folders of system programs that a user's `PATH` often leaves out.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

pub(super) fn require(program: &str, remedy: &str) -> Result<PathBuf> {
    find(program).ok_or_else(|| Fault::Absent { program: program.to_owned(), remedy: remedy.to_owned() })
}

const OPEN_FILES: u64 = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_that_outlive_their_parent_are_ended_too() {
        // The shell ends at TERM and leaves its child behind.
        let child = Command::new("sh").args(["-c", "sleep 30 & wait"]).spawn().unwrap();
        let mut process = Process::of(child);
        let asked = Instant::now();
        while process.tree().len() < 2 && asked.elapsed() < Duration::from_secs(5) {
            std::thread::yield_now();
        }
        let tree = process.tree();
        assert_eq!(tree.len(), 2);
        process.end("TERM", Duration::from_secs(5));
        let lives = |id: u32| fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
        while tree.iter().any(|id| lives(*id)) {
            assert!(asked.elapsed() < Duration::from_secs(10), "a child is still there");
            std::thread::yield_now();
        }
    }
}
