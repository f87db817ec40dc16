//! The socket: reads, batched writes, and waits that notice when the caller hangs up.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

/// The caller hung up, or reads nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gone;

/// One connection.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    /// Read and not yet used.
    pub(super) inbox: Vec<u8>,
    /// Written and not yet sent; see [`outbox`](Self::outbox).
    outbox: Vec<u8>,
    /// Bytes handed to the operating system.
    pub(super) sent: u64,
    /// Write every byte on its own.
    pub(super) writes_singly: bool,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        // A word must not wait for the next one; failing to say so only slows things down.
        drop(stream.set_nodelay(true));
        Self { stream, inbox: Vec::new(), outbox: Vec::new(), sent: 0, writes_singly: false }
    }

    /// Reads more into the inbox; `Gone` at the end of the stream.
    pub(super) async fn read(&mut self) -> Result<(), Gone> {
        self.inbox.reserve(READ_BYTES);
        match self.stream.read_buf(&mut self.inbox).await {
            Ok(0) | Err(_) => Err(Gone),
            Ok(_) => Ok(()),
        }
    }

    /// Where to put what is to be written. It leaves at the next [`flush`](Self::flush), [`wait`](Self::wait), or when full.
    pub(super) fn outbox(&mut self) -> &mut Vec<u8> {
        &mut self.outbox
    }

    /// Writes the outbox if it has grown enough to be worth a system call.
    pub(super) async fn flush_if_full(&mut self) -> Result<(), Gone> {
        if self.outbox.len() >= WRITE_BYTES { self.flush().await } else { Ok(()) }
    }

    /// Writes the outbox out.
    pub(super) async fn flush(&mut self) -> Result<(), Gone> {
        let step = if self.writes_singly { 1 } else { WRITE_BYTES };
        for part in self.outbox.chunks(step) {
            match timeout(WRITE_TIMEOUT, self.stream.write_all(part)).await {
                Ok(Ok(())) => self.sent += part.len() as u64,
                Ok(Err(_)) | Err(_) => {
                    self.outbox.clear();
                    return Err(Gone);
                }
            }
        }
        self.outbox.clear();
        Ok(())
    }

    /// Flushes, then waits this long or until the caller hangs up. No system call and no yield when there is nothing to do.
    pub(super) async fn wait(&mut self, length: Duration) -> Result<(), Gone> {
        if length.is_zero() {
            return Ok(());
        }
        let end = Instant::now() + length;
        self.flush().await?;
        loop {
            tokio::select! {
                () = sleep_until(end) => return Ok(()),
                // A next request may already be arriving; past a limit it stays in the kernel.
                ready = self.stream.readable(), if self.inbox.len() < INBOX_MAX => {
                    ready.map_err(|_| Gone)?;
                    match self.stream.try_read_buf(&mut self.inbox) {
                        Ok(0) => return Err(Gone),
                        Ok(_) => {}
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(_) => return Err(Gone),
                    }
                }
            }
        }
    }

    /// Ends the connection with a reset; what was written before still arrives.
    pub(super) async fn reset(mut self) {
        if self.flush().await.is_ok() {
            tokio::time::sleep(RESET_PAUSE).await;
        }
        // On failure the close is an ordinary one: the platform has no resets to offer.
        drop(self.stream.set_zero_linger());
    }

    /// Ends the connection so that the caller can read the answer although it was still sending.
    pub(super) async fn close_after_refusal(mut self) {
        if self.flush().await.is_err() {
            return;
        }
        let drain = async {
            self.stream.shutdown().await?;
            let mut left = DRAIN_BYTES_MAX;
            while left > 0 {
                self.inbox.clear();
                match self.stream.read_buf(&mut self.inbox).await? {
                    0 => break,
                    read => left = left.saturating_sub(read),
                }
            }
            io::Result::Ok(())
        };
        // Nobody is left to tell when this fails.
        drop(timeout(DRAIN_TIMEOUT, drain).await);
    }
}

const READ_BYTES: usize = 8 * 1024;
const WRITE_BYTES: usize = 32 * 1024;
const INBOX_MAX: usize = 64 * 1024;
/// A caller that reads nothing for this long counts as gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(120);
/// A reset overtakes bytes that have not left yet.
const RESET_PAUSE: Duration = Duration::from_millis(20);
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
const DRAIN_BYTES_MAX: usize = 64 * 1024 * 1024;
