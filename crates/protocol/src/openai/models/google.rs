//! The models list and a model's detail in Google's shape.
//!
//! Source: Gemini API reference, `models.list`.

use serde::Serialize;

use super::Entry;

/// The body of `GET /v1beta/models`: one page, always the last.
pub fn list<'a>(entries: impl IntoIterator<Item = Entry<'a>>) -> Vec<u8> {
    let page = Page { models: entries.into_iter().map(Model::of).collect() };
    serde_json::to_vec(&page).expect("strings and numbers always have a JSON form")
}

/// The body of `GET /v1beta/models/{id}`.
pub fn detail(entry: &Entry<'_>) -> Vec<u8> {
    serde_json::to_vec(&Model::of(*entry)).expect("strings and numbers always have a JSON form")
}

#[derive(Serialize)]
struct Page<'a> {
    models: Vec<Model<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Model<'a> {
    name: String,
    display_name: &'a str,
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_token_limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_token_limit: Option<u64>,
    supported_generation_methods: [&'static str; 3],
}

impl<'a> Model<'a> {
    fn of(entry: Entry<'a>) -> Self {
        Self {
            name: format!("models/{}", entry.id),
            display_name: entry.display_name.unwrap_or(entry.id),
            version: "",
            input_token_limit: entry.max_input_tokens,
            output_token_limit: entry.max_output_tokens,
            supported_generation_methods: ["generateContent", "streamGenerateContent", "countTokens"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_named_by_its_resource() {
        let entry = Entry { id: "a/b", max_input_tokens: Some(9), ..Entry::default() };
        let expected = r#"{"name":"models/a/b","displayName":"a/b","version":"","inputTokenLimit":9,"supportedGenerationMethods":["generateContent","streamGenerateContent","countTokens"]}"#;
        assert_eq!(String::from_utf8(detail(&entry)).unwrap(), expected);
        assert_eq!(String::from_utf8(list([entry])).unwrap(), format!("{{\"models\":[{expected}]}}"));
    }
}
