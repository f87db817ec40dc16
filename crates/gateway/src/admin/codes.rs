//! Codes that are worth money: made and revoked by operators, redeemed by whoever has one.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
};
use http::StatusCode;
use roundelay_ledger::{AccountId, Currency, EntryKind, Factor, KeyId, Money};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Fault, accounts, acts, amount,
    books::{Books, now_us},
    desk::{Answer, Desk, blocking, now, read},
    entries,
    operator::Operator,
    path::Named,
    postings,
};
use crate::{
    auth::Codes,
    common::secret::Secret,
    store::{AccountRow, CodeRefusal, CodeRow, EntryRow, RedeemFault, Store, StoreFault, StoredEntry},
};

/// What `POST /admin/codes` takes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewCodes {
    /// What each is worth: a decimal number above zero.
    pub amount: String,
    /// `usd` or `cny`; `usd` when left out.
    pub currency: Option<String>,
    /// How many, 1 to 1,000; 1 when left out.
    pub count: Option<usize>,
    /// The first second, since 1970-01-01 UTC, at which they are worth nothing; never when left out.
    pub expires_at: Option<i64>,
    /// What they are for: at most 200 characters.
    pub note: String,
}

/// What `POST /admin/codes/redeem` takes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Redemption {
    /// The code.
    pub code: String,
    /// The account that has its money.
    pub account: String,
}

/// Makes codes at `now` (unix seconds). The answer holds the codes themselves, which are nowhere else.
///
/// # Errors
/// When a field is out of its bounds.
pub fn create(store: &Store, by: &Operator, codes: &Codes, wanted: &NewCodes, now: i64) -> Result<Value, Fault> {
    acts::keep(store, by, "codes.create", None, |store, told| {
        let made = make(store, codes, wanted, now)?;
        told.that("amount", wanted.amount.as_str());
        told.that("currency", wanted.currency.as_deref().unwrap_or("usd"));
        told.that("count", wanted.count.unwrap_or(1));
        told.that("note", wanted.note.as_str());
        Ok(made)
    })
}

fn make(store: &Store, codes: &Codes, wanted: &NewCodes, now: i64) -> Result<Value, Fault> {
    let amount = amount::read("amount", &wanted.amount)?;
    if amount <= Money::ZERO {
        return Err(Fault::bad_request("what a code is worth is above zero"));
    }
    let label = wanted.currency.as_deref().unwrap_or("usd");
    let currency = Currency::from_label(label)
        .ok_or_else(|| Fault::bad_request(format!("`{label}` is no currency: write `usd` or `cny`")))?;
    let count = wanted.count.unwrap_or(1);
    if !(1..=CODES_MAX).contains(&count) {
        return Err(Fault::bad_request(format!("`count` is 1 to {CODES_MAX}")));
    }
    if wanted.expires_at.is_some_and(|end| end <= now) {
        return Err(Fault::bad_request(
            "`expires_at` is in the past: it is in seconds since 1970-01-01, in the future",
        ));
    }
    if wanted.note.chars().count() > NOTE_CHARS_MAX || wanted.note.chars().any(char::is_control) {
        return Err(Fault::bad_request(format!(
            "a note has at most {NOTE_CHARS_MAX} characters, all of them printable"
        )));
    }
    loop {
        let drawn: Vec<_> = (0..count).map(|_| codes.draw()).collect::<Result<_, _>>()?;
        let rows = drawn.iter().map(|(id, _, hash)| CodeRow {
            id: id.clone(),
            hash: *hash,
            amount,
            currency,
            note: wanted.note.clone(),
            created_at: now,
            expires_at: wanted.expires_at,
            revoked_at: None,
            redeemed: None,
        });
        let rows: Vec<CodeRow> = rows.collect();
        match store.create_codes(&rows) {
            Ok(()) => {
                let shown = rows.iter().zip(&drawn).map(|(row, (_, code, _))| with_code(describe(row, now), code));
                return Ok(shown.collect());
            }
            Err(StoreFault::Exists { .. }) => {} // one chance in 2⁴⁰ for each code there is: draw again
            Err(other) => return Err(other.into()),
        }
    }
}

/// The latest 10,000 codes, newest first. The codes themselves are kept nowhere.
///
/// # Errors
/// When the store cannot be read.
pub fn list(store: &Store, now: i64) -> Result<Value, Fault> {
    Ok(store.codes(LISTED_MAX)?.iter().map(|row| describe(row, now)).collect())
}

/// Takes a code back at `now` (unix seconds). Twice is no fault.
///
/// # Errors
/// When there is no such code, or it was redeemed.
pub fn revoke(store: &Store, by: &Operator, id: &str, now: i64) -> Result<Value, Fault> {
    acts::keep(store, by, "codes.revoke", Some(id), |store, _| take_back(store, id, now))
}

fn take_back(store: &Store, id: &str, now: i64) -> Result<Value, Fault> {
    let row = store.revoke_code(id, now)?;
    if let Some(redeemed) = &row.redeemed {
        let (account, entry) = (&redeemed.account, redeemed.entry);
        let advice = format!("`accounts reverse {entry}` takes the money back");
        return Err(Fault::conflict("redeemed", format!("account `{account}` has redeemed code `{id}`: {advice}")));
    }
    Ok(Value::Object(describe(&row, now)))
}

/// Puts what a code is worth on an account, at `now` (unix seconds), for the key that asked if one did.
///
/// Returns the entry, and whether it is new: an account that asks again is given the entry that it has.
///
/// # Errors
/// When it is no code, or worth nothing to that account; when the account keeps no balance.
pub fn redeem(
    books: Books<'_>,
    codes: &Codes,
    wanted: &Redemption,
    key: Option<&KeyId>,
    now: i64,
) -> Result<(StoredEntry, bool), NotRedeemed> {
    let account = accounts::one_row(books, &accounts::account_id(&wanted.account)?)?;
    postings::check_keeps_balance(books.by, &account)?;
    let presented = codes.read(&wanted.code).ok_or(CodeRefusal::Unknown)?;
    let code = books.store.code(&presented.id).map_err(Fault::from)?;
    let code = code.filter(|code| presented.is(&code.hash)).ok_or(CodeRefusal::Unknown)?;
    code.permits(Some(&account.account.id), now)?;
    if let Some(redeemed) = &code.redeemed
        && let Some(made) = books.store.entry(redeemed.entry).map_err(Fault::from)?
    {
        // Asking again costs the store's one writer nothing.
        return Ok((made, false));
    }
    let row = entry(books, &code, &account, key)?;
    let done = match books.running {
        Some(billing) => billing.redeem(books.store, &code.id, &row, now),
        None => books.store.redeem(&code.id, &row, now),
    };
    Ok(done?)
}

/// As [`redeem`], by an operator.
///
/// # Errors
/// As there.
pub fn redeem_for(books: Books<'_>, codes: &Codes, wanted: &Redemption, now: i64) -> Result<Value, Fault> {
    acts::keep(books.store, books.by, "codes.redeem", Some(&wanted.account), |store, told| {
        let done = redeem(Books { store, ..books }, codes, wanted, None, now)?;
        told.about(&wanted.account, done.0.row.account.as_ref());
        told.that("entry", done.0.sequence.0);
        told.that("is_new", done.1);
        Ok(describe_redeemed(&done))
    })
}

/// Why a code was not redeemed.
#[derive(Debug)]
pub enum NotRedeemed {
    /// It is worth nothing to who presents it.
    Worthless(CodeRefusal),
    /// Anything else.
    Fault(Fault),
}

impl From<CodeRefusal> for NotRedeemed {
    fn from(refusal: CodeRefusal) -> Self {
        Self::Worthless(refusal)
    }
}

impl From<Fault> for NotRedeemed {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<RedeemFault> for NotRedeemed {
    fn from(fault: RedeemFault) -> Self {
        match fault {
            RedeemFault::Refused(refusal) => Self::Worthless(refusal),
            RedeemFault::Store(fault) => Self::Fault(fault.into()),
        }
    }
}

impl From<NotRedeemed> for Fault {
    fn from(refused: NotRedeemed) -> Self {
        match refused {
            NotRedeemed::Fault(fault) => fault,
            NotRedeemed::Worthless(CodeRefusal::Unknown) => Self::not_found(CodeRefusal::Unknown.to_string()),
            NotRedeemed::Worthless(refusal) => Self::conflict("code_refused", refusal.to_string()),
        }
    }
}

/// The entry that a code makes, as everybody is shown it.
pub fn describe_redeemed((entry, is_new): &(StoredEntry, bool)) -> Value {
    json!({ "entry": entries::describe(entry), "is_new": is_new })
}

fn entry(books: Books<'_>, code: &CodeRow, account: &AccountRow, key: Option<&KeyId>) -> Result<EntryRow, Fault> {
    let currency = account.terms.currency;
    // Where one of the two is in yuan, the rate has to be known.
    let needs_rate = if code.currency == currency { currency } else { Currency::Cny };
    let rate = postings::usable(books.rate, needs_rate)?;
    let change = match (code.currency, currency) {
        (of, to) if of == to => code.amount,
        (Currency::Usd, to) => rate.of_usd(code.amount, to),
        (of, _) => rate.to_usd(code.amount, of),
    };
    let note = if code.note.is_empty() { String::new() } else { format!(": {}", code.note) };
    Ok(EntryRow {
        at_us: now_us(),
        kind: EntryKind::TopUp,
        account: Some(account.account.id.clone()),
        change,
        currency,
        usd: rate.to_usd(change, currency),
        rate,
        multiplier: Factor::ONE,
        exchange: None,
        attempt: 0,
        key: key.cloned(),
        price: None,
        held: Money::ZERO,
        overrun: None,
        is_estimated: false,
        reason: Some(format!("code {}{note}", code.id)),
        idempotency: Some(format!("{}{}", postings::OF_CODES, code.id)),
    })
}

fn describe(row: &CodeRow, now: i64) -> Map<String, Value> {
    let state = match row.permits(None, now) {
        Ok(()) => "open",
        Err(CodeRefusal::Taken) => "redeemed",
        Err(CodeRefusal::Revoked) => "revoked",
        Err(CodeRefusal::Expired | CodeRefusal::Unknown) => "expired",
    };
    let mut shown = Map::new();
    shown.insert("id".to_owned(), json!(row.id));
    shown.insert("state".to_owned(), json!(state));
    amount::show(&mut shown, "amount", Some(row.amount));
    for (name, value) in [
        ("currency", json!(row.currency.label())),
        ("note", json!(row.note)),
        ("created_at", json!(row.created_at)),
        ("expires_at", json!(row.expires_at)),
        ("revoked_at", json!(row.revoked_at)),
        ("redeemed_at", json!(row.redeemed.as_ref().map(|redeemed| redeemed.at))),
        ("account", json!(row.redeemed.as_ref().map(|redeemed| redeemed.account.as_str()))),
        ("entry", json!(row.redeemed.as_ref().map(|redeemed| redeemed.entry.0))),
    ] {
        shown.insert(name.to_owned(), value);
    }
    shown
}

fn with_code(mut shown: Map<String, Value>, code: &Secret) -> Value {
    shown.insert("code".to_owned(), json!(code.expose()));
    Value::Object(shown)
}

pub(super) async fn post(
    State(desk): State<Arc<Desk>>,
    Extension(by): Extension<Operator>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Value>), Fault> {
    let wanted = read(body)?;
    let made = blocking(move || create(&desk.store, &by, desk.gateway.keys.codes(), &wanted, now())).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

pub(super) async fn get(State(desk): State<Arc<Desk>>) -> Answer {
    blocking(move || list(&desk.store, now())).await.map(Json)
}

pub(super) async fn post_revoke(
    State(desk): State<Arc<Desk>>,
    Extension(by): Extension<Operator>,
    Named(id): Named<String>,
) -> Answer {
    blocking(move || revoke(&desk.store, &by, &id, now())).await.map(Json)
}

pub(super) async fn post_redeem(
    State(desk): State<Arc<Desk>>,
    Extension(by): Extension<Operator>,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    let wanted = read(body)?;
    blocking(move || {
        let _turn = desk.turn();
        redeem_for(desk.books(&by), desk.gateway.keys.codes(), &wanted, now()).map(Json)
    })
    .await
}

/// The account that pays for a key, for whoever presents one.
pub fn redemption(code: String, account: &AccountId) -> Redemption {
    Redemption { code, account: account.to_string() }
}

/// How many are made at once at most.
pub const CODES_MAX: usize = 1_000;
const LISTED_MAX: usize = 10_000;
const NOTE_CHARS_MAX: usize = 200;
