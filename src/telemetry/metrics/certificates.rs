//! The listeners' certificates: when each ends.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use prometheus::{IntGaugeVec, Opts, Registry};

use super::register;
use crate::telemetry::CertificateInForce;

const LABELS: &[&str] = &["listener", "file"];

#[derive(Debug)]
pub(super) struct Certificates {
    not_before: IntGaugeVec,
    not_after: IntGaugeVec,
    /// Of those in force: listener and file.
    known: Mutex<BTreeSet<[String; 2]>>,
}

impl Certificates {
    pub(super) fn new(registry: &Registry) -> Self {
        let gauge = |name: &str, help: &str| register(registry, IntGaugeVec::new(Opts::new(name, help), LABELS));
        Self {
            not_before: gauge(
                "doorward_certificate_not_before_timestamp_seconds",
                "Since when the certificate that a listener shows is valid.",
            ),
            not_after: gauge(
                "doorward_certificate_not_after_timestamp_seconds",
                "Until when the certificate that a listener shows is valid.",
            ),
            known: Mutex::default(),
        }
    }

    /// These from now on, and no others.
    pub(super) fn in_force(&self, certificates: &[CertificateInForce]) {
        let label = |one: &CertificateInForce| [one.listener.clone(), one.file.clone()];
        let new: BTreeSet<[String; 2]> = certificates.iter().map(label).collect();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for [listener, file] in known.difference(&new) {
            // Both are there: they were set together.
            self.not_before.remove_label_values(&[listener, file]).ok();
            self.not_after.remove_label_values(&[listener, file]).ok();
        }
        for one in certificates {
            let labels = [one.listener.as_str(), one.file.as_str()];
            self.not_before.with_label_values(&labels).set(one.not_before.secs());
            self.not_after.with_label_values(&labels).set(one.not_after.secs());
        }
        *known = new;
    }
}

#[cfg(test)]
mod tests {
    use prometheus::TextEncoder;

    use super::*;
    use crate::time::UnixTime;

    #[test]
    fn what_is_not_in_force_any_more_is_not_told() {
        let registry = Registry::new();
        let family = Certificates::new(&registry);
        let one = |file: &str, not_after| CertificateInForce {
            listener: "0.0.0.0:443".to_owned(),
            file: file.to_owned(),
            not_before: UnixTime::from_secs(1),
            not_after: UnixTime::from_secs(not_after),
        };
        let told = || {
            let text = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
            let lines = text
                .lines()
                .filter(|line| line.starts_with("doorward_certificate_not_after"));
            let told = lines.map(|line| line.split_once("file=").unwrap().1.to_owned());
            told.collect::<Vec<_>>()
        };
        family.in_force(&[one("a", 10), one("b", 20)]);
        let listener = r#",listener="0.0.0.0:443"} "#;
        assert_eq!(told(), [format!(r#""a"{listener}10"#), format!(r#""b"{listener}20"#)]);
        family.in_force(&[one("b", 30), one("c", 40)]);
        assert_eq!(told(), [format!(r#""b"{listener}30"#), format!(r#""c"{listener}40"#)]);
    }
}
