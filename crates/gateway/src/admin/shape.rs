//! What a JSON value looks like, as data: enough for every body and answer of the gateway, and written as JSON Schema
//! 2020-12, which OpenAPI 3.1 uses.

use serde_json::{Map, Value, json};

/// The form of a value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// Any JSON.
    Any,
    /// A text.
    Text,
    /// A whole number.
    Whole,
    /// A number.
    Number,
    /// `true` or `false`.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of these.
    List(&'static Self),
    /// This, or `null`.
    OrNull(&'static Self),
    /// An object with all of these fields, and no others.
    Object(&'static [Field]),
    /// An object with the first of these fields, perhaps some of the others, and no more.
    Partly(&'static [Field], &'static [Field]),
    /// The one of that name in [`super::schemas::NAMED`].
    Named(&'static str),
    /// One of these, each of another media type.
    Either(&'static [Self]),
    /// A text that is not JSON, of that media type.
    Page(&'static str),
}

/// A field's name and what is in it.
pub(super) type Field = (&'static str, Shape);

impl Shape {
    /// A body of this form by its media types.
    pub(super) fn content(&self) -> Value {
        let one = |shape: &Self| (shape.media_type().to_owned(), json!({ "schema": shape.schema() }));
        let content: Map<String, Value> = match self {
            Self::Either(shapes) => shapes.iter().map(one).collect(),
            shape => [one(shape)].into_iter().collect(),
        };
        Value::Object(content)
    }

    /// The media type of a body of this form.
    const fn media_type(&self) -> &'static str {
        match self {
            Self::Page(media_type) => media_type,
            _ => "application/json",
        }
    }

    /// As JSON Schema.
    pub(super) fn schema(&self) -> Value {
        match self {
            Self::Any => json!({}),
            Self::Text | Self::Page(_) => json!({ "type": "string" }),
            Self::Whole => json!({ "type": "integer" }),
            Self::Number => json!({ "type": "number" }),
            Self::Flag => json!({ "type": "boolean" }),
            Self::Word(words) => json!({ "type": "string", "enum": words }),
            Self::List(of) => json!({ "type": "array", "items": of.schema() }),
            Self::Either(shapes) => json!({ "anyOf": shapes.iter().map(Self::schema).collect::<Vec<_>>() }),
            Self::OrNull(of) => json!({ "anyOf": [of.schema(), { "type": "null" }] }),
            Self::Object(fields) => object(fields, &[]),
            Self::Partly(needed, others) => object(needed, others),
            Self::Named(name) => json!({ "$ref": format!("#/components/schemas/{name}") }),
        }
    }
}

fn object(needed: &[Field], others: &[Field]) -> Value {
    let fields = needed.iter().chain(others);
    let properties: Map<String, Value> = fields.map(|(name, shape)| ((*name).to_owned(), shape.schema())).collect();
    let required: Vec<&str> = needed.iter().map(|(name, _)| *name).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}
