//! JSON that is not open to two readings: no duplicate members, bounded nesting, nothing after the value (ID-15).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::Claims;

/// Deepest nesting of objects and lists. Providers stay below ten.
const DEEPEST: usize = 32;

/// Reads one JSON object.
///
/// # Errors
/// When the bytes are no JSON object, name a member twice or nest too deep. The message has no part of any value.
pub(crate) fn object(bytes: &[u8]) -> Result<Claims, String> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict(DEEPEST)
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| position(&error))?;
    match value {
        Value::Object(members) => Ok(members),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err("not a JSON object".to_owned())
        }
    }
}

/// Where the reading stopped. The error's own text may quote what was read, so it is left out.
fn position(error: &serde_json::Error) -> String {
    format!("not strict JSON at line {} column {}", error.line(), error.column())
}

/// Reads a value with this many levels of nesting left.
#[derive(Clone, Copy)]
struct Strict(usize);

impl Strict {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        self.0
            .checked_sub(1)
            .map(Self)
            .ok_or_else(|| E::custom("nested too deep"))
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let inside = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(inside)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let inside = self.deeper()?;
        let mut members = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            let value = object.next_value_seed(inside)?;
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a member stands twice"));
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_object_is_read_as_serde_json_reads_it() {
        let text = r#"{"a":1,"b":[-2,3.5,null,true,"x\u00e9"],"c":{"d":{}},"e":18446744073709551615}"#;
        let plain: Claims = serde_json::from_str(text).unwrap();
        assert_eq!(object(text.as_bytes()).unwrap(), plain);
    }

    #[test]
    fn ambiguous_or_broken_input_is_refused() {
        // ID-15
        for bad in [
            &br#"{"sub":"a","sub":"b"}"#[..],
            br#"{"sub":"a","\u0073ub":"b"}"#,
            br#"{"x":{"y":1,"y":1}}"#,
            br#"[{"a":1}]"#,
            b"null",
            b"\"text\"",
            b"7",
            b"",
            b"{}{}",
            b"{} x",
            b"{\"a\":\"\xff\"}",
            b"\xef\xbb\xbf{}",
            br#"{"a":1e400}"#,
            br#"{"a":NaN}"#,
            br#"{"a":"\ud800"}"#,
            b"{\"a\":\"\0\"}",
        ] {
            assert!(object(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn nesting_is_bounded() {
        // ID-15
        let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        assert!(object(nested(DEEPEST).as_bytes()).is_ok());
        assert!(object(nested(DEEPEST + 1).as_bytes()).is_err());
        assert!(object(nested(100_000).as_bytes()).is_err());
    }

    #[test]
    fn the_error_quotes_nothing() {
        let error = object(br#"{"access_token":hunter2}"#).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
