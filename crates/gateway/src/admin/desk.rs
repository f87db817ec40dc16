//! What every route of the operator's side can reach, and how it does what blocks.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use axum::{Json, body::Bytes, extract::rejection::BytesRejection};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::{sync::watch, task::spawn_blocking};

use super::{Books, Fault, Reload, operator::Operator, readiness::JournalWatch};
use crate::{auth::Operators, common::clock::unix_time, exchange::Gateway, store::Store};

/// The state behind the routes.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) gateway: Arc<Gateway>,
    pub(super) store: Store,
    pub(super) operators: Operators,
    pub(super) reload: Arc<dyn Reload>,
    pub(super) journal: Mutex<JournalWatch>,
    turn: Mutex<()>,
    draining: OnceLock<watch::Receiver<bool>>,
}

impl Desk {
    pub(super) fn new(gateway: Arc<Gateway>, store: Store, operators: Operators, reload: Arc<dyn Reload>) -> Self {
        Self {
            gateway,
            store,
            operators,
            reload,
            journal: Mutex::default(),
            turn: Mutex::default(),
            draining: OnceLock::new(),
        }
    }

    /// Waits for its turn to change accounts, keys or balances: what is in memory and what is stored change together.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The books, as they are kept and as this gateway remembers them, for whoever asks.
    pub(super) fn books<'a>(&'a self, by: &'a Operator) -> Books<'a> {
        let rate = self.gateway.snapshot.load().config.rate();
        Books { store: &self.store, running: Some(&self.gateway.billing), rate: Some(rate), by }
    }

    pub(super) fn hears_of_draining(&self, draining: watch::Receiver<bool>) {
        // A desk serves once; a second receiver would say the same as the first.
        let _ = self.draining.set(draining);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.get().is_some_and(|draining| *draining.borrow())
    }
}

/// What a route answers.
pub(super) type Answer = Result<Json<Value>, Fault>;

/// Does what waits for the disk where it keeps nobody else waiting. What it began goes on even if nobody waits for it.
pub(super) async fn blocking<T, F>(work: F) -> Result<T, Fault>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Fault> + Send + 'static,
{
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => {
            tracing::error!(fault = %panic, "an act of the operator's side ended in a panic");
            Err(Fault::internal())
        }
    }
}

/// Reads a request's body as JSON; an empty one is `{}`.
pub(super) fn read<T: DeserializeOwned>(body: Result<Bytes, BytesRejection>) -> Result<T, Fault> {
    let body = body.map_err(|rejection| Fault::body(rejection.status(), rejection.body_text()))?;
    let text = if body.is_empty() { b"{}" } else { body.trim_ascii_start() };
    // A list would be read as fields in order, which nobody means.
    if text.first() != Some(&b'{') {
        return Err(Fault::bad_request("the body is not a JSON object"));
    }
    let read = serde_json::from_slice(text);
    read.map_err(|fault| Fault::bad_request(format!("the body is not what this takes: {fault}")))
}

/// Seconds since 1970-01-01 UTC.
pub(super) fn now() -> i64 {
    unix_time().as_secs().cast_signed()
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, mpsc},
        thread,
        time::Duration,
    };

    use axum::{Extension, body::Bytes, extract::State};
    use roundelay_ledger::{AccountId, Limits, Rate};
    use roundelay_routing::Router;

    use super::{Desk, Reload};
    use crate::{
        admin::{
            keys,
            operator::Operator,
            operators::{self, NewOperator},
            path::Named,
        },
        auth::{KeyWish, Keys, OperatorWish, Operators, Pepper},
        billing::Billing,
        config,
        exchange::{Gateway, Snapshot},
        journal::{ExchangeIds, Journal, Recorder},
        store::{Role, Store},
    };

    #[derive(Debug)]
    struct Unchanged;

    impl Reload for Unchanged {
        fn reload(&self) -> Result<(), String> {
            Ok(())
        }

        fn reloads(&self) -> (u64, u64) {
            (0, 0)
        }
    }

    fn desk(folder: &std::path::Path) -> Desk {
        let config = "providers.local = { base_url = 'http://127.0.0.1:9/v1' }";
        let config = config::parse(config, "test.toml", &|_| None).unwrap();
        let (store, pepper) = (Store::open(folder).unwrap(), Pepper::open(folder).unwrap());
        let keys = Keys::load(store.clone(), pepper.clone()).unwrap();
        let billing = Billing::load(&store, Rate::ONE).unwrap();
        let operators = Operators::load(&store, pepper).unwrap();
        let recorder = Recorder::start(store.clone(), Journal::open(folder).unwrap()).unwrap();
        let mut router = Router::new(config.routing.clone(), 1);
        let server = config.server.clone();
        let snapshot = Snapshot::adopt(config, &mut router).unwrap();
        let ids = ExchangeIds::new(None);
        let gateway = Arc::new(Gateway::new(server, snapshot, router, (keys, billing), recorder, ids));
        Desk::new(gateway, store, operators, Arc::new(Unchanged))
    }

    /// Who a token belongs to is found out before the body of a request is there, which may take its time.
    #[test]
    fn an_act_that_began_before_its_token_ended_is_not_done() {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(folder.path());
        let wish =
            |name: &str| OperatorWish { name: name.to_owned(), role: Role::Owner, account: None, expires_at: None };
        let make = |name: &str| desk.operators.create(&desk.store, wish(name), 0).unwrap().0;
        let (revoked, renewed, stays) = (make("revoked"), make("renewed"), make("stays"));
        let by = [&revoked, &renewed, &stays].map(|row| Operator::of(row, &desk.store).unwrap());
        desk.operators.revoke(&desk.store, &revoked.id, 1).unwrap();
        desk.operators.renew(&desk.store, &renewed.id).unwrap();
        let done = by.map(|by| {
            let wanted = NewOperator { name: "another".to_owned(), role: "owner".to_owned(), ..NewOperator::default() };
            operators::create(&desk.operators, &desk.store, &by, &wanted, 2).is_ok()
        });
        assert_eq!(done, [false, false, true]);
        assert_eq!(desk.store.operators().unwrap().len(), 4);
    }

    /// What is in memory and what is stored change together.
    #[test]
    fn a_new_key_waits_for_the_change_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let desk = Arc::new(desk(folder.path()));
        let (tell, told) = mpsc::channel();
        let change = desk.turn();
        let making = thread::spawn({
            let desk = Arc::clone(&desk);
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                let by = Extension(Operator::socket().clone());
                tell.send(runtime.block_on(keys::post(State(desk), by, Ok(Bytes::new()))).is_ok()).unwrap();
            }
        });
        assert!(told.recv_timeout(Duration::from_millis(200)).is_err(), "it is made while another has the turn");
        drop(change);
        assert!(told.recv().unwrap());
        making.join().unwrap();
    }

    /// A change that is under way has read the key as it was, and puts it back so.
    #[test]
    fn a_revocation_waits_for_the_change_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let desk = Arc::new(desk(folder.path()));
        let wish = KeyWish {
            account: AccountId::default_account(),
            name: String::new(),
            allowed: None,
            expires_at: None,
            limits: Limits::default(),
            on_disconnect: None,
            networks: None,
        };
        let (key, _) = desk.gateway.keys.create(wish, 0).unwrap();
        let (tell, told) = mpsc::channel();
        let change = desk.turn();
        let revoking = thread::spawn({
            let (desk, id) = (Arc::clone(&desk), key.id.to_string());
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                let by = Extension(Operator::socket().clone());
                tell.send(runtime.block_on(keys::post_revoke(State(desk), by, Named(id))).is_ok()).unwrap();
            }
        });
        assert!(told.recv_timeout(Duration::from_millis(200)).is_err(), "it is done while another has the turn");
        drop(change);
        assert!(told.recv().unwrap());
        revoking.join().unwrap();
    }
}
