//! The demo's gateway and providers, and the play that is given on them.

use std::{
    env, fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use roundelay_ledger::{AccountId, Limits};
use roundelay_routing::DeploymentHealth;
use tokio::{sync::watch, task::spawn_blocking};

use crate::{
    app::App,
    auth::KeyWish,
    cli::Failure,
    common::{clock::unix_time, tasks::Tasks},
    config,
    exchange::Gateway,
    rehearsal::{Control, Rehearsal},
    telemetry::Redactor,
};

/// The pool that the demo's callers ask for.
pub(super) const POOL: &str = "assistant";

/// A provider of the demo: its name and model, the weight of the model in the pool, and how it answers.
const CAST: [(&str, &str, f64, &str); 3] = [
    ("swift", "swift-large", 0.6, r#"{"latency_ms": 60, "word_ms": 6, "words": 24}"#),
    ("steady", "steady-pro", 0.4, r#"{"latency_ms": 140, "word_ms": 9, "words": 24}"#),
    ("spare", "spare-mini", 0.0, r#"{"latency_ms": 200, "word_ms": 12, "words": 24}"#),
];

/// `steady` at its own pace, but for every third call.
const RESETS: &str =
    r#"{"scenario": "reset-before-headers", "every": 3, "latency_ms": 140, "word_ms": 9, "words": 24}"#;

/// What happens to the providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// All is well.
    Calm,
    /// `swift` answers 503.
    Outage,
    /// `swift` is back.
    Recovery,
    /// `steady` breaks off before its first word, one time in three.
    Resets,
    /// `steady` is back as well.
    Encore,
}

impl Act {
    const ROUND: u64 = 60;

    /// The act at that time; after the last one the play begins again.
    pub(super) fn at(elapsed: Duration) -> Self {
        match elapsed.as_secs() % Self::ROUND {
            0..6 => Self::Calm,
            6..16 => Self::Outage,
            16..36 => Self::Recovery,
            36..46 => Self::Resets,
            _ => Self::Encore,
        }
    }

    /// The act in a sentence.
    pub(super) fn line(self) -> &'static str {
        match self {
            Self::Calm => "all providers are well: calls keep to the weights 0.6 and 0.4",
            Self::Outage => "swift answers 503 to everything: its breaker opens, steady carries the calls",
            Self::Recovery => "swift is back: a probe finds out, the breaker closes, its share returns",
            Self::Resets => "steady breaks every third connection before its first word: callers do not notice",
            Self::Encore => "steady is back: all is well again",
        }
    }
}

/// Everything that runs while the demo does.
#[derive(Debug)]
pub(super) struct Stage {
    gateway: Arc<Gateway>,
    callers: SocketAddr,
    admin: SocketAddr,
    key: String,
    data: PathBuf,
    controls: Vec<Control>,
    tasks: Tasks,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
    act: std::cell::Cell<Option<Act>>,
}

impl Stage {
    /// Starts providers and gateway on free ports, with a data folder of its own.
    pub(super) fn set() -> Result<Self, Failure> {
        let tasks = Tasks::default();
        let mut controls = Vec::new();
        let mut text = server_section();
        for (name, model, _, pace) in CAST {
            let provider = Rehearsal::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            let control = provider.control();
            control.set_rule(crate::rehearsal::Target::Default, honest(pace)?)?;
            text += &format!(
                "[providers.{name}]\nprotocol = \"openai\"\nbase_url = \"http://{}/v1\"\n[models.{model}]\ndeployments = [\"{name}\"]\n",
                provider.local_addr()
            );
            controls.push(control);
            tasks.spawn(provider.serve(std::future::pending()));
        }
        text += &pool_section();
        text += ROUTING;
        let config = config::parse(&text, "demo", &|_| None)?;
        let data = env::temp_dir().join(format!("roundelay-demo-{}", process::id()));
        let app = App::open(config, &data, &Redactor::new())?;
        let gateway = Arc::clone(app.gateway());
        let now = unix_time().as_secs().cast_signed();
        let wish = KeyWish {
            account: AccountId::default_account(),
            name: "demo".to_owned(),
            allowed: None,
            expires_at: None,
            limits: Limits::default(),
            on_disconnect: None,
            networks: None,
        };
        let (_, key) = gateway.keys.create(wish, now)?;
        let (callers, admin) = (app.callers_address(), app.admin_address());
        let (stop, stopped) = watch::channel(false);
        let stopper = stop.clone();
        let thread = thread::Builder::new().name("gateway".to_owned()).spawn(move || {
            // The demo ends with its gateway either way.
            let _ = app.run((stopper, stopped));
        })?;
        let (key, act) = (key.expose().to_owned(), std::cell::Cell::new(None));
        Ok(Self { gateway, callers, admin, key, data, controls, tasks, stop, thread, act })
    }

    /// Gives an act.
    pub(super) fn play(&self, act: Act) -> Result<(), Failure> {
        if self.act.replace(Some(act)) == Some(act) {
            return Ok(());
        }
        use crate::rehearsal::Target::Default;
        let [swift, steady, _] = &self.controls[..] else { return Ok(()) };
        match act {
            Act::Outage => swift.set(Default, "openai:overloaded")?,
            Act::Resets => steady.set_rule(Default, rule(RESETS)?)?,
            Act::Calm | Act::Recovery | Act::Encore => {
                swift.set_rule(Default, honest(CAST[0].3)?)?;
                steady.set_rule(Default, honest(CAST[1].3)?)?;
            }
        }
        Ok(())
    }

    pub(super) fn callers_address(&self) -> SocketAddr {
        self.callers
    }

    pub(super) fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    pub(super) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// The health of every deployment, and the instant it was looked at.
    pub(super) fn health(&self) -> (Vec<DeploymentHealth>, roundelay_routing::Instant) {
        let now = self.gateway.clock.now();
        let snapshot = self.gateway.snapshot.load();
        (self.gateway.router().health(&snapshot.catalog, now), now)
    }

    /// Waits until the gateway was told to stop, by a signal to the process.
    pub(super) async fn ended(&self) {
        // The sender lives as long as the stage.
        let _ = self.stop.subscribe().wait_for(|stopped| *stopped).await;
    }

    /// Ends everything and leaves nothing behind.
    pub(super) async fn strike(self) {
        self.stop.send_replace(true);
        let thread = self.thread;
        // Providers and callers run on while the gateway drains. One that panicked has said so.
        let _ = spawn_blocking(|| thread.join()).await;
        drop(self.gateway);
        // A temporary folder that cannot be removed is the system's to clean up.
        let _ = fs::remove_dir_all(&self.data);
    }
}

fn rule(json: &str) -> Result<crate::rehearsal::Rule, crate::rehearsal::RuleError> {
    crate::rehearsal::Rule::from_json(json.as_bytes())
}

fn honest(pace: &str) -> Result<crate::rehearsal::Rule, crate::rehearsal::RuleError> {
    rule(pace)
}

/// The usual addresses where they are free, so that the printed snippet is the usual one.
fn server_section() -> String {
    let usual = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_or(0, |_| port);
    format!("[server]\nlisten = \"127.0.0.1:{}\"\nadmin = \"127.0.0.1:{}\"\n", usual(8600), usual(8601))
}

/// A minute shows what takes some in production: the defaults are 10 s, 60 s and 120 s.
const ROUTING: &str = "[routing.breaker]\nopen = \"4s\"\nslow_start = \"10s\"\nwindow = \"12s\"\n";

fn pool_section() -> String {
    let members: Vec<String> = CAST
        .iter()
        .filter(|(_, _, weight, _)| *weight > 0.0)
        .map(|(_, model, weight, _)| format!("{model} = {weight}"))
        .collect();
    format!("[pools.{POOL}]\nmembers = {{ {} }}\nfallback = [\"spare-mini\"]\n", members.join(", "))
}
