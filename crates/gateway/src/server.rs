//! The door for callers: listeners, one runtime a core, and HTTP as far as it is not the exchange's business.

mod connection;
mod gemini;
mod intake;
mod models;
mod peer;
mod receipt;
mod redeem;
mod refusal;
mod responses;
mod routes;
mod standing;
mod usage;
mod websocket;

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpListener},
    pin::pin,
    sync::Arc,
    thread,
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::{net::TcpStream, runtime, sync::watch, time::timeout};

use crate::exchange::{Gateway, Worker};

/// Connections that wait to be accepted by one runtime.
const BACKLOG: i32 = 1024;
/// How long exchanges that are told to end may take to do so.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Pause after an `accept` that failed for want of file descriptors: they come back when connections end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The callers' listeners, one a runtime; bound, not yet served.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<TcpListener>,
    address: SocketAddr,
}

impl Server {
    /// Binds one listener a runtime to the same address; the kernel spreads connections over them.
    ///
    /// # Errors
    /// When the address is taken by another process, or is not this machine's.
    pub fn bind(address: SocketAddr, workers: usize) -> io::Result<Self> {
        // Without this probe a second gateway would bind beside the first and take half of its calls.
        drop(TcpListener::bind(address)?);
        let first = listener(address)?;
        // Port 0 asks for any free port: the others must share the one that was given.
        let address = first.local_addr()?;
        let mut listeners = vec![first];
        for _ in 1..workers.max(1) {
            listeners.push(listener(address)?);
        }
        Ok(Self { listeners, address })
    }

    /// Where callers connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves on threads of its own until `stop` turns true, then drains.
    pub fn start(self, gateway: &Arc<Gateway>, stop: &watch::Receiver<bool>) -> Vec<thread::JoinHandle<()>> {
        self.listeners
            .into_iter()
            .enumerate()
            .map(|(index, listener)| {
                let worker = Arc::new(Worker::new(Arc::clone(gateway)));
                let stop = stop.clone();
                thread::Builder::new()
                    .name(format!("callers-{index}"))
                    .spawn(move || run(worker, listener, stop))
                    .expect("the machine has room for a thread a core")
            })
            .collect()
    }
}

fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// One runtime: accepts, serves, and at the end waits for what still runs.
fn run(worker: Arc<Worker>, listener: TcpListener, stop: watch::Receiver<bool>) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a reactor can be made");
    runtime.block_on(async move {
        tokio::select! {
            () = accept(&worker, listener, stop) => {}
            () = worker.upstream.sweep() => {}
        }
        worker.gateway.making.stop();
        let drain = worker.gateway.server.drain;
        let quiet = async {
            worker.gateway.connections.idle().await;
            worker.tasks.idle().await;
        };
        let mut quiet = pin!(quiet);
        if timeout(drain, &mut quiet).await.is_err() {
            // What still runs is told to end, records itself and tells its caller.
            worker.gateway.ending.send_replace(true);
            let _ = timeout(LAST_WORDS, quiet).await;
        }
    });
}

async fn accept(worker: &Arc<Worker>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a runtime with a reactor runs here");
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stopped| *stopped) => return,
        };
        match accepted {
            Ok((socket, peer)) => admit(worker, socket, peer.ip(), &stop),
            Err(fault) => {
                tracing::warn!(%fault, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves one more connection, unless there are as many as the settings allow.
fn admit(worker: &Arc<Worker>, socket: TcpStream, peer: IpAddr, stop: &watch::Receiver<bool>) {
    let connections = &worker.gateway.connections;
    if connections.running() >= worker.gateway.server.connections_max {
        worker.gateway.metrics.connection_refused();
        return;
    }
    // Nagle's algorithm would hold an event back until the one before it is acknowledged.
    if socket.set_nodelay(true).is_ok() {
        connections.spawn(connection::serve(Arc::clone(worker), socket, peer, stop.clone()));
    }
}
