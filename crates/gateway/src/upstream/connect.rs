//! Opens connections, to addresses that come from configuration alone.

use std::{io, sync::Arc, time::Duration};

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;

use super::{stream::Stream, tls::Tls};

/// Scheme, host and port: what a connection is good for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    is_https: bool,
    host: Arc<str>,
    port: u16,
}

/// Where a provider is reached.
#[derive(Debug, Clone)]
pub struct Endpoint {
    origin: Origin,
}

impl Endpoint {
    /// `host` is a name or an address as a URL writes it, without the brackets of an IPv6 address.
    pub fn new(is_https: bool, host: Arc<str>, port: u16) -> Self {
        Self { origin: Origin { is_https, host, port } }
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The value of the `Host` header: the port is left out where it is the scheme's own (RFC 9110 §7.2).
    pub fn authority(&self) -> String {
        let Origin { is_https, host, port } = &self.origin;
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_string() };
        match (is_https, port) {
            (true, 443) | (false, 80) => host,
            _ => format!("{host}:{port}"),
        }
    }
}

/// Opens a connection; the caller sets the time limit.
pub(super) async fn connect(endpoint: &Endpoint, tls: &Tls) -> io::Result<Stream> {
    let origin = endpoint.origin();
    let socket = TcpStream::connect((&*origin.host, origin.port)).await?;
    // Nagle's algorithm would hold the second small write back for a round trip.
    socket.set_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
    socket2::SockRef::from(&socket).set_tcp_keepalive(&keepalive)?;
    if !origin.is_https {
        return Ok(Stream::Plain(socket));
    }
    let name =
        ServerName::try_from(origin.host.to_string()).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
    let stream = tls.connector()?.connect(name, socket).await?;
    Ok(Stream::Tls(Box::new(stream)))
}

/// A provider may think for minutes; probes keep NAT tables in between from forgetting the connection.
const KEEPALIVE: Duration = Duration::from_secs(30);
