//! Forgets what is older than the configuration keeps: records, usage by the hour, and summaries of conversations.

use std::{sync::Arc, time::Duration};

use roundelay_ledger::ExchangeId;
use tokio::{sync::watch, task::spawn_blocking, time::sleep};

use crate::{
    common::clock::unix_time,
    config::Kept,
    exchange::Gateway,
    journal::JournalFault,
    store::{Store, StoreFault},
    telemetry::events,
};

/// How often it is looked for what is old. What is kept for days need not go on the minute.
const LOOK: Duration = Duration::from_secs(3_600);
/// How often summaries of conversations whose time is over are let go of in memory.
const SWEEP: Duration = Duration::from_secs(60);
/// How long after the start the first look is: a start has more to do.
const FIRST_LOOK: Duration = Duration::from_secs(60);
/// Rows a transaction: some milliseconds in which no record is stored.
const AT_ONCE: usize = 256;
/// How long others then have the store and the core: ten million records are forgotten within half an hour.
const PAUSE: Duration = Duration::from_millis(30);

/// What it takes to look for what is old.
#[derive(Debug, thiserror::Error)]
enum ForgetFault {
    #[error(transparent)]
    Store(#[from] StoreFault),
    #[error(transparent)]
    Journal(#[from] JournalFault),
}

/// Looks once an hour, and for summaries in memory once a minute, until the gateway stops.
pub(super) async fn follow(gateway: &Arc<Gateway>, store: &Store, mut stopped: watch::Receiver<bool>) {
    let forgetting = async {
        sleep(FIRST_LOOK).await;
        loop {
            forget(gateway, store).await;
            sleep(LOOK).await;
        }
    };
    let sweeping = async {
        loop {
            sleep(SWEEP).await;
            gateway.summaries.sweep();
        }
    };
    tokio::select! {
        () = forgetting => {}
        () = sweeping => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

/// Forgets all that is old now, some of it at a time.
async fn forget(gateway: &Arc<Gateway>, store: &Store) {
    let kept = gateway.snapshot.load().config.kept;
    loop {
        let (store, gateway) = (store.clone(), Arc::clone(gateway));
        let step = spawn_blocking(move || {
            let now = unix_time();
            let oldest = gateway.recorder.oldest_exchange()?;
            forget_some(&store, kept, now, oldest)
        });
        match step.await {
            Ok(Ok(true)) => sleep(PAUSE).await,
            Ok(Ok(false)) | Err(_) => return,
            Ok(Err(fault)) => return events::store_fault("forget what is old", &fault),
        }
    }
}

/// Forgets some of what is old at `now`, and nothing that the journal may bring again: it holds what is from `held` on.
/// Says whether there may be more.
fn forget_some(store: &Store, kept: Kept, now: Duration, held: Option<ExchangeId>) -> Result<bool, ForgetFault> {
    let before = |length: Duration| i64::try_from(now.saturating_sub(length).as_millis()).unwrap_or(i64::MAX);
    let below = held.unwrap_or(ExchangeId::from_u64(u64::MAX));
    let records = match kept.records {
        Some(length) => store.forget_exchanges(before(length), below, AT_ONCE)?,
        None => 0,
    };
    let summaries = store.forget_summaries(i64::try_from(now.as_secs()).unwrap_or(i64::MAX), AT_ONCE)?;
    let hours = match kept.hours {
        Some(length) => store.forget_hours(before(length), AT_ONCE)?,
        None => 0,
    };
    Ok(records > 0 || hours > 0 || summaries > 0)
}

#[cfg(test)]
mod tests {
    use roundelay_ledger::{AccountId, KeyId};

    use super::*;
    use crate::config::Durability;
    use crate::store::{Counts, Record, Usage};

    const DAY: Duration = Duration::from_secs(86_400);
    /// Midnight.
    const START: Duration = Duration::from_secs(20_000 * 86_400);

    fn exchanges(store: &Store) -> u64 {
        let Counts { exchanges, .. } = store.counts().expect("a count");
        exchanges
    }

    fn record(id: ExchangeId, started_at_ms: i64) -> Record {
        Record {
            id,
            started_at_ms,
            duration_us: 1,
            first_content_us: None,
            account: AccountId::default_account(),
            key: KeyId::new("k"),
            asked: String::new(),
            deployment: None,
            model: None,
            status: 200,
            outcome: "answered".into(),
            failure: None,
            stream: false,
            usage: Usage::default(),
            cost: None,
            entries: Vec::new(),
            attempts: Vec::new(),
            decision: "{}".to_owned(),
        }
    }

    /// A record a day, for ten days.
    fn filled(dir: &std::path::Path) -> Store {
        let store = Store::open(dir).expect("a store");
        let records: Vec<_> = (0..10u64)
            .map(|day| {
                let began = START + DAY * u32::try_from(day).expect("below ten");
                record(ExchangeId::from_u64(day + 1), i64::try_from(began.as_millis()).expect("a date"))
            })
            .collect();
        store.insert_exchanges(&records).expect("ten records");
        store
    }

    #[track_caller]
    fn check(kept: (Option<Duration>, Option<Duration>), held: Option<u64>, records: u64, hours: usize) {
        let dir = tempfile::tempdir().expect("a folder");
        let store = filled(dir.path());
        let kept = Kept { records: kept.0, hours: kept.1, durability: Durability::Fast };
        let held = held.map(ExchangeId::from_u64);
        while forget_some(&store, kept, START + 9 * DAY, held).expect("forgotten") {}
        assert_eq!(exchanges(&store), records);
        let direct = rusqlite::Connection::open(dir.path().join("roundelay.db")).expect("its file");
        let left: i64 =
            direct.query_row("SELECT count(*) FROM usage_hours", [], |row| row.get(0)).expect("a count of hours");
        assert_eq!(usize::try_from(left).expect("few"), hours);
    }

    #[test]
    fn what_is_older_than_is_kept_is_forgotten_and_nothing_else() {
        check((None, None), None, 10, 10);
        check((Some(3 * DAY), None), None, 4, 10);
        check((None, Some(3 * DAY)), None, 10, 4);
        check((Some(20 * DAY), Some(20 * DAY)), None, 10, 10);
    }

    #[test]
    fn what_the_journal_holds_is_kept_however_old_it_is() {
        check((Some(3 * DAY), None), Some(3), 8, 10);
        check((Some(3 * DAY), None), Some(1), 10, 10);
        check((Some(3 * DAY), None), Some(10), 4, 10);
    }
}
