//! `[server]`: where callers and operators connect, and the limits put on them.

use std::{net::SocketAddr, time::Duration};

use super::reader::{At, Section, Text};
use crate::common::network::Network;

/// Listeners and the limits of the callers' side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Where callers connect.
    pub listen: SocketAddr,
    /// Where operators, their browsers and their monitoring connect.
    pub admin: SocketAddr,
    /// Proxies whose word on where a caller asks from is believed.
    pub trusted_proxies: Vec<Network>,
    /// Runtimes that serve callers; 0 means one a core.
    pub workers: usize,
    /// Callers' connections open at once, over all workers.
    pub connections_max: usize,
    /// Largest request body, in bytes.
    pub body_max: u64,
    /// Largest form with files, in bytes.
    pub upload_max: u64,
    /// Longest wait for a whole request head.
    pub header_timeout: Duration,
    /// Largest request head, in bytes.
    pub header_bytes_max: usize,
    /// Most header fields in a request.
    pub headers_max: usize,
    /// How long a body may arrive at any rate before `body_rate_min` holds.
    pub body_grace: Duration,
    /// Slowest body after `body_grace`, in bytes a second, averaged from its first byte; 0 allows any.
    pub body_rate_min: u64,
    /// Longest silence on a connection between two requests.
    pub idle_timeout: Duration,
    /// How long the head of a streamed answer waits for the first content before it is sent without.
    pub header_hold: Duration,
    /// Distance of the comments that keep a silent stream open.
    pub keep_alive_comment: Duration,
    /// Longest wait for a caller to take what was written to it.
    pub client_write_stall: Duration,
    /// How long exchanges in flight may take to finish after a request to stop.
    pub drain: Duration,
}

impl Default for Server {
    /// Limits of OWASP-style slow-client protection: head 10 s, 64 fields, 32 KiB; body 10 MiB, 1 kB/s after 10 s.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8600)),
            admin: SocketAddr::from(([127, 0, 0, 1], 8601)),
            trusted_proxies: Vec::new(),
            workers: 0,
            connections_max: 10_000,
            body_max: 10 << 20,
            upload_max: 32 << 20,
            header_timeout: Duration::from_secs(10),
            header_bytes_max: 32 << 10,
            headers_max: 64,
            body_grace: Duration::from_secs(10),
            body_rate_min: 1000,
            idle_timeout: Duration::from_secs(75),
            header_hold: Duration::from_secs(10),
            keep_alive_comment: Duration::from_secs(15),
            client_write_stall: Duration::from_secs(30),
            drain: Duration::from_secs(30),
        }
    }
}

pub(super) fn read(section: Section<'_>) -> Server {
    let default = Server::default();
    let count = |key, most| section.count(key, 1..most).map(|count| count as usize);
    let server = Server {
        listen: address(&section, "listen").unwrap_or(default.listen),
        admin: address(&section, "admin").unwrap_or(default.admin),
        trusted_proxies: networks(&section, "trusted_proxies"),
        workers: section.count("workers", 0..1025).map_or(default.workers, |count| count as usize),
        connections_max: count("connections_max", 1_000_001).unwrap_or(default.connections_max),
        body_max: section.size("body_max", 1024..(1 << 30) + 1).unwrap_or(default.body_max),
        upload_max: section.size("upload_max", 1024..(1 << 30) + 1).unwrap_or(default.upload_max),
        header_timeout: section.duration("header_timeout").unwrap_or(default.header_timeout),
        header_bytes_max: section
            .size("header_bytes_max", 1024..(1 << 20) + 1)
            .map_or(default.header_bytes_max, |bytes| bytes as usize),
        headers_max: count("headers_max", 1001).unwrap_or(default.headers_max),
        body_grace: section.duration("body_grace").unwrap_or(default.body_grace),
        body_rate_min: section.size("body_rate_min", 0..(1 << 30) + 1).unwrap_or(default.body_rate_min),
        idle_timeout: section.duration("idle_timeout").unwrap_or(default.idle_timeout),
        header_hold: section.duration("header_hold").unwrap_or(default.header_hold),
        keep_alive_comment: section.duration("keep_alive_comment").unwrap_or(default.keep_alive_comment),
        client_write_stall: section.duration("client_write_stall").unwrap_or(default.client_write_stall),
        drain: section.duration("drain").unwrap_or(default.drain),
    };
    check_listeners(&section, &server);
    section.finish();
    server
}

fn address(section: &Section<'_>, key: &'static str) -> Option<SocketAddr> {
    let At { value, place } = section.text(key)?;
    // `localhost:8600` is what people write; a name that needs a resolver is not bound to.
    let address = value.text.replace("localhost:", "127.0.0.1:").parse().ok();
    if address.is_none() {
        let message = format!("`{}` is not an address with a port", value.shown());
        let instead = "write `\"127.0.0.1:8600\"`, `\"0.0.0.0:8600\"` or `\"[::]:8600\"`".to_owned();
        section.reading().complain(&place, message, Some(instead));
    }
    address
}

fn networks(section: &Section<'_>, key: &'static str) -> Vec<Network> {
    let texts = section.texts(key).unwrap_or_default();
    let read = |At { value, place }: At<Text>| match value.text.parse() {
        Ok(network) => Some(network),
        Err(_) => {
            let message = format!("`{}` is not a network", value.shown());
            let instead = "write `\"10.0.0.0/8\"`, `\"192.0.2.7\"` or `\"2001:db8::/32\"`".to_owned();
            section.reading().complain(&place, message, Some(instead));
            None
        }
    };
    texts.into_iter().filter_map(read).collect()
}

fn check_listeners(section: &Section<'_>, server: &Server) {
    if server.listen == server.admin && server.listen.port() != 0 {
        let instead = format!("give one of them another port; by default admin is {}", Server::default().admin);
        section.complain("admin", "callers and operators cannot share one address", Some(instead));
    }
    if !server.admin.ip().is_loopback() {
        section.reading().warn(
            &section.place_of("admin"),
            "the operators' side can be reached from other machines",
            Some("keep it on 127.0.0.1 unless a firewall guards it".to_owned()),
        );
    }
}
