//! Where a provider is.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use http::Uri;

/// Where a provider is: `scheme://host[:port][/path_prefix]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BaseUrl {
    /// Whether TLS is used.
    pub https: bool,
    /// Name or address.
    pub host: Host,
    /// TCP port; 443 or 80 when none was written.
    pub port: u16,
    /// What every path begins with: `/v1`, without a slash at its end; empty for none.
    pub path_prefix: Arc<str>,
}

/// What is wrong with a base URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlFault {
    /// No scheme, no host, or a port that is none.
    #[error("this is not a URL")]
    NotAUrl,
    /// Another scheme.
    #[error("only https:// and http:// are spoken")]
    Scheme,
    /// `user:password@`.
    #[error("a URL with a user or a password in it would reach logs; keys belong into `api_keys`")]
    Credentials,
    /// A query or a fragment.
    #[error("a base URL has no query and no fragment")]
    Query,
    /// `.` or `..` in the path.
    #[error("a base URL has no `.` or `..` in its path")]
    Dots,
    /// The path of one operation.
    #[error("this is the address of one operation, not of the API")]
    Operation,
}

/// A host by name or by address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A DNS name, in lower case.
    Name(Arc<str>),
    /// An address.
    Address(IpAddr),
}

impl BaseUrl {
    /// Reads `http(s)://host[:port][/path]`. The error never repeats the text, which may hold a credential.
    pub fn parse(text: &str) -> Result<Self, BaseUrlFault> {
        let uri: Uri = text.parse().map_err(|_| BaseUrlFault::NotAUrl)?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(BaseUrlFault::Scheme),
        };
        let authority = uri.authority().ok_or(BaseUrlFault::NotAUrl)?;
        if authority.as_str().contains('@') {
            return Err(BaseUrlFault::Credentials);
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(BaseUrlFault::Query);
        }
        let path = uri.path().trim_end_matches('/');
        if path.split('/').any(|segment| segment == "." || segment == "..") {
            return Err(BaseUrlFault::Dots);
        }
        if path.ends_with("/completions") || path.ends_with("/messages") {
            return Err(BaseUrlFault::Operation);
        }
        // Not `port_u16`, which takes a port that is too large for no port at all.
        let port = match authority.as_str()[authority.host().len()..].strip_prefix(':') {
            None => Self::scheme_port(https),
            Some(digits) => digits.parse().ok().filter(|&port| port > 0).ok_or(BaseUrlFault::NotAUrl)?,
        };
        Ok(Self { https, host: Host::parse(authority.host())?, port, path_prefix: path.into() })
    }

    /// Whether it is on this machine or in a private network, where servers without keys and without TLS are usual.
    pub fn is_local(&self) -> bool {
        match &self.host {
            // A name without a dot is resolved by the local network alone: a container, a machine next door.
            Host::Name(name) => !name.contains('.') || name.ends_with(".local") || name.ends_with(".internal"),
            Host::Address(IpAddr::V4(address)) => {
                address.is_loopback() || address.is_private() || address.is_link_local()
            }
            Host::Address(IpAddr::V6(address)) => address.is_loopback() || address.is_unique_local(),
        }
    }

    /// With `/v1` where its path says no version: Anthropic's own clients are given an address without, and put it behind
    /// that themselves.
    pub(super) fn with_version(mut self) -> Self {
        let last = self.path_prefix.rsplit('/').next().unwrap_or_default();
        let has_version = last.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if !has_version {
            self.path_prefix = format!("{}/v1", self.path_prefix).into();
        }
        self
    }

    /// Whether it is Google's address of Gemini's own dialect; that of OpenAI's is below it.
    pub(super) fn is_gemini(&self) -> bool {
        matches!(&self.host, Host::Name(name) if &**name == GEMINI_HOST) && !self.path_prefix.ends_with("/openai")
    }

    /// Whether a request to it would arrive at `listener` on this machine.
    pub(super) fn reaches(&self, listener: SocketAddr) -> bool {
        let is_here = match &self.host {
            Host::Name(name) => &**name == "localhost",
            Host::Address(address) => address.is_loopback() || address.is_unspecified() || *address == listener.ip(),
        };
        is_here && self.port == listener.port()
    }

    const fn scheme_port(https: bool) -> u16 {
        if https { 443 } else { 80 }
    }

    /// What goes into `Host`: the port is left out when it is the scheme's own.
    pub fn authority(&self) -> String {
        if self.port == Self::scheme_port(self.https) {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// Where AI Studio serves its models, in several versions.
pub(super) const GEMINI_HOST: &str = "generativelanguage.googleapis.com";

impl Host {
    fn parse(text: &str) -> Result<Self, BaseUrlFault> {
        if let Some(address) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return address.parse().map(|v6| Self::Address(IpAddr::V6(v6))).map_err(|_| BaseUrlFault::NotAUrl);
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(IpAddr::V4(address)));
        }
        let is_label = |label: &str| {
            !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        // A last label of digits is an address in disguise (`127.1`, `2130706433`), not a name.
        let is_number = text.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
        if is_number || !text.split('.').all(is_label) {
            return Err(BaseUrlFault::NotAUrl);
        }
        Ok(Self::Name(text.to_ascii_lowercase().into()))
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path_prefix)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}
