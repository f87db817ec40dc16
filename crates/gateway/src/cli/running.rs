//! A running gateway, as a command talks to it: HTTP/1.1 over the socket in the data folder, blocking and bounded.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use serde_json::Value;

use super::Failure;
use crate::admin::socket_path;

/// A connection on which one request can be made.
#[derive(Debug)]
pub(super) struct Running {
    stream: UnixStream,
}

impl Running {
    /// Connects; `None` when no gateway runs on that folder.
    pub(super) fn connect(data: &Path) -> Result<Option<Self>, Failure> {
        let path = socket_path(data);
        match UnixStream::connect(&path) {
            Ok(stream) => {
                stream.set_read_timeout(Some(READ_TIMEOUT))?;
                stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
                Ok(Some(Self { stream }))
            }
            Err(fault) => match fault.kind() {
                // No gateway could have made a socket whose name is too long, which is `InvalidInput`.
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::InvalidInput => Ok(None),
                _ => Err(format!("cannot reach the gateway at {}: {fault}", path.display()).into()),
            },
        }
    }

    /// Makes a request, and returns the JSON answered; what the gateway refuses is an error with its own words.
    pub(super) fn ask(mut self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: roundelay\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        let exchanged = self.exchange(&head, &body);
        let answer = exchanged.map_err(|fault| format!("the gateway did not answer: {fault}"))?;
        let (status, body) = parse(&answer).ok_or("the gateway's answer is not whole")?;
        let value: Value = serde_json::from_slice(body).map_err(|_| "the gateway's answer is not JSON")?;
        if (200..300).contains(&status) {
            return Ok(value);
        }
        let message = value["error"]["message"].as_str().unwrap_or("it did not say why");
        Err(message.into())
    }

    fn exchange(&mut self, head: &str, body: &str) -> io::Result<Vec<u8>> {
        self.stream.write_all(head.as_bytes())?;
        self.stream.write_all(body.as_bytes())?;
        let mut answer = Vec::new();
        (&self.stream).take(ANSWER_MAX).read_to_end(&mut answer)?;
        Ok(answer)
    }
}

/// The status and the whole body; `None` when something is missing.
fn parse(answer: &[u8]) -> Option<(u16, &[u8])> {
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(length) = head.parse(answer).ok()? else { return None };
    let body = &answer[length..];
    let field = head.headers.iter().find(|field| field.name.eq_ignore_ascii_case("content-length"))?;
    let promised: usize = str::from_utf8(field.value).ok()?.parse().ok()?;
    (body.len() == promised).then_some((head.code?, body))
}

const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// A look at the records may wait five seconds for the store.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Some thousand records with their decisions.
const ANSWER_MAX: u64 = 256 << 20;
