//! Acts on accounts, for the routes and for commands without a running gateway.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
};
use http::StatusCode;
use roundelay_ledger::{Account, AccountId, AccountKind, Currency, Money, NodeName, Rate, Terms, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Fault,
    acts::{self, Told},
    amount,
    books::{Books, Standing, now_us, open},
    desk::{Answer, Desk, blocking, now, read},
    limits::{self, LimitsChange},
    operator::Operator,
    path::Named,
};
use crate::store::{AccountRow, Scope};

/// What `POST /admin/accounts` takes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewAccount {
    /// Its id: 1 to 64 of `A-Z a-z 0-9 . _ -`.
    pub id: String,
    /// What people will call it; the id when left out.
    pub name: Option<String>,
    /// The account above it, for good; none when left out.
    pub parent: Option<String>,
    /// `usd` or `cny`, for good; as the account above it when left out, and else `usd`.
    pub currency: Option<String>,
    /// `prepaid`, `postpaid` or `inherits`. When left out: `inherits` below another account, and else `postpaid`.
    pub kind: Option<String>,
    /// How far below zero a prepaid balance may go; 0 when left out.
    pub credit_line: Option<String>,
    /// How many times the list price is charged, besides those of the accounts above it; 1 when left out.
    pub multiplier: Option<String>,
    /// What it and all below it may use together; everything when left out.
    pub limits: LimitsChange,
}

/// What `PATCH /admin/accounts/{id}` takes; what is left out stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountChange {
    /// What people will call it.
    pub name: Option<String>,
    /// `prepaid`, `postpaid` or `inherits`.
    pub kind: Option<String>,
    /// How far below zero a prepaid balance may go.
    pub credit_line: Option<String>,
    /// How many times the list price is charged, besides those of the accounts above it.
    pub multiplier: Option<String>,
    /// What it and all below it may use together.
    pub limits: LimitsChange,
    /// Whether it takes part in no new exchange.
    pub closed: Option<bool>,
}

/// Makes an account at `now` (unix seconds).
///
/// # Errors
/// When the id is none, or taken; when the account above it is not there, or the terms cannot be.
pub fn create(books: Books<'_>, wanted: &NewAccount, now: i64) -> Result<Value, Fault> {
    let id = account_id(&wanted.id)?;
    acts::keep(books.store, books.by, "accounts.create", Some(&wanted.id), |store, told| {
        make(Books { store, ..books }, id, wanted, now, told)
    })
}

fn make(books: Books<'_>, id: AccountId, wanted: &NewAccount, now: i64, told: &mut Told) -> Result<Value, Fault> {
    if wanted.parent.is_none() && *books.by.scope() != Scope::All {
        return Err(Fault::limited(
            "this token is limited to an account: name one as `parent` that is, or is below, it",
        ));
    }
    let name = wanted.name.clone().unwrap_or_else(|| wanted.id.clone());
    check_name(&name)?;
    let parent = wanted.parent.as_deref().map(account_id).transpose()?;
    let above = parent.as_ref().map(|parent| one_row(books, parent)).transpose()?;
    let terms = first_terms(wanted, above.as_ref())?;
    check_granted(books.by, &Terms::new(AccountKind::Inherits), &terms)?;
    let row = AccountRow {
        account: Account { id, name, kind: AccountKind::Postpaid, created_at: now },
        parent,
        terms,
        balance: Money::ZERO,
    };
    let row = AccountRow { account: Account { kind: row.terms.kind, ..row.account }, ..row };
    let mut tree = books.tree()?;
    // The store says it better when there is one of that name.
    if tree.account(&row.account.id).is_none() {
        open(&mut tree, &row)?;
    }
    books.store.create_account(&row)?;
    if let Some(billing) = books.running {
        billing.open_account(&row)?;
    }
    told.about(row.account.id.as_str(), Some(&row.account.id));
    told.that("parent", row.parent.as_ref().map(AccountId::as_str));
    told.that("terms", terms_shown(&row.terms));
    show(books, &row.account.id)
}

/// Gives an account other terms from now on. What is held stays as it was agreed.
///
/// # Errors
/// When there is no such account, or the terms cannot be; when whoever acts is limited to it, and it is more than its
/// name.
pub fn change(books: Books<'_>, id: &str, wanted: &AccountChange) -> Result<Value, Fault> {
    let id = account_id(id)?;
    acts::keep(books.store, books.by, "accounts.change", Some(id.as_str()), |store, told| {
        let books = Books { store, ..books };
        let before = one_row(books, &id)?;
        told.about(id.as_str(), Some(&id));
        let terms = changed(&before.terms, wanted)?;
        let changed = put(books, &before, wanted, &terms)?;
        told.changed(&terms_shown(&before.terms), &terms_shown(&terms));
        let name = wanted.name.as_ref().unwrap_or(&before.account.name);
        told.changed(&json!({ "name": before.account.name }), &json!({ "name": name }));
        Ok(changed)
    })
}

fn put(books: Books<'_>, before: &AccountRow, wanted: &AccountChange, terms: &Terms) -> Result<Value, Fault> {
    let id = &before.account.id;
    let has_terms = AccountChange { name: None, ..wanted.clone() } != AccountChange::default();
    if has_terms && books.by.account.as_ref() == Some(id) {
        return Err(Fault::limited(
            "this token is limited to that account: what it pays, may spend and is limited to is agreed above it, and only its name may be changed",
        ));
    }
    wanted.name.as_deref().map_or(Ok(()), check_name)?;
    check_granted(books.by, &before.terms, terms)?;
    check_payer(terms.kind, before.parent.is_some())?;
    if terms.kind == AccountKind::Inherits && before.terms.kind != AccountKind::Inherits {
        check_is_empty(books, before)?;
    }
    let mut tree = books.tree()?;
    let node = tree.account(id).ok_or_else(|| Fault::not_found(format!("no account `{id}`")))?;
    tree.change_account(node, terms, Timestamp(now_us()))?;
    let whose = NodeName::Account(id.clone());
    let rate = books.rate.unwrap_or(Rate::ONE);
    let windows = books
        .running
        .map(|billing| billing.windows(books.store, &whose, &terms.limits, rate).map(|windows| (billing, windows)));
    let windows = windows.transpose()?;
    // What is not stored must not be in force; and the tree above says that it can be.
    books.store.change_account(id, terms, wanted.name.as_deref())?;
    if let Some((billing, windows)) = windows {
        billing.change_account(id, terms, &windows)?;
    }
    show(books, id)
}

/// An account that inherits keeps no balance: what is on it would be out of sight, and out of reach.
fn check_is_empty(books: Books<'_>, row: &AccountRow) -> Result<(), Fault> {
    let id = &row.account.id;
    let known = books.running.and_then(|billing| billing.standing(id));
    let balance = known.as_ref().map_or(row.balance, |known| known.balance);
    if known.is_some_and(|known| known.held > Money::ZERO) {
        return Err(Fault::conflict(
            "has_balance",
            format!("account `{id}` has requests under way: wait for their end"),
        ));
    }
    if balance == Money::ZERO {
        return Ok(());
    }
    let currency = row.terms.currency.label();
    let undo = Money::from_nano(balance.nano().saturating_neg());
    Err(Fault::conflict(
        "has_balance",
        format!(
            "account `{id}` has {balance} {currency}, and one that inherits keeps no balance: `accounts adjust {id} {undo} --reason …` first, and put it on the account that is to pay"
        ),
    ))
}

/// Whoever is limited to an account grants nobody below it credit, and sets no prices: whoever is above pays for that.
fn check_granted(by: &Operator, before: &Terms, terms: &Terms) -> Result<(), Fault> {
    let is_granted = terms.kind == AccountKind::Postpaid && before.kind != AccountKind::Postpaid
        || terms.credit_line > before.credit_line
        || terms.multiplier < before.multiplier;
    if by.account.is_some() && is_granted {
        return Err(Fault::limited(
            "this token is limited to an account: credit (`postpaid`, `credit_line`) and a lower `multiplier` are granted by operators without such a limit",
        ));
    }
    Ok(())
}

/// Every account, those above before those below.
///
/// # Errors
/// When the store cannot be read.
pub fn list(books: Books<'_>) -> Result<Value, Fault> {
    let rows = books.within().accounts()?;
    let standings = books.standings(&rows)?;
    Ok(rows.iter().map(|row| describe(books.by, row, &standings[&row.account.id])).collect())
}

/// One account.
///
/// # Errors
/// When there is no such account, or the store cannot be read.
pub fn one(books: Books<'_>, id: &str) -> Result<Value, Fault> {
    show(books, &one_row(books, &account_id(id)?)?.account.id)
}

/// One that whoever acts may see.
fn show(books: Books<'_>, id: &AccountId) -> Result<Value, Fault> {
    // What is spent is added up along the tree.
    let rows = books.store.accounts()?;
    let standings = books.standings(&rows)?;
    let row = rows.iter().find(|row| &row.account.id == id);
    let row = row.ok_or_else(|| Fault::not_found(format!("no account `{id}`")))?;
    Ok(describe(books.by, row, &standings[id]))
}

/// The account of that name, as the store has it.
pub(super) fn one_row(books: Books<'_>, id: &AccountId) -> Result<AccountRow, Fault> {
    books
        .within()
        .account(id)?
        .ok_or_else(|| Fault::not_found(format!("no account `{id}`: `accounts list` shows them")))
}

pub(super) fn account_id(text: &str) -> Result<AccountId, Fault> {
    AccountId::new(text).map_err(|fault| Fault::bad_request(fault.to_string()))
}

fn first_terms(wanted: &NewAccount, above: Option<&AccountRow>) -> Result<Terms, Fault> {
    let currency = match &wanted.currency {
        Some(label) => Currency::from_label(label)
            .ok_or_else(|| Fault::bad_request(format!("`{label}` is no currency: write `usd` or `cny`")))?,
        None => above.map_or(Currency::Usd, |above| above.terms.currency),
    };
    let kind = if above.is_some() { AccountKind::Inherits } else { AccountKind::Postpaid };
    let change = AccountChange {
        name: None,
        kind: wanted.kind.clone(),
        credit_line: wanted.credit_line.clone(),
        multiplier: wanted.multiplier.clone(),
        limits: wanted.limits.clone(),
        closed: None,
    };
    let terms = changed(&Terms { currency, ..Terms::new(kind) }, &change)?;
    check_payer(terms.kind, above.is_some())?;
    Ok(terms)
}

fn changed(before: &Terms, wanted: &AccountChange) -> Result<Terms, Fault> {
    let kind = wanted.kind.as_deref().map(kind).transpose()?.unwrap_or(before.kind);
    let credit_line = wanted.credit_line.as_deref().map(|text| amount::read("credit line", text)).transpose()?;
    let multiplier = wanted.multiplier.as_deref().map(|text| amount::read_factor("multiplier", text)).transpose()?;
    Ok(Terms {
        kind,
        currency: before.currency,
        credit_line: credit_line.unwrap_or(before.credit_line),
        multiplier: multiplier.unwrap_or(before.multiplier),
        limits: wanted.limits.onto(&before.limits)?,
        is_closed: wanted.closed.unwrap_or(before.is_closed),
    })
}

fn kind(label: &str) -> Result<AccountKind, Fault> {
    let unknown = || Fault::bad_request(format!("`{label}` is no kind: write `prepaid`, `postpaid` or `inherits`"));
    AccountKind::from_label(label).ok_or_else(unknown)
}

fn check_name(name: &str) -> Result<(), Fault> {
    if name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        return Err(Fault::bad_request(format!(
            "a name has at most {NAME_CHARS_MAX} characters, all of them printable"
        )));
    }
    Ok(())
}

fn check_payer(kind: AccountKind, has_parent: bool) -> Result<(), Fault> {
    if kind == AccountKind::Inherits && !has_parent {
        return Err(Fault::bad_request("an account without one above it pays itself: make it `prepaid` or `postpaid`"));
    }
    Ok(())
}

/// What an act on an account tells of its terms.
fn terms_shown(terms: &Terms) -> Value {
    json!({
        "kind": terms.kind.label(),
        "credit_line": terms.credit_line.to_string(),
        "multiplier": amount::factor(terms.multiplier),
        "limits": limits::describe(&terms.limits),
        "closed": terms.is_closed,
    })
}

fn describe(by: &Operator, row: &AccountRow, standing: &Standing) -> Value {
    let AccountRow { account, parent, terms, .. } = row;
    // Whoever is limited to an account does not see what is above it.
    let parent = parent.as_ref().filter(|parent| by.scope().has(parent));
    let keeps_balance = terms.kind != AccountKind::Inherits;
    let mut shown = Map::new();
    for (name, value) in [
        ("id", json!(account.id.as_str())),
        ("name", json!(account.name)),
        ("parent", json!(parent.map(AccountId::as_str))),
        ("kind", json!(terms.kind.label())),
        ("currency", json!(terms.currency.label())),
        ("multiplier", json!(amount::factor(terms.multiplier))),
        ("limits", limits::describe(&terms.limits)),
        ("closed", json!(terms.is_closed)),
        ("running", json!(standing.running)),
        ("created_at", json!(account.created_at)),
    ] {
        shown.insert(name.to_owned(), value);
    }
    amount::show(&mut shown, "credit_line", Some(terms.credit_line));
    amount::show(&mut shown, "balance", keeps_balance.then_some(standing.balance));
    amount::show(&mut shown, "held", standing.held.filter(|_| keeps_balance));
    amount::show(&mut shown, "left", standing.left);
    amount::show(&mut shown, "spent", standing.spent);
    Value::Object(shown)
}

pub(super) async fn post(
    State(desk): State<Arc<Desk>>,
    Extension(by): Extension<Operator>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Value>), Fault> {
    let wanted = read(body)?;
    let made = blocking(move || {
        let _turn = desk.turn();
        create(desk.books(&by), &wanted, now())
    })
    .await?;
    Ok((StatusCode::CREATED, Json(made)))
}

pub(super) async fn patch(
    State(desk): State<Arc<Desk>>,
    Extension(by): Extension<Operator>,
    Named(id): Named<String>,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    let wanted = read(body)?;
    blocking(move || {
        let _turn = desk.turn();
        change(desk.books(&by), &id, &wanted)
    })
    .await
    .map(Json)
}

pub(super) async fn get(State(desk): State<Arc<Desk>>, Extension(by): Extension<Operator>) -> Answer {
    blocking(move || list(desk.books(&by))).await.map(Json)
}

pub(super) async fn get_one(
    State(desk): State<Arc<Desk>>,
    Extension(by): Extension<Operator>,
    Named(id): Named<String>,
) -> Answer {
    blocking(move || one(desk.books(&by), &id)).await.map(Json)
}

const NAME_CHARS_MAX: usize = 200;
