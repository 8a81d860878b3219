//! What is in force, and what was refused to be.

use prometheus::{IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};

use super::{count, counter, label::reload_name, register};
use crate::telemetry::Reload;

/// The families.
#[derive(Debug)]
pub(super) struct Family {
    reloads: IntCounterVec,
    refused: IntGaugeVec,
    info: IntGaugeVec,
    upgrades_failed: IntCounter,
}

impl Family {
    pub(super) fn new(registry: &Registry) -> Self {
        let info = Opts::new(
            "doorward_config_info",
            "Always 1; the label tells one text of the configuration from another.",
        );
        let upgrades_failed = Opts::new(
            "doorward_upgrades_failed_total",
            "Upgrades in place that did not succeed: this process goes on.",
        );
        Self {
            reloads: counter(
                registry,
                "doorward_config_reloads_total",
                "Readings of the configuration: in force, unchanged, refused, or a certificate refused.",
                &["outcome"],
            ),
            refused: refused(registry),
            info: register(registry, IntGaugeVec::new(info, &["sha256"])),
            upgrades_failed: register(registry, IntCounter::with_opts(upgrades_failed)),
        }
    }

    /// One at a time is.
    pub(super) fn in_force(&self, digest: &str) {
        self.info.reset();
        self.info.with_label_values(&[digest]).set(1);
    }

    /// Certificates are read after the configuration, and each that is refused is told then.
    pub(super) fn reloaded(&self, reload: Reload<'_>) {
        count(&self.reloads, &[reload_name(reload)]);
        let set = |what, value| self.refused.with_label_values(&[what]).set(value);
        match reload {
            Reload::InForce { .. } => {
                set("configuration", 0);
                set("certificate", 0);
            }
            Reload::Refused { why: _ } => {
                set("configuration", 1);
                set("certificate", 0);
            }
            Reload::CertificateRefused { error: _ } => set("certificate", 1),
        }
    }

    pub(super) fn upgrade_failed(&self) {
        self.upgrades_failed.inc();
    }
}

/// How what is in the files stands. A process begins with files that it could use.
fn refused(registry: &Registry) -> IntGaugeVec {
    let opts = Opts::new(
        "doorward_config_refused",
        "1 while what was read last of the configuration, or of a certificate, was refused: a restart would fail.",
    );
    let family = register(registry, IntGaugeVec::new(opts, &["what"]));
    for what in ["configuration", "certificate"] {
        family.with_label_values(&[what]).set(0);
    }
    family
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::News;

    #[test]
    fn a_refused_change_is_told_until_it_is_mended() {
        let family = Family::new(&Registry::new());
        let (news, waits): (_, &[_]) = (News::None, &[]);
        let (mended, broken) = (Reload::InForce { news, waits }, Reload::Refused { why: "" });
        let certificate = Reload::CertificateRefused { error: "" };
        for (reload, stands) in [
            (mended, [0, 0]),
            (broken, [1, 0]),
            (certificate, [1, 1]),
            (mended, [0, 0]),
            (certificate, [0, 1]),
            (broken, [1, 0]),
        ] {
            family.reloaded(reload);
            let of = |what| family.refused.with_label_values(&[what]).get();
            assert_eq!([of("configuration"), of("certificate")], stands);
        }
    }
}
