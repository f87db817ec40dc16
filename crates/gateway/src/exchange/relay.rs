//! From the first content to the end: passes on what arrives, and knows a whole answer from a cut one.

use std::time::Duration;

use bytes::Bytes;
use roundelay_protocol::failure::{Failure, Seen};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    call::Inbound,
    caller::{CallerSide, Interruption},
    flight::Flight,
    incoming::{Incoming, Progress, StreamFault},
    places::DRAIN_WAIT,
    refusal::Words,
};

/// How long usage and `[DONE]` may follow the last choice's end: providers send them with it.
const GRACE: Duration = Duration::from_secs(2);
/// The same where usage has come, so that only the mark is missing.
const GRACE_WITH_USAGE: Duration = Duration::from_millis(200);

/// The outcome of an attempt for more of which there was no money.
pub(super) const SPENT: &str = "spent";

/// How a relay ended.
#[derive(Debug)]
pub(super) enum Relayed {
    /// The answer is whole; these bytes of it are to be shown once it is recorded.
    Whole(Bytes),
    /// There is no money for more of it; these bytes end it.
    Spent(Bytes),
    /// It broke off, with what its provider said.
    Broke(Failure, Option<Words>),
    /// It was to carry on an answer, and began another one.
    Diverged,
    /// It was stopped from this side.
    Interrupted(Interruption),
}

impl Relayed {
    /// The attempt's outcome, as records and metrics call it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Whole(_) => "answered",
            Self::Spent(_) => SPENT,
            Self::Broke(failure, _) => failure.class.name(),
            Self::Diverged => "diverged",
            Self::Interrupted(_) => "abandoned",
        }
    }
}

/// Relays a stream whose first content is here. The `remark` is said before its first words, and taken then.
///
/// Not cancel-safe: what was read and not written would be lost.
pub(super) async fn relay(
    incoming: &mut Incoming,
    inbound: &mut Inbound,
    caller: &mut CallerSide,
    flight: &Flight<'_>,
    remark: &mut Option<String>,
) -> Relayed {
    let deployment = flight.deployment;
    let end = Instant::now() + deployment.timeouts.total;
    let mut last_progress = Instant::now();
    let mut whole_since = None;
    loop {
        // Nothing is shown that there is no money for, the end with its last words included.
        if !flight.covers(incoming.output_bounds()) {
            return Relayed::Spent(incoming.cut_short());
        }
        if let Some(bytes) = incoming.shown_now()
            && let Err(why) = caller.write_behind(due(remark, incoming), &bytes).await
        {
            return Relayed::Interrupted(why);
        }
        if incoming.unfit().is_some() {
            // Nobody is asked again.
            inbound.forget();
        }
        if incoming.is_over() {
            return Relayed::Whole(incoming.tail());
        }
        let until = if incoming.is_whole() {
            let since = *whole_since.get_or_insert_with(Instant::now);
            since + if incoming.usage().is_some() { GRACE_WITH_USAGE } else { GRACE }
        } else {
            let silent = deployment.timeouts.transport_idle.map_or(end, |most| Instant::now() + most);
            end.min(last_progress + deployment.timeouts.idle).min(silent)
        };
        let read = match caller.attend(timeout_at(until, incoming.read())).await {
            Ok(read) => read,
            // Only trimmings are missing, and its caller is there.
            Err(Interruption::Stopping) if incoming.is_whole() => return Relayed::Whole(incoming.tail()),
            Err(why) => return Relayed::Interrupted(why),
        };
        let fault = match read {
            Ok(Ok(Progress::Ended)) if flight.covers(incoming.output_bounds()) => {
                return Relayed::Whole(incoming.tail());
            }
            Ok(Ok(Progress::Ended)) => return Relayed::Spent(incoming.cut_short()),
            Ok(Ok(Progress::Content | Progress::Work)) => {
                last_progress = Instant::now();
                continue;
            }
            // Comments, pings and empty deltas are no progress: the timer runs on.
            Ok(Ok(Progress::None)) => continue,
            // What was missing from a whole answer was its trimmings.
            _ if incoming.is_whole() => return Relayed::Whole(incoming.tail()),
            Ok(Err(fault)) => fault,
            Err(_) => StreamFault::Silent,
        };
        // What came before the fault is content like any other.
        if let Some(bytes) = incoming.shown_now()
            && let Err(why) = caller.write_behind(due(remark, incoming), &bytes).await
        {
            return Relayed::Interrupted(why);
        }
        if let StreamFault::Diverged = fault {
            return Relayed::Diverged;
        }
        let words = match &fault {
            StreamFault::Error(data) => deployment.words(200, data),
            _ => None,
        };
        let failure = deployment.classify(&match &fault {
            StreamFault::Error(data) => Seen::StreamError { data, after_content: true },
            StreamFault::Cut | StreamFault::Unfinished => Seen::CutAfterContent,
            StreamFault::Garbled => Seen::Unparsable { after_content: true },
            StreamFault::Silent | StreamFault::Diverged => Seen::StalledAfterContent,
        });
        return Relayed::Broke(failure, words);
    }
}

/// The remark, where a word is shown that it can stand before.
fn due<'r>(remark: &'r mut Option<String>, incoming: &Incoming) -> Option<&'r mut Option<String>> {
    (remark.is_some() && incoming.has_shown_words()).then_some(remark)
}

/// Where a caller has left and the bill depends on it, reads on: for as long as an answer's last words may take, so that
/// one whose end was already on its way is paid like any other; and to its end for its exact bill, of a provider that
/// works on whether or not anybody reads, and for keys that want it.
///
/// Dropped, the answer's connection is closed.
pub(super) async fn read_out(
    relayed: Relayed,
    incoming: &mut Incoming,
    inbound: &Inbound,
    flight: &Flight<'_>,
) -> Relayed {
    let is_left = matches!(relayed, Relayed::Interrupted(Interruption::CallerLeft)) && !incoming.is_over();
    if !is_left || !flight.is_priced() {
        return relayed;
    }
    let drain = flight.drain(inbound);
    let mut ending = flight.gateway.ending.subscribe();
    let rest = async {
        while let Ok(Progress::None | Progress::Work | Progress::Content) = incoming.read().await {
            incoming.forget_unshown(drain.is_some());
            if !flight.covers(incoming.output_bounds()) {
                return;
            }
        }
    };
    tokio::select! {
        _ = timeout(if drain.is_some() { DRAIN_WAIT } else { GRACE }, rest) => {}
        _ = ending.wait_for(|ending| *ending) => {}
    }
    relayed
}
