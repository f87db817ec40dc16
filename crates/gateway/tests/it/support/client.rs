//! HTTP/1.1 as far as a test needs it, blocking, with ten seconds of patience.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

/// One request, made of what is written on the wire.
#[derive(Clone)]
pub(crate) struct Request {
    head: String,
    body: String,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// An answer whose body is still coming.
pub(crate) struct Open {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    reader: BufReader<Box<dyn Read + Send>>,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str, body: Option<&Value>) -> Self {
        let body = body.map(Value::to_string).unwrap_or_default();
        Self { head: format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"), body }
    }

    /// A request whose first lines, each with its line end, are these.
    pub(crate) fn raw(lines: &str) -> Self {
        Self { head: format!("{lines}connection: close\r\n"), body: String::new() }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target, None)
    }

    pub(crate) fn post(target: &str, body: &Value) -> Self {
        Self::new("POST", target, Some(body)).header("content-type", "application/json")
    }

    /// A body that need not be JSON.
    pub(crate) fn body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    pub(crate) fn sent_body(&self) -> &str {
        &self.body
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        write!(self.head, "{name}: {value}\r\n").expect("a String takes all");
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn send(&self, to: SocketAddr) -> Answer {
        self.open(to).finish()
    }

    /// Sends it, and returns once the answer's head is here.
    pub(crate) fn open(&self, to: SocketAddr) -> Open {
        let stream = TcpStream::connect(to).expect("somebody listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        self.open_on(stream)
    }

    pub(crate) fn send_to_socket(&self, path: &Path) -> Answer {
        let stream = UnixStream::connect(path).expect("somebody listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        self.open_on(stream).finish()
    }

    fn open_on<S: Read + Write + Send + 'static>(&self, mut stream: S) -> Open {
        let request = format!("{}content-length: {}\r\n\r\n{}", self.head, self.body.len(), self.body);
        // A server that refuses early may close before it has read everything; its answer says why.
        let _ = stream.write_all(request.as_bytes());
        let mut reader: BufReader<Box<dyn Read + Send>> = BufReader::new(Box::new(stream));
        let status = line(&mut reader);
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.expect("an answer begins with its status");
        let mut headers = Vec::new();
        loop {
            let field = line(&mut reader);
            let Some((name, value)) = field.split_once(':') else { break };
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        Open { status, headers, reader }
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|fault| panic!("{fault}: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

impl Open {
    /// The next piece as the server sent it: a chunk of a chunked body; empty at its end.
    pub(crate) fn piece(&mut self) -> Vec<u8> {
        let length = line(&mut self.reader);
        let length = usize::from_str_radix(length.trim(), 16).expect("a chunk begins with its length");
        let mut piece = vec![0; length];
        self.reader.read_exact(&mut piece).expect("a chunk is whole");
        line(&mut self.reader);
        piece
    }

    /// Reads the rest of a chunked body as it is, and whether it came to its end.
    pub(crate) fn bytes(mut self) -> (Vec<u8>, bool) {
        let mut body = Vec::new();
        loop {
            let mut size = String::new();
            if self.reader.read_line(&mut size).is_err() {
                return (body, false);
            }
            let Ok(length) = usize::from_str_radix(size.trim(), 16) else { return (body, false) };
            let mut piece = vec![0; length];
            if self.reader.read_exact(&mut piece).is_err() {
                return (body, false);
            }
            line(&mut self.reader);
            if length == 0 {
                return (body, true);
            }
            body.extend(piece);
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// Reads the rest.
    pub(crate) fn finish(mut self) -> Answer {
        let mut body = Vec::new();
        if find(&self.headers, "transfer-encoding") == Some("chunked") {
            loop {
                let piece = self.piece();
                if piece.is_empty() {
                    break;
                }
                body.extend(piece);
            }
        } else {
            self.reader.read_to_end(&mut body).expect("the answer comes in time");
        }
        let body = String::from_utf8(body).expect("an answer is text");
        Answer { status: self.status, headers: self.headers, body }
    }
}

fn line(reader: &mut impl BufRead) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).expect("the answer comes in time");
    line.trim_end().to_owned()
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

const PATIENCE: Duration = Duration::from_secs(10);
