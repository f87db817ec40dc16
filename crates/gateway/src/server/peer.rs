//! Where a caller asks from: the address of its connection, or what proxies that are trusted say of it.
//!
//! A header is believed only where a trusted proxy made the connection, and from its right end on: what stands to the
//! left of the first address that is no trusted proxy's was written by whoever asks (RFC 7239, section 8.1).

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

use crate::common::network::Network;

/// Every address that may be the caller's: one, or one by each of the two headers where both are there. A proxy writes
/// one of them and may pass on the other as its caller made it, so whoever must be in a network must be so by each.
pub(super) fn addresses(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> Vec<IpAddr> {
    let peer = peer.to_canonical();
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_trusted(peer) {
        return vec![peer];
    }
    let told = [fields(headers, "x-forwarded-for", plain), fields(headers, "forwarded", by_rfc_7239)];
    let mut found: Vec<IpAddr> = Vec::new();
    for hops in told.iter().filter(|hops| !hops.is_empty()) {
        let mut last = peer;
        for hop in hops.iter().rev() {
            // What is no address (`unknown`, `_hidden`) ends it at the proxy that wrote it.
            let Some(address) = hop else { break };
            last = *address;
            if !is_trusted(last) {
                break;
            }
        }
        if !found.contains(&last) {
            found.push(last);
        }
    }
    if found.is_empty() { vec![peer] } else { found }
}

/// The hops that a header tells, of all its fields in order; `None` for one that is no address.
fn fields(headers: &HeaderMap, name: &str, read: fn(&str) -> Option<IpAddr>) -> Vec<Option<IpAddr>> {
    let mut hops = Vec::new();
    for field in headers.get_all(name) {
        match field.to_str() {
            Ok(text) => hops.extend(text.split(',').map(|hop| read(hop.trim()))),
            Err(_) => hops.push(None),
        }
    }
    hops
}

/// `192.0.2.7`, `2001:db8::7`, or either with a port, as some proxies write.
fn plain(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

/// `for=192.0.2.7;proto=https`, `For="[2001:db8::7]:4711"`.
fn by_rfc_7239(hop: &str) -> Option<IpAddr> {
    let pairs = hop.split(';').filter_map(|pair| pair.trim().split_once('='));
    let mut named =
        pairs.filter(|(name, _)| name.eq_ignore_ascii_case("for")).map(|(_, value)| value.trim_matches('"'));
    let value = named.next()?;
    // Twice is no proxy's work.
    if named.next().is_some() { None } else { plain(value) }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::addresses;

    /// Who is seen when the proxies of `10.0.0.0/8` and of `2001:db8::/32` are trusted.
    #[track_caller]
    fn check(peer: &str, headers: &[(&'static str, &'static str)], expected: &[&str]) {
        let trusted = ["10.0.0.0/8", "2001:db8::/32"].map(|network| network.parse().expect("a network"));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let seen = addresses(peer.parse().expect("an address"), &map, &trusted);
        let seen: Vec<String> = seen.iter().map(ToString::to_string).collect();
        assert_eq!(seen, expected, "{peer} {headers:?}");
    }

    const XFF: &str = "x-forwarded-for";
    const FWD: &str = "forwarded";

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        check("192.0.2.1", &[(XFF, "198.51.100.7")], &["192.0.2.1"]);
        check("192.0.2.1", &[(FWD, "for=198.51.100.7")], &["192.0.2.1"]);
        check("10.0.0.1", &[], &["10.0.0.1"]);
        check("10.0.0.1", &[(XFF, "198.51.100.7")], &["198.51.100.7"]);
        check("::ffff:10.0.0.1", &[(XFF, "198.51.100.7")], &["198.51.100.7"]);
        check("::ffff:192.0.2.1", &[(XFF, "198.51.100.7")], &["192.0.2.1"]);
    }

    #[test]
    fn what_the_caller_wrote_itself_is_not_believed() {
        check("10.0.0.1", &[(XFF, "127.0.0.1, 198.51.100.7")], &["198.51.100.7"]);
        check("10.0.0.1", &[(XFF, "127.0.0.1"), (XFF, "198.51.100.7, 10.0.0.2")], &["198.51.100.7"]);
        check("10.0.0.1", &[(XFF, "127.0.0.1, 198.51.100.7, 10.9.9.9,2001:db8::1")], &["198.51.100.7"]);
        check("10.0.0.1", &[(FWD, "for=127.0.0.1, for=198.51.100.7;proto=https")], &["198.51.100.7"]);
        // A proxy that writes one header lets the other through as it came.
        check("10.0.0.1", &[(XFF, "198.51.100.7"), (FWD, "for=127.0.0.1")], &["198.51.100.7", "127.0.0.1"]);
        check("10.0.0.1", &[(XFF, "127.0.0.1, oops"), (FWD, "for=127.0.0.1")], &["10.0.0.1", "127.0.0.1"]);
    }

    #[test]
    fn every_form_of_an_address_is_read_and_anything_else_is_the_proxy_that_wrote_it() {
        for hop in ["198.51.100.7", "198.51.100.7:4711", " 198.51.100.7 ", "::ffff:198.51.100.7"] {
            check("10.0.0.1", &[(XFF, hop)], &["198.51.100.7"]);
        }
        for hop in ["2001:db9::7", "[2001:db9::7]", "[2001:db9::7]:4711"] {
            check("10.0.0.1", &[(XFF, hop)], &["2001:db9::7"]);
        }
        check("10.0.0.1", &[(FWD, "proto=https;For=\"[2001:db9::7]:4711\"")], &["2001:db9::7"]);
        check("10.0.0.1", &[(FWD, "for=\"198.51.100.7\"")], &["198.51.100.7"]);
        for hop in ["unknown", "_hidden", "", "198.51.100", "127.0.0.1, unknown"] {
            check("10.0.0.1", &[(XFF, hop)], &["10.0.0.1"]);
        }
        check("10.0.0.1", &[(XFF, "127.0.0.1, unknown, 10.0.0.3")], &["10.0.0.3"]);
        check("10.0.0.1", &[(FWD, "for=127.0.0.1;for=198.51.100.7")], &["10.0.0.1"]);
        check("10.0.0.1", &[(FWD, "proto=https")], &["10.0.0.1"]);
        check("10.0.0.1", &[(XFF, "10.0.0.3, 10.0.0.2")], &["10.0.0.3"]);
    }
}
