//! What the gateway saw of an attempt that did not end well.

/// How an attempt ended, as seen from the wire.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// Nothing was dispatched: name lookup, refused, TLS, connect timeout, a stream the peer refused.
    ConnectFailed,
    /// The connection was reset or closed after dispatch and before any content.
    ResetBeforeContent,
    /// No headers, or no content, within the first-content limit.
    FirstContentTimeout,
    /// An answer with this status. A 2xx is read too: an error may hide in its body.
    Response { status: u16, headers: &'a dyn Headers, body: &'a [u8] },
    /// An error event inside a stream; `data` is the event's joined data.
    StreamError { data: &'a [u8], after_content: bool },
    /// A 2xx that ended in order without content and without a typed end.
    EmptyAnswer,
    /// The stream ended after content and before its typed end.
    CutAfterContent,
    /// No content, reasoning or tool delta within the payload-idle limit, after content.
    StalledAfterContent,
    /// A 2xx whose body or event is not the JSON it should be.
    Unparsable { after_content: bool },
    /// A whole answer that stopped at its length limit.
    LengthReached,
    /// The caller closed first.
    CallerLeft,
}

/// Looks up response headers by their lowercase name.
pub trait Headers: std::fmt::Debug {
    /// The first value of the header; `None` when absent or not text.
    fn header(&self, name: &str) -> Option<&str>;
}

/// No headers at all.
impl Headers for () {
    fn header(&self, _: &str) -> Option<&str> {
        None
    }
}

impl<N: AsRef<str> + std::fmt::Debug, V: AsRef<str> + std::fmt::Debug> Headers for Vec<(N, V)> {
    fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.iter().find(|(n, _)| n.as_ref().eq_ignore_ascii_case(name))?;
        Some(value.as_ref())
    }
}
