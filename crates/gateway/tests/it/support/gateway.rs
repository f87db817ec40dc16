//! A gateway as `serve` runs it, but in this process.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use roundelay::app::App;
use roundelay::auth::KeyWish;
use roundelay::config;
use roundelay::exchange::Gateway;
use roundelay::telemetry::Redactor;
use roundelay_ledger::{AccountId, Limits};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;

use super::client::{Answer, Request};

/// A gateway that serves until it is dropped.
pub(crate) struct TestGateway {
    pub(crate) callers: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// An API key that may ask for everything.
    pub(crate) key: String,
    pub(crate) admin_token: String,
    /// What all exchanges share.
    pub(crate) gateway: Arc<Gateway>,
    folder: TempDir,
    stopper: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl TestGateway {
    /// Starts one with this configuration. Both listeners are on free ports of 127.0.0.1 unless it says otherwise.
    pub(crate) fn start(toml: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        Self::start_in(folder, toml)
    }

    /// As [`Self::start`], with the folder of a gateway that was stopped.
    pub(crate) fn start_in(folder: TempDir, toml: &str) -> Self {
        Self::start_among(folder, toml, &|_| None)
    }

    /// As [`Self::start_in`], with these variables in its environment.
    pub(crate) fn start_among(folder: TempDir, toml: &str, environment: config::Environment<'_>) -> Self {
        write_config(folder.path(), toml);
        let config = config::load(&config_file(folder.path()), environment);
        let config = config.unwrap_or_else(|complaints| panic!("{complaints}"));
        let app = App::open(config, &folder.path().join("data"), &Redactor::default())
            .unwrap_or_else(|fault| panic!("{fault}"));
        let gateway = Arc::clone(app.gateway());
        let key = new_key(&gateway, AccountId::default_account(), "test");
        let (callers, admin) = (app.callers_address(), app.admin_address());
        let admin_token = app.first_admin_token().map(|token| token.expose().to_owned()).unwrap_or_default();
        let (stopper, stopped) = watch::channel(false);
        let stop = (stopper.clone(), stopped);
        let thread = thread::spawn(move || app.run(stop).expect("it serves"));
        Self { callers, admin, key, admin_token, gateway, folder, stopper, thread: Some(thread) }
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The socket for commands.
    pub(crate) fn socket(&self) -> PathBuf {
        self.data().join("admin.sock")
    }

    /// Replaces the configuration file.
    pub(crate) fn write_config(&self, toml: &str) {
        write_config(self.folder.path(), toml);
    }

    /// The configuration file.
    pub(crate) fn config_file(&self) -> PathBuf {
        config_file(self.folder.path())
    }

    /// A new key of an account that is there, which may ask for everything.
    pub(crate) fn key_of(&self, account: &str) -> String {
        new_key(&self.gateway, AccountId::new(account).expect("a name of an account"), account)
    }

    /// Asks for a chat completion with the test's key.
    pub(crate) fn chat(&self, model: &str) -> Answer {
        self.chat_with_key(model, &self.key)
    }

    pub(crate) fn chat_with_key(&self, model: &str, key: &str) -> Answer {
        let body = serde_json::json!({ "model": model, "messages": [{ "role": "user", "content": "Hello" }] });
        Request::post("/v1/chat/completions", &body).bearer(key).send(self.callers)
    }

    /// Asks the operator's side with the admin token.
    pub(crate) fn operator(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        Request::new(method, path, body).bearer(&self.admin_token).send(self.admin)
    }

    /// Stops it, and returns its folder.
    pub(crate) fn stop(mut self) -> TempDir {
        self.end();
        let empty = tempfile::tempdir().expect("a folder can be made");
        std::mem::replace(&mut self.folder, empty)
    }

    fn end(&mut self) {
        self.stopper.send_replace(true);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Drop for TestGateway {
    fn drop(&mut self) {
        self.end();
    }
}

fn new_key(gateway: &Gateway, account: AccountId, name: &str) -> String {
    let wish = KeyWish {
        account,
        name: name.into(),
        allowed: None,
        expires_at: None,
        limits: Limits::default(),
        on_disconnect: None,
        networks: None,
    };
    let (_, key) = gateway.keys.create(wish, 0).expect("the store takes a key");
    key.expose().to_owned()
}

fn config_file(folder: &Path) -> PathBuf {
    folder.join("roundelay.toml")
}

fn write_config(folder: &Path, toml: &str) {
    let mut text = String::new();
    for (key, value) in [("listen", "127.0.0.1:0"), ("admin", "127.0.0.1:0")] {
        if !toml.contains("[server]") {
            text += &format!("server.{key} = '{value}'\n");
        }
    }
    // Renamed into place, so that no reload reads half of it.
    let draft = folder.join("draft.toml");
    fs::write(&draft, text + toml).expect("the folder can be written");
    fs::rename(draft, config_file(folder)).expect("the folder can be written");
}
