//! Ends what nobody has ended: holds that are overdue, and attempts that were in doubt for a day.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, task::spawn_blocking, time::sleep};

use crate::{exchange::Gateway, store::Store, telemetry::events};

const LOOK: Duration = Duration::from_secs(1);

/// Looks once a second until the gateway stops.
pub(super) async fn follow(gateway: &Arc<Gateway>, store: &Store, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = sleep(LOOK) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        let late = gateway.billing.expire();
        if late.is_empty() {
            continue;
        }
        let store = store.clone();
        let stored = spawn_blocking(move || store.insert_late(&late)).await;
        // What the store did not take is in doubt there still, and is settled after the next start.
        if let Ok(Err(fault)) = stored {
            events::store_fault("settle attempts that were in doubt", &fault);
        }
    }
}
