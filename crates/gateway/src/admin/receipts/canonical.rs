//! The bytes of a receipt that are signed, and receipts read back so that nothing in them can be understood in two ways.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

/// Why a receipt cannot be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadReceipt {
    /// It cannot be read.
    #[error("this is no receipt: {0}")]
    Unreadable(String),
    /// It has no signature.
    #[error("this has no signature")]
    Unsigned,
    /// Another key has signed it, or none.
    #[error(
        "another key has signed this, or it was changed: name the data folder of the gateway that issued it, or its key"
    )]
    OtherKey,
    /// It is not what was signed.
    #[error("this was changed after it was signed")]
    Changed,
}

/// Reads a receipt. A member that is there twice would be one thing to us and another to the next reader.
///
/// # Errors
/// When it is no JSON object, has numbers, or names a member twice.
pub fn parse(text: &str) -> Result<Map<String, Value>, BadReceipt> {
    match serde_json::from_str::<Strict>(text) {
        Ok(Strict(Value::Object(receipt))) => Ok(receipt),
        Ok(_) => Err(BadReceipt::Unreadable("it is not a JSON object".to_owned())),
        Err(fault) => Err(BadReceipt::Unreadable(fault.to_string())),
    }
}

/// The canonical form of all but the signature.
///
/// # Errors
/// When it has a number, which has no one way to be written.
pub(super) fn bytes(receipt: &Map<String, Value>) -> Result<Vec<u8>, BadReceipt> {
    let mut bytes = Vec::with_capacity(1024);
    write_object(receipt.iter().filter(|(name, _)| *name != "signature"), &mut bytes)?;
    Ok(bytes)
}

fn write_object<'a>(
    members: impl Iterator<Item = (&'a String, &'a Value)>,
    bytes: &mut Vec<u8>,
) -> Result<(), BadReceipt> {
    // Of names in ASCII the order by bytes is the one by UTF-16, which RFC 8785 asks for.
    let sorted: BTreeMap<&String, &Value> = members.collect();
    bytes.push(b'{');
    for (index, (name, value)) in sorted.into_iter().enumerate() {
        if index > 0 {
            bytes.push(b',');
        }
        write_text(name, bytes);
        bytes.push(b':');
        write(value, bytes)?;
    }
    bytes.push(b'}');
    Ok(())
}

fn write(value: &Value, bytes: &mut Vec<u8>) -> Result<(), BadReceipt> {
    match value {
        Value::Null => bytes.extend_from_slice(b"null"),
        Value::Bool(true) => bytes.extend_from_slice(b"true"),
        Value::Bool(false) => bytes.extend_from_slice(b"false"),
        Value::Number(_) => return Err(BadReceipt::Unreadable("it has a number".to_owned())),
        Value::String(text) => write_text(text, bytes),
        Value::Array(parts) => {
            bytes.push(b'[');
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    bytes.push(b',');
                }
                write(part, bytes)?;
            }
            bytes.push(b']');
        }
        Value::Object(members) => write_object(members.iter(), bytes)?,
    }
    Ok(())
}

/// As RFC 8785, section 3.2.2.2: `\b \t \n \f \r \" \\`, other control characters as `\u00xx`, all else as it is.
fn write_text(text: &str, bytes: &mut Vec<u8>) {
    serde_json::to_writer(bytes, text).expect("a text can be written to memory");
}

/// JSON without numbers and without a member that is there twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Strict;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without numbers")
    }

    fn visit_unit<E>(self) -> Result<Strict, E> {
        Ok(Strict(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Strict, E> {
        Ok(Strict(Value::Bool(value)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Strict, E> {
        Ok(Strict(Value::String(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Strict, A::Error> {
        let mut read = Vec::new();
        while let Some(Strict(part)) = parts.next_element()? {
            read.push(part);
        }
        Ok(Strict(Value::Array(read)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Strict, A::Error> {
        let mut read = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            if read.insert(name, value).is_some() {
                return Err(A::Error::custom("it names a member twice"));
            }
        }
        Ok(Strict(Value::Object(read)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{BadReceipt, bytes, parse};

    #[track_caller]
    fn check(text: &str, canonical: &str) {
        let read = parse(text).unwrap_or_else(|fault| panic!("{fault}"));
        assert_eq!(String::from_utf8(bytes(&read).expect("no number")).expect("UTF-8"), canonical);
    }

    #[test]
    fn what_is_signed_does_not_depend_on_how_it_was_written() {
        check(r#"{"b":"2","a":"1","signature":"x"}"#, r#"{"a":"1","b":"2"}"#);
        check(
            "{ \"b\" : [ null , true , { \"z\":\"\", \"y\":\"\" } ],\n\"a\":\"1\" }",
            r#"{"a":"1","b":[null,true,{"y":"","z":""}]}"#,
        );
        check(r#"{"a":"\u00e9\/\u0041\u000a\u001f\""}"#, "{\"a\":\"é/A\\n\\u001f\\\"\"}");
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for text in [r#"{"a":"1","a":"2"}"#, r#"{"a":{"b":"1","b":"1"}}"#, r#"{"a":1}"#, "[]", "\"a\"", "", "{}{}"] {
            assert!(matches!(parse(text), Err(BadReceipt::Unreadable(_))), "{text}");
        }
        let receipt = json!({ "a": [1] });
        assert!(bytes(receipt.as_object().expect("an object")).is_err());
    }
}
