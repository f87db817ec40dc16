//! The table of docs/dialects.md: every caller's dialect, every provider's, every thing they may say.
//!
//! Each row says one thing in the words of each dialect that can, after the vendors' references. What a caller says in
//! one is written in another, and the row's words there must stand in what came out: kept. Where they do not, a loss
//! names it. A cell where both have the words and it is not kept must be listed here with its reason.

mod cell;
mod page;

use std::collections::BTreeMap;

use roundelay_protocol::chat::{Dialect, ProblemKind};
use serde_json::{Value, json};

use cell::Cell;

/// One thing that may be said.
pub(super) struct Row {
    pub(super) group: [String; 2],
    /// In English and in Chinese.
    pub(super) name: [String; 2],
    /// Whether its words mean something to one vendor only, so that nobody expects them elsewhere.
    own: bool,
    /// Whether the vendors' words for it differ a little, so that it is changed where it is kept.
    inexact: bool,
    says: BTreeMap<&'static str, Value>,
    found: BTreeMap<&'static str, Value>,
}

impl Row {
    /// A body that says it; `None` when the dialect has no words for it.
    pub(super) fn said(&self, dialect: Dialect) -> Option<Value> {
        self.says.get(short(dialect)).map(first_choice)
    }

    /// What of it must stand in a body of this dialect.
    pub(super) fn expected(&self, dialect: Dialect) -> Option<&Value> {
        let found = self.found.get(short(dialect)).or_else(|| self.says.get(short(dialect)));
        found.filter(|found| !found.is_null())
    }

    fn is_portable(&self, from: Dialect, to: Dialect) -> bool {
        self.expected(to).is_some() && (from == to || !self.own)
    }
}

/// Cells where both dialects have words and yet it is not kept, and why that is right.
const EXCEPTIONS: &[(&str, &str, &str, &str)] = &[];

pub(super) fn short(dialect: Dialect) -> &'static str {
    dialect.name().trim_start_matches("openai_")
}

fn rows(text: &str) -> Vec<Row> {
    let entries: Vec<Value> = serde_json::from_str(text).unwrap();
    let words = |value: &Value| value.as_str().unwrap().to_owned();
    let by_dialect = |entry: &Value| {
        let found = Dialect::ALL.into_iter().map(short).filter_map(|name| Some((name, entry.get(name)?.clone())));
        found.collect::<BTreeMap<_, _>>()
    };
    let mut group = Default::default();
    let mut rows = Vec::new();
    for entry in entries {
        if entry["group"].is_string() {
            group = [words(&entry["group"]), words(&entry["zh"])];
            continue;
        }
        rows.push(Row {
            group: group.clone(),
            name: [words(&entry["name"]), words(&entry["zh"])],
            own: entry["own"] == true,
            inexact: entry["inexact"] == true,
            says: by_dialect(&entry),
            found: by_dialect(&entry["found"]),
        });
    }
    rows
}

/// Takes the first of each choice, so that it can be said.
fn first_choice(pattern: &Value) -> Value {
    match pattern {
        Value::Object(members) => match (members.get("$any"), members.get("$some")) {
            (Some(any), _) => first_choice(&any[0]),
            (_, Some(some)) => some.clone(),
            _ => members.iter().map(|(name, value)| (name.clone(), first_choice(value))).collect(),
        },
        Value::Array(elements) => elements.iter().map(first_choice).collect(),
        plain => plain.clone(),
    }
}

/// Whether all that the pattern says stands in what was found: members by name, elements in their order.
pub(super) fn includes(found: &Value, pattern: &Value) -> bool {
    match (pattern, found) {
        (Value::Object(members), _) if members.contains_key("$any") => {
            list(&members["$any"]).iter().any(|choice| includes(found, choice))
        }
        (Value::Object(members), _) if members.contains_key("$some") => !found.is_null(),
        (Value::Object(members), Value::Object(there)) => members.iter().all(|(name, value)| match there.get(name) {
            Some(found) => includes(found, value),
            None => value.is_null(),
        }),
        (Value::Array(elements), Value::Array(there)) => {
            let mut rest = there.iter();
            elements.iter().all(|element| rest.any(|found| includes(found, element)))
        }
        // Content may be a string or a list of one text.
        (Value::String(text), Value::Array(parts)) => {
            let texts: Option<Vec<_>> = parts.iter().map(|part| part["text"].as_str()).collect();
            texts.is_some_and(|texts| texts.concat() == *text)
        }
        (Value::Array(_), Value::String(text)) => {
            let part = |kind: &str| json!([{"type": kind, "text": text}]);
            ["text", "input_text", "output_text"].iter().any(|kind| includes(&part(kind), pattern))
        }
        // JSON inside a string is the same however it is spaced.
        (Value::String(text), Value::String(there)) if text != there => {
            let read = |text: &str| serde_json::from_str::<Value>(text).ok().filter(Value::is_object);
            read(text).is_some() && read(text) == read(there)
        }
        // No content may be an empty one.
        (Value::Null, Value::String(text)) => text.is_empty(),
        (Value::Number(number), Value::Number(there)) => number.as_f64() == there.as_f64(),
        _ => pattern == found,
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// All cells of one table: by row, caller and provider.
type Cells = Vec<BTreeMap<(&'static str, &'static str), Cell>>;

fn fill(rows: &[Row], fill: impl Fn(&Row, Dialect, Dialect) -> Result<Cell, String>) -> Cells {
    let mut faults = Vec::new();
    let mut cells = Vec::new();
    for row in rows {
        let mut of_row = BTreeMap::new();
        for (caller, provider) in Dialect::ALL.iter().flat_map(|caller| Dialect::ALL.map(|to| (*caller, to))) {
            match fill(row, caller, provider) {
                Ok(cell) => drop(of_row.insert((short(caller), short(provider)), cell)),
                Err(fault) => {
                    faults.push(format!("{}: {} and {}: {fault}", row.name[0], short(caller), short(provider)));
                }
            }
        }
        cells.push(of_row);
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
    cells
}

/// A cell where both sides have words is kept, or listed with its reason.
fn judged(cell: Cell, row: &Row, from: Dialect, to: Dialect) -> Result<Cell, String> {
    let is_excused =
        EXCEPTIONS.iter().any(|(name, x, y, _)| *name == row.name[0] && [*x, *y] == [short(from), short(to)]);
    match &cell {
        Cell::Kept if is_excused => Err("it is kept, and listed as an exception".to_owned()),
        Cell::Changed(_) if row.inexact => Ok(cell),
        Cell::Changed(_) | Cell::Dropped(_) if row.is_portable(from, to) && !is_excused => {
            Err(format!("both have words for it: {cell:?}"))
        }
        _ => Ok(cell),
    }
}

#[test]
fn every_cell_is_proved_and_the_pages_say_what_came_out() {
    let requests = rows(include_str!("table/requests.json"));
    let answers = rows(include_str!("table/answers.json"));
    let asked = fill(&requests, |row, caller, provider| {
        judged(cell::of_request(row, caller, provider)?, row, caller, provider)
    });
    let answered =
        fill(&answers, |row, caller, provider| judged(cell::of_answer(row, provider, caller)?, row, provider, caller));
    for language in [page::Language::English, page::Language::Chinese] {
        let tables = page::write(language, (&requests, &asked), (&answers, &answered), &ProblemKind::ALL);
        page::compare(language, &tables);
    }
}
