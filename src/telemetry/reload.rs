//! What came of reading the configuration again.

/// What a reload found in the files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum News {
    /// Another configuration, or other secrets or certificates.
    Another,
    /// To the byte what is in force: somebody asked without a change, or took a change back.
    None,
}

/// What came of a change of the configuration.
#[derive(Clone, Copy, Debug)]
pub enum Reload<'a> {
    /// What is in the files is in force.
    InForce {
        /// Whether it was not before.
        news: News,
        /// Keys that changed and wait for a restart.
        waits: &'a [&'static str],
    },
    /// It was refused; the one before stays in force.
    Refused {
        /// Every problem, for the log.
        why: &'a str,
    },
    /// A certificate cannot be used; the one before stays in force.
    CertificateRefused {
        /// Why, for the log.
        error: &'a str,
    },
}
