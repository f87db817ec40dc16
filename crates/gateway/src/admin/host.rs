//! Who a request believes to talk to. A page of a stranger whose name leads to this machine (DNS rebinding) would let a
//! browser read what its owner can reach; but the browser says in `Host` which name it was given.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, Uri, header::HOST, uri::Authority};

use super::Fault;

/// Lets a request pass that names this machine, if `bound` is an address that only this machine can reach. On others
/// the names by which a gateway is reached are not known. A request without `Host` comes from no browser.
pub(super) async fn know(State(bound): State<SocketAddr>, request: Request, next: Next) -> Response {
    if !bound.ip().is_loopback() || names_this_machine(request.uri(), request.headers()) {
        next.run(request).await
    } else {
        Fault::misdirected(bound).into_response()
    }
}

fn names_this_machine(uri: &Uri, headers: &HeaderMap) -> bool {
    let mut fields = headers.get_all(HOST).iter();
    let is_known = |authority: &Authority| is_loopback(authority.host());
    uri.authority().is_none_or(is_known)
        && fields.all(|field| Authority::try_from(field.as_bytes()).is_ok_and(|authority| is_known(&authority)))
}

fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    match address.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => {
            let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
            // Names below `localhost` never leave the machine: RFC 6761, 6.3.
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Authority, is_loopback};

    #[track_caller]
    fn check(host: &str, expected: bool) {
        let is_known = Authority::try_from(host).is_ok_and(|authority| is_loopback(authority.host()));
        assert_eq!(is_known, expected, "{host}");
    }

    #[test]
    fn only_names_of_this_machine_are_its_own() {
        for host in
            ["localhost", "LocalHost:8601", "localhost.:8601", "a.localhost", "127.0.0.1", "127.8.9.1:1", "[::1]:8601"]
        {
            check(host, true);
        }
        for host in [
            "attacker.example",
            "attacker.example:8601",
            "localhost.attacker.example",
            "127.0.0.1.attacker.example",
            "notlocalhost",
            "192.168.1.5",
            "0.0.0.0",
            "[::]:8601",
            "2130706433",
            "localhost@attacker.example",
            "",
        ] {
            check(host, false);
        }
    }
}
