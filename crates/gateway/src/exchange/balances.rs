//! What is left at providers: which keys are asked, and what they told last.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use roundelay_protocol::balance::{Question, Reading};
use roundelay_routing::KeyId;
use tokio::sync::watch;

use crate::{
    config::BalancePoll,
    upstream::{Endpoint, RequestHead},
};

/// A key whose balance is asked for, made ready once for a configuration.
#[derive(Debug)]
pub struct PolledKey {
    /// In the snapshot's catalog.
    pub key: KeyId,
    /// Known by this from one configuration to the next.
    pub identity: Arc<str>,
    /// The provider's name.
    pub provider: Arc<str>,
    /// Its place among the provider's keys, from 1.
    pub number: usize,
    /// How it is asked.
    pub poll: BalancePoll,
    /// Where.
    pub endpoint: Endpoint,
    /// The time for a connection, TLS included.
    pub connect: Duration,
    /// What is asked, with the credential.
    pub questions: Vec<(Question, RequestHead)>,
}

/// How the last poll of a key ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Polled {
    /// The vendor told.
    Told(Reading),
    /// It did not; why, as a lowercase fragment without secrets.
    Silent(String),
}

/// The last poll of a key.
#[derive(Debug, Clone)]
pub struct LastPoll {
    /// How it ended.
    pub polled: Polled,
    /// When, since 1970-01-01 UTC.
    pub at: Duration,
}

/// What every key told last, and the wish to ask again. Shared; nothing here waits but [`Balances::poll_now`].
#[derive(Debug)]
pub struct Balances {
    last: Mutex<HashMap<Arc<str>, LastPoll>>,
    /// Counts the wishes, and which of them are fulfilled.
    wished: watch::Sender<u64>,
    fulfilled: watch::Sender<u64>,
}

impl PolledKey {
    /// What may still be spent above the minimum, in nano-USD; 0 or negative where too little is left, and `None` where
    /// no limit is known.
    pub fn spendable(&self, polled: &Polled, cny_per_usd: f64) -> Option<f64> {
        let Polled::Told(reading) = polled else { return None };
        let above = reading.nano_usd(cny_per_usd).map(|left| left as f64 - self.poll.min_nano_usd as f64);
        // A vendor that bars calls takes none, whatever the amounts.
        if reading.is_barred { Some(above.map_or(0.0, |above| above.min(0.0))) } else { above }
    }

    /// Whether what it told leaves something to spend; what is not known does.
    pub fn has_enough(&self, polled: &Polled, cny_per_usd: f64) -> bool {
        self.spendable(polled, cny_per_usd).is_none_or(|spendable| spendable > 0.0)
    }
}

impl Default for Balances {
    fn default() -> Self {
        Self { last: Mutex::default(), wished: watch::Sender::new(0), fulfilled: watch::Sender::new(0) }
    }
}

impl Balances {
    /// The last poll of the key of that identity.
    pub fn last(&self, identity: &str) -> Option<LastPoll> {
        self.lock().get(identity).cloned()
    }

    /// Notes how a poll ended.
    pub fn note(&self, identity: &Arc<str>, last: LastPoll) {
        self.lock().insert(Arc::clone(identity), last);
    }

    /// Forgets the keys that are no longer asked.
    pub fn retain(&self, is_asked: impl Fn(&str) -> bool) {
        self.lock().retain(|identity, _| is_asked(identity));
    }

    /// Asks every key now, and returns when the last has answered or failed to. Cancel-safe: the wish stays.
    pub async fn poll_now(&self) {
        let mut wish = 0;
        self.wished.send_modify(|count| {
            *count += 1;
            wish = *count;
        });
        // The sender is in `self`, so this cannot fail before it is so.
        let _ = self.fulfilled.subscribe().wait_for(|&fulfilled| fulfilled >= wish).await;
    }

    /// The newest wish, for the one who polls.
    pub fn wish(&self) -> u64 {
        *self.wished.borrow()
    }

    /// The newest wish that was fulfilled.
    pub fn fulfilled(&self) -> u64 {
        *self.fulfilled.borrow()
    }

    /// Waits for a wish newer than that one. Cancel-safe.
    pub async fn newer_wish(&self, than: u64) {
        let _ = self.wished.subscribe().wait_for(|&wish| wish > than).await;
    }

    /// Says that wishes up to that one have been fulfilled.
    pub fn fulfil(&self, wish: u64) {
        self.fulfilled.send_replace(wish);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, LastPoll>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use roundelay_protocol::balance::{Balance, Currency, Vendor};

    use super::*;

    #[track_caller]
    fn check(min_nano_usd: u64, usd: Option<i64>, is_barred: bool, expected: Option<f64>) {
        let poll = BalancePoll {
            vendor: Vendor::DeepSeek,
            every: Duration::from_secs(60),
            min_nano_usd,
            currency: Currency::Usd,
        };
        let key = PolledKey {
            key: KeyId(0),
            identity: "p:1".into(),
            provider: "p".into(),
            number: 1,
            poll,
            endpoint: Endpoint::new(false, "h".into(), 80),
            connect: Duration::from_secs(1),
            questions: Vec::new(),
        };
        let told = usd.map(|available_nano| Balance { currency: Currency::Usd, available_nano });
        let reading = Reading { balances: told.into_iter().collect(), is_barred };
        assert_eq!(key.spendable(&Polled::Told(reading), 7.0), expected, "{usd:?}, barred: {is_barred}");
    }

    #[test]
    fn what_may_be_spent_is_what_lies_above_the_minimum() {
        check(100, Some(150), false, Some(50.0));
        check(100, Some(100), false, Some(0.0));
        check(100, Some(-5), false, Some(-105.0));
        check(100, None, false, None);
        check(100, Some(150), true, Some(0.0));
        check(100, Some(-5), true, Some(-105.0));
        check(100, None, true, Some(0.0));
        check(0, Some(1), false, Some(1.0));
        check(0, Some(0), false, Some(0.0));
    }
}
