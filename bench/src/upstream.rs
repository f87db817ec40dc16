//! An upstream that speaks OpenAI's chat completions and Anthropic's Messages and costs next to nothing, the same in both, so that what is
//! measured is the gateway before it.

use std::io::{BufWriter, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde::Deserialize;

use crate::clock;
use crate::fault::{Fault, Result};
use crate::framing::{self, RequestHead};
use crate::script::{self, Answers, Dialect, Directions, Events};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:8700")]
    listen: SocketAddr,
}

/// Serves until the process ends.
pub(crate) fn run(options: &Options) -> Result<()> {
    clock::sharpen_timers();
    let listener = TcpListener::bind(options.listen).map_err(Fault::io(format!("listen on {}", options.listen)))?;
    serve(&listener)
}

fn serve(listener: &TcpListener) -> Result<()> {
    let voices: Arc<[Voice]> = Voice::all().into();
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let (stream, _) = listener.accept().map_err(Fault::io("accept a connection"))?;
        if open.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_LIMIT {
            // Dropping the socket closes it: the peer sees a refusal instead of a queue.
            open.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let (voices, open) = (Arc::clone(&voices), Arc::clone(&open));
        let connection = move || {
            // A peer that leaves is the normal end of a connection.
            drop(converse(stream, &voices));
            open.fetch_sub(1, Ordering::Relaxed);
        };
        thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn(connection)
            .map_err(Fault::io("start a thread for a connection"))?;
    }
}

/// What is answered in one dialect, ready to be written.
struct Voice {
    path_end: &'static str,
    text: Vec<u8>,
    call: Vec<u8>,
    events: &'static Events,
}

impl Voice {
    fn all() -> Vec<Self> {
        let answers = Dialect::value_variants().iter().filter_map(|dialect| dialect.answers());
        answers
            .map(|Answers { path_end, text, call, events }| Self {
                path_end,
                text: unstreamed_answer(&text),
                call: unstreamed_answer(&call),
                events,
            })
            .collect()
    }
}

/// Answers one request after the other until the peer closes.
fn converse(mut stream: TcpStream, voices: &[Voice]) -> Result<()> {
    stream.set_nodelay(true).map_err(Fault::io("set TCP_NODELAY"))?;
    stream.set_read_timeout(Some(IDLE_LIMIT)).map_err(Fault::io("set a read deadline"))?;
    stream.set_write_timeout(Some(IDLE_LIMIT)).map_err(Fault::io("set a write deadline"))?;
    let mut buffer = Vec::with_capacity(4 * 1024);
    while let Some((head, body)) = read_request(&mut stream, &mut buffer)? {
        match voices.iter().find(|voice| head.method == "POST" && head.target.ends_with(voice.path_end)) {
            None => stream.write_all(NOT_FOUND),
            Some(voice) if script::is_turn(&body) => stream.write_all(&voice.call),
            Some(voice) if is_streaming(&body) => write_stream(&stream, voice.events, Directions::find_in(&body)),
            Some(voice) => stream.write_all(&voice.text),
        }
        .map_err(Fault::io("answer"))?;
        if !head.keep_alive {
            break;
        }
    }
    Ok(())
}

/// Reads one request; what follows it stays in `buffer`. `None` when the peer closed between requests.
fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<Option<(RequestHead, Vec<u8>)>> {
    let mut head = loop {
        if let Some(head) = framing::parse_request(buffer)? {
            break head;
        }
        if read_more(stream, buffer)? == 0 {
            return Ok(None);
        }
    };
    let mut body = Vec::with_capacity(512);
    buffer.drain(..head.length);
    loop {
        let used = head.body.feed(buffer, |payload| body.extend_from_slice(payload))?;
        buffer.drain(..used);
        if head.body.is_whole() {
            return Ok(Some((head, body)));
        }
        if body.len() > BODY_LIMIT {
            return Err(Fault::Answer(format!("request body is larger than {BODY_LIMIT} bytes")));
        }
        if read_more(stream, buffer)? == 0 {
            head.body.close()?;
        }
    }
}

fn read_more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<usize> {
    let mut piece = [0; 4 * 1024];
    let read = stream.read(&mut piece).map_err(Fault::io("read a request"))?;
    buffer.extend_from_slice(&piece[..read]);
    Ok(read)
}

fn is_streaming(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Switches {
        #[serde(default)]
        stream: Option<bool>,
    }
    serde_json::from_slice(body).is_ok_and(|Switches { stream }| stream == Some(true))
}

/// Sends a stream as directed. Paced, every chunk leaves by itself; at full speed as many chunks as fit into
/// [`FULL_SPEED_WRITE_BYTES`] leave in one write, so that the upstream is never what limits the rate.
fn write_stream(stream: &TcpStream, events: &Events, directions: Directions) -> std::io::Result<()> {
    let started = (Instant::now(), clock::unix_nanoseconds());
    let mut writer = BufWriter::with_capacity(FULL_SPEED_WRITE_BYTES, stream);
    writer.write_all(STREAM_HEAD)?;
    write_chunk(&mut writer, &[events.first.as_bytes()])?;
    let (before, after) = events.content;
    for number in 0..directions.chunks {
        let sent = if directions.every.is_zero() {
            clock::unix_nanoseconds()
        } else {
            let offset = directions.every.saturating_mul(u32::try_from(number).unwrap_or(u32::MAX));
            clock::sleep_until(started.0 + offset);
            // The instant it was due, not the instant it got out: a reader that blocks us must not hide the delay it causes.
            started.1 + clock::nanoseconds(offset)
        };
        write_chunk(&mut writer, &[before.as_bytes(), sent.to_string().as_bytes(), after.as_bytes()])?;
        if !directions.every.is_zero() {
            writer.flush()?;
        }
    }
    write_chunk(&mut writer, &[events.last.as_bytes()])?;
    writer.write_all(b"0\r\n\r\n")?;
    writer.flush()
}

fn write_chunk(writer: &mut impl Write, parts: &[&[u8]]) -> std::io::Result<()> {
    write!(writer, "{:x}\r\n", parts.iter().map(|part| part.len()).sum::<usize>())?;
    for part in parts {
        writer.write_all(part)?;
    }
    writer.write_all(b"\r\n")
}

fn unstreamed_answer(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

const STREAM_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n\
    transfer-encoding: chunked\r\n\r\n";
const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 53\r\n\r\n\
    {\"error\":{\"message\":\"not found\",\"code\":\"not_found\"}} ";

const CONNECTIONS_LIMIT: usize = 8_192;
const BODY_LIMIT: usize = 1024 * 1024;
const IDLE_LIMIT: Duration = Duration::from_secs(600);
const STACK_BYTES: usize = 128 * 1024;
const FULL_SPEED_WRITE_BYTES: usize = 16 * 1024;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Starts an upstream on a free port of the loopback for the rest of the test process.
    pub(crate) fn start() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || serve(&listener));
        address
    }

    #[test]
    fn what_is_in_no_dialect_is_not_found_and_the_connection_stays() {
        let mut stream = TcpStream::connect(start()).unwrap();
        for _ in 0..2 {
            stream.write_all(b"GET /v1/nothing HTTP/1.1\r\n\r\n").unwrap();
            let mut answer = vec![0; NOT_FOUND.len()];
            stream.read_exact(&mut answer).unwrap();
            let head = framing::parse_response(&answer).unwrap().unwrap();
            assert_eq!((head.status, answer.len() - head.length), (404, 53));
        }
    }
}
