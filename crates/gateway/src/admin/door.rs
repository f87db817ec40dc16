//! Accepts the operator's connections, over TCP or the socket for commands, and sees that none of them dawdles.

use std::{io, net::SocketAddr, os::unix, pin::pin, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::watch,
    time::{sleep, timeout},
};

use crate::common::tasks::Tasks;

/// Binds the operator's address.
pub(super) fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let bound = std::net::TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    bound.map_err(|fault| {
        let advice = "is another gateway running there? `server.admin` in the configuration moves it";
        io::Error::new(fault.kind(), format!("cannot listen on {address}: {fault}; {advice}"))
    })
}

/// One listener of the operator's side.
#[derive(Debug)]
pub(super) enum Door {
    Tcp(std::net::TcpListener),
    Unix(unix::net::UnixListener),
}

impl Door {
    pub(super) fn tcp(listener: std::net::TcpListener) -> Self {
        Self::Tcp(listener)
    }

    pub(super) fn unix(listener: unix::net::UnixListener) -> Self {
        Self::Unix(listener)
    }

    /// Serves until `ended`; then requests under way get some seconds to finish.
    pub(super) async fn serve(self, router: Router, mut ended: watch::Receiver<bool>) {
        let listener = self.into_listener().expect("a runtime with a reactor runs here");
        let connections = Tasks::default();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = ended.wait_for(|ended| *ended) => break,
            };
            match accepted {
                // One too many is closed without a word: an operator's tools try again.
                Ok(_) if connections.running() >= CONNECTIONS_MAX => {}
                Ok(stream) => connections.spawn(connection(stream, router.clone(), ended.clone())),
                Err(fault) => {
                    tracing::warn!(%fault, "an operator's connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        // Whoever comes now is refused at once, and need not wait for an answer that nobody will give.
        drop(listener);
        // What takes longer than this ends with the process.
        let _ = timeout(FAREWELL, connections.idle()).await;
    }

    fn into_listener(self) -> io::Result<Listener> {
        Ok(match self {
            Self::Tcp(listener) => Listener::Tcp(TcpListener::from_std(listener)?),
            Self::Unix(listener) => Listener::Unix(UnixListener::from_std(listener)?),
        })
    }
}

#[derive(Debug)]
enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Listener {
    async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Self::Tcp(listener) => Box::new(listener.accept().await?.0),
            Self::Unix(listener) => Box::new(listener.accept().await?.0),
        })
    }
}

/// Serves a connection to its end, which comes at the latest some seconds after its lifetime is over.
async fn connection(stream: Box<dyn Stream>, router: Router, mut ended: watch::Receiver<bool>) {
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
    );
    let told_to_end = async {
        let _ = timeout(LIFETIME, ended.wait_for(|ended| *ended)).await;
    };
    tokio::select! {
        _ = &mut connection => return,
        () = told_to_end => {}
    }
    connection.as_mut().graceful_shutdown();
    // Whoever has not read its answer by now is not waited for.
    let _ = timeout(FAREWELL, connection).await;
}

const CONNECTIONS_MAX: usize = 256;
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Also bounds how long somebody who does not read can hold a connection.
const LIFETIME: Duration = Duration::from_secs(300);
const FAREWELL: Duration = Duration::from_secs(5);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
        sync::watch,
        time::Instant,
    };

    use super::{Door, Duration, HEAD_TIMEOUT, Router, listen};

    /// Sends `said` and no more, and says how long the door kept the connection, in virtual time.
    async fn kept(address: SocketAddr, said: &str) -> Duration {
        let began = Instant::now();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        let mut heard = Vec::new();
        // A reset ends it as well.
        let _ = stream.read_to_end(&mut heard).await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_keeps_a_connection_by_saying_little() {
        let listener = listen(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let (end, ended) = watch::channel(false);
        let clients = async {
            for said in ["", "GET /healthz HTTP/1.1\r\n", "GET / HTTP/1.1\r\nhost: a\r\n\r\n"] {
                let kept = kept(address, said).await;
                assert!(kept <= HEAD_TIMEOUT + Duration::from_secs(1), "{said:?} kept it for {kept:?}");
            }
            end.send_replace(true);
        };
        tokio::join!(Door::tcp(listener).serve(Router::new(), ended), clients);
    }
}
