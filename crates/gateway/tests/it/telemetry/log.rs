//! What the log says, and what it never does.

use std::{
    io::{self, Write},
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver},
    },
    time::Duration,
};

use roundelay::{
    common::secret::Secret,
    config::{Log, LogFormat, LogLevel},
    telemetry::{LogGuard, Redactor, events, subscriber},
};

/// Keeps what is written.
#[derive(Clone, Default)]
struct Recording(Arc<Mutex<Vec<u8>>>);

impl Write for Recording {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What `report` writes to a log.
fn written(log: &Log, redactor: &Redactor, report: impl FnOnce()) -> String {
    let recording = Recording::default();
    let (subscriber, guard) = subscriber(log, recording.clone(), redactor).unwrap();
    tracing::subscriber::with_default(subscriber, report);
    drop(guard);
    let bytes = recording.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn log(format: LogFormat) -> Log {
    Log { format, level: LogLevel::Info }
}

#[track_caller]
fn check(report: impl Fn(), json: &str, text: &str) {
    let line = written(&log(LogFormat::Json), &Redactor::new(), &report);
    assert!(line.starts_with(r#"{"timestamp":""#) && line.contains(json), "{line}");
    let line = written(&log(LogFormat::Text), &Redactor::new(), &report);
    assert!(line.contains(text), "{line}");
    assert_eq!(line.matches('\n').count(), 1, "{line}");
}

#[test]
fn every_event_is_one_line_with_its_fields() {
    let address = "127.0.0.1:8600".parse().unwrap();
    check(
        || events::started("0.1.0", address, address, 3, Duration::from_millis(12)),
        r#""level":"INFO","message":"gateway started","version":"0.1.0","listen":"127.0.0.1:8600","admin":"127.0.0.1:8600","deployments":3,"after_ms":12"#,
        "INFO gateway started version=\"0.1.0\" listen=127.0.0.1:8600",
    );
    check(
        || events::reloaded(3),
        r#""message":"configuration reloaded","deployments":3"#,
        "INFO configuration reloaded",
    );
    check(|| events::breaker_opened("a/b"), r#""level":"WARN","message":"breaker opened","deployment":"a/b""#, "WARN");
    check(|| events::breaker_closed("a/b"), r#""level":"INFO","message":"breaker closed","deployment":"a/b""#, "INFO");
    check(
        || events::key_set_aside("openai#2", "upstream_auth"),
        r#""level":"ERROR","message":"provider key set aside","key_name":"openai#2","reason":"upstream_auth""#,
        "key_name=\"openai#2\"",
    );
    check(
        || events::exchange_failed("x1", "assistant", "overload", 3),
        r#""level":"WARN","message":"exchange failed","exchange":"x1","model":"assistant","class":"overload","attempts":3"#,
        "WARN exchange failed exchange=\"x1\"",
    );
    let fault = io::Error::new(io::ErrorKind::StorageFull, "disk is full");
    check(
        || events::store_fault("commit", &fault),
        r#""level":"ERROR","message":"store fault","action":"commit","fault":"disk is full""#,
        "fault=\"disk is full\"",
    );
    check(|| events::draining(4), r#""message":"draining","in_flight":4"#, "draining in_flight=4");
    check(
        || events::stopped(Duration::from_secs(61), 0),
        r#""message":"gateway stopped","uptime_s":61,"abandoned":0"#,
        "uptime_s=61",
    );
    check(
        || events::config_warning("odd\n  write it even"),
        r#""level":"WARN","message":"configuration warning","complaint":"odd; write it even""#,
        "odd; write it even",
    );
}

#[test]
fn a_refused_configuration_is_a_line_a_complaint() {
    let lines = written(&log(LogFormat::Json), &Redactor::new(), || events::reload_failed(["one", "two"]));
    assert_eq!(lines.lines().count(), 3, "{lines}");
    assert!(lines.contains(r#""complaint":"one""#) && lines.contains(r#""complaint":"two""#), "{lines}");
}

#[test]
fn what_comes_from_outside_cannot_draw_on_a_terminal_or_forge_a_line() {
    let hostile = "\u{1b}[31mred\u{1b}[0m\u{1b}]0;title\u{7}\r\n2026-01-01 ERROR forged\u{9b}2J\u{202e}end\0";
    for format in [LogFormat::Text, LogFormat::Json] {
        let line = written(&log(format), &Redactor::new(), || {
            events::exchange_failed(hostile, hostile, "overload", 1);
        });
        assert!(line.contains("red  2026-01-01 ERROR forged end"), "{line:?}");
        assert_eq!(line.matches('\n').count(), 1, "{line:?}");
        assert!(!line.contains("title") && !line.contains("31m") && !line.contains("\\u00"), "{line:?}");
        assert!(!line.trim_end().contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
    }
}

#[test]
fn an_unclean_line_is_clean_when_it_leaves() {
    let line = written(&log(LogFormat::Text), &Redactor::new(), || {
        tracing::info!("first\nsecond {}", "\u{9b}31mred");
    });
    assert!(line.ends_with("red\n") && line.matches('\n').count() == 1, "{line:?}");
    assert!(!line.contains('\u{9b}'), "{line:?}");
}

#[test]
fn a_long_value_is_cut() {
    let long = "é".repeat(100_000);
    let line = written(&log(LogFormat::Text), &Redactor::new(), || events::breaker_opened(&long));
    assert!(line.len() < 2_200 && line.contains("éé…"), "{} bytes", line.len());
    let line = written(&log(LogFormat::Text), &Redactor::new(), || tracing::info!("{long}"));
    assert!(line.len() < 17_000 && line.ends_with("é…\n"), "{} bytes", line.len());
}

/// Checks what becomes of a text in a log that knows a few secrets.
#[track_caller]
fn check_masked(text: &str, masked: &str) {
    let redactor = Redactor::new();
    let secrets = ["hunter2-hunter2", "hunter2-hunter2-longer", "with\"quote\\", "short", "naïve-secret"];
    redactor.learn(&secrets.map(Secret::new));
    for format in [LogFormat::Text, LogFormat::Json] {
        let line = written(&log(format), &redactor, || events::exchange_failed("x", text, "overload", 1));
        assert!(line.contains(&format!("{masked}\"")), "{line}");
    }
}

#[test]
fn known_secrets_are_masked() {
    check_masked("it was hunter2-hunter2!", "it was ***!");
    check_masked("hunter2-hunter2hunter2-hunter2", "******");
    check_masked("xhunter2-hunter2x", "x***x");
    check_masked("hunter2-hunter2-longer", "\"***");
    check_masked("with\"quote\\", "\"***");
    check_masked("naïve-secret, naïve", "\"***, naïve");
}

#[test]
fn what_looks_like_a_key_is_masked() {
    check_masked("key sk-proj-4bcdEFGHijkl", "key ***");
    check_masked("(rl-k7m2q9xd.0123456789abcdef)", "(***)");
    check_masked("(rladmin-theowner-0123456789abcdef)", "(***)");
    check_masked("rc-b66nd7az-abcde-fghjk-mnpqr-stvwx RC-B66ND7AZ-ABCDE", "*** ***");
    check_masked("?key=AIzaSyD4abcdefghijk&alt=sse", "?key=***&alt=sse");
    check_masked("sk-abcdefghijklmnopqrstuvwxyz", "\"***");
}

#[test]
fn words_are_not_masked() {
    check_masked("short words", "short words");
    check_masked("task-force-2024-winter", "task-force-2024-winter");
    check_masked("sk-learn-classifier", "sk-learn-classifier");
    check_masked("gpt-4o-2024-08-06", "gpt-4o-2024-08-06");
    check_masked("hunter2", "hunter2");
}

#[test]
fn secrets_of_a_new_configuration_are_masked_at_once() {
    let redactor = Redactor::new();
    let line = written(&log(LogFormat::Text), &redactor, || {
        redactor.learn(&[Secret::new("learnt-later")]);
        events::breaker_opened("learnt-later");
    });
    assert!(line.contains("deployment=\"***\""), "{line}");
}

#[test]
fn a_redactor_does_not_show_what_it_hides() {
    let redactor = Redactor::new();
    redactor.learn(&[Secret::new("hunter2-hunter2")]);
    assert!(!format!("{redactor:?}").contains("hunter2"), "{redactor:?}");
}

#[test]
fn less_serious_events_are_left_out() {
    let errors_only = Log { format: LogFormat::Text, level: LogLevel::Error };
    let lines = written(&errors_only, &Redactor::new(), || {
        events::reloaded(1);
        events::breaker_opened("a/b");
        events::key_set_aside("openai#1", "upstream_auth");
    });
    assert!(lines.contains("provider key set aside") && lines.lines().count() == 1, "{lines}");
}

#[test]
fn the_level_follows_a_new_configuration() {
    let recording = Recording::default();
    let (subscriber, guard) = subscriber(&log(LogFormat::Text), recording.clone(), &Redactor::new()).unwrap();
    tracing::subscriber::with_default(subscriber, || {
        events::breaker_closed("before");
        guard.set_level(LogLevel::Warn);
        events::breaker_closed("between");
        guard.set_level(LogLevel::Info);
        events::breaker_closed("after");
    });
    drop(guard);
    let lines = String::from_utf8(recording.0.lock().unwrap().clone()).unwrap();
    assert!(lines.contains("before") && lines.contains("after"), "{lines}");
    assert!(!lines.contains("between"), "{lines}");
}

/// Writes nothing until it is told to.
struct Stuck(Receiver<()>);

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.recv();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_log_that_nobody_reads_stops_no_exchange() {
    let (release, stuck) = mpsc::channel();
    let (subscriber, guard): (_, LogGuard) = subscriber(&log(LogFormat::Json), Stuck(stuck), &Redactor::new()).unwrap();
    tracing::subscriber::with_default(subscriber, || {
        (0..10_000).for_each(|number| events::exchange_failed(number, "assistant", "overload", 1));
    });
    assert!(guard.dropped() > 1_000, "{}", guard.dropped());
    drop(release);
    drop(guard);
}
