//! Reads a TOML document section by section. What nobody asked a section for is unknown, and complained about.

mod lists;
mod quantities;
mod quantity;
mod section;

use std::{cell::RefCell, collections::BTreeSet, ops::Range};

use toml::de::DeTable;

pub(super) use self::{lists::Share, quantity::duration as length_of_time, section::Section};
use super::{
    Environment,
    complaint::{Complaint, Complaints, in_order},
};

/// What all sections of one document share: the text, the environment, and the faults found so far.
pub(super) struct Reading<'a> {
    file: &'a str,
    text: &'a str,
    environment: Environment<'a>,
    faults: RefCell<Vec<Complaint>>,
    warnings: RefCell<Vec<Complaint>>,
    /// Every key that was asked for, with `*` for the names operators choose.
    known: RefCell<BTreeSet<String>>,
}

/// Where something stands: its key for people, its key with `*` for the documentation, its bytes in the file.
#[derive(Debug, Clone)]
pub(super) struct Place {
    path: String,
    pattern: String,
    span: Range<usize>,
}

/// A value with its place.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// A string with its variables put in. Only `written` may be shown.
#[derive(Clone)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) written: String,
    /// Whether a part of it came from the environment or from another file.
    pub(super) is_foreign: bool,
}

impl<'a> Reading<'a> {
    /// A variable that is set, and not to nothing.
    pub(super) fn environment(&self, name: &str) -> Option<String> {
        (self.environment)(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    pub(super) fn new(file: &'a str, text: &'a str, environment: Environment<'a>) -> Self {
        Self {
            file,
            text,
            environment,
            faults: RefCell::default(),
            warnings: RefCell::default(),
            known: RefCell::default(),
        }
    }

    /// The document as a section. Faults of the syntax are noted here.
    pub(super) fn document(&'a self, table: &'a DeTable<'a>, faults: &[toml::de::Error]) -> Section<'a> {
        for fault in faults {
            let place = Place { path: String::new(), pattern: String::new(), span: fault.span().unwrap_or(0..0) };
            let (message, instead) = self.in_words(fault);
            self.complain(&place, message, instead);
        }
        let place = Place { path: String::new(), pattern: String::new(), span: 0..0 };
        Section::new(self, Some(table), place)
    }

    /// A table of a document that is known to be sound, to be abandoned by whoever reads it.
    pub(super) fn section(&'a self, table: &'a DeTable<'a>) -> Section<'a> {
        Section::new(self, Some(table), Place { path: String::new(), pattern: String::new(), span: 0..0 })
    }

    pub(super) fn complain(&self, place: &Place, message: impl Into<String>, instead: Option<String>) {
        let complaint = self.complaint(place, message.into(), instead);
        self.faults.borrow_mut().push(complaint);
    }

    pub(super) fn warn(&self, place: &Place, message: impl Into<String>, instead: Option<String>) {
        let complaint = self.complaint(place, message.into(), instead);
        self.warnings.borrow_mut().push(complaint);
    }

    /// The value that was read, or all faults when there are any; what is warned of goes with both.
    pub(super) fn conclude<T>(self, value: Option<T>) -> Result<(T, Vec<Complaint>), Complaints> {
        let (faults, warnings) = (self.faults.into_inner(), in_order(self.warnings.into_inner()));
        match value {
            Some(value) if faults.is_empty() => Ok((value, warnings)),
            _ => Err(Complaints::new(faults).beside(warnings)),
        }
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    pub(super) fn has_faults(&self) -> bool {
        !self.faults.borrow().is_empty()
    }

    /// Whether a price below that key has a fault, so that it is there, and not known all the same.
    pub(super) fn has_faulty_price(&self, path: &str) -> bool {
        let is_price = |key: &str| ["price", "tariffs"].iter().any(|word| key.contains(word));
        let is_below = |fault: &Complaint| fault.path.strip_prefix(path).is_some_and(is_price);
        self.faults.borrow().iter().any(is_below)
    }

    pub(super) fn known(self) -> BTreeSet<String> {
        self.known.into_inner()
    }

    /// A fault of the syntax; the parser does not name the key that is there twice.
    fn in_words(&self, fault: &toml::de::Error) -> (String, Option<String>) {
        match fault.span().and_then(|span| self.text.get(span)) {
            Some(key) if fault.message() == "duplicate key" => (
                format!("duplicate key `{key}`"),
                Some("write each key once, and all of a section under one heading".to_owned()),
            ),
            _ => (fault.message().replace('\n', ", "), None),
        }
    }

    fn complaint(&self, place: &Place, message: String, instead: Option<String>) -> Complaint {
        let before = &self.text[..self.text.floor_char_boundary(place.span.start)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Complaint {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            path: place.path.clone(),
            message,
            instead,
        }
    }
}

impl Place {
    fn of_key(&self, key: &str, span: Range<usize>) -> Self {
        if self.path.is_empty() {
            return Self { path: quoted(key), pattern: key.to_owned(), span };
        }
        Self { path: format!("{}.{}", self.path, quoted(key)), pattern: format!("{}.{key}", self.pattern), span }
    }

    /// The same place, its keys documented under `pattern`.
    fn documented_as(mut self, pattern: &str) -> Self {
        self.pattern = pattern.to_owned();
        self
    }
}

impl Text {
    /// A text without variables: a number, or a key of a table.
    fn written(text: &str) -> Self {
        Self { text: text.to_owned(), written: text.to_owned(), is_foreign: false }
    }

    /// What of it may stand in a complaint: as it was written, unless that is long or looks like a credential.
    pub(super) fn shown(&self) -> &str {
        let is_short = self.written.chars().count() <= 40;
        // What stands after `:-` is what would be put in.
        let mut parts = self.written.split(":-");
        let looks_secret = parts.any(|part| SECRET_BEGINNINGS.iter().any(|beginning| part.starts_with(beginning)));
        if is_short && !looks_secret { &self.written } else { "…" }
    }
}

/// A key as TOML writes it.
pub(super) fn quoted(key: &str) -> String {
    let is_bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if is_bare { key.to_owned() } else { format!("{key:?}") }
}

/// How vendors' keys begin, for keys that were written into the wrong place.
const SECRET_BEGINNINGS: &[&str] = &["sk-", "sk_", "gsk_", "xai-", "AIza", "Bearer ", "pk-", "key-", "nvapi-", "AKIA"];
