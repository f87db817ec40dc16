//! The way of a stream's bytes from the exchange's task to the caller's connection.
//!
//! One buffer, one writer, one reader. What was written before the reader came is read in one piece, so that a
//! slow caller gets fewer, larger writes; and the writer waits once too much lies unread.

use std::{
    fmt,
    future::poll_fn,
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};
use http_body::Frame;

/// Unread bytes above which the writer waits.
const UNREAD_MAX: usize = 256 * 1024;

#[derive(Debug, Default)]
struct State {
    unread: BytesMut,
    is_ended: bool,
    is_broken_off: bool,
    /// Something was read since the reader was last told that there is nothing more for now, when it sends what it has.
    is_unsent: bool,
    reader_left: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// The caller left: nobody will read what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CallerLeft;

/// Makes a pipe.
pub(super) fn pipe() -> (PipeWriter, PipeReader) {
    let state = Arc::new(Mutex::new(State::default()));
    (PipeWriter(Arc::clone(&state)), PipeReader(state))
}

/// What was written went no further: the writer was dropped before it said that the stream had ended.
///
/// A connection that ends in this way shows its reader that something is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokenOff;

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer was broken off")
    }
}

impl std::error::Error for BrokenOff {}

/// The exchange's end. Dropped without [`PipeWriter::end`], it breaks the stream off.
#[derive(Debug)]
pub(super) struct PipeWriter(Arc<Mutex<State>>);

impl PipeWriter {
    /// Adds bytes to what the caller will read next, and says whether there is room for more.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<bool, CallerLeft> {
        let mut state = lock(&self.0);
        if state.reader_left {
            return Err(CallerLeft);
        }
        state.unread.extend_from_slice(bytes);
        let has_room = state.unread.len() < UNREAD_MAX;
        wake(state, |state| state.reader.take());
        Ok(has_room)
    }

    /// Waits until there is room for more.
    ///
    /// Cancel-safe.
    pub(super) async fn room(&self) -> Result<(), CallerLeft> {
        poll_fn(|cx| {
            let mut state = lock(&self.0);
            if state.reader_left {
                Poll::Ready(Err(CallerLeft))
            } else if state.unread.len() < UNREAD_MAX {
                Poll::Ready(Ok(()))
            } else {
                state.writer = Some(cx.waker().clone());
                Poll::Pending
            }
        })
        .await
    }

    /// Waits until the caller leaves.
    ///
    /// Cancel-safe.
    pub(super) async fn closed(&self) {
        poll_fn(|cx| {
            let mut state = lock(&self.0);
            if state.reader_left {
                return Poll::Ready(());
            }
            if !state.writer.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                state.writer = Some(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
}

impl PipeWriter {
    /// Whether the caller has left.
    pub(super) fn is_closed(&self) -> bool {
        lock(&self.0).reader_left
    }

    /// Ends the stream; what was written is still read.
    pub(super) fn end(self) {
        lock(&self.0).is_ended = true;
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        state.is_broken_off = !state.is_ended;
        wake(state, |state| state.reader.take());
    }
}

/// The caller's end: a body.
#[derive(Debug)]
pub struct PipeReader(Arc<Mutex<State>>);

impl PipeReader {
    /// The next piece; `None` is the end.
    pub(super) fn poll_read(self: Pin<&mut Self>, cx: &Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let mut state = lock(&self.0);
        if !state.unread.is_empty() {
            let piece = mem::take(&mut state.unread).freeze();
            state.is_unsent = true;
            wake(state, |state| state.writer.take());
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        if state.is_ended {
            return Poll::Ready(None);
        }
        if state.is_broken_off && mem::take(&mut state.is_unsent) {
            // A server that hears of a fault forgets what it has not sent, the head of the answer with it.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if state.is_broken_off {
            return Poll::Ready(Some(Err(BrokenOff)));
        }
        state.is_unsent = false;
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        state.reader_left = true;
        wake(state, |state| state.writer.take());
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes the other side after the lock is free.
fn wake(mut state: MutexGuard<'_, State>, other: impl FnOnce(&mut State) -> Option<Waker>) {
    let waker = other(&mut state);
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn read(reader: &mut PipeReader) -> Option<Option<Result<Vec<u8>, BrokenOff>>> {
        match Pin::new(reader).poll_read(&Context::from_waker(Waker::noop())) {
            Poll::Pending => None,
            Poll::Ready(piece) => Some(piece.map(|p| Ok(p?.into_data().expect("only data is piped").to_vec()))),
        }
    }

    #[test]
    fn what_was_written_is_read_once_and_in_one_piece() {
        let (writer, mut reader) = pipe();
        assert_eq!(read(&mut reader), None);
        writer.write(b"one ").unwrap();
        writer.write(b"two").unwrap();
        assert_eq!(read(&mut reader), Some(Some(Ok(b"one two".to_vec()))));
        writer.write(b"three").unwrap();
        writer.end();
        assert_eq!(read(&mut reader), Some(Some(Ok(b"three".to_vec()))));
        assert_eq!(read(&mut reader), Some(None));
    }

    #[test]
    fn a_stream_whose_end_was_not_said_is_broken_off() {
        let (writer, mut reader) = pipe();
        writer.write(b"half").unwrap();
        drop(writer);
        assert_eq!(read(&mut reader), Some(Some(Ok(b"half".to_vec()))));
        // What is there leaves before its reader hears of the end.
        assert_eq!(read(&mut reader), None);
        assert_eq!(read(&mut reader), Some(Some(Err(BrokenOff))));
    }

    #[tokio::test]
    async fn a_writer_waits_for_a_slow_caller_and_learns_that_one_left() {
        let (writer, mut reader) = pipe();
        writer.write(&vec![0; UNREAD_MAX]).unwrap();
        let mut room = Box::pin(writer.room());
        assert!(futures_poll(&mut room).is_pending());
        read(&mut reader);
        assert_eq!(futures_poll(&mut room), Poll::Ready(Ok(())));
        drop(reader);
        assert_eq!(writer.write(b"x"), Err(CallerLeft));
        writer.closed().await;
    }

    fn futures_poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
        Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
    }
}
