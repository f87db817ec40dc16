//! Tasks that a shutdown waits for.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;

/// Counts running tasks; clones share the count.
#[derive(Debug, Clone, Default)]
pub struct Tasks(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    running: AtomicUsize,
    ended: Notify,
}

impl Tasks {
    /// Runs a task on the current runtime. A panic ends that task only.
    #[expect(clippy::disallowed_methods, reason = "this is the place that counts what it spawns")]
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.0.running.fetch_add(1, Ordering::Relaxed);
        let counted = Counted(Arc::clone(&self.0));
        drop(tokio::spawn(async move {
            let _counted = counted;
            task.await;
        }));
    }

    /// Counts something that runs within another task, until what is returned is dropped.
    pub fn count(&self) -> Counted {
        self.0.running.fetch_add(1, Ordering::Relaxed);
        Counted(Arc::clone(&self.0))
    }

    /// How many tasks run now.
    pub fn running(&self) -> usize {
        self.0.running.load(Ordering::Relaxed)
    }

    /// Waits until none runs. Cancel-safe.
    pub async fn idle(&self) {
        loop {
            let ended = self.0.ended.notified();
            if self.running() == 0 {
                return;
            }
            ended.await;
        }
    }
}

/// One that runs.
#[derive(Debug)]
pub struct Counted(Arc<Shared>);

impl Drop for Counted {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::Release) == 1 {
            self.0.ended.notify_waiters();
        }
    }
}
