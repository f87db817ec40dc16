//! A provider that answers by a script, and remembers what it was asked.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail as its own lines do")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// With its last line end.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Asked {
    /// What is between the method and the version.
    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    /// Every value of a field.
    pub(crate) fn fields(&self, name: &str) -> Vec<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|fault| panic!("{fault}: {}", self.body))
    }
}

/// What is answered. A body that is shorter than it says ends with its connection.
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) fields: &'static str,
    pub(crate) body: Vec<u8>,
    /// What comes once the first part was read.
    pub(crate) later: Vec<u8>,
    pub(crate) missing: usize,
}

impl Said {
    pub(crate) fn new(status: u16, fields: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, fields, body: body.into(), later: Vec::new(), missing: 0 }
    }

    fn write(&self, socket: &mut TcpStream) -> std::io::Result<()> {
        let Self { status, fields, body, later, missing } = self;
        let length = body.len() + later.len() + missing;
        write!(socket, "HTTP/1.1 {status} x\r\n{fields}content-length: {length}\r\n\r\n")?;
        socket.write_all(body)?;
        if !later.is_empty() {
            thread::park_timeout(Duration::from_millis(100));
        }
        socket.write_all(later)
    }
}

pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Scripted {
    pub(crate) fn start(script: impl Fn(&Asked) -> Said + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (all, script) = (Arc::clone(&asked), Arc::new(script));
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (mut socket, all, script) = (socket.unwrap(), Arc::clone(&all), Arc::clone(&script));
                thread::spawn(move || {
                    while let Some(asked) = read(&mut socket) {
                        all.lock().unwrap().push(asked.clone());
                        let said = script(&asked);
                        if said.write(&mut socket).is_err() || said.missing > 0 {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, asked }
    }

    /// All requests so far.
    pub(crate) fn all(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The last request.
    pub(crate) fn last(&self) -> Asked {
        self.asked.lock().unwrap().last().cloned().expect("it was asked")
    }
}

/// A whole request, by its length.
fn read(socket: &mut TcpStream) -> Option<Asked> {
    let (mut read, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let count = socket.read(&mut piece).ok().filter(|count| *count > 0)?;
        read.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&read);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        // What has no body says no length.
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        if body.len() >= length.parse().ok()? {
            return Some(Asked { head: format!("{head}\r\n"), body: body.to_owned() });
        }
    }
}
