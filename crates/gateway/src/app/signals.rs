//! What the system tells a running gateway: stop, and read the configuration again.

use std::{future::pending, sync::Arc};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use super::reload::Reloader;

/// Follows signals until the gateway stops: SIGTERM and SIGINT stop it, SIGHUP reloads.
pub(super) async fn follow(reloader: Arc<Reloader>, stopper: watch::Sender<bool>, mut stopped: watch::Receiver<bool>) {
    let listen = |kind| signal(kind).expect("a runtime with signals runs here");
    let mut terminate = listen(SignalKind::terminate());
    let mut interrupt = listen(SignalKind::interrupt());
    let mut hang_up = listen(SignalKind::hangup());
    // Beside the others, so that a reload that hangs does not keep the gateway from stopping.
    let reloading = async {
        while hang_up.recv().await.is_some() {
            reloader.reload_aside().await;
        }
        pending::<()>().await;
    };
    tokio::select! {
        () = reloading => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
    stopper.send_replace(true);
}
