//! The rehearsal provider on a thread of its own.

use std::net::SocketAddr;
use std::thread::{self, JoinHandle};

use roundelay::rehearsal::{Control, Rehearsal};
use tokio::runtime;
use tokio::sync::oneshot;

/// A provider that serves until it is dropped.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    pub(crate) control: Control,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Upstream {
    pub(crate) fn start() -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a reactor can be made").block_on(async move {
                let rehearsal = Rehearsal::bind(([127, 0, 0, 1], 0).into()).expect("a port is free");
                tell.send((rehearsal.local_addr(), rehearsal.control())).expect("the test waits for it");
                rehearsal.serve(async move { drop(stopped.await) }).await;
            });
        });
        let (address, control) = told.recv().expect("it binds");
        Self { address, control, stop: Some(stop), thread: Some(thread) }
    }

    /// For `base_url`.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
