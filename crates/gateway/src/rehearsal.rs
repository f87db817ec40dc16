//! A provider that misbehaves on request: a server of every dialect for demos, tests and users' own CI.
//!
//! It speaks on raw sockets, because half of what it has to show (resets, half answers, garbage) is
//! what an HTTP server library exists to prevent. A request picks its scenario by model name
//! (`rehearsal-cut-after-40`), or a test sets one through [`Control`] or the `/control` endpoint.
//!
//! What it does not know: the gateway. It uses no other room, so that it cannot share the gateway's mistakes.

mod answer;
mod anthropic;
mod asked;
mod balance;
mod bedrock;
mod catalogue;
mod connection;
mod control;
mod counts;
mod dialect;
mod endpoint;
mod events;
mod gemini;
mod grammar;
mod http;
mod nature;
mod openai;
mod play;
mod responses;
mod rule;
mod scenario;
mod script;
mod service;
mod wire;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

pub use balance::Purse;
pub use catalogue::{PROVIDER_ERRORS, ProviderError};
pub use control::{Control, Target};
pub use counts::{Counts, KeyCount, LastRequest, RecentRequest};
pub use grammar::{CLAUSES, Clause, ScenarioError};
pub use nature::{Nature, Prefill};
pub use rule::{Rule, RuleError};
pub use scenario::{Break, Fault, Pace, Place, Rhythm, Scenario, Shape};
pub use script::Script;

/// Where `roundelay rehearse` listens unless told otherwise.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8700";

/// A listening rehearsal provider.
#[derive(Debug)]
pub struct Rehearsal {
    listener: TcpListener,
    local_addr: SocketAddr,
    control: Control,
}

impl Rehearsal {
    /// Listens on `addr`; port 0 picks a free port. Connections wait in the backlog until [`serve`](Self::serve) runs.
    ///
    /// # Errors
    /// What the operating system says when the address cannot be listened on.
    ///
    /// # Panics
    /// Outside a Tokio runtime with I/O enabled.
    pub fn bind(addr: SocketAddr) -> io::Result<Self> {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        let listener = socket.listen(BACKLOG)?;
        let local_addr = listener.local_addr()?;
        Ok(Self { listener, local_addr, control: Control::default() })
    }

    /// The address it listens on, with the port that was picked.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Sets scenarios and reads counts, from any thread, before and while it serves.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Serves until `shutdown` completes; connections still open then are dropped at once.
    ///
    /// Cancel-safe: dropping the future does what `shutdown` does.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = &mut shutdown => return,
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) if connections.len() < CONNECTIONS_MAX => {
                        connections.spawn(self.connection(stream));
                    }
                    Ok(_) => self.control.connection_refused(),
                    // Out of file descriptors, mostly: give the open connections a moment to end.
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
            }
        }
    }

    fn connection(&self, stream: TcpStream) -> impl Future<Output = ()> + Send + use<> {
        connection::run(stream, self.control.clone())
    }
}

/// Wide enough for a load test that opens a thousand streams at once.
const BACKLOG: u32 = 4096;
/// Connections held at a time; one more is closed without a word and counted as refused.
const CONNECTIONS_MAX: usize = 8192;
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
