//! One keep-alive connection that sends a request and reads the answer.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::fault::{Fault, Result};
use crate::framing::{self, FramingFault, ResponseHead};

pub(crate) struct Connection {
    target: SocketAddr,
    stream: Option<TcpStream>,
    piece: Box<[u8]>,
    /// Received and not yet consumed.
    received: Vec<u8>,
}

impl Connection {
    /// Connects at the first exchange, and again after one that failed or was the connection's last.
    pub(crate) fn new(target: SocketAddr) -> Self {
        Self { target, stream: None, piece: vec![0; PIECE_BYTES].into(), received: Vec::new() }
    }

    /// Sends `request` and passes the payload of a whole answer with status 200 to `on_payload`, as it arrives.
    ///
    /// Waits at most [`ANSWER_LIMIT`] for each next piece.
    pub(crate) fn exchange(&mut self, request: &[u8], on_payload: impl FnMut(&[u8])) -> Result<()> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect()?,
        };
        stream.write_all(request).map_err(Fault::io("send a request"))?;
        let keep_alive = self.read_answer(&mut stream, on_payload)?;
        if keep_alive {
            self.stream = Some(stream);
        }
        Ok(())
    }

    fn connect(&mut self) -> Result<TcpStream> {
        self.received.clear();
        let stream = TcpStream::connect_timeout(&self.target, CONNECT_LIMIT)
            .map_err(Fault::io(format!("connect to {}", self.target)))?;
        stream.set_nodelay(true).map_err(Fault::io("set TCP_NODELAY"))?;
        stream.set_read_timeout(Some(ANSWER_LIMIT)).map_err(Fault::io("set a read deadline"))?;
        stream.set_write_timeout(Some(ANSWER_LIMIT)).map_err(Fault::io("set a write deadline"))?;
        Ok(stream)
    }

    fn read_answer(&mut self, stream: &mut TcpStream, mut on_payload: impl FnMut(&[u8])) -> Result<bool> {
        let mut head = self.read_head(stream)?;
        let mut wrong = Vec::new();
        let status = head.status;
        let mut sink = |payload: &[u8]| {
            if status == 200 {
                on_payload(payload);
            } else {
                wrong.extend_from_slice(&payload[..payload.len().min(ERROR_TEXT_BYTES - wrong.len())]);
            }
        };
        let used = head.body.feed(&self.received, &mut sink)?;
        self.received.drain(..used);
        while !head.body.is_whole() {
            let read = stream.read(&mut self.piece).map_err(Fault::io("read an answer"))?;
            if read == 0 {
                head.body.close()?;
                head.keep_alive = false;
                break;
            }
            let used = head.body.feed(&self.piece[..read], &mut sink)?;
            self.received.extend_from_slice(&self.piece[used..read]);
        }
        if status == 200 {
            return Ok(head.keep_alive);
        }
        Err(Fault::Answer(format!("status {status}: {}", String::from_utf8_lossy(&wrong))))
    }

    fn read_head(&mut self, stream: &mut TcpStream) -> Result<ResponseHead> {
        loop {
            let read = stream.read(&mut self.piece).map_err(Fault::io("read an answer"))?;
            if read == 0 {
                return Err(FramingFault::EndedEarly.into());
            }
            self.received.extend_from_slice(&self.piece[..read]);
            if let Some(head) = framing::parse_response(&self.received)? {
                self.received.drain(..head.length);
                return Ok(head);
            }
        }
    }
}

const PIECE_BYTES: usize = 16 * 1024;
const ERROR_TEXT_BYTES: usize = 300;
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
