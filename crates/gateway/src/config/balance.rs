//! `balance_…` of a provider: whether what is left there is asked for, how often, and how little is too little.

use std::time::Duration;

use roundelay_protocol::balance::{Currency, Vendor};

use super::{base_url::BaseUrl, reader::Section};

/// How the balance behind a provider's keys is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BalancePoll {
    /// Whose questions are asked and whose answers come.
    pub vendor: Vendor,
    /// From one poll to the next, before jitter.
    pub every: Duration,
    /// With no more than this left, in nano-USD, the key's deployments are left out.
    pub min_nano_usd: u64,
    /// What amounts are in where an answer does not say.
    pub currency: Currency,
}

/// The default distance of two polls: a balance moves slowly, and an empty account is also learnt from its refusals.
const EVERY: Duration = Duration::from_secs(5 * 60);
/// No vendor states a limit for these calls; one of a few calls a minute cannot be met by accident with this.
const EVERY_MIN: Duration = Duration::from_secs(10);

impl BalancePoll {
    /// What is done when nothing is written: the vendor's own keys at the vendor's own address are asked for.
    pub(super) fn by_default(name: &str, base_url: &BaseUrl) -> Option<Self> {
        let vendor = Vendor::from_name(name)?;
        vendor.hosts().contains(&&*base_url.host.to_string()).then(|| Self::of(vendor, base_url))
    }

    fn of(vendor: Vendor, base_url: &BaseUrl) -> Self {
        let currency = vendor.currency_at(&base_url.host.to_string());
        Self { vendor, every: EVERY, min_nano_usd: 0, currency }
    }

    /// Reads the keys of one provider's section. `base_url` is absent where it is wrong, which was complained about.
    pub(super) fn read(section: &Section<'_>, name: &str, base_url: Option<&BaseUrl>) -> Option<Self> {
        let kind = section.choice("balance_kind", &Vendor::ALL);
        let min_nano_usd = section.nano_usd("balance_min");
        let currency = section.choice("balance_currency", &Currency::ALL);
        let every = read_every(section);
        let written = WRITTEN.into_iter().find(|key| section.has(key));
        if every == Some(None) {
            if let Some(key) = REFINEMENTS.into_iter().find(|key| section.has(key)) {
                let instead = Some("leave it out, or write `balance_poll = \"5m\"`".to_owned());
                section.complain(key, "this means nothing while `balance_poll` is \"off\"", instead);
            }
            return None;
        }
        let base_url = base_url?;
        let Some(written) = written else { return Self::by_default(name, base_url) };
        let Some(vendor) = kind.or_else(|| Vendor::from_name(name)) else {
            if !section.has("balance_kind") {
                let names = Vendor::ALL.map(|(name, _)| name).join("\", \"");
                let instead = format!("write `balance_kind` beside it, one of \"{names}\", or leave it out");
                section.complain(written, "nobody knows how this provider tells its balance", Some(instead));
            }
            return None;
        };
        let usual = Self::of(vendor, base_url);
        Some(Self {
            vendor,
            every: every.flatten().unwrap_or(usual.every),
            min_nano_usd: min_nano_usd.unwrap_or(usual.min_nano_usd),
            currency: currency.unwrap_or(usual.currency),
        })
    }
}

const WRITTEN: [&str; 4] = ["balance_poll", "balance_min", "balance_currency", "balance_kind"];
const REFINEMENTS: [&str; 2] = ["balance_min", "balance_currency"];

/// `Some(None)` is `"off"`.
fn read_every(section: &Section<'_>) -> Option<Option<Duration>> {
    if section.text("balance_poll")?.value.text == "off" {
        return Some(None);
    }
    let every = section.duration("balance_poll")?;
    if every < EVERY_MIN {
        let instead = "write at least `\"10s\"`; `POST /admin/balances/poll` asks at once".to_owned();
        section.complain("balance_poll", "this is too often", Some(instead));
    }
    Some(Some(every))
}
