//! The one table of the operator's routes: the router, the gate, the index page and the OpenAPI document are made from it.
//!
//! What is not in it does not exist, and nothing can be in it without a permission.

use axum::routing::on;

use super::{
    accounts, acts, balances, codes, entries, exchanges, health, keys, metrics, openapi,
    operator::Permission,
    operators, page, postings, preview, readiness, receipts, reversals,
    route::Route,
    routes,
    schemas::{self, ROLE},
    shape::Shape,
    usage,
};

/// All of them.
pub(super) static ROUTES: &[Route] = &[
    Route::get("/", "page", Permission::Open, "this page", &[(200, Shape::Page("text/html"))], |verb| {
        on(verb, page::get)
    }),
    Route::get("/healthz", "healthz", Permission::Open, "whether the process is alive", ALIVE, |verb| {
        on(verb, routes::alive)
    }),
    Route::get("/livez", "livez", Permission::Open, "the same", ALIVE, |verb| on(verb, routes::alive)),
    Route::get(
        "/readyz",
        "readyz",
        Permission::Open,
        "whether requests are welcome, and if not, why",
        &[(200, schemas::READY), (503, schemas::READY)],
        |verb| on(verb, readiness::get),
    ),
    Route::get(
        "/metrics",
        "metrics",
        Permission::Open,
        "for Prometheus",
        &[(200, Shape::Page("application/openmetrics-text"))],
        |verb| on(verb, metrics::get),
    ),
    Route::get(
        "/openapi.json",
        "openapi",
        Permission::Open,
        "this table as an OpenAPI 3.1 document",
        &[(200, Shape::Any)],
        |verb| on(verb, openapi::get),
    ),
    Route::get(
        "/admin/server",
        "server",
        Permission::Token,
        "where callers connect, and the version",
        &[(200, schemas::SERVER)],
        |verb| on(verb, routes::server),
    ),
    Route::post(
        "/admin/token",
        "token.renew",
        Permission::Token,
        "a new token in the place of the one that asks",
        &[(201, schemas::TOKEN)],
        |verb| on(verb, operators::post_token),
    ),
    Route::get(
        "/admin/deployments",
        "deployments",
        Permission::ReadGateway,
        "how every deployment is doing",
        &[(200, Shape::List(&Shape::Named("Deployment")))],
        |verb| on(verb, health::get),
    ),
    Route::get(
        "/admin/exchanges",
        "exchanges.list",
        Permission::Read,
        "the latest exchanges",
        &[(200, Shape::List(&Shape::Named("Exchange")))],
        |verb| on(verb, exchanges::get_recent),
    )
    .asked(&[
        ("account", Shape::Text),
        ("key", Shape::Text),
        ("model", Shape::Text),
        ("outcome", Shape::Text),
        ("since_ms", Shape::Whole),
        ("before", Shape::Text),
        ("limit", Shape::Whole),
    ]),
    Route::get(
        "/admin/exchanges/{id}",
        "exchanges.show",
        Permission::Read,
        "one exchange: what was considered, tried and answered",
        &[(200, Shape::Named("Exchange"))],
        |verb| on(verb, exchanges::get_one),
    ),
    Route::get(
        "/admin/keys",
        "keys.list",
        Permission::Read,
        "every API key, without its secret",
        &[(200, Shape::List(&Shape::Named("Key")))],
        |verb| on(verb, keys::get),
    ),
    Route::post(
        "/admin/keys",
        "keys.create",
        Permission::Keys,
        "make a key; it is in the answer and nowhere else",
        &[(201, schemas::MADE_KEY)],
        |verb| on(verb, keys::post),
    )
    .takes(schemas::NEW_KEY),
    Route::patch(
        "/admin/keys/{id}",
        "keys.change",
        Permission::Keys,
        "change a key",
        &[(200, Shape::Named("Key"))],
        |verb| on(verb, keys::patch),
    )
    .takes(schemas::KEY_TERMS),
    Route::delete(
        "/admin/keys/{id}",
        "keys.revoke",
        Permission::Keys,
        "revoke a key",
        &[(200, Shape::Named("Key"))],
        |verb| on(verb, keys::post_revoke),
    ),
    Route::post(
        "/admin/keys/{id}/revoke",
        "keys.revoke_too",
        Permission::Keys,
        "the same",
        &[(200, Shape::Named("Key"))],
        |verb| on(verb, keys::post_revoke),
    ),
    Route::get(
        "/admin/accounts",
        "accounts.list",
        Permission::Read,
        "every account, with what it has",
        &[(200, Shape::List(&Shape::Named("Account")))],
        |verb| on(verb, accounts::get),
    ),
    Route::post(
        "/admin/accounts",
        "accounts.create",
        Permission::Accounts,
        "make an account",
        &[(201, Shape::Named("Account"))],
        |verb| on(verb, accounts::post),
    )
    .takes(schemas::NEW_ACCOUNT),
    Route::get(
        "/admin/accounts/{id}",
        "accounts.show",
        Permission::Read,
        "one account",
        &[(200, Shape::Named("Account"))],
        |verb| on(verb, accounts::get_one),
    ),
    Route::patch(
        "/admin/accounts/{id}",
        "accounts.change",
        Permission::Accounts,
        "change its terms",
        &[(200, Shape::Named("Account"))],
        |verb| on(verb, accounts::patch),
    )
    .takes(schemas::ACCOUNT_CHANGE),
    Route::post(
        "/admin/accounts/{id}/credit",
        "accounts.credit",
        Permission::Money,
        "put money on it",
        POSTED,
        |verb| on(verb, postings::post_credit),
    )
    .takes(schemas::NEW_POSTING),
    Route::post(
        "/admin/accounts/{id}/adjust",
        "accounts.adjust",
        Permission::Money,
        "correct its balance",
        POSTED,
        |verb| on(verb, postings::post_adjust),
    )
    .takes(schemas::NEW_POSTING),
    Route::get(
        "/admin/entries",
        "entries.list",
        Permission::Read,
        "what came in and what was charged",
        &[(200, ENTRIES)],
        |verb| on(verb, entries::get),
    )
    .asked(&[
        ("account", Shape::Text),
        ("key", Shape::Text),
        ("kind", Shape::Text),
        ("since_ms", Shape::Whole),
        ("until_ms", Shape::Whole),
        ("before", Shape::Whole),
        ("limit", Shape::Whole),
        ("format", Shape::Word(&["json", "jsonl", "csv"])),
    ]),
    Route::get(
        "/admin/usage",
        "usage",
        Permission::Read,
        "exchanges, tokens and charges, added up",
        &[(200, schemas::USAGE)],
        |verb| on(verb, usage::get),
    )
    .asked(&[
        ("by", Shape::Text),
        ("since_ms", Shape::Whole),
        ("until_ms", Shape::Whole),
        ("account", Shape::Text),
        ("key", Shape::Text),
        ("model", Shape::Text),
        ("deployment", Shape::Text),
    ]),
    Route::get(
        "/admin/exchanges/{id}/receipt",
        "receipts.show",
        Permission::Read,
        "the signed receipt of an exchange",
        &[(200, Shape::Any)],
        |verb| on(verb, receipts::get),
    ),
    Route::post(
        "/admin/entries/{sequence}/reverse",
        "entries.reverse",
        Permission::Money,
        "take an entry back, whole",
        REVERSED,
        |verb| on(verb, reversals::post),
    )
    .takes(Shape::Object(&[("reason", Shape::Text)])),
    Route::get(
        "/admin/codes",
        "codes.list",
        Permission::Gateway,
        "codes that are worth money, without themselves",
        &[(200, Shape::List(&Shape::Named("Code")))],
        |verb| on(verb, codes::get),
    ),
    Route::post(
        "/admin/codes",
        "codes.create",
        Permission::Gateway,
        "make codes; they are in the answer and nowhere else",
        &[(201, Shape::List(&schemas::MADE_CODE))],
        |verb| on(verb, codes::post),
    )
    .takes(schemas::NEW_CODES),
    Route::post(
        "/admin/codes/redeem",
        "codes.redeem",
        Permission::Accounts,
        "put what a code is worth on an account",
        &[(200, schemas::POSTED)],
        |verb| on(verb, codes::post_redeem),
    )
    .takes(Shape::Object(&[("code", Shape::Text), ("account", Shape::Text)])),
    Route::post(
        "/admin/codes/{id}/revoke",
        "codes.revoke",
        Permission::Gateway,
        "take a code back",
        &[(200, Shape::Named("Code"))],
        |verb| on(verb, codes::post_revoke),
    ),
    Route::get(
        "/admin/balances",
        "balances.list",
        Permission::ReadGateway,
        "what is left at providers",
        &[(200, schemas::BALANCES)],
        |verb| on(verb, balances::get),
    ),
    Route::post(
        "/admin/balances/poll",
        "balances.poll",
        Permission::Gateway,
        "ask them now",
        &[(200, schemas::BALANCES)],
        |verb| on(verb, balances::post_poll),
    ),
    Route::post(
        "/admin/route",
        "route",
        Permission::ReadGateway,
        "where a request would go",
        &[(200, schemas::PREVIEW)],
        |verb| on(verb, preview::post),
    )
    .takes(schemas::QUESTION),
    Route::post(
        "/admin/reload",
        "reload",
        Permission::Gateway,
        "read the configuration again",
        &[(200, Shape::Object(&[("reloaded", Shape::Flag)]))],
        |verb| on(verb, routes::reload),
    ),
    Route::get(
        "/admin/operators",
        "operators.list",
        Permission::Operators,
        "everybody with a token, without it",
        &[(200, Shape::List(&Shape::Named("Operator")))],
        |verb| on(verb, operators::get),
    ),
    Route::post(
        "/admin/operators",
        "operators.create",
        Permission::Operators,
        "give somebody a token; it is in the answer and nowhere else",
        &[(201, schemas::MADE_OPERATOR)],
        |verb| on(verb, operators::post),
    )
    .takes(Shape::Partly(
        &[("name", Shape::Text), ("role", ROLE)],
        &[("account", Shape::OrNull(&Shape::Text)), ("expires_at", Shape::OrNull(&Shape::Whole))],
    )),
    Route::post(
        "/admin/operators/{id}/revoke",
        "operators.revoke",
        Permission::Operators,
        "take the token away",
        &[(200, Shape::Named("Operator"))],
        |verb| on(verb, operators::post_revoke),
    ),
    Route::get(
        "/admin/acts",
        "acts.list",
        Permission::Acts,
        "what operators did, and were refused",
        &[(200, Shape::List(&Shape::Named("Act")))],
        |verb| on(verb, acts::get),
    )
    .asked(&[("since_ms", Shape::Whole), ("before", Shape::Whole), ("limit", Shape::Whole)]),
];

const ENTRIES: Shape =
    Shape::Either(&[Shape::List(&Shape::Named("Entry")), Shape::Page("application/jsonl"), Shape::Page("text/csv")]);
const ALIVE: &[(u16, Shape)] = &[(200, Shape::Page("text/plain"))];
const POSTED: &[(u16, Shape)] = &[(201, schemas::POSTED), (200, schemas::POSTED)];
const REVERSED: &[(u16, Shape)] = &[(201, schemas::REVERSED), (200, schemas::REVERSED)];
