//! The operator's side: health, metrics, and the acts on keys, accounts and exchanges that commands and scripts call.
//!
//! Two doors lead to the same routes, which are one table (`admin/table.rs`). Over TCP everything but health and metrics
//! asks for an operator's token, whose role and account say what it opens; over the socket in the data folder nothing
//! does, since only the folder's owner can open it.

pub mod accounts;
pub mod acts;
mod amount;
pub mod audit;
mod balances;
mod books;
pub mod codes;
mod desk;
mod door;
mod doubts;
pub mod entries;
pub mod exchanges;
mod fault;
mod gate;
mod health;
mod host;
pub mod keys;
pub mod limits;
mod metrics;
pub mod openapi;
pub mod operator;
pub mod operators;
mod page;
mod path;
pub mod postings;
pub mod preview;
mod readiness;
pub mod receipts;
pub mod reversals;
mod route;
mod routes;
mod schemas;
mod shape;
mod socket;
mod table;
pub mod usage;

use std::{io, net::SocketAddr, path::Path, sync::Arc};

use tokio::sync::watch;

pub use self::{books::Books, fault::Fault, socket::path_in as socket_path};
use self::{
    desk::Desk,
    door::Door,
    socket::{CommandSocket, SocketFile},
};
use crate::{auth::Operators, exchange::Gateway, store::Store};

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
    socket: CommandSocket,
    desk: Arc<Desk>,
}

impl Admin {
    /// Binds the operator's address, and the socket for commands in the data folder.
    ///
    /// # Errors
    /// When the address is taken, the socket of another running gateway is there, or the folder's name is too long for
    /// a socket; each says what to do.
    pub fn bind(
        gateway: Arc<Gateway>,
        store: Store,
        operators: Operators,
        reload: Arc<dyn Reload>,
        data: &Path,
    ) -> io::Result<Self> {
        let listener = door::listen(gateway.server.admin)?;
        let socket = CommandSocket::bind(data)?;
        Ok(Self { listener, socket, desk: Arc::new(Desk::new(gateway, store, operators, reload)) })
    }

    /// Where operators connect.
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("a bound listener has an address")
    }

    /// Serves until `ended` turns true. From when `draining` does, readiness is denied, so that balancers look elsewhere.
    pub async fn serve_until(self, draining: watch::Receiver<bool>, ended: watch::Receiver<bool>) {
        let known = routes::behind_the_gate(&self.desk, self.address());
        let _removed_at_the_end: SocketFile = self.socket.file;
        self.desk.hears_of_draining(draining);
        let network = Door::tcp(self.listener).serve(known, ended.clone());
        let commands = Door::unix(self.socket.listener).serve(routes::all(&self.desk), ended);
        tokio::join!(network, commands);
    }
}
