//! `[handover]`: the summaries that stand for older turns where a conversation is handed over to another model.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::{
    complaint::nearest,
    pools::Pool,
    reader::{At, Section},
    roster::Roster,
};
use crate::common::secret::Secret;

/// What `[handover]` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summaries {
    /// The model or pool that makes summaries; `None` where none are made, and an extract stands in.
    pub summariser: Option<Arc<str>>,
    /// Tokens of turns older than the last ones, above which a summary of them is made.
    pub after: u64,
    /// Tokens more, above which it is made anew.
    pub every: u64,
    /// Tokens of last turns that stay as they are where there would be room for more.
    pub verbatim: u64,
    /// How long a summary may take to be made.
    pub deadline: Duration,
    /// How long one is kept.
    pub expires: Duration,
    /// What those in the store are sealed with; `None` where they are kept in memory alone.
    pub sealed_with: Option<Secret>,
    /// Most tokens of one.
    pub summary_max: u64,
    /// What the summariser is told to do, instead of the gateway's own words.
    pub instructions: Option<Arc<str>>,
}

impl Default for Summaries {
    fn default() -> Self {
        Self {
            summariser: None,
            after: 16_000,
            every: 8_000,
            verbatim: 4_000,
            deadline: Duration::from_secs(30),
            expires: Duration::from_secs(24 * 3600),
            sealed_with: None,
            summary_max: 1_000,
            instructions: None,
        }
    }
}

/// Reads `[handover]`, and lets the roster make the model that it names.
pub(super) fn read(section: Section<'_>, pools: &[Pool], roster: &mut Roster<'_>) -> Summaries {
    let default = Summaries::default();
    let summariser = read_summariser(&section, pools, roster);
    let summaries = Summaries {
        summariser: summariser.as_ref().map(|(name, _)| Arc::clone(name)),
        after: section.count("after", TOKENS_MIN..TOKENS_MAX).unwrap_or(default.after),
        every: section.count("every", TOKENS_MIN..TOKENS_MAX).unwrap_or(default.every),
        verbatim: section.count("verbatim", TOKENS_MIN..TOKENS_MAX).unwrap_or(default.verbatim),
        deadline: section.duration("deadline").unwrap_or(default.deadline),
        expires: section.duration("expires").unwrap_or(default.expires),
        sealed_with: read_seal(&section),
        summary_max: section.count("summary_max", TOKENS_MIN..SUMMARY_MAX).unwrap_or(default.summary_max),
        instructions: section.text("instructions").map(|text| text.value.text.into()),
    };
    let windows = |models: &[usize]| -> Vec<u64> {
        models.iter().filter_map(|model| roster.model(*model).context_window).collect()
    };
    advise(&section, &summaries, summariser.map(|(_, models)| windows(&models)).as_deref());
    let members = pools.iter().flat_map(|pool| pool.members.iter().map(|(model, _)| *model));
    advise_of_sizes(&section, &summaries, &windows(&members.collect::<Vec<_>>()));
    section.finish();
    summaries
}

/// Says what will not be as it seems to be meant; `windows` are those of the summariser's models, as far as they are known.
fn advise(section: &Section<'_>, summaries: &Summaries, windows: Option<&[u64]>) {
    let Some(windows) = windows else {
        if summaries.sealed_with.is_some() && !section.has("summariser") {
            let instead =
                "write `summariser` as well, with a model or pool that makes them; or leave `keep` and `key` out";
            let message = "nothing is kept: no summary is made without a `summariser`";
            section.reading().warn(&section.place_of("keep"), message, Some(instead.to_owned()));
        }
        return;
    };
    if let Some(least) = windows.iter().min().filter(|least| **least < summaries.after) {
        let message = format!(
            "it has a window of {least} tokens, and is asked about more than {} (`after`): the middle of turns is cut out \
             before it is told them",
            summaries.after
        );
        let instead = format!("name one with a larger window, or write `after` below {least}");
        section.reading().warn(&section.place_of("summariser"), message, Some(instead));
    }
}

/// Says which sizes no model of a pool has room for; nothing where a window is not known.
fn advise_of_sizes(section: &Section<'_>, summaries: &Summaries, windows: &[u64]) {
    let Some(largest) = windows.iter().max() else { return };
    for (key, tokens) in [("verbatim", summaries.verbatim), ("summary_max", summaries.summary_max)] {
        if tokens >= *largest && section.has(key) {
            let message = format!("no model of a pool has room for {tokens} tokens: the largest window has {largest}");
            section.reading().warn(&section.place_of(key), message, Some(format!("write less than {largest}")));
        }
    }
}

/// Its name, and its models.
fn read_summariser(section: &Section<'_>, pools: &[Pool], roster: &mut Roster<'_>) -> Option<(Arc<str>, Vec<usize>)> {
    let At { value: name, place } = section.text("summariser")?;
    if let Some(pool) = pools.iter().find(|pool| *pool.name == *name.text) {
        return Some((name.text.into(), pool.members.iter().map(|(model, _)| *model).collect()));
    }
    let names: BTreeSet<&str> = pools.iter().map(|pool| &*pool.name).collect();
    if let Some(meant) = nearest(&name.text, names.iter().copied()).filter(|_| !roster.knows(&name.text)) {
        let message = format!("there is no model or pool `{}`", name.shown());
        section.reading().complain(&place, message, Some(format!("did you mean the pool `{meant}`?")));
        return None;
    }
    let model = roster.model_or_complain(&name, &place, section.reading())?;
    Some((name.text.as_str().into(), vec![model]))
}

fn read_seal(section: &Section<'_>) -> Option<Secret> {
    let is_sealed = section.choice("keep", &[("memory", false), ("sealed", true)]).unwrap_or(false);
    let key = section.text("key");
    match (is_sealed, key) {
        (false, None) => None,
        (false, Some(At { place, .. })) => {
            let instead = "write `keep = \"sealed\"` as well, or leave `key` out".to_owned();
            section.reading().complain(&place, "summaries that are kept in memory are not sealed", Some(instead));
            None
        }
        // What was written and cannot be read was told already.
        (true, None) if section.has("key") => None,
        (true, None) => {
            section.complain("keep", "`sealed` needs a `key`", Some(KEY.to_owned()));
            None
        }
        (true, Some(At { value: key, place })) if key.text.trim().len() < KEY_BYTES_MIN => {
            section.reading().complain(&place, "the key is too short to keep anybody out", Some(KEY.to_owned()));
            None
        }
        (true, Some(At { value: key, .. })) => Some(Secret::new(key.text.trim())),
    }
}

const TOKENS_MIN: u64 = 100;
/// Ten times the largest window there is.
const TOKENS_MAX: u64 = 100_000_001;
/// A longer one would be no summary.
const SUMMARY_MAX: u64 = 100_001;
/// As many letters as 128 random bits have in hexadecimal digits.
const KEY_BYTES_MIN: usize = 32;
const KEY: &str = "write `key = \"${file:/run/secrets/summaries}\"` with at least 32 random letters in that file: \
                   `openssl rand -hex 32` makes some";
