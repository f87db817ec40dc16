//! What the bodies and answers of the operator's routes look like.
//!
//! They are checked against what the gateway answers (`tests/it/admin/openapi.rs`).

use super::shape::{Field, Shape};

/// Those that more than one place names.
pub(super) const NAMED: &[Field] = &[
    ("Error", ERROR),
    ("Limits", LIMITS),
    ("LimitsChange", LIMITS_CHANGE),
    ("Account", ACCOUNT),
    ("Key", KEY),
    ("Entry", ENTRY),
    ("Exchange", EXCHANGE),
    ("Deployment", DEPLOYMENT),
    ("Operator", OPERATOR),
    ("Act", ACT),
    ("Code", CODE),
];

const TEXT: Shape = Shape::Text;
const WHOLE: Shape = Shape::Whole;
const NUMBER: Shape = Shape::Number;
const FLAG: Shape = Shape::Flag;
const TEXT_OR_NULL: Shape = Shape::OrNull(&TEXT);
const WHOLE_OR_NULL: Shape = Shape::OrNull(&WHOLE);
const NUMBER_OR_NULL: Shape = Shape::OrNull(&NUMBER);
const TEXTS: Shape = Shape::List(&TEXT);
const TEXTS_OR_NULL: Shape = Shape::OrNull(&TEXTS);
const CURRENCY: Shape = Shape::Word(&["usd", "cny"]);
const KIND: Shape = Shape::Word(&["prepaid", "postpaid", "inherits"]);
const ON_DISCONNECT: Shape = Shape::OrNull(&Shape::Word(&["cancel", "drain"]));
const STATE: Shape = Shape::Word(&["active", "expired", "revoked"]);
pub(super) const ROLE: Shape = Shape::Word(&["viewer", "member", "admin", "owner"]);

const ERROR: Shape = Shape::Object(&[("error", Shape::Object(&[("message", TEXT), ("code", TEXT)]))]);
pub(super) const READY: Shape = Shape::Object(&[("ready", FLAG), ("reasons", TEXTS), ("warnings", TEXTS)]);
pub(super) const SERVER: Shape = Shape::Object(&[("callers", TEXT), ("version", TEXT)]);
pub(super) const TOKEN: Shape = Shape::Object(&[("admin_token", TEXT)]);

const LIMITS: Shape = Shape::Object(&[
    ("requests_per_minute", WHOLE_OR_NULL),
    ("tokens_per_minute", WHOLE_OR_NULL),
    ("concurrency", WHOLE_OR_NULL),
    ("spend", Shape::List(&Shape::Object(&[("span", SPAN), ("amount", TEXT), ("amount_nano", WHOLE), ("zone", TEXT)]))),
]);
const LIMITS_CHANGE: Shape = Shape::Partly(
    &[],
    &[
        ("requests_per_minute", WHOLE_OR_NULL),
        ("tokens_per_minute", WHOLE_OR_NULL),
        ("concurrency", WHOLE_OR_NULL),
        ("spend", Shape::List(&Shape::Partly(&[("span", SPAN), ("amount", TEXT)], &[("zone", TEXT)]))),
    ],
);
const SPAN: Shape = Shape::Word(&["hour", "day", "week", "month", "total"]);

const KEY: Shape = Shape::Object(&[
    ("id", TEXT),
    ("account", TEXT),
    ("name", TEXT),
    ("allowed", TEXTS_OR_NULL),
    ("limits", Shape::Named("Limits")),
    ("on_disconnect", ON_DISCONNECT),
    ("networks", NETWORKS),
    ("state", STATE),
    ("created_at", WHOLE),
    ("expires_at", WHOLE_OR_NULL),
    ("revoked_at", WHOLE_OR_NULL),
]);
const NETWORKS: Shape = TEXTS_OR_NULL;
pub(super) const MADE_KEY: Shape = Shape::Object(&[
    ("id", TEXT),
    ("key", TEXT),
    ("account", TEXT),
    ("name", TEXT),
    ("allowed", TEXTS_OR_NULL),
    ("expires_at", WHOLE_OR_NULL),
    ("limits", Shape::Named("Limits")),
    ("on_disconnect", ON_DISCONNECT),
    ("networks", NETWORKS),
]);
pub(super) const NEW_KEY: Shape = Shape::Partly(
    &[],
    &[
        ("account", TEXT_OR_NULL),
        ("name", TEXT),
        ("allowed", TEXTS_OR_NULL),
        ("expires_at", WHOLE_OR_NULL),
        ("limits", Shape::Named("LimitsChange")),
        ("on_disconnect", ON_DISCONNECT),
        ("networks", NETWORKS),
    ],
);
pub(super) const KEY_TERMS: Shape = Shape::Partly(
    &[],
    &[
        ("allowed", TEXTS_OR_NULL),
        ("expires_at", WHOLE_OR_NULL),
        ("limits", Shape::Named("LimitsChange")),
        ("on_disconnect", ON_DISCONNECT),
        ("networks", NETWORKS),
    ],
);

const ACCOUNT: Shape = Shape::Object(&[
    ("id", TEXT),
    ("name", TEXT),
    ("parent", TEXT_OR_NULL),
    ("kind", KIND),
    ("currency", CURRENCY),
    ("multiplier", TEXT),
    ("limits", Shape::Named("Limits")),
    ("closed", FLAG),
    ("running", WHOLE_OR_NULL),
    ("created_at", WHOLE),
    ("credit_line", TEXT_OR_NULL),
    ("credit_line_nano", WHOLE_OR_NULL),
    ("balance", TEXT_OR_NULL),
    ("balance_nano", WHOLE_OR_NULL),
    ("held", TEXT_OR_NULL),
    ("held_nano", WHOLE_OR_NULL),
    ("left", TEXT_OR_NULL),
    ("left_nano", WHOLE_OR_NULL),
    ("spent", TEXT_OR_NULL),
    ("spent_nano", WHOLE_OR_NULL),
]);
pub(super) const NEW_ACCOUNT: Shape = Shape::Partly(
    &[("id", TEXT)],
    &[
        ("name", TEXT_OR_NULL),
        ("parent", TEXT_OR_NULL),
        ("currency", Shape::OrNull(&CURRENCY)),
        ("kind", Shape::OrNull(&KIND)),
        ("credit_line", TEXT_OR_NULL),
        ("multiplier", TEXT_OR_NULL),
        ("limits", Shape::Named("LimitsChange")),
    ],
);
pub(super) const ACCOUNT_CHANGE: Shape = Shape::Partly(
    &[],
    &[
        ("name", TEXT_OR_NULL),
        ("kind", Shape::OrNull(&KIND)),
        ("credit_line", TEXT_OR_NULL),
        ("multiplier", TEXT_OR_NULL),
        ("limits", Shape::Named("LimitsChange")),
        ("closed", Shape::OrNull(&FLAG)),
    ],
);

const ENTRY: Shape = Shape::Object(&[
    ("sequence", WHOLE),
    ("at_us", WHOLE),
    ("kind", Shape::Word(&["top-up", "charge", "loss", "reversal", "adjustment"])),
    ("account", TEXT_OR_NULL),
    ("asked_by", TEXT_OR_NULL),
    ("currency", CURRENCY),
    ("exchange", TEXT_OR_NULL),
    ("attempt", WHOLE),
    ("key", TEXT_OR_NULL),
    ("price", TEXT_OR_NULL),
    ("multiplier", TEXT),
    ("rate", TEXT),
    ("overrun", TEXT_OR_NULL),
    ("estimated", FLAG),
    ("reason", TEXT_OR_NULL),
    ("idempotency", TEXT_OR_NULL),
    ("change", TEXT),
    ("change_nano", WHOLE),
    ("balance", TEXT_OR_NULL),
    ("balance_nano", WHOLE_OR_NULL),
    ("usd", TEXT),
    ("usd_nano", WHOLE),
    ("held", TEXT),
    ("held_nano", WHOLE),
]);
pub(super) const NEW_POSTING: Shape = Shape::Object(&[("amount", TEXT), ("reason", TEXT), ("idempotency", TEXT)]);
pub(super) const POSTED: Shape = Shape::Object(&[("entry", Shape::Named("Entry")), ("is_new", FLAG)]);

const EXCHANGE: Shape = Shape::Partly(EXCHANGE_FIELDS, &[("charged_nano", WHOLE), ("lost_nano", WHOLE)]);
const EXCHANGE_FIELDS: &[Field] = &[
    ("id", TEXT),
    ("started_at_ms", WHOLE),
    ("duration_us", WHOLE),
    ("first_content_us", WHOLE_OR_NULL),
    ("account", TEXT),
    ("key", TEXT),
    ("asked", TEXT),
    ("deployment", TEXT_OR_NULL),
    ("model", TEXT_OR_NULL),
    ("status", WHOLE),
    ("outcome", OUTCOME),
    ("failure", TEXT_OR_NULL),
    ("stream", FLAG),
    ("usage", TOKENS),
    ("cost_nano", WHOLE_OR_NULL),
    ("attempts", Shape::List(&ATTEMPT)),
    ("decision", Shape::Any),
];
const TOKENS: Shape = Shape::Object(&[
    ("input", WHOLE),
    ("cache_read", WHOLE),
    ("cache_write", WHOLE),
    ("output", WHOLE),
    ("reasoning", WHOLE),
    ("estimated", FLAG),
]);
const OUTCOME: Shape = Shape::Word(&["answered", "refused", "failed", "cut", "abandoned"]);
const ATTEMPT: Shape = Shape::Partly(ATTEMPT_FIELDS, &[("part", PART), ("charged_nano", WHOLE), ("lost_nano", WHOLE)]);
const PART: Shape =
    Shape::Object(&[("model", TEXT), ("usage", TOKENS), ("cost_nano", WHOLE_OR_NULL), ("unpriced", FLAG)]);
const ATTEMPT_FIELDS: &[Field] = &[
    ("number", WHOLE),
    ("deployment", TEXT),
    ("kind", Shape::Word(&["first", "retry", "fallback", "hedge"])),
    ("outcome", TEXT),
    ("status", WHOLE_OR_NULL),
    ("started_us", WHOLE),
    ("headers_us", WHOLE_OR_NULL),
    ("first_content_us", WHOLE_OR_NULL),
    ("duration_us", WHOLE),
];

/// Sums, with the names of what they are told apart by.
pub(super) const USAGE: Shape = Shape::Object(&[
    ("by", TEXTS),
    ("since_ms", WHOLE_OR_NULL),
    ("total", Shape::Object(SUM)),
    (
        "rows",
        Shape::List(&Shape::Partly(
            SUM,
            &[
                ("hour_ms", WHOLE_OR_NULL),
                ("account", TEXT_OR_NULL),
                ("key", TEXT_OR_NULL),
                ("model", TEXT_OR_NULL),
                ("deployment", TEXT_OR_NULL),
                ("outcome", TEXT_OR_NULL),
            ],
        )),
    ),
]);
const SUM: &[Field] = &[
    ("exchanges", WHOLE),
    ("input", WHOLE),
    ("cache_read", WHOLE),
    ("cache_write", WHOLE),
    ("output", WHOLE),
    ("reasoning", WHOLE),
    ("unpriced", WHOLE),
    ("estimated", FLAG),
    ("cost_usd", TEXT),
    ("cost_usd_nano", WHOLE),
    ("charged_usd", TEXT),
    ("charged_usd_nano", WHOLE),
    ("charged_in_usd", TEXT),
    ("charged_in_usd_nano", WHOLE),
    ("charged_in_cny", TEXT),
    ("charged_in_cny_nano", WHOLE),
    ("lost_usd", TEXT),
    ("lost_usd_nano", WHOLE),
];

const DEPLOYMENT: Shape = Shape::Object(&[
    ("name", TEXT),
    ("provider", TEXT),
    ("model", TEXT),
    ("usable", FLAG),
    ("breaker", BREAKER),
    ("endpoint_breaker", BREAKER),
    ("open_for_ms", WHOLE_OR_NULL),
    ("cooling_for_ms", WHOLE_OR_NULL),
    ("dead", Shape::OrNull(&Shape::Object(&[("reason", TEXT), ("for_ms", WHOLE)]))),
    ("in_flight", WHOLE),
    ("concurrency_limit", WHOLE_OR_NULL),
    ("effective_weight", NUMBER),
    ("success_ratio", NUMBER_OR_NULL),
    ("mid_stream_ratio", NUMBER_OR_NULL),
    ("balance_usd", NUMBER_OR_NULL),
    ("first_content_ms", WHOLE_OR_NULL),
]);
const BREAKER: Shape = Shape::Word(&["closed", "half_open", "open"]);

pub(super) const BALANCES: Shape = Shape::List(&Shape::Object(&[
    ("provider", TEXT),
    ("key", WHOLE),
    ("kind", TEXT),
    ("balances", Shape::OrNull(&Shape::List(&Shape::Object(&[("currency", TEXT), ("available", NUMBER)])))),
    ("usd", NUMBER_OR_NULL),
    ("min_usd", NUMBER),
    ("enough", FLAG),
    ("fault", TEXT_OR_NULL),
    ("polled_at_ms", WHOLE_OR_NULL),
    ("every_s", NUMBER),
]));

pub(super) const QUESTION: Shape =
    Shape::Partly(&[("model", TEXT)], &[("input_tokens", WHOLE), ("output_tokens", WHOLE), ("at", TEXT_OR_NULL)]);
pub(super) const PREVIEW: Shape = Shape::Object(&[
    ("target", TEXT),
    ("strategy", TEXT),
    ("input_tokens", WHOLE),
    ("output_tokens", WHOLE),
    ("output_tokens_max", WHOLE_OR_NULL),
    (
        "candidates",
        Shape::List(&Shape::Object(&[
            ("deployment", TEXT),
            ("model", TEXT),
            ("stage", WHOLE),
            ("share", NUMBER),
            ("cost_usd", NUMBER_OR_NULL),
            ("cost_most_usd", NUMBER_OR_NULL),
            ("seconds", NUMBER_OR_NULL),
            ("first_content_seconds", NUMBER_OR_NULL),
            ("failures", NUMBER),
            (
                "price",
                Shape::OrNull(&Shape::Object(&[
                    ("input", NUMBER),
                    ("output", NUMBER),
                    ("cache_read", NUMBER),
                    ("cache_write", NUMBER),
                    ("tariff", WHOLE_OR_NULL),
                ])),
            ),
            ("excluded", Shape::Any),
        ])),
    ),
    ("at", TEXT_OR_NULL),
    ("until", TEXT_OR_NULL),
    ("until_local", TEXT_OR_NULL),
]);

const OPERATOR: Shape = Shape::Object(OPERATOR_FIELDS);
const OPERATOR_FIELDS: &[Field] = &[
    ("id", TEXT),
    ("name", TEXT),
    ("role", ROLE),
    ("account", TEXT_OR_NULL),
    ("state", STATE),
    ("created_at", WHOLE),
    ("expires_at", WHOLE_OR_NULL),
    ("revoked_at", WHOLE_OR_NULL),
];
pub(super) const MADE_OPERATOR: Shape = Shape::Object(&[
    ("id", TEXT),
    ("name", TEXT),
    ("role", ROLE),
    ("account", TEXT_OR_NULL),
    ("state", STATE),
    ("created_at", WHOLE),
    ("expires_at", WHOLE_OR_NULL),
    ("revoked_at", WHOLE_OR_NULL),
    ("token", TEXT),
]);

const ACT: Shape = Shape::Object(&[
    ("number", WHOLE),
    ("at_us", WHOLE),
    ("who", TEXT),
    ("operator", TEXT_OR_NULL),
    ("act", TEXT),
    ("object", TEXT_OR_NULL),
    ("account", TEXT_OR_NULL),
    ("outcome", Shape::Word(&["begun", "done", "refused", "failed"])),
    ("detail", Shape::Any),
]);

const CODE: Shape = Shape::Object(&[
    ("id", TEXT),
    ("state", Shape::Word(&["open", "redeemed", "revoked", "expired"])),
    ("amount", TEXT),
    ("amount_nano", WHOLE),
    ("currency", CURRENCY),
    ("note", TEXT),
    ("created_at", WHOLE),
    ("expires_at", WHOLE_OR_NULL),
    ("revoked_at", WHOLE_OR_NULL),
    ("redeemed_at", WHOLE_OR_NULL),
    ("account", TEXT_OR_NULL),
    ("entry", WHOLE_OR_NULL),
]);
pub(super) const MADE_CODE: Shape = Shape::Object(&[
    ("id", TEXT),
    ("state", Shape::Word(&["open", "redeemed", "revoked", "expired"])),
    ("amount", TEXT),
    ("amount_nano", WHOLE),
    ("currency", CURRENCY),
    ("note", TEXT),
    ("created_at", WHOLE),
    ("expires_at", WHOLE_OR_NULL),
    ("revoked_at", WHOLE_OR_NULL),
    ("redeemed_at", WHOLE_OR_NULL),
    ("account", TEXT_OR_NULL),
    ("entry", WHOLE_OR_NULL),
    ("code", TEXT),
]);
pub(super) const NEW_CODES: Shape = Shape::Partly(
    &[("amount", TEXT)],
    &[("currency", Shape::OrNull(&CURRENCY)), ("count", WHOLE_OR_NULL), ("expires_at", WHOLE_OR_NULL), ("note", TEXT)],
);
pub(super) const REVERSED: Shape =
    Shape::Object(&[("entry", Shape::Named("Entry")), ("reverses", WHOLE), ("is_new", FLAG)]);
