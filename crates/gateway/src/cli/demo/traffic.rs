//! The demo's callers: each asks, reads its stream to the end, and asks again.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use roundelay_protocol::{
    openai::{
        chunk::Chunk,
        stream::{Terminal, is_done},
    },
    sse,
};
use tokio::time::{Instant, sleep, timeout};

use super::stage::POOL;
use crate::{
    common::tasks::Tasks,
    upstream::{DispatchTimers, Endpoint, RequestHead, Upstream},
};

/// Shares are those of the calls of that time.
const WINDOW: Duration = Duration::from_secs(3);
/// A caller of the demo gives up after that; a real SDK waits ten minutes.
const PATIENCE: Duration = Duration::from_secs(30);

/// All callers, and what they have seen.
#[derive(Debug)]
pub(super) struct Traffic(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    upstream: Upstream,
    endpoint: Endpoint,
    head: RequestHead,
    is_over: AtomicBool,
    whole: AtomicU64,
    errors: AtomicU64,
    /// When a call was answered, by which deployment, and after how many attempts.
    recent: Mutex<VecDeque<(Instant, String, u32)>>,
    replaced: AtomicU64,
}

/// What is wrong with an answer; the demo counts it, whatever it is.
#[derive(Debug)]
struct NotWhole;

impl Traffic {
    /// Sends that many callers to the gateway.
    pub(super) fn start(tasks: &Tasks, gateway: SocketAddr, key: &str, callers: u16) -> Self {
        let endpoint = Endpoint::new(false, gateway.ip().to_string().into(), gateway.port());
        let mut head = RequestHead::post("/v1/chat/completions", &endpoint.authority());
        head.field("content-type", b"application/json").field("authorization", format!("Bearer {key}").as_bytes());
        let shared = Arc::new(Shared {
            upstream: Upstream::new(),
            endpoint,
            head,
            is_over: AtomicBool::new(false),
            whole: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            recent: Mutex::new(VecDeque::new()),
            replaced: AtomicU64::new(0),
        });
        for caller in 0..callers {
            tasks.spawn(call_on(Arc::clone(&shared), caller));
        }
        Self(shared)
    }

    pub(super) fn stop(&self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }

    /// Whole answers so far.
    pub(super) fn whole(&self) -> u64 {
        self.0.whole.load(Ordering::Relaxed)
    }

    /// Calls whose caller saw an error.
    pub(super) fn errors(&self) -> u64 {
        self.0.errors.load(Ordering::Relaxed)
    }

    /// Failed attempts that another attempt replaced before their caller saw anything.
    pub(super) fn replaced(&self) -> u64 {
        self.0.replaced.load(Ordering::Relaxed)
    }

    /// The share of a deployment in the calls of the last seconds, 0..=1.
    pub(super) fn share(&self, deployment: &str) -> f64 {
        let recent = recent(&self.0);
        let of_it = recent.iter().filter(|(_, name, _)| name == deployment).count();
        of_it as f64 / recent.len().max(1) as f64
    }
}

fn recent(shared: &Shared) -> MutexGuard<'_, VecDeque<(Instant, String, u32)>> {
    let mut recent = shared.recent.lock().unwrap_or_else(PoisonError::into_inner);
    while recent.front().is_some_and(|(at, _, _)| at.elapsed() > WINDOW) {
        recent.pop_front();
    }
    recent
}

async fn call_on(shared: Arc<Shared>, caller: u16) {
    // Callers who began in step would stay in step.
    sleep(Duration::from_millis(37 * u64::from(caller))).await;
    let mut number = 0_u64;
    while !shared.is_over.load(Ordering::Relaxed) {
        number += 1;
        let question = format!("question {number} of caller {caller}");
        match timeout(PATIENCE, call(&shared, &question)).await {
            Ok(Ok((deployment, attempts))) => {
                shared.whole.fetch_add(1, Ordering::Relaxed);
                shared.replaced.fetch_add(u64::from(attempts.saturating_sub(1)), Ordering::Relaxed);
                recent(&shared).push_back((Instant::now(), deployment, attempts));
            }
            Ok(Err(NotWhole)) | Err(_) if !shared.is_over.load(Ordering::Relaxed) => {
                shared.errors.fetch_add(1, Ordering::Relaxed);
                sleep(Duration::from_millis(200)).await;
            }
            Ok(Err(NotWhole)) | Err(_) => {}
        }
        sleep(Duration::from_millis(60)).await;
    }
}

/// Asks once and reads the stream to its typed end; the deployment that answered, and the attempts it took.
async fn call(shared: &Shared, question: &str) -> Result<(String, u32), NotWhole> {
    let body = serde_json::json!({
        "model": POOL,
        "stream": true,
        "messages": [{ "role": "user", "content": question }],
    });
    let body = Bytes::from(body.to_string());
    let timers = DispatchTimers { connect: PATIENCE, headers: PATIENCE, deadline: Instant::now() + PATIENCE };
    let dispatched = shared.upstream.dispatch(&shared.endpoint, &shared.head, &body, timers).await;
    let (head, mut body) = dispatched.map_err(|_| NotWhole)?;
    if head.status != 200 {
        return Err(NotWhole);
    }
    let mut events = sse::Reader::new(sse::Limits::default());
    let mut terminal = Terminal::new(1);
    while let Some(piece) = body.read().await.map_err(|_| NotWhole)? {
        events.push(piece);
        while let Some(event) = events.next() {
            let Some(data) = event.map_err(|_| NotWhole)?.data else { continue };
            if is_done(&data) {
                terminal.observe_done();
            } else {
                let chunk = Chunk::scan(&data).map_err(|_| NotWhole)?;
                if chunk.is_error {
                    return Err(NotWhole);
                }
                terminal.observe(&chunk);
            }
        }
    }
    let deployment = head.header("x-roundelay-deployment").ok_or(NotWhole)?.to_owned();
    let attempts = head.header("x-roundelay-attempts").and_then(|text| text.parse().ok()).unwrap_or(1);
    if terminal.is_whole() { Ok((deployment, attempts)) } else { Err(NotWhole) }
}
