//! Puts the rooms together: opens what is kept, binds the listeners, follows the configuration, and stops in order.

mod balances;
mod forget;
mod overdue;
mod reload;
mod signals;
mod tokens;
mod watch;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use roundelay_routing::Router;
use tokio::{
    runtime,
    sync::watch::{Receiver, Sender, channel},
    task::spawn_blocking,
};

pub use self::reload::ReloadFault;
use self::reload::{Reloader, Reloading};
use crate::{
    admin::Admin,
    auth::{KeyFault, Keys, Operators, Pepper, PepperFault},
    billing::{Billing, LoadFault},
    common::{clock::unix_time, secret::Secret},
    config::{Config, Durability},
    exchange::{Gateway, Snapshot, SnapshotFault},
    journal::{ExchangeIds, Journal, JournalFault, Recorder, StrictFault},
    server::Server,
    store::{Store, StoreFault},
    telemetry::{LogGuard, Redactor, events},
};

/// A gateway whose listeners are bound: connections wait, and are served once it runs.
#[derive(Debug)]
pub struct App {
    gateway: Arc<Gateway>,
    server: Server,
    admin: Admin,
    reloader: Arc<Reloader>,
    store: Store,
    first_admin_token: Option<Secret>,
}

/// Why a gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartFault {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// The file with which key hashes are made.
    #[error(transparent)]
    Pepper(#[from] PepperFault),
    /// The operator's token.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// The accounts and their balances.
    #[error(transparent)]
    Billing(#[from] LoadFault),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalFault),
    /// Keeping records as safely as the configuration asks.
    #[error(transparent)]
    Strict(#[from] StrictFault),
    /// The store does not take what the last run left in the journal, which holds charges.
    #[error(
        "what the last run left in the journal could not be put into the store: nothing is served before every charge of \
         it is counted. Is another program holding `roundelay.db`, or is the disk full? Nothing is lost; start again once \
         that is over"
    )]
    Replay,
    /// The configuration.
    #[error(transparent)]
    Snapshot(#[from] SnapshotFault),
    /// An address.
    #[error(
        "cannot listen on {address}: {source}; is another gateway running there? `{setting}` in the configuration moves it"
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The setting that names it.
        setting: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The socket for commands.
    #[error("cannot make the socket for commands at {path}: {source}")]
    Socket {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Anything else of the system.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl App {
    /// Opens everything and binds every listener. Nothing is served yet. The providers' keys are masked by `redactor`
    /// from now on, those of later reloads included.
    ///
    /// # Errors
    /// See [`StartFault`]; each says what to do.
    pub fn open(mut config: Config, data: &Path, redactor: &Redactor) -> Result<Self, StartFault> {
        redactor.learn(&config.secrets());
        count_workers(&mut config);
        let settings = config.server.clone();
        let server = Server::bind(settings.listen, settings.workers).map_err(|source| StartFault::Bind {
            address: settings.listen,
            setting: "server.listen",
            source,
        })?;
        free(settings.admin)?;
        // It keeps every other gateway out of the folder, from before the first look at what is in it.
        let journal = open_journal(data)?;
        let store = Store::open(data)?;
        let pepper = Pepper::open_for(&store, data)?;
        let keys = Keys::load(store.clone(), pepper.clone())?;
        let ids = ExchangeIds::new(store.newest_exchange()?.max(journal.newest_exchange()?));
        // What is owed since the last run is counted before anything is spent.
        let recorder = match config.kept.durability {
            Durability::Fast => Recorder::start(store.clone(), journal)?,
            Durability::Strict => Recorder::start_strict(store.clone(), journal)?,
        };
        if !recorder.flush() {
            return Err(StartFault::Replay);
        }
        let billing = Billing::load(&store, config.rate())?;

        let mut seed = [0; 8];
        getrandom::fill(&mut seed).map_err(io::Error::other)?;
        let mut router = Router::new(config.routing.clone(), u64::from_ne_bytes(seed));
        let reloading = Reloading::of(&config, redactor);
        let snapshot = Snapshot::adopt(config, &mut router)?;
        let gateway = Arc::new(Gateway::new(settings.clone(), snapshot, router, (keys, billing), recorder, ids));

        // A conversation goes on without its summary.
        if let Err(fault) = gateway.summaries.load(&store, &gateway.snapshot.load().config.summaries) {
            events::store_fault("read summaries", &fault);
        }
        let reloader = Arc::new(Reloader::new(Arc::clone(&gateway), reloading));
        // Last of all: the token is shown once, by a start that succeeds.
        let (operators, first_admin_token) = Operators::open(&store, pepper, unix_time().as_secs().cast_signed())?;
        let admin = Admin::bind(Arc::clone(&gateway), store.clone(), operators, reloader.clone(), data)?;
        Ok(Self { gateway, server, admin, reloader, store, first_admin_token })
    }

    /// Reads the configuration again from where it came from, and says in the log how that went. Blocks for as long as
    /// the file takes.
    ///
    /// # Errors
    /// See [`ReloadFault`]; then the configuration before stays in force.
    pub fn reload(&self) -> Result<(), ReloadFault> {
        self.reloader.reload_and_log()
    }

    /// Lets reloads change the level of this log.
    pub fn follow_log(&self, log: &LogGuard) {
        self.reloader.follow_log(log.level_switch());
    }

    /// What all exchanges share.
    pub fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// Where callers connect.
    pub fn callers_address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Where operators connect.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.address()
    }

    /// The first owner's token, at the first start only: it is shown once.
    pub fn first_admin_token(&self) -> Option<&Secret> {
        self.first_admin_token.as_ref()
    }

    /// Serves until told to stop, by a signal or by `stop`; then drains, and stores what was recorded.
    pub fn run(self, stop: (Sender<bool>, Receiver<bool>)) -> io::Result<()> {
        let (stopper, stopped) = stop;
        let callers = self.server.start(&self.gateway, &stopped);
        let (end, ended) = channel(false);
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let signals = signals::follow(Arc::clone(&self.reloader), stopper, stopped.clone());
            let files = self.reloader.follow_file(stopped.clone());
            // Operators can look on while callers' last answers are written.
            let admin = self.admin.serve_until(stopped.clone(), ended);
            let drained = async {
                let joined = spawn_blocking(|| callers.into_iter().for_each(join)).await;
                end.send_replace(true);
                joined
            };
            let watching = watch::follow(&self.gateway, stopped.clone());
            let balances = balances::follow(&self.gateway, stopped.clone());
            let tokens = tokens::follow(&self.gateway, stopped.clone());
            let overdue = overdue::follow(&self.gateway, &self.store, stopped.clone());
            let forgetting = forget::follow(&self.gateway, &self.store, stopped.clone());
            let (.., drained) =
                tokio::join!(signals, files, watching, balances, tokens, overdue, forgetting, admin, drained);
            drained
        })?;
        self.gateway.recorder.shutdown();
        // A file or a store that hangs keeps nobody from leaving.
        runtime.shutdown_timeout(LAST_WAIT);
        Ok(())
    }
}

/// Makes 0 workers as many as there are cores.
fn count_workers(config: &mut Config) {
    if config.server.workers == 0 {
        config.server.workers = thread::available_parallelism().map_or(1, usize::from);
    }
}

/// Opens the journal; a command that has the folder for some moments is waited for.
fn open_journal(data: &Path) -> Result<Journal, JournalFault> {
    let deadline = Instant::now() + COMMAND_WAIT;
    loop {
        match Journal::open(data) {
            Err(JournalFault::InUse { .. }) if Instant::now() < deadline => thread::park_timeout(LOOK_AGAIN),
            other => return other,
        }
    }
}

/// Finds out whether the operator's address can be had, before anything is made that is shown once.
fn free(admin: SocketAddr) -> Result<(), StartFault> {
    let probe = TcpListener::bind(admin);
    probe.map(drop).map_err(|source| StartFault::Bind { address: admin, setting: "server.admin", source })
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a thread that served callers ended in a panic");
    }
}

/// How long what still blocks at the end is waited for.
const LAST_WAIT: Duration = Duration::from_secs(5);
/// Commands that write take milliseconds.
const COMMAND_WAIT: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
