//! What operators do to balances: top-ups and corrections, each once however often it is asked for.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
};
use http::StatusCode;
use roundelay_ledger::{AccountKind, Currency, EntryKind, Factor, Money, Rate};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Fault, accounts, acts, amount,
    books::{Books, now_us},
    desk::{Desk, blocking, read},
    entries,
    operator::Operator,
    path::Named,
};
use crate::store::{AccountRow, EntryRow};

/// What `POST /admin/accounts/{id}/credit` and `/adjust` take.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewPosting {
    /// A decimal number in the currency of the account, not zero; above zero for a credit.
    pub amount: String,
    /// Why: 1 to 500 characters.
    pub reason: String,
    /// Its name, of 1 to 200 characters: asked for again under the same one, it has no second effect.
    pub idempotency: String,
}

/// What an operator does to a balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Money comes in.
    Credit,
    /// A correction, up or down.
    Adjust,
}

impl Act {
    /// The word for it in paths.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Credit => "credit",
            Self::Adjust => "adjust",
        }
    }

    /// The name of its route.
    const fn name(self) -> &'static str {
        match self {
            Self::Credit => "accounts.credit",
            Self::Adjust => "accounts.adjust",
        }
    }

    const fn kind(self) -> EntryKind {
        match self {
            Self::Credit => EntryKind::TopUp,
            Self::Adjust => EntryKind::Adjustment,
        }
    }
}

/// Changes the balance of an account. The answer has the `entry`, and whether it `is_new`: one that was made before
/// under the same idempotency key is shown again, and changes nothing.
///
/// # Errors
/// When there is no such account or it keeps no balance, the amount or a text cannot be, more would be taken than is
/// there, or the idempotency key was used for something else.
pub fn post(books: Books<'_>, act: Act, id: &str, wanted: &NewPosting) -> Result<(Value, bool), Fault> {
    let id = accounts::account_id(id)?;
    acts::keep(books.store, books.by, act.name(), Some(id.as_str()), |store, told| {
        let books = Books { store, ..books };
        let account = accounts::one_row(books, &id)?;
        told.about(id.as_str(), Some(&id));
        check_keeps_balance(books.by, &account)?;
        let row = entry(books, act, &account, wanted)?;
        let (entry, is_new) = books.post(row)?;
        told.that("entry", entry.sequence.0);
        told.that("change", entry.row.change.to_string());
        told.that("currency", entry.row.currency.label());
        told.that("is_new", is_new);
        Ok((json!({ "entry": entries::describe(&entry), "is_new": is_new }), is_new))
    })
}

pub(super) fn check_keeps_balance(by: &Operator, row: &AccountRow) -> Result<(), Fault> {
    if row.terms.kind != AccountKind::Inherits {
        return Ok(());
    }
    // Whoever is limited to an account does not see what is above it.
    let above = row.parent.as_ref().filter(|above| by.scope().has(above));
    let whom = above.map_or_else(|| "the account".to_owned(), |above| format!("`{above}`"));
    Err(Fault::bad_request(format!(
        "account `{}` inherits, and keeps no balance: do this to {whom} above it, or make it `prepaid` first",
        row.account.id
    )))
}

fn entry(books: Books<'_>, act: Act, account: &AccountRow, wanted: &NewPosting) -> Result<EntryRow, Fault> {
    let rate = books.rate;
    let currency = account.terms.currency;
    let change = amount::read("amount", wanted.amount.strip_prefix('+').unwrap_or(&wanted.amount))?;
    let size = change.nano().checked_abs().map(Money::from_nano).filter(|&size| size > Money::ZERO);
    let size = size.ok_or_else(|| Fault::bad_request("the amount is zero, or more than can be written"))?;
    if act == Act::Credit && change.is_negative() {
        return Err(Fault::bad_request("a credit is above zero: what takes money away is `adjust`"));
    }
    Ok(EntryRow {
        at_us: now_us(),
        kind: act.kind(),
        account: Some(account.account.id.clone()),
        change,
        currency,
        usd: usable(rate, currency)?.to_usd(size, currency),
        rate: usable(rate, currency)?,
        multiplier: Factor::ONE,
        exchange: None,
        attempt: 0,
        key: None,
        price: None,
        held: Money::ZERO,
        overrun: None,
        is_estimated: false,
        reason: Some(text("reason", &wanted.reason, REASON_CHARS_MAX)?),
        idempotency: Some(own_name(&wanted.idempotency)?),
    })
}

/// The rate that an amount in that currency is counted with.
pub(super) fn usable(rate: Option<Rate>, currency: Currency) -> Result<Rate, Fault> {
    match (rate, currency) {
        (Some(rate), _) => Ok(rate),
        (None, Currency::Usd) => Ok(Rate::ONE),
        (None, Currency::Cny) => Err(Fault::bad_request(
            "this account is in yuan, and the configuration that has the rate cannot be read: name it with `--config FILE`",
        )),
    }
}

pub(super) fn text(name: &str, text: &str, chars_max: usize) -> Result<String, Fault> {
    if text.is_empty() {
        return Err(Fault::bad_request(format!("`{name}` is missing: it has 1 to {chars_max} characters")));
    }
    let count = text.chars().count();
    if !(1..=chars_max).contains(&count) || text.chars().any(char::is_control) {
        return Err(Fault::bad_request(format!("`{name}` has 1 to {chars_max} characters, all of them printable")));
    }
    Ok(text.to_owned())
}

/// A name that somebody gave an act; those that the gateway gives are not to be had.
fn own_name(name: &str) -> Result<String, Fault> {
    if [OF_CODES, OF_REVERSALS].iter().any(|prefix| name.starts_with(prefix)) {
        return Err(Fault::bad_request(format!(
            "an idempotency key does not begin with `{OF_CODES}` or `{OF_REVERSALS}`: those name what codes and reversals did"
        )));
    }
    text("idempotency", name, IDEMPOTENCY_CHARS_MAX)
}

pub(super) async fn post_credit(
    desk: State<Arc<Desk>>,
    by: Extension<Operator>,
    id: Named<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Value>), Fault> {
    answer(desk, by, Act::Credit, id, body).await
}

pub(super) async fn post_adjust(
    desk: State<Arc<Desk>>,
    by: Extension<Operator>,
    id: Named<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Value>), Fault> {
    answer(desk, by, Act::Adjust, id, body).await
}

async fn answer(
    State(desk): State<Arc<Desk>>,
    Extension(by): Extension<Operator>,
    act: Act,
    Named(id): Named<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Value>), Fault> {
    let wanted = read(body)?;
    let (made, is_new) = blocking(move || {
        // One after the other, so that nobody is refused for what another takes and gives back at once.
        let _turn = desk.turn();
        post(desk.books(&by), act, &id, &wanted)
    })
    .await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(made)))
}

/// How the idempotency keys of redeemed codes begin.
pub(super) const OF_CODES: &str = "code:";
/// How those of reversals do.
pub(super) const OF_REVERSALS: &str = "reverse:";
const REASON_CHARS_MAX: usize = 500;
const IDEMPOTENCY_CHARS_MAX: usize = 200;
