//! Lists of tables: `[{ … }, { … }]`, or one `[[heading]]` each.

use toml::de::DeValue;

use super::{Place, Section};

impl<'a> Section<'a> {
    /// The tables listed under `key`; elements that are none are left out, and complained about.
    pub(in super::super) fn tables(&self, key: &'static str) -> Vec<Self> {
        let Some((place, value)) = self.ask(key) else { return Vec::new() };
        let DeValue::Array(elements) = value.get_ref() else {
            self.wrong_type(&place, value, "a list of tables");
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (index, element) in elements.iter().enumerate() {
            let path = format!("{}[{index}]", place.path);
            let place = Place { path, pattern: format!("{}.*", place.pattern), span: element.span() };
            match element.get_ref() {
                DeValue::Table(table) => tables.push(Section::new(self.reading(), Some(table), place)),
                _ => self.wrong_type(&place, element, "a table"),
            }
        }
        tables
    }
}
