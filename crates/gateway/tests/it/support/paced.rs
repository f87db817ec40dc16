//! A provider that answers each request with what a function makes of it, in pieces and at its own pace.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use serde_json::Value;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    /// With its first line, in lower case.
    pub(crate) head: String,
    pub(crate) body: Value,
}

/// An answer.
pub(crate) struct Told {
    status: u16,
    head: String,
    /// Each after so many milliseconds of silence.
    pieces: Vec<(u64, String)>,
}

/// A provider that serves as long as the test runs.
pub(crate) struct Paced {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Told {
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self { status, head: "content-type: application/json\r\n".to_owned(), pieces: vec![(0, body.to_owned())] }
    }

    /// Server-sent events: whole events, each after its silence.
    pub(crate) fn events<'a>(events: impl IntoIterator<Item = (u64, &'a str)>) -> Self {
        let pieces = events.into_iter().map(|(wait, event)| (wait, event.to_owned())).collect();
        Self { status: 200, head: "content-type: text/event-stream\r\n".to_owned(), pieces }
    }
}

impl Paced {
    pub(crate) fn start(answer: impl Fn(&Heard) -> Told + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer) = (Arc::clone(&heard), Arc::new(answer));
        thread::spawn(move || {
            while let Ok((socket, _)) = listener.accept() {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                thread::spawn(move || serve(socket, &kept, &*answer));
            }
        });
        Self { address, heard }
    }

    /// All requests so far.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().expect("nobody panics with it").clone()
    }

    #[track_caller]
    pub(crate) fn last(&self) -> Heard {
        self.heard().pop().expect("somebody has asked")
    }
}

fn serve(mut socket: TcpStream, kept: &Mutex<Vec<Heard>>, answer: &dyn Fn(&Heard) -> Told) {
    while let Some(heard) = read(&mut socket) {
        let told = answer(&heard);
        kept.lock().expect("nobody panics with it").push(heard);
        if write(&mut socket, &told).is_err() {
            return;
        }
    }
}

/// A whole request, by its length.
fn read(socket: &mut TcpStream) -> Option<Heard> {
    let (mut read, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let count = socket.read(&mut piece).ok().filter(|count| *count > 0)?;
        read.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&read);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
        if body.len() >= length.parse().ok()? {
            let body = serde_json::from_str(body).unwrap_or_default();
            return Some(Heard { head: format!("{head}\r\n"), body });
        }
    }
}

fn write(socket: &mut TcpStream, told: &Told) -> std::io::Result<()> {
    write!(socket, "HTTP/1.1 {} x\r\n{}transfer-encoding: chunked\r\n\r\n", told.status, told.head)?;
    for (wait, piece) in &told.pieces {
        if *wait > 0 {
            thread::park_timeout(Duration::from_millis(*wait));
        }
        write!(socket, "{:x}\r\n{piece}\r\n", piece.len())?;
    }
    write!(socket, "0\r\n\r\n")
}
