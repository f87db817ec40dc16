//! Connections that wait for their next request.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{connect::Origin, stream::Stream};

/// Idle connections kept to one origin by one runtime; a further one is closed.
const PER_ORIGIN_MAX: usize = 256;
/// Servers close idle connections after 60 s (nginx, AWS ALB), some after 5 s (uvicorn); being the first to close avoids
/// the race in which a request meets a closing connection.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Idle {
    origins: Mutex<HashMap<Origin, Vec<(Stream, Instant)>>>,
}

impl Idle {
    /// The connection used last, if it is still alive.
    pub(super) fn take(&self, origin: &Origin) -> Option<Stream> {
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = origins.get_mut(origin)?;
        while let Some((mut stream, since)) = waiting.pop() {
            if since.elapsed() > IDLE_MAX {
                // What lies below has waited longer still.
                waiting.clear();
                return None;
            }
            if !stream.is_spent() {
                return Some(stream);
            }
        }
        None
    }

    /// Closes what has waited too long.
    pub(super) fn sweep(&self) {
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        origins.retain(|_, waiting| {
            waiting.retain(|(_, since)| since.elapsed() <= IDLE_MAX);
            !waiting.is_empty()
        });
    }

    /// Closes all connections to one origin.
    pub(super) fn forget(&self, origin: &Origin) {
        self.origins.lock().unwrap_or_else(PoisonError::into_inner).remove(origin);
    }

    /// Keeps a connection whose answer was read to its end.
    pub(super) fn put(&self, origin: Origin, stream: Stream) {
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = origins.entry(origin).or_default();
        if waiting.len() < PER_ORIGIN_MAX {
            waiting.push((stream, Instant::now()));
        }
    }
}
