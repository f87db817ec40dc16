//! One table of the document, and the questions that can be asked of it.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    super::{complaint::nearest, interpolation::interpolate},
    At, Place, Reading, Text, quoted,
};

/// One table of the document. Reading a key that is absent gives `None`; a key that is wrong gives `None` and a fault.
pub(in super::super) struct Section<'a> {
    reading: &'a Reading<'a>,
    table: Option<&'a DeTable<'a>>,
    place: Place,
    asked: RefCell<Vec<&'static str>>,
    is_finished: Cell<bool>,
}

impl<'a> Section<'a> {
    pub(super) fn new(reading: &'a Reading<'a>, table: Option<&'a DeTable<'a>>, place: Place) -> Self {
        Self { reading, table, place, asked: RefCell::default(), is_finished: Cell::new(false) }
    }

    pub(in super::super) fn reading(&self) -> &'a Reading<'a> {
        self.reading
    }

    pub(in super::super) fn place(&self) -> &Place {
        &self.place
    }

    /// The place of `key`, whether it was written or not.
    pub(in super::super) fn place_of(&self, key: &str) -> Place {
        match self.entry(key) {
            Some((name, _)) => self.place.of_key(key, name.span()),
            None => self.place.of_key(key, self.place.span.clone()),
        }
    }

    pub(in super::super) fn complain(&self, key: &str, message: impl Into<String>, instead: Option<String>) {
        self.reading.complain(&self.place_of(key), message, instead);
    }

    /// A string with its variables put in.
    pub(in super::super) fn text(&self, key: &'static str) -> Option<At<Text>> {
        let (place, value) = self.ask(key)?;
        self.text_of(place, value)
    }

    /// A list of strings; elements that are wrong are left out, and complained about.
    pub(in super::super) fn texts(&self, key: &'static str) -> Option<Vec<At<Text>>> {
        let (place, value) = self.ask(key)?;
        let DeValue::Array(elements) = value.get_ref() else {
            self.wrong_type(&place, value, "a list of strings");
            return None;
        };
        let texts = elements.iter().enumerate().filter_map(|(index, element)| {
            let place = Place {
                path: format!("{}[{index}]", place.path),
                pattern: place.pattern.clone(),
                span: element.span(),
            };
            self.text_of(place, element)
        });
        Some(texts.collect())
    }

    /// One of `choices`.
    pub(in super::super) fn choice<T: Copy>(&self, key: &'static str, choices: &[(&'static str, T)]) -> Option<T> {
        self.choice_also_called(key, choices, &[])
    }

    /// The same, where people know a choice by other names: these are not taken, but answered with the choice.
    pub(in super::super) fn choice_also_called<T: Copy>(
        &self,
        key: &'static str,
        choices: &[(&'static str, T)],
        other_names: &[(&str, &'static str)],
    ) -> Option<T> {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        if self.has(key) && !self.is_text(key) {
            let (place, value) = self.ask(key)?;
            self.wrong_type(&place, value, &format!("one of `\"{}\"`", names.join("\"`, `\"")));
            return None;
        }
        let At { value, place } = self.text(key)?;
        if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == value.text) {
            return Some(*choice);
        }
        let message = format!("`{}` is not one of the choices", value.shown());
        let called = other_names.iter().find(|(other, _)| value.written.eq_ignore_ascii_case(other));
        let meant = called.map(|(_, name)| *name).or_else(|| nearest(&value.written, names.iter().copied()));
        let list = names.join("`, `");
        let instead = meant.map_or_else(
            || format!("write one of `{list}`"),
            |meant| format!("did you mean `{meant}`? The choices are `{list}`"),
        );
        self.reading.complain(&place, message, Some(instead));
        None
    }

    pub(in super::super) fn boolean(&self, key: &'static str) -> Option<bool> {
        let (place, value) = self.ask(key)?;
        match value.get_ref() {
            DeValue::Boolean(yes) => Some(*yes),
            DeValue::String(_) => {
                let At { value: text, place } = self.text_of(place, value)?;
                let parsed = text.text.parse().ok();
                if parsed.is_none() {
                    self.wrong_type(&place, value, "true or false");
                }
                parsed
            }
            _ => {
                self.wrong_type(&place, value, "true or false");
                None
            }
        }
    }

    /// Whether it is written as `true` or `false`, and not as a text of these.
    pub(in super::super) fn is_boolean(&self, key: &str) -> bool {
        self.entry(key).is_some_and(|(_, value)| value.get_ref().is_bool())
    }

    /// A section of fixed keys; an empty one when it was not written.
    pub(in super::super) fn section(&self, key: &'static str) -> Self {
        let pattern = self.place_of(key).pattern;
        self.section_as(key, &pattern)
    }

    /// A section whose keys are documented under `pattern`, because they are those of another section.
    pub(in super::super) fn section_as(&self, key: &'static str, pattern: &str) -> Self {
        let Some((place, value)) = self.ask(key) else {
            return Section::new(self.reading, None, self.place_of(key).documented_as(pattern));
        };
        if !matches!(value.get_ref(), DeValue::Table(_)) {
            self.wrong_type(&place, value, "a table");
        }
        Section::new(self.reading, value.get_ref().as_table(), place.documented_as(pattern))
    }

    /// The names under `key`, in the order of the file.
    pub(in super::super) fn names(&self, key: &'static str) -> Vec<(String, Place)> {
        self.named(key, "a table").into_iter().map(|(name, place, _)| (name, place)).collect()
    }

    /// The sections under `key` whose names operators choose, in the order of the file.
    pub(in super::super) fn named_sections(&self, key: &'static str) -> Vec<(String, Self)> {
        let mut sections = Vec::new();
        for (name, place, value) in self.named(key, "a table of tables") {
            match value.get_ref() {
                DeValue::Table(table) => {
                    sections.push((name, Section::new(self.reading, Some(table), place)));
                }
                _ => self.wrong_type(&place, value, "a table"),
            }
        }
        sections
    }

    /// The strings under `key` whose names operators choose.
    pub(in super::super) fn named_texts(&self, key: &'static str) -> Vec<(String, At<Text>)> {
        let named = self.named(key, "a table of strings").into_iter();
        named.filter_map(|(name, place, value)| Some((name, self.text_of(place, value)?))).collect()
    }

    /// Whether `key` was written with anything in it: for keys of which only the empty form is understood.
    pub(in super::super) fn is_occupied(&self, key: &'static str) -> bool {
        match self.ask(key).map(|(_, value)| value.get_ref()) {
            None => false,
            Some(DeValue::Array(elements)) => !elements.is_empty(),
            Some(DeValue::Table(table)) => !table.is_empty(),
            Some(_) => true,
        }
    }

    /// Whether `key` holds a table, for keys that take another form as well.
    pub(in super::super) fn is_table(&self, key: &'static str) -> bool {
        self.entry(key).is_some_and(|(_, value)| value.get_ref().is_table())
    }

    /// Whether `key` holds a text, for keys that take another form as well.
    pub(in super::super) fn is_text(&self, key: &'static str) -> bool {
        self.entry(key).is_some_and(|(_, value)| value.get_ref().is_str())
    }

    /// Whether `key` holds a text without variables, which may be shown.
    pub(in super::super) fn is_verbatim(&self, key: &str) -> bool {
        self.entry(key).and_then(|(_, value)| value.get_ref().as_str()).is_some_and(|text| !text.contains('$'))
    }

    pub(in super::super) fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// Complains about every key that nobody asked for.
    pub(in super::super) fn finish(self) {
        self.is_finished.set(true);
        let asked = self.asked.borrow();
        for (name, _) in self.table.into_iter().flatten() {
            let key: &str = name.get_ref();
            if asked.contains(&key) {
                continue;
            }
            let place = self.place.of_key(key, name.span());
            let instead = match nearest(key, asked.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("known here: {}", asked.join(", ")),
            };
            self.reading.complain(&place, format!("unknown key `{key}`"), Some(instead));
        }
    }

    /// Reads no further: nothing in here is unknown.
    pub(in super::super) fn abandon(self) {
        self.is_finished.set(true);
    }

    /// The entries of the table under `key`, in the order of the file.
    pub(super) fn named(&self, key: &'static str, expected: &str) -> Vec<(String, Place, &'a Spanned<DeValue<'a>>)> {
        let Some((place, value)) = self.ask(key) else {
            return Vec::new();
        };
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong_type(&place, value, expected);
            return Vec::new();
        };
        let in_order: BTreeMap<_, _> = table.iter().map(|entry| (entry.0.span().start, entry)).collect();
        let entries = in_order.into_values().map(|(name, value)| {
            let path = format!("{}.{}", place.path, quoted(name.get_ref()));
            let pattern = format!("{}.*", place.pattern);
            (name.get_ref().to_string(), Place { path, pattern, span: name.span() }, value)
        });
        entries.collect()
    }

    pub(super) fn text_of(&self, place: Place, value: &'a Spanned<DeValue<'a>>) -> Option<At<Text>> {
        let DeValue::String(written) = value.get_ref() else {
            self.wrong_type(&place, value, "a string");
            return None;
        };
        match interpolate(written, self.reading.environment) {
            Ok(whole) => {
                let value = Text { text: whole.text, written: written.to_string(), is_foreign: whole.is_foreign };
                Some(At { value, place })
            }
            Err(fault) => {
                self.reading.complain(&place, fault.to_string(), Some(fault.instead()));
                None
            }
        }
    }

    pub(super) fn wrong_type(&self, place: &Place, value: &Spanned<DeValue<'_>>, expected: &str) {
        let found = value.get_ref().type_str();
        self.reading.complain(place, format!("this is of type {found}"), Some(format!("write {expected}")));
    }

    pub(super) fn ask(&self, key: &'static str) -> Option<(Place, &'a Spanned<DeValue<'a>>)> {
        if !self.asked.borrow().contains(&key) {
            self.asked.borrow_mut().push(key);
            self.reading.known.borrow_mut().insert(self.place.of_key(key, 0..0).pattern);
        }
        let (_, value) = self.entry(key)?;
        Some((self.place.of_key(key, value.span()), value))
    }

    fn entry(&self, key: &str) -> Option<(&'a Spanned<toml::de::DeString<'a>>, &'a Spanned<DeValue<'a>>)> {
        self.table?.get_key_value(key)
    }
}

impl Drop for Section<'_> {
    fn drop(&mut self) {
        debug_assert!(
            self.is_finished.get() || std::thread::panicking(),
            "section `{}` was not finished, so its unknown keys went unnoticed",
            self.place.path
        );
    }
}
