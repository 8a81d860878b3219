//! Pieces of configuration: made whole, with every file and variable that they name, and compiled.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use doorward::config::{self, Source, schema};
use rcgen::{CertificateParams, KeyPair};
use serde_yaml::{Mapping, Value};
use tempfile::TempDir;

/// What a page shows only a part of is put in place of the same part of this.
const FRAME: &str = r#"
public_url: https://apps.example.com
listeners:
  - address: 0.0.0.0:8443
    tls: { certificate_file: tls.crt, key_file: tls.key }
providers:
  corporate:
    issuer: https://id.example.com
    client_id: doorward
    client_secret: a-secret-of-the-frame
session:
  store: redis
  redis: { url: "rediss://redis.example.com:6379/0" }
  keys: [{ id: first, key: "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=" }]
routes:
  - { host: apps.example.com, upstream: "http://127.0.0.1:3000", access: signed_in }
"#;
const KEY: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

/// Compiles a block: whole if it has listeners and routes; else in the frame, at its top or where `into` says.
///
/// # Errors
/// Why it does not compile.
pub fn compile(text: &str, into: Option<&str>) -> Result<(), String> {
    let value: Value = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
    let Value::Mapping(piece) = value else {
        return Err("this is no mapping".to_owned());
    };
    let whole = into.is_none() && ["listeners", "routes"].iter().all(|key| piece.contains_key(key));
    let text = if whole { text.to_owned() } else { framed(piece, into)? };
    let house = House::of(&text);
    config::from_source("doorward.yaml", &house.text, &house.source)
        .map(drop)
        .map_err(|report| report.to_string())
}

/// The frame with this piece in it. What a piece says of `session` and the like goes beside what the frame says, key by key.
fn framed(piece: Mapping, into: Option<&str>) -> Result<String, String> {
    let mut frame: Mapping = serde_yaml::from_str(FRAME).unwrap();
    let mut place = &mut frame;
    for step in into.into_iter().flat_map(|path| path.split('.')) {
        let inner = place.entry(step.into()).or_insert_with(|| Mapping::new().into());
        place = inner.as_mapping_mut().ok_or("there is no such place in the frame")?;
    }
    for (key, value) in piece {
        let known = schema::schema()
            .pointer("/properties")
            .and_then(|all| all.get(key.as_str()?));
        if into.is_none() && known.is_none() && !key.as_str().is_some_and(|key| key.starts_with("x-")) {
            return Err(format!(
                "there is no option {key:?}; if this is no Doorward configuration, say so before the block"
            ));
        }
        match (place.get_mut(&key).and_then(Value::as_mapping_mut), value) {
            (Some(there), Value::Mapping(more)) if key == "session" => {
                if more.contains_key("keys_file") {
                    there.remove("keys");
                }
                there.extend(more);
            }
            (_, value) => drop(place.insert(key, value)),
        }
    }
    serde_yaml::to_string(&frame).map_err(|error| error.to_string())
}

/// A folder with all that a configuration names.
struct House {
    text: String,
    source: Source,
    folder: TempDir,
    variables: BTreeMap<String, String>,
}

impl House {
    fn of(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::with_environment(folder.path(), BTreeMap::new());
        let (text, variables) = (text.to_owned(), BTreeMap::new());
        let mut house = Self {
            text,
            source,
            folder,
            variables,
        };
        house.furnish(&serde_yaml::from_str(&house.text).unwrap());
        house.source = Source::with_environment(house.folder.path(), house.variables.clone());
        house
    }

    fn furnish(&mut self, value: &Value) {
        match value {
            Value::Mapping(mapping) => {
                let (certificate, key) = certificate_and_key();
                for (name, value) in mapping {
                    let (name, told) = (name.as_str().unwrap_or_default(), value.as_str().unwrap_or_default());
                    let of_certificate = ["certificate_file", "client_certificate_file"]
                        .iter()
                        .any(|other| mapping.contains_key(other));
                    match name {
                        "certificate_file" | "client_certificate_file" | "ca_file" => self.file(told, &certificate),
                        "key_file" | "client_key_file" if of_certificate => self.file(told, &key),
                        "key_file" => self.file(told, KEY),
                        "keys_file" => self.file(told, &format!("first {KEY}\n")),
                        "file" if mapping.contains_key("mode") || !mapping.contains_key("enabled") => {
                            self.file(told, &certificate);
                        }
                        "key_env" => self.variable(told, KEY),
                        "env" => self.variable(told, "a-value-of-the-test"),
                        _ if name.ends_with("_env") => self.variable(told, "a-secret-of-the-test"),
                        _ if name.ends_with("_file") => self.file(told, "a-secret-of-the-test\n"),
                        _ => self.furnish(value),
                    }
                }
            }
            Value::Sequence(all) => all.iter().for_each(|value| self.furnish(value)),
            Value::Tagged(tagged) => self.furnish(&tagged.value),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// Writes a file; one with an absolute path is written elsewhere, and named so.
    fn file(&mut self, told: &str, text: &str) {
        let path = Path::new(told);
        let name = path.strip_prefix("/").map_or_else(
            |_| path.to_owned(),
            |inner| PathBuf::from(inner.to_string_lossy().replace('/', "-")),
        );
        if path.is_absolute() {
            self.text = self.text.replace(told, &name.to_string_lossy());
        }
        let place = self.folder.path().join(name);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, text).unwrap();
    }

    fn variable(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }
}

fn certificate_and_key() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["apps.example.com".to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}
