//! What is said of an exchange that has no record: there was none, or the gateway ended in the middle of it.

use jiff::Timestamp;
use roundelay_ledger::{Currency, ExchangeId, KeyId, Settings};

use super::{Fault, books::now_us};
use crate::store::{SentRow, Within};

/// Why there is no record of it. With `of`, the exchanges of other keys are as if they were not there.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn no_record(store: Within<'_>, id: ExchangeId, of: Option<&KeyId>) -> Result<Fault, Fault> {
    let mut sent = store.in_doubt_of(id)?;
    sent.retain(|one| of.is_none_or(|of| &one.key == of));
    if sent.is_empty() {
        return Ok(Fault::not_found(if of.is_none() && store.was_in_doubt(id)? {
            format!(
                "exchange `{id}` has no record, since the gateway ended in the middle of it; what was in doubt is settled, and its charge is among the entries: `accounts entries`"
            )
        } else {
            format!("no exchange `{id}` is recorded here, or not yet: it is once it has ended")
        }));
    }
    let now = now_us();
    let attempts: Vec<String> = sent.iter().map(|one| describe(one, now)).collect();
    Ok(Fault::in_doubt(format!(
        "exchange `{id}` is in doubt, since the gateway ended in the middle of it: {}",
        attempts.join("; ")
    )))
}

fn describe(sent: &SentRow, now: i64) -> String {
    let settled_us = sent.at_us.saturating_add(Settings::default().in_doubt_micros);
    let settled = if settled_us > now {
        format!("is settled at {}", at(settled_us))
    } else {
        "is settled as soon as a gateway runs".to_owned()
    };
    format!(
        "attempt {} was sent to {} at {}, ${} is held for it, and it {settled} by what is known to have been delivered",
        sent.attempt,
        sent.deployment,
        at(sent.at_us),
        sent.held.ceiling(sent.conversion, Currency::Usd)
    )
}

/// An instant in UTC, to the second (RFC 3339).
fn at(us: i64) -> String {
    format!("{:.0}", Timestamp::from_second(us.div_euclid(1_000_000)).unwrap_or_default())
}
