//! Networks in the notation of CIDR (RFC 4632, section 3.1; RFC 4291, section 2.3): `10.0.0.0/8`, `2001:db8::/32`.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// All addresses that begin alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    /// Its first address: whatever follows the prefix is zero.
    first: IpAddr,
    prefix: u8,
}

/// A text that names no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no network: {advice}")]
pub struct BadNetwork {
    text: String,
    advice: String,
}

impl Network {
    /// Whether the address is in it. An IPv4 address that is written in IPv6 (`::ffff:10.0.0.1`) is that IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        masked(address.to_canonical(), self.prefix) == Some(self.first)
    }
}

impl FromStr for Network {
    type Err = BadNetwork;

    /// Reads one; an address alone is the network of that address.
    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let bad = |advice: String| BadNetwork { text: text.chars().take(64).collect(), advice };
        let usual = || bad("write it like `10.0.0.0/8`, `192.0.2.7` or `2001:db8::/32`".to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| usual())?;
        if address != address.to_canonical() {
            return Err(bad(format!("write it in IPv4, like `{}`", address.to_canonical())));
        }
        let bits: u8 = if address.is_ipv4() { 32 } else { 128 };
        let is_number = |prefix: &str| prefix.bytes().all(|byte| byte.is_ascii_digit());
        let prefix = match prefix {
            None => bits,
            Some(prefix) if is_number(prefix) => prefix.parse().map_err(|_| usual())?,
            Some(_) => return Err(usual()),
        };
        let first = masked(address, prefix).ok_or_else(usual)?;
        if first != address {
            // Who writes `10.1.2.3/8` may have meant `/32`: nobody is let in by a slip.
            return Err(bad(format!("it begins at `{first}/{prefix}`; one address alone is `{address}`")));
        }
        Ok(Self { first, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

/// The address with all bits behind the prefix zero; `None` when it has not so many.
fn masked(address: IpAddr, prefix: u8) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => {
            let behind = 32_u32.checked_sub(prefix.into())?;
            let mask = u32::MAX.checked_shl(behind).unwrap_or(0);
            Some(Ipv4Addr::from_bits(address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let behind = 128_u32.checked_sub(prefix.into())?;
            let mask = u128::MAX.checked_shl(behind).unwrap_or(0);
            Some(Ipv6Addr::from_bits(address.to_bits() & mask).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::Network;

    #[track_caller]
    fn check(network: &str, inside: &[&str], outside: &[&str]) {
        let read: Network = network.parse().unwrap_or_else(|fault| panic!("{fault}"));
        for (addresses, expected) in [(inside, true), (outside, false)] {
            for address in addresses {
                let address: IpAddr = address.parse().expect("the rows hold addresses");
                assert_eq!(read.contains(address), expected, "{address} in {network}");
            }
        }
    }

    #[test]
    fn a_network_holds_what_begins_like_it() {
        check(
            "10.0.0.0/8",
            &["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"],
            &["11.0.0.0", "9.255.255.255", "a00::"],
        );
        check("192.0.2.128/25", &["192.0.2.128", "192.0.2.255"], &["192.0.2.127", "192.0.3.128"]);
        check("192.0.2.7", &["192.0.2.7"], &["192.0.2.6"]);
        check("0.0.0.0/0", &["0.0.0.0", "255.255.255.255"], &["::", "::1"]);
        check("2001:db8::/32", &["2001:db8::", "2001:db8:ffff::1"], &["2001:db9::", "32.1.13.184"]);
        check("2001:db8::1", &["2001:db8::1"], &["2001:db8::"]);
        check("::/0", &["::1", "ffff::"], &["1.2.3.4"]);
    }

    #[test]
    fn a_network_is_shown_as_it_can_be_read_again() {
        for (written, shown) in
            [("10.0.0.0/8", "10.0.0.0/8"), ("1.2.3.4", "1.2.3.4/32"), ("2001:DB8::/32", "2001:db8::/32")]
        {
            let read: Network = written.parse().expect("the rows hold networks");
            assert_eq!((read.to_string().as_str(), shown.parse()), (shown, Ok(read)));
        }
    }

    #[test]
    fn what_is_no_network_is_told_what_to_write() {
        for (text, words) in [
            ("10.0.0.1/8", "begins at `10.0.0.0/8`; one address alone is `10.0.0.1`"),
            ("2001:db8::1/32", "begins at `2001:db8::/32`"),
            ("::ffff:10.0.0.0/104", "`10.0.0.0`"),
            ("10.0.0.0/33", "like `10.0.0.0/8`"),
            ("::/129", "like"),
            ("10.0.0.0/+8", "like"),
            ("10.0.0.0/", "like"),
            ("10.0.0/8", "like"),
            ("localhost", "like"),
            ("", "like"),
        ] {
            let told = text.parse::<Network>().expect_err("the rows hold no networks").to_string();
            assert!(told.contains(words), "{told}");
        }
    }
}
