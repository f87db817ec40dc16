//! Entries that are taken back: whole, once, by the opposite entry, which names the first.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
};
use http::StatusCode;
use roundelay_ledger::{EntryKind, Money, Sequence};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Fault, acts,
    books::{Books, now_us},
    desk::{Desk, blocking, read},
    entries,
    operator::Operator,
    path::Named,
    postings,
};
use crate::store::{EntryRow, StoredEntry};

/// What `POST /admin/entries/{n}/reverse` takes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewReversal {
    /// Why: 1 to 400 characters.
    pub reason: String,
}

/// Posts the opposite of an entry.
///
/// The answer has the `entry`, and whether it `is_new`: one that was reversed before stays so, and the entry that did it
/// is shown. What was spent within spend limits stays counted.
///
/// # Errors
/// When there is no such entry, or it is none that can be reversed; when a prepaid account has not what is to be taken.
pub fn reverse(books: Books<'_>, sequence: u64, wanted: &NewReversal) -> Result<(Value, bool), Fault> {
    acts::keep(books.store, books.by, "entries.reverse", Some(&sequence.to_string()), |store, told| {
        let (made, is_new) = make(Books { store, ..books }, sequence, wanted)?;
        told.about(&sequence.to_string(), made.row.account.as_ref());
        told.that("entry", made.sequence.0);
        told.that("is_new", is_new);
        Ok((describe(&made, sequence, is_new), is_new))
    })
}

fn make(books: Books<'_>, sequence: u64, wanted: &NewReversal) -> Result<(StoredEntry, bool), Fault> {
    let reason = postings::text("reason", &wanted.reason, REASON_CHARS_MAX)?;
    let missing = || Fault::not_found(format!("no entry {sequence}: `accounts entries NAME` shows them"));
    let first = books.within().entry(Sequence(sequence))?.ok_or_else(missing)?;
    let name = format!("{}{sequence}", postings::OF_REVERSALS);
    if let Some(made) = books.store.act(&name)? {
        return Ok((made, false));
    }
    let row = opposite(&first, reason, name)?;
    books.post(row)
}

fn opposite(first: &StoredEntry, reason: String, name: String) -> Result<EntryRow, Fault> {
    let row = &first.row;
    let number = first.sequence;
    let kind = match row.kind {
        EntryKind::Charge => EntryKind::Reversal,
        EntryKind::TopUp | EntryKind::Adjustment => EntryKind::Adjustment,
        EntryKind::Loss => {
            return Err(Fault::bad_request(format!("entry {number} is a loss of the house: no account paid it")));
        }
        EntryKind::Reversal => {
            let advice = "`accounts adjust` takes the money again";
            return Err(Fault::bad_request(format!("entry {number} is a reversal, which is not reversed: {advice}")));
        }
    };
    let change = row.change.nano().checked_neg().map(Money::from_nano).filter(|&change| change != Money::ZERO);
    let change = change.ok_or_else(|| Fault::bad_request(format!("entry {number} moved no money")))?;
    Ok(EntryRow {
        at_us: now_us(),
        kind,
        change,
        held: Money::ZERO,
        overrun: None,
        is_estimated: false,
        reason: Some(format!("reverses entry {number}: {reason}")),
        idempotency: Some(name),
        ..row.clone()
    })
}

fn describe(made: &StoredEntry, reverses: u64, is_new: bool) -> Value {
    json!({ "entry": entries::describe(made), "reverses": reverses, "is_new": is_new })
}

pub(super) async fn post(
    State(desk): State<Arc<Desk>>,
    Extension(by): Extension<Operator>,
    Named(sequence): Named<u64>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Value>), Fault> {
    let wanted = read(body)?;
    let (made, is_new) = blocking(move || {
        let _turn = desk.turn();
        // What was answered just now may be reversed at once.
        desk.gateway.recorder.flush();
        reverse(desk.books(&by), sequence, &wanted)
    })
    .await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(made)))
}

const REASON_CHARS_MAX: usize = 400;
