//! Values as written: text that is read into a good type at the border, once.
//!
//! A [`Written`] type has a format name. The name stands in the schema, the walk over the file checks the text by it, and
//! decoding reads the same text with the same function: nothing further in has to check again.

pub mod address;
pub mod measure;
pub mod name;
pub mod node;

use std::{borrow::Cow, fmt, marker::PhantomData};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use self::{
    address::{IssuerUrl, Listen, Network, PublicUrl, RedisUrl, UpstreamUrl, WebOrigin},
    measure::{AgeOfHsts, LengthOfTime, LimitOfSize, LimitOfTime, Size},
    name::{
        AddedPrefix, ClaimName, EmailDomain, FormerFolderText, HeaderText, HeaderTitle, HostName, MethodName, NameText,
        PathExpression, RoutePath, Word,
    },
    node::HostAndPort,
};

/// A type that is written as text.
pub trait Written {
    /// What the text is read into.
    type Value;
    /// The format's name in the schema.
    const FORMAT: &'static str;
    /// What it is, for people: "a length of time".
    const WHAT: &'static str;
    /// What to write.
    const HINT: &'static str;
    /// Whether a problem may show the text.
    const SHOWN: bool = true;

    /// Reads the text.
    ///
    /// # Errors
    /// What is wrong with it, as a part of a sentence; may be empty. Never the text itself where [`Self::SHOWN`] is false.
    fn read(text: &str) -> Result<Self::Value, String>;
}

/// A value that was written as text of the format `W`.
pub struct Text<W: Written> {
    /// The value.
    pub value: W::Value,
    format: PhantomData<W>,
}

/// What is wrong with a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// What is wrong.
    pub what: String,
    /// What to write.
    pub hint: &'static str,
}

/// Checks text against a format of the schema. Formats that are not ours are fine.
///
/// # Errors
/// What is wrong.
pub fn check(format: &str, text: &str) -> Result<(), Fault> {
    FORMATS
        .iter()
        .find(|known| known.name == format)
        .map_or(Ok(()), |known| (known.check)(text))
}

/// What to write for a format of the schema; nothing for formats that are not ours.
#[must_use]
pub fn hint(format: &str) -> &'static str {
    FORMATS
        .iter()
        .find(|known| known.name == format)
        .map_or("", |known| known.hint)
}

/// A format as the walk needs it.
struct Format {
    name: &'static str,
    hint: &'static str,
    check: fn(&str) -> Result<(), Fault>,
}

const fn entry<W: Written>() -> Format {
    Format {
        name: W::FORMAT,
        hint: W::HINT,
        check: check_one::<W>,
    }
}

const FORMATS: &[Format] = &[
    entry::<LengthOfTime>(),
    entry::<LimitOfTime>(),
    entry::<AgeOfHsts>(),
    entry::<Size>(),
    entry::<LimitOfSize>(),
    entry::<Listen>(),
    entry::<Network>(),
    entry::<PublicUrl>(),
    entry::<IssuerUrl>(),
    entry::<RedisUrl>(),
    entry::<HostAndPort>(),
    entry::<UpstreamUrl>(),
    entry::<WebOrigin>(),
    entry::<HostName>(),
    entry::<RoutePath>(),
    entry::<AddedPrefix>(),
    entry::<FormerFolderText>(),
    entry::<PathExpression>(),
    entry::<MethodName>(),
    entry::<HeaderTitle>(),
    entry::<HeaderText>(),
    entry::<ClaimName>(),
    entry::<EmailDomain>(),
    entry::<NameText>(),
    entry::<Word>(),
];

fn check_one<W: Written>(text: &str) -> Result<(), Fault> {
    W::read(text).map(|_| ()).map_err(|why| {
        // A URL may hold a password.
        let is_shown = W::SHOWN && !(text.contains("://") && text.contains('@'));
        // A reason that quotes anything may quote that.
        let why = if is_shown || !why.contains('"') {
            why
        } else {
            String::new()
        };
        let colon = if why.is_empty() { "" } else { ": " };
        // Some rooms make a whole sentence of it.
        if is_shown && why.contains(&format!("{text:?}")) {
            return Fault {
                what: why,
                hint: W::HINT,
            };
        }
        let shown = if is_shown {
            format!("{text:?}")
        } else {
            "this".to_owned()
        };
        Fault {
            what: format!("{shown} is not {}{colon}{why}", W::WHAT),
            hint: W::HINT,
        }
    })
}

impl<'de, W: Written> Deserialize<'de> for Text<W> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        match W::read(&text) {
            Ok(value) => Ok(Self {
                value,
                format: PhantomData,
            }),
            Err(why) => Err(de::Error::custom(why)),
        }
    }
}

impl<W: Written> JsonSchema for Text<W> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        W::FORMAT.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": W::FORMAT })
    }
}

impl<W: Written<Value: fmt::Debug>> fmt::Debug for Text<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<W: Written<Value: Clone>> Clone for Text<W> {
    fn clone(&self) -> Self {
        Self {
            value: self.value.clone(),
            format: PhantomData,
        }
    }
}
