//! Structured log lines on standard error, written by a thread of their own, with known secrets masked at the last step.

use std::io::{self, IsTerminal, Write};

use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer, Registry,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    reload,
};

pub use self::redactor::Redactor;
use self::sink::{LastLines, Sink};
use crate::config::{Log, LogFormat, LogLevel};

mod redactor;
mod sink;

/// Starts the log of the process; what [`crate::telemetry::events`] reports before this is lost.
///
/// Keep the guard until the process ends: dropping it writes what is still queued.
///
/// # Errors
///
/// When the process has a log already, or cannot start a thread.
pub fn init(log: &Log, redactor: &Redactor) -> Result<LogGuard, LogFault> {
    let (subscriber, guard) = subscriber(log, io::stderr(), redactor)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogFault::AlreadyStarted)?;
    Ok(guard)
}

/// A log that is written elsewhere than to standard error.
///
/// # Errors
///
/// When the operating system starts no thread.
pub fn subscriber<W: Write + Send + 'static>(
    log: &Log,
    out: W,
    redactor: &Redactor,
) -> Result<(impl Subscriber + Send + Sync + use<W>, LogGuard), LogFault> {
    let (sink, last_lines) = Sink::start(out, redactor.clone()).map_err(LogFault::NoThread)?;
    let layer = if is_json(log.format) { json_layer(sink).boxed() } else { text_layer(sink).boxed() };
    let (filter, level) = reload::Layer::new(filter(log.level));
    Ok((
        tracing_subscriber::registry().with(layer.with_filter(filter)),
        LogGuard { last_lines, level: LevelSwitch(level) },
    ))
}

/// Holds the log open; when it is dropped, what is still queued is written, for at most 2 s.
#[derive(Debug)]
#[must_use = "dropping this ends the log"]
pub struct LogGuard {
    last_lines: LastLines,
    level: LevelSwitch,
}

/// Changes how much a log takes while it runs. Clones turn the same log.
#[derive(Debug, Clone)]
pub struct LevelSwitch(reload::Handle<LevelFilter, Registry>);

impl LevelSwitch {
    /// Changes the least serious event that is logged.
    pub fn set(&self, level: LogLevel) {
        // It fails only when the log is gone, and then there is nothing to change.
        let _ = self.0.reload(filter(level));
    }
}

impl LogGuard {
    /// Changes the least serious event that is logged.
    pub fn set_level(&self, level: LogLevel) {
        self.level.set(level);
    }

    /// For whoever changes the level and does not keep the guard.
    pub fn level_switch(&self) -> LevelSwitch {
        self.level.clone()
    }

    /// How many lines were lost because they came faster than they were read, since the start.
    pub fn dropped(&self) -> u64 {
        self.last_lines.dropped()
    }
}

fn is_json(format: LogFormat) -> bool {
    match format {
        LogFormat::Auto => !io::stderr().is_terminal(),
        LogFormat::Text => false,
        LogFormat::Json => true,
    }
}

/// Why the log could not start.
#[derive(Debug, thiserror::Error)]
pub enum LogFault {
    /// There is one log a process.
    #[error("the log was started before")]
    AlreadyStarted,
    /// The operating system refused.
    #[error("cannot start the log's thread")]
    NoThread(#[source] io::Error),
}

fn text_layer<W>(writer: W) -> impl Layer<Registry> + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    fmt::layer().with_target(false).with_ansi(false).with_writer(writer)
}

fn json_layer<W>(writer: W) -> impl Layer<Registry> + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(false).with_writer(writer)
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
