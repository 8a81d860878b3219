//! [`Claim`]: what a provider says of a person, kept small for as long as a session is at hand.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Number, Value};

use crate::oidc::Claims;

/// The value of one claim, of JSON's kinds (RFC 8259 section 3). A third of the size of [`Value`], which is made to be changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "Value", untagged)]
pub enum Claim {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A number; 1 and 1.0 differ.
    Number(Number),
    /// A string.
    Text(Box<str>),
    /// A list, in its order.
    List(Box<[Claim]>),
    /// An object.
    Object(ClaimsSet),
}

/// A JWT Claims Set (RFC 7519 section 4), or an object inside one: values by name, in the order of their names.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(from = "Claims")]
pub struct ClaimsSet(Box<[(Box<str>, Claim)]>);

impl Claim {
    /// The string, if it is one.
    #[must_use]
    pub const fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::List(_) | Self::Object(_) => None,
        }
    }

    /// The whole number, if it is one that 64 bits hold.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(number) => number.as_i64(),
            Self::Null | Self::Bool(_) | Self::Text(_) | Self::List(_) | Self::Object(_) => None,
        }
    }

    /// The members of an object.
    #[must_use]
    pub const fn as_object(&self) -> Option<&ClaimsSet> {
        match self {
            Self::Object(members) => Some(members),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::List(_) => None,
        }
    }
}

impl ClaimsSet {
    /// The claim of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Claim> {
        let at = self.0.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
        self.0.get(at).map(|(_, claim)| claim)
    }

    /// One claim alone.
    #[must_use]
    pub fn one(name: &str, claim: Claim) -> Self {
        Self(Box::new([(name.into(), claim)]))
    }

    /// These claims, and those of `other` that are not among them.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let lacking = other.0.iter().filter(|(name, _)| self.get(name).is_none());
        Self::sorted(self.0.iter().chain(lacking).cloned().collect())
    }

    fn sorted(mut members: Box<[(Box<str>, Claim)]>) -> Self {
        members.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Self(members)
    }

    /// Every name with its claim.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Claim)> {
        self.0.iter().map(|(name, claim)| (&**name, claim))
    }
}

impl From<Value> for Claim {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(truth) => Self::Bool(truth),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::Text(text.into()),
            Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Value::Object(members) => Self::Object(members.into()),
        }
    }
}

impl From<Claims> for ClaimsSet {
    fn from(claims: Claims) -> Self {
        let members = claims.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self::sorted(members.collect())
    }
}

impl From<&Claim> for Value {
    fn from(claim: &Claim) -> Self {
        match claim {
            Claim::Null => Self::Null,
            Claim::Bool(truth) => Self::Bool(*truth),
            Claim::Number(number) => Self::Number(number.clone()),
            Claim::Text(text) => Self::String(text.clone().into()),
            Claim::List(items) => Self::Array(items.iter().map(Self::from).collect()),
            Claim::Object(members) => Self::Object(members.into()),
        }
    }
}

impl From<&ClaimsSet> for Claims {
    fn from(claims: &ClaimsSet) -> Self {
        claims
            .iter()
            .map(|(name, claim)| (name.to_owned(), claim.into()))
            .collect()
    }
}

impl Serialize for ClaimsSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// As JSON.
impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Value::from(self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_claim_is_a_third_of_what_reads_it() {
        assert_eq!(size_of::<Claim>(), 24);
        assert!(size_of::<Value>() >= 3 * size_of::<Claim>());
    }

    #[test]
    fn members_are_found_by_name_whatever_their_order() {
        let one: Claim = json!({"b": 1, "a": {"y": [], "x": null}, "c": "text"}).into();
        let other: Claim = json!({"c": "text", "a": {"x": null, "y": []}, "b": 1}).into();
        assert_eq!(one, other);
        let members = one.as_object().unwrap();
        assert_eq!(members.get("b").and_then(Claim::as_i64), Some(1));
        assert_eq!(members.get("c").and_then(Claim::as_str), Some("text"));
        assert_eq!(
            members.get("a").and_then(|a| a.as_object()?.get("x")),
            Some(&Claim::Null)
        );
        assert_eq!(members.get("d"), None);
        assert_eq!(one.to_string(), r#"{"a":{"x":null,"y":[]},"b":1,"c":"text"}"#);
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i32>().prop_map(|number| json!(f64::from(number) / 2.0)),
            "[a-zA-Zäé\"\\\\ \n]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map("[a-z._]{0,6}", inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_claim_says_what_the_json_said(value in any_value()) {
            let claim = Claim::from(value.clone());
            prop_assert_eq!(&Value::from(&claim), &value);
            let written = serde_json::to_string(&claim).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Value>(&written).unwrap(), &value);
            prop_assert_eq!(serde_json::from_str::<Claim>(&written).unwrap(), claim);
        }
    }
}
