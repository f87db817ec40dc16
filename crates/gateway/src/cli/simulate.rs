//! `roundelay simulate`.

mod progress;
mod shown;

use std::{fs, path::PathBuf, process::ExitCode};

use clap::{Args, ValueEnum};

use self::progress::Progress;
use super::{Common, DEFAULT_FILE, Failure, export::moment, say};
use crate::{
    config::{self, Config, Source, World},
    simulate::{Adversity, Language, Outages, Results, Rule, Setup, Severity, Sources, Way, Workload, html, run},
};

/// Replay traffic against a configuration without sending anything, and compare strategies.
///
/// The router and the prices are those of the gateway; only time, the deployments and their luck are made up. The same
/// seed and files give the same bytes of output.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  roundelay simulate --workload steady:5/s,1h,800,200
  roundelay export --since 7d > week.jsonl && roundelay simulate --config new.toml --workload week.jsonl
                                             what last week would have cost and how fast it would have been
  roundelay simulate --config four.toml --workload azure.csv --world four.world.toml --report out.html
  roundelay simulate --config two.toml --workload steady:1/m,547d,500,200 --outages incidents.csv --rule B --impact 2

A pool that has another name here than in the records is asked for with `--pool OLD=NEW`.

A workload is a file of Azure's traces (csv), of Mooncake's (jsonl), of this gateway's records (`roundelay export`), or
`steady:RATE,DURATION,INPUT,OUTPUT`. A world is a TOML file that says how each deployment behaves:

  [deployments.\"openai/gpt-5.4\"]
  first_content = \"300ms\"           per_1k_input = \"20ms\"        per_token = \"10ms\"        spread = 0.2
  limits = { requests_per_minute = 600, concurrency = 100, retry_after = \"2s\" }
  cache = { idle = \"10m\" }          billed_on_failure = true
  faults = [{ from = \"20m\", until = \"30m\", slow = 5.0 }, { fail = \"rate_limited\", share = 0.05 }]")]
pub(super) struct Simulate {
    /// The traffic: a file, `-` for standard input, or `steady:RATE,DURATION,INPUT,OUTPUT` such as `steady:5/s,1h,800,200`.
    #[arg(long, value_name = "FILE")]
    workload: String,
    /// How the deployments behave. Without it: as the workload's own records say, else all alike.
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
    /// Real incidents (csv: service, id, impact, start, monitoring, end) on top of that.
    #[arg(long, value_name = "FILE")]
    outages: Option<PathBuf>,
    /// When an incident ends: A resolved, without those over 24 h; B mitigated; C resolved.
    #[arg(long, value_name = "A|B|C", default_value = "B", value_parser = rule)]
    rule: Rule,
    /// Incidents of at least this impact (1 minor, 2 major, 3 critical) let nothing through; `graded`: 10, 30, 100 % fail.
    #[arg(long, value_name = "N", default_value = "1", value_parser = severity)]
    impact: Severity,
    /// Which service of the outages a provider is. Without it `openai` is `openai_api`, and so on.
    #[arg(long, value_name = "PROVIDER=SERVICE", value_parser = service, requires = "outages")]
    service: Vec<(String, String)>,
    /// The pool or model that every request asks for; or with OLD=NEW, which may be repeated, what those ask for that
    /// asked for OLD. Without it: what the records say, else the only pool.
    #[arg(long, value_name = "NAME|OLD=NEW")]
    pool: Vec<String>,
    /// What to compare, with commas. `configured` is what the file says; oracles know all but the dice.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = way)]
    strategies: Vec<Way>,
    /// `off`: each deployment by itself, one attempt a request, whatever the strategy.
    #[arg(long, value_enum, default_value_t = Fallback::On)]
    fallback: Fallback,
    /// Where every die begins.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The first requests of the workload only.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Wall-clock time of the first request, for prices by the hour: a date (its beginning in UTC) or an RFC 3339 time.
    /// Without it: as the outages or the workload say, else 2026-01-05, a Monday.
    #[arg(long, value_name = "TIME", value_parser = start)]
    start: Option<i64>,
    /// Write a report with plots: one HTML file that needs nothing else.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// The language of the report.
    #[arg(long, value_name = "LANGUAGE", default_value = "en", value_parser = language)]
    language: Language,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Fallback {
    On,
    Off,
}

/// Old names with their new ones.
type Renamed = Vec<(String, String)>;

impl Simulate {
    pub(super) fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        if self.fallback == Fallback::Off && !self.strategies.is_empty() {
            return Err(
                "`--fallback off` shows each deployment by itself, whatever the strategy: leave out one of them".into(),
            );
        }
        let (pool, renamed) = self.asked()?;
        let (config, digest) = load(common)?;
        let limit = self.limit.map_or(Ok(usize::MAX), usize::try_from)?;
        let workload = match self.workload.as_str() {
            "-" => Workload::parse("standard input", std::io::stdin().lock(), limit)?,
            name => Workload::read(name, limit)?,
        };
        let file = |path: &Option<PathBuf>| path.as_ref().map(|path| source(&path.to_string_lossy()));
        let sources = Sources {
            workload: source(&self.workload),
            config: digest,
            world: file(&self.world),
            outages: file(&self.outages),
            limit: self.limit,
        };
        let outages = self.outages.as_deref().map(Outages::load).transpose()?;
        let adversity = outages.map(|outages| Adversity {
            outages,
            rule: self.rule,
            severity: self.impact,
            services: self.service.clone(),
        });
        let world = self.world.as_deref().map(World::load).transpose()?;
        let (seed, start) = (self.seed, self.start);
        let scenario = Setup { config, workload, world, outages: adversity, pool, renamed, seed, start }.prepare()?;
        let ways = match self.fallback {
            Fallback::Off => scenario.each_alone(),
            Fallback::On if self.strategies.is_empty() => Way::all(),
            Fallback::On => self.strategies.clone(),
        };
        let progress = Progress::new(scenario.workload().requests.len(), ways.len());
        let mut rows: Vec<_> = scenario.recorded().into_iter().collect();
        for (number, way) in ways.into_iter().enumerate() {
            progress.begin(number, &scenario.name_of(way));
            rows.push(run(&scenario, way, &mut |done| progress.advance(number, done))?);
        }
        progress.end();
        let results = Results::new(&scenario, sources, rows);
        if let Some(path) = &self.report {
            fs::write(path, html(&results, self.language))
                .map_err(|fault| format!("cannot write the report {}: {fault}", path.display()))?;
        }
        if common.json {
            say(&serde_json::to_string_pretty(&results)?);
        } else {
            shown::show(&results);
        }
        Ok(ExitCode::SUCCESS)
    }

    /// What all requests ask for, and what names of the records stand for.
    fn asked(&self) -> Result<(Option<String>, Renamed), Failure> {
        let pair = |written: &String| Some(written.split_once('=')?).map(|(old, new)| (old.to_owned(), new.to_owned()));
        let renamed: Vec<_> = self.pool.iter().filter_map(pair).collect();
        match (&self.pool[..], &renamed[..]) {
            ([name], []) => Ok((Some(name.clone()), renamed)),
            (written, pairs) if written.len() == pairs.len() => Ok((None, renamed)),
            _ => {
                Err("`--pool NAME` is for all requests: write it once and alone, or `--pool OLD=NEW` for each name"
                    .into())
            }
        }
    }
}

/// The configuration, and a digest of its text. Nothing is sent, so a key that is not in the environment is not missed;
/// what a workload is given is nothing that can be stood in for, and has its own defaults.
fn load(common: &Common) -> Result<(Config, String), Failure> {
    let environment = |name: &str| {
        let stand_in = || (!config::WORKLOAD_VARIABLES.contains(&name)).then(|| "not-needed".to_owned());
        config::process_environment(name).or_else(stand_in)
    };
    let path = common.config.clone().unwrap_or_else(|| DEFAULT_FILE.into());
    if common.config.is_none() && !path.exists() {
        let config = common.load()?;
        let digest = match &config.source {
            Source::Environment(names) => digest(names.join(",").as_bytes()),
            Source::File(_) | Source::Text(_) => String::new(),
        };
        return Ok((config, digest));
    }
    let config = config::load(&path, &environment)?;
    Ok((config, digest(&fs::read(&path)?)))
}

fn digest(text: &[u8]) -> String {
    blake3::hash(text).to_hex()[..16].to_owned()
}

/// How the report calls the workload: a file by its name alone, so that it is the same wherever it was made.
fn source(workload: &str) -> String {
    if workload.starts_with("steady:") {
        return workload.to_owned();
    }
    if workload == "-" {
        return "standard input".to_owned();
    }
    let path = PathBuf::from(workload);
    path.file_name().map_or_else(|| workload.to_owned(), |name| name.to_string_lossy().into_owned())
}

fn rule(letter: &str) -> Result<Rule, String> {
    Rule::of(letter).ok_or_else(|| "write A, B or C".to_owned())
}

fn severity(word: &str) -> Result<Severity, String> {
    Severity::of(word).ok_or_else(|| "write 1, 2, 3 or graded".to_owned())
}

fn service(pair: &str) -> Result<(String, String), String> {
    let (provider, service) = pair.split_once('=').ok_or_else(|| "write PROVIDER=SERVICE".to_owned())?;
    Ok((provider.to_owned(), service.to_owned()))
}

fn way(word: &str) -> Result<Way, String> {
    Way::of(word.trim()).ok_or_else(|| format!("known are {}", Way::words().join(", ")))
}

pub(super) fn language(word: &str) -> Result<Language, String> {
    Language::of(word).ok_or_else(|| "write en or zh-CN".to_owned())
}

fn start(text: &str) -> Result<i64, String> {
    moment(text).map(jiff::Timestamp::as_second)
}
