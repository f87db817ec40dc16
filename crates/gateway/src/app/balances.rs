//! Asks providers what is left behind each key, and tells the router.
//!
//! One round after the other, on the operator's runtime: no request waits for a poll, and a poll that hangs ends with
//! its own deadline. What a provider does not tell is not known, and what is not known keeps nobody out.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use roundelay_protocol::balance::{Question, Reading};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{
    common::clock::unix_time,
    config::BalancePoll,
    exchange::{Gateway, LastPoll, Polled, PolledKey, Snapshot},
    telemetry::events,
    upstream::{DispatchTimers, Upstream},
};

/// How often it is seen whether something is due, or the configuration another one.
const LOOK: Duration = Duration::from_secs(1);
/// The longest a question may take: vendors answer in well under a second.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// Their answers have less than 1 KiB.
const ANSWER_MAX: usize = 64 * 1024;
/// Keys asked at a time; with more, a round takes its turns.
const AT_ONCE: usize = 8;
/// How far a poll strays from its time to either side, so that many gateways do not ask in step.
const JITTER: f64 = 0.1;

/// Polls until the gateway stops; what is under way then is dropped.
pub(super) async fn follow(gateway: &Gateway, mut stopped: watch::Receiver<bool>) {
    let mut poller = Poller::new(gateway);
    let upstream = Arc::clone(&poller.upstream);
    tokio::select! {
        () = poller.run() => {}
        () = upstream.sweep() => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
    // Nobody waits for a poll that will not come.
    gateway.balances.fulfil(u64::MAX);
}

struct Poller<'a> {
    gateway: &'a Gateway,
    upstream: Arc<Upstream>,
    /// What the keys were last told by.
    snapshot: Option<Arc<Snapshot>>,
    /// When each key is asked next, and what the log was told of it.
    keys: HashMap<Arc<str>, Turn>,
}

#[derive(Debug)]
struct Turn {
    due: Instant,
    told: Told,
}

/// What of a balance is worth a line when it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Enough,
    TooLow,
    Unknown,
}

/// What is worth a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    TooLow,
    Enough,
    Unknown,
    Known,
}

/// A state that lasts is told once.
fn news(before: Told, now: Told) -> Option<News> {
    match (before, now) {
        (Told::Enough, Told::Enough) | (Told::TooLow, Told::TooLow) | (Told::Unknown, Told::Unknown) => None,
        (_, Told::TooLow) => Some(News::TooLow),
        (_, Told::Unknown) => Some(News::Unknown),
        (Told::TooLow, Told::Enough) => Some(News::Enough),
        (Told::Unknown, Told::Enough) => Some(News::Known),
    }
}

impl<'a> Poller<'a> {
    fn new(gateway: &'a Gateway) -> Self {
        Self { gateway, upstream: Arc::new(Upstream::new()), snapshot: None, keys: HashMap::new() }
    }

    async fn run(&mut self) {
        loop {
            let balances = &self.gateway.balances;
            let wish = balances.wish();
            let is_wished = wish > balances.fulfilled();
            self.follow_reload();
            self.round(is_wished).await;
            balances.fulfil(wish);
            tokio::select! {
                () = sleep(LOOK) => {}
                () = balances.newer_wish(wish) => {}
            }
        }
    }

    /// Under another configuration the same amounts may be more or less than enough, and some keys are no longer asked.
    fn follow_reload(&mut self) {
        let snapshot = self.gateway.snapshot.load_full();
        if self.snapshot.as_ref().is_some_and(|known| Arc::ptr_eq(known, &snapshot)) {
            return;
        }
        let asked: HashSet<&str> = snapshot.polled_keys.iter().map(|key| &*key.identity).collect();
        for identity in self.keys.keys().filter(|identity| !asked.contains(&***identity)) {
            self.tell_router(identity);
        }
        self.keys.retain(|identity, _| asked.contains(&**identity));
        self.gateway.balances.retain(|identity| asked.contains(identity));
        let now = Instant::now();
        for key in &snapshot.polled_keys {
            let turn = self.keys.entry(Arc::clone(&key.identity)).or_insert(Turn { due: now, told: Told::Enough });
            // A shorter interval counts from now on.
            turn.due = turn.due.min(now + jittered(&key.poll));
            if let Some(last) = self.gateway.balances.last(&key.identity) {
                self.tell(&snapshot, key, &last.polled);
            }
        }
        self.snapshot = Some(snapshot);
    }

    /// Asks the keys that are due, or all of them, and returns when the last has been heard.
    async fn round(&mut self, is_wished: bool) {
        let Some(snapshot) = self.snapshot.clone() else { return };
        let now = Instant::now();
        let is_due = |key: &PolledKey| self.keys.get(&key.identity).is_none_or(|turn| turn.due <= now);
        let due = snapshot.polled_keys.iter().enumerate().filter(|(_, key)| is_wished || is_due(key));
        let mut waiting: Vec<usize> = due.map(|(index, _)| index).rev().collect();
        // Dropped with this future, it ends what is under way.
        let mut asking = JoinSet::new();
        loop {
            while asking.len() < AT_ONCE
                && let Some(index) = waiting.pop()
            {
                let (snapshot, upstream) = (Arc::clone(&snapshot), Arc::clone(&self.upstream));
                asking.spawn(async move { (index, ask(&upstream, &snapshot.polled_keys[index]).await) });
            }
            match asking.join_next().await {
                None => return,
                Some(Ok((index, polled))) => self.heard(&snapshot, &snapshot.polled_keys[index], polled),
                Some(Err(fault)) => tracing::error!(%fault, "a poll of a balance ended in a panic"),
            }
        }
    }

    fn heard(&mut self, snapshot: &Snapshot, key: &PolledKey, polled: Polled) {
        self.gateway.balances.note(&key.identity, LastPoll { polled: polled.clone(), at: unix_time() });
        if let Some(turn) = self.keys.get_mut(&key.identity) {
            turn.due = Instant::now() + jittered(&key.poll);
        }
        self.tell(snapshot, key, &polled);
    }

    /// Tells the router, and the log when it is news.
    fn tell(&mut self, snapshot: &Snapshot, key: &PolledKey, polled: &Polled) {
        self.tell_router(&key.identity);
        let rate = snapshot.config.cny_per_usd;
        let now = match polled {
            Polled::Silent(_) => Told::Unknown,
            Polled::Told(_) if !key.has_enough(polled, rate) => Told::TooLow,
            Polled::Told(_) => Told::Enough,
        };
        let Some(turn) = self.keys.get_mut(&key.identity) else { return };
        let before = std::mem::replace(&mut turn.told, now);
        let usd = match polled {
            Polled::Told(reading) => usd(reading.nano_usd(rate).unwrap_or_default()),
            Polled::Silent(_) => 0.0,
        };
        match (news(before, now), polled) {
            (Some(News::Unknown), Polled::Silent(reason)) => {
                events::balance_unknown(&key.provider, key.number, reason);
            }
            (Some(News::TooLow), _) => {
                events::balance_too_low(&key.provider, key.number, usd, key.poll.min_nano_usd as f64 / NANO);
            }
            (Some(News::Enough), _) => events::balance_enough(&key.provider, key.number, usd),
            (Some(News::Known), _) => events::balance_known(&key.provider, key.number, usd),
            (Some(News::Unknown) | None, _) => {}
        }
    }

    /// Tells the router what is known of a key now, in the terms of the configuration in force.
    fn tell_router(&self, identity: &str) {
        let last = self.gateway.balances.last(identity);
        // A reload swaps the snapshot while it holds the router: so this is the one that the router has adopted.
        let mut router = self.gateway.router();
        let snapshot = self.gateway.snapshot.load();
        let polled = snapshot.polled_keys.iter().find(|key| &*key.identity == identity);
        let spendable =
            polled.zip(last).and_then(|(key, last)| key.spendable(&last.polled, snapshot.config.cny_per_usd));
        let routed = snapshot.catalog.deployments.iter().find(|deployment| &*deployment.key_name == identity);
        if let Some(routed) = routed {
            router.learn_balance(&snapshot.catalog, routed.key, spendable);
        }
    }
}

const NANO: f64 = 1e9;

fn usd(nano: i64) -> f64 {
    nano as f64 / NANO
}

/// Asks a key's questions one after the other. Of several answers the tightest holds; one that is refused to this key
/// is passed over when another is not.
async fn ask(upstream: &Upstream, key: &PolledKey) -> Polled {
    let mut told: Option<Reading> = None;
    let mut refused = None;
    for (question, head) in &key.questions {
        let timers = DispatchTimers {
            connect: key.connect.min(ANSWER_WAIT),
            headers: ANSWER_WAIT,
            deadline: Instant::now() + ANSWER_WAIT,
        };
        let reading = match upstream.fetch(&key.endpoint, head, &Bytes::new(), timers, ANSWER_MAX).await {
            Err(fault) => return Polled::Silent(fault.reason().to_owned()),
            Ok((200, body)) => match read(*question, &body, &key.poll) {
                Ok(reading) => reading,
                Err(polled) => return polled,
            },
            Ok((status @ (401 | 403 | 404), _)) if key.questions.len() > 1 => {
                refused = Some(status);
                continue;
            }
            Ok((status, _)) => return status_alone(status),
        };
        told = Some(match told {
            Some(before) => before.and(reading),
            None => reading,
        });
    }
    match (told, refused) {
        (Some(reading), Some(_)) if reading == Reading::default() => {
            Polled::Silent("the key has no limit of its own, and may not see the account's".to_owned())
        }
        (Some(reading), _) => Polled::Told(reading),
        (None, status) => status_alone(status.unwrap_or_default()),
    }
}

fn read(question: Question, body: &[u8], poll: &BalancePoll) -> Result<Reading, Polled> {
    question.read(body, poll.currency).map_err(|fault| Polled::Silent(fault.to_string()))
}

fn status_alone(status: u16) -> Polled {
    Polled::Silent(format!("the answer has status {status}"))
}

fn jittered(poll: &BalancePoll) -> Duration {
    let mut dice = [0; 2];
    // Without dice it is punctual.
    let share = getrandom::fill(&mut dice).map_or(0.5, |()| f64::from(u16::from_ne_bytes(dice)) / f64::from(u16::MAX));
    poll.every.mul_f64(1.0 - JITTER + 2.0 * JITTER * share)
}

#[cfg(test)]
mod tests {
    use super::{News, Told, news};

    #[test]
    fn a_change_is_told_once() {
        use Told::{Enough, TooLow, Unknown};
        let story = [Enough, Unknown, Unknown, TooLow, TooLow, Unknown, Enough, Enough, TooLow, Enough];
        let told: Vec<_> = story.windows(2).map(|pair| news(pair[0], pair[1])).collect();
        let expected = [
            Some(News::Unknown),
            None,
            Some(News::TooLow),
            None,
            Some(News::Unknown),
            Some(News::Known),
            None,
            Some(News::TooLow),
            Some(News::Enough),
        ];
        assert_eq!(told, expected);
    }
}
