//! What the operator wrote, read strictly: every fault is found at once, with its place and what to write instead.

use std::{
    collections::BTreeSet,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use roundelay_ledger::Rate;
use roundelay_routing as routing;
use toml::de::DeTable;

pub(crate) use self::complaint::nearest;
pub use self::{
    aws::{AssumedRole, Authorization, AwsRole, AwsSource},
    azure::{AzureIdentity, AzureWay},
    balance::BalancePoll,
    base_url::{BaseUrl, BaseUrlFault, Host},
    catalogue::{CataloguePrice, Source as PriceSource, catalogue_prices},
    complaint::{Complaint, Complaints},
    continuation::Continuation,
    credentials::Credentials,
    currency::{CnyPerUsd, Currency},
    deployments::{Deployment, Layout},
    environment::process_environment,
    google::form_encoded,
    handover::Summaries,
    kept::{Durability, Kept},
    log::{Log, LogFormat, LogLevel},
    losses::Losses,
    models::{Model, ModelDeployment, Refuses},
    money::{MoneySettings, OnDisconnect, Surcharges, UnknownPrice},
    names::Found,
    pools::{Handover, Pool, Shift},
    preferences::Preferences,
    price::PriceOrigin,
    providers::{AwsKey, Protocol, Provider, WORKLOAD_VARIABLES, WholeAnswers},
    responses::Responses,
    server::Server,
    stamp::Stamp,
    timeouts::Timeouts,
    world::{Behaviour, Cache, Effect, Failing, FaultWindow, Limits, World},
};
use self::{names::Names, reader::Reading, roster::Roster};
use crate::common::{file::unreadable, secret::Secret};

mod aws;
mod azure;
mod balance;
mod base_url;
mod catalogue;
mod complaint;
mod continuation;
mod credentials;
mod currency;
mod deployments;
mod entra;
mod environment;
mod google;
mod handover;
mod hour;
mod interpolation;
mod kept;
mod known_providers;
mod log;
mod losses;
mod models;
mod money;
mod names;
mod pools;
mod preferences;
mod price;
mod providers;
mod reader;
mod responses;
mod roster;
mod routing_settings;
mod server;
mod stamp;
mod timeouts;
mod unpriced;
mod who_pays;
mod window;
mod world;
mod zone;

/// One whole configuration: checked, resolved, and free of references to the text it came from.
#[derive(Debug, Clone)]
pub struct Config {
    /// Listeners and the limits of the callers' side.
    pub server: Server,
    /// The providers, in the order they were written.
    pub providers: Vec<Provider>,
    /// The models that can be asked for: those written, those of the catalogue that a provider here serves,
    /// and one open model a provider for `provider/anything` (see [`Model::is_open`]).
    pub models: Vec<Model>,
    /// The pools, in the order they were written.
    pub pools: Vec<Pool>,
    /// The numbers of breakers, cooldowns, retries and affinity.
    pub routing: routing::Settings,
    /// How many yuan make a dollar: for balances at upstreams, and for prices that are listed in yuan.
    pub cny_per_usd: f64,
    /// What is done where money is not known.
    pub money: MoneySettings,
    /// How long records are kept, and how safely.
    pub kept: Kept,
    /// What is kept of responses.
    pub responses: Responses,
    /// What stands for older turns of a conversation that is handed over.
    pub summaries: Summaries,
    /// How the log is written.
    pub log: Log,
    /// What is allowed but deserves a second look.
    pub warnings: Vec<Complaint>,
    /// Where all this came from.
    pub source: Source,
    /// What its file was like just before it was read; `None` when it is not of a file.
    pub stamp: Option<Stamp>,
    names: Names,
}

/// Where a configuration came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// A text that was given this name; there is nothing to read again.
    Text(String),
    /// The environment variables of these providers.
    Environment(Vec<&'static str>),
}

/// The environment as a function, so that a test can have its own; [`process_environment`] is the real one.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Largest configuration file, in bytes.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// As people call it: its file, or the variables.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Text(name) => f.write_str(name),
            Self::Environment(names) => f.write_str(&names.join(", ")),
        }
    }
}

impl Config {
    /// How many yuan make a dollar, exactly as written.
    pub fn rate(&self) -> Rate {
        // Millionths up to 100 are whole numbers far below 2⁵³, so that a float keeps them.
        let millionths = (self.cny_per_usd * 1e6).round() as u64;
        Rate::from_millionths(millionths).expect("the reader takes 1 to 100")
    }

    /// Every secret of it: what must appear in no log.
    pub fn secrets(&self) -> Vec<Secret> {
        self.providers.iter().flat_map(Provider::secrets).chain(self.summaries.sealed_with.clone()).collect()
    }
}

/// Reads and checks a configuration file.
///
/// # Errors
///
/// All faults found, in the order of the file. None of them holds a value that came from outside the file.
pub fn load(path: &Path, environment: Environment<'_>) -> Result<Config, Complaints> {
    let file = path.display().to_string();
    let stamp = Stamp::of(path);
    let text = read_file(path).map_err(|fault| {
        let instead = match fault.kind() {
            io::ErrorKind::NotFound => Some("name a file with `--config FILE`, or start without one".to_owned()),
            io::ErrorKind::InvalidData => Some("save it as UTF-8 text".to_owned()),
            _ => None,
        };
        Complaints::new(vec![Complaint::of_whole(&file, unreadable(&fault), instead)])
    })?;
    let mut config = parse(&text, &file, environment)?;
    config.source = Source::File(path.to_owned());
    config.stamp = stamp;
    Ok(config)
}

/// Reads and checks the text of a configuration; `file` is how complaints call it.
///
/// # Errors
///
/// All faults found, in the order of the text.
pub fn parse(text: &str, file: &str, environment: Environment<'_>) -> Result<Config, Complaints> {
    let reading = Reading::new(file, text, environment);
    let config = read(&reading);
    let (mut config, warnings) = reading.conclude(config)?;
    config.warnings = warnings;
    config.source = Source::Text(file.to_owned());
    Ok(config)
}

/// Makes a configuration of the providers whose keys are in the environment: `OPENAI_API_KEY` and its like.
///
/// # Errors
///
/// When there is no key, or a `…_BASE_URL` is wrong.
pub fn from_environment(environment: Environment<'_>) -> Result<Config, Complaints> {
    let (providers, source) = environment::providers(environment)?;
    let written = providers.iter().map(|provider| provider.name.to_string()).collect();
    let mut roster = Roster::new(&providers, written, CnyPerUsd::DEFAULT);
    roster.add_unwritten(&BTreeSet::new());
    let models = roster.into_models();
    Ok(Config {
        server: Server::default(),
        names: Names::of(&models, &[]),
        providers,
        models,
        pools: Vec::new(),
        routing: routing::Settings::default(),
        cny_per_usd: CnyPerUsd::DEFAULT.as_f64(),
        money: MoneySettings::default(),
        kept: Kept::default(),
        responses: Responses::default(),
        summaries: Summaries::default(),
        log: Log::default(),
        warnings: Vec::new(),
        source: Source::Environment(source),
        stamp: None,
    })
}

/// A time with its unit as configurations have it: `250ms`, `1.5s`, `1h30m`, `2d`; `None` when it is not one.
pub fn length_of_time(text: &str) -> Option<std::time::Duration> {
    reader::length_of_time(text)
}

/// The time zone of that IANA name, from 1970 to 2100; `None` when there is none.
pub fn time_zone(name: &str) -> Option<roundelay_calendar::Zone> {
    zone::zone(name).map(|(zone, _)| zone)
}

/// Every key that is understood, with `*` for the names that operators choose: `pools.*.members`.
pub fn known_keys() -> BTreeSet<String> {
    let reading = Reading::new("", EVERY_SECTION, &|_| None);
    read(&reading);
    reading.known()
}

/// One of each section whose keys are known, with nothing in it.
const EVERY_SECTION: &str = "[providers.a]
[models.a]
deployments = { a = {} }
price = { tiers = [{}] }
tariffs = [{}]
[pools.a]
schedule = [{}]
";

fn read_file(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    fs::read_to_string(path)
}

/// Reads everything before it gives up, so that all faults are told at once.
fn read(reading: &Reading<'_>) -> Option<Config> {
    let (table, faults) = DeTable::parse_recoverable(reading.text());
    let document = reading.document(table.get_ref(), &faults);
    if !faults.is_empty() {
        // What a broken text seems to say would only bury the real fault under others.
        document.abandon();
        return None;
    }
    let server = server::read(document.section("server"));
    let log = log::read(document.section("log"));
    let settings = routing_settings::read(document.section("routing"));
    let rate = CnyPerUsd::read(document.section("currency"));
    let money = money::read(document.section("money"));
    let kept = kept::read(document.section("store"));
    let responses = responses::read(document.section("responses"));
    let providers = providers::read_all(&document);
    providers::complain_of_own_address(&document, &providers, server.listen);
    let written: BTreeSet<String> = document.names("providers").into_iter().map(|(name, _)| name).collect();
    if written.is_empty() {
        let instead = "write `[providers.openai]` with `api_keys = [\"${OPENAI_API_KEY}\"]` below it";
        document.complain("providers", "no provider is configured", Some(instead.to_owned()));
    }
    let mut roster = Roster::new(&providers, written, rate);
    roster.read_models(&document);
    let pools = pools::read_all(&document, &mut roster);
    let summaries = handover::read(document.section("handover"), &pools, &mut roster);
    roster.add_unwritten(&pools.iter().map(|pool| &*pool.name).collect());
    let models = roster.into_models();
    document.finish();
    (!reading.has_faults()).then(|| Config {
        server,
        names: Names::of(&models, &pools),
        providers,
        models,
        pools,
        routing: settings,
        cny_per_usd: rate.as_f64(),
        money,
        kept,
        responses,
        summaries,
        log,
        warnings: Vec::new(),
        source: Source::Text(String::new()),
        stamp: None,
    })
}
