//! Questions for several things at once: lists of tables, and names with weights.

use toml::{Spanned, de::DeValue};

use super::{At, Place, Section, Text, quantity};

/// One of several names that share something, by weight.
pub(in super::super) struct Share<'a> {
    pub(in super::super) name: Text,
    pub(in super::super) weight: f64,
    /// The table that holds the weight and more; to be finished by whoever reads it.
    pub(in super::super) more: Option<Section<'a>>,
    pub(in super::super) place: Place,
}

impl<'a> Section<'a> {
    /// The tables of a list, each a section; what is no table is left out, and complained about.
    pub(in super::super) fn sections(&self, key: &'static str) -> Vec<Self> {
        let pattern = self.place_of(key).pattern;
        self.sections_as(key, &pattern)
    }

    /// The tables of a list whose keys are documented under `pattern`.
    pub(in super::super) fn sections_as(&self, key: &'static str, pattern: &str) -> Vec<Self> {
        let Some((place, value)) = self.ask(key) else {
            return Vec::new();
        };
        let DeValue::Array(elements) = value.get_ref() else {
            self.wrong_type(&place, value, "a list of tables");
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (index, element) in elements.iter().enumerate() {
            let path = format!("{}[{index}]", place.path);
            let place = Place { path, pattern: pattern.to_owned(), span: element.span() };
            match element.get_ref() {
                DeValue::Table(table) => sections.push(Section::new(self.reading(), Some(table), place)),
                _ => self.wrong_type(&place, element, "a table"),
            }
        }
        sections
    }

    /// Names with weights: `{ a = 0.6, b = 0.4 }`, or `["a", "b"]` for equal ones. In the order of the file.
    pub(in super::super) fn weights(&self, key: &'static str) -> Option<Vec<At<(Text, f64)>>> {
        let (_, value) = self.ask(key)?;
        if let DeValue::Array(_) = value.get_ref() {
            let texts = self.texts(key)?.into_iter();
            return Some(texts.map(|At { value, place }| At { value: (value, 1.0), place }).collect());
        }
        let mut weights = Vec::new();
        for (name, place, value) in self.named(key, "a table of weights or a list of names") {
            if let Some(weight) = self.weight_or_complain(&place, value) {
                weights.push(At { value: (Text::written(&name), weight), place });
            }
        }
        Some(weights)
    }

    /// Names with weights, as [`Section::weights`] takes them, or with tables that hold the weight and more:
    /// `{ a = 0.6, b = { weight = 0.4 } }`.
    pub(in super::super) fn shares(&self, key: &'static str) -> Option<Vec<Share<'a>>> {
        let (_, value) = self.ask(key)?;
        if let DeValue::Array(_) = value.get_ref() {
            let texts = self.texts(key)?.into_iter();
            return Some(
                texts.map(|At { value, place }| Share { name: value, weight: 1.0, more: None, place }).collect(),
            );
        }
        let mut shares = Vec::new();
        for (name, place, value) in self.named(key, "a table of weights or a list of names") {
            let name = Text::written(&name);
            if let DeValue::Table(table) = value.get_ref() {
                let more = Section::new(self.reading(), Some(table), place.clone());
                let weight = more.weight("weight").unwrap_or(1.0);
                shares.push(Share { name, weight, more: Some(more), place });
            } else if let Some(weight) = self.weight_or_complain(&place, value) {
                shares.push(Share { name, weight, more: None, place });
            }
        }
        Some(shares)
    }

    fn weight(&self, key: &'static str) -> Option<f64> {
        let (place, value) = self.ask(key)?;
        self.weight_or_complain(&place, value)
    }

    fn weight_or_complain(&self, place: &Place, value: &'a Spanned<DeValue<'a>>) -> Option<f64> {
        let weight = self.weight_of(place, value);
        if weight.is_none() {
            let instead = "write a number from 0 to 1000000, such as `0.6`; 0 keeps a member out of the rotation";
            self.reading().complain(place, "this is not a weight", Some(instead.to_owned()));
        }
        weight
    }

    fn weight_of(&self, place: &Place, value: &'a Spanned<DeValue<'a>>) -> Option<f64> {
        let weight = match value.get_ref() {
            DeValue::Integer(digits) => quantity::number(digits.as_str()),
            DeValue::Float(digits) => quantity::number(digits.as_str()),
            DeValue::String(_) => quantity::number(&self.text_of(place.clone(), value)?.value.text),
            _ => None,
        };
        weight.filter(|weight| (0.0..=1e6).contains(weight))
    }
}
