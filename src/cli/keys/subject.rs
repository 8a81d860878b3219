//! Which ring is spoken of: a configuration's, or a ring file's.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use zeroize::Zeroizing;

use crate::{
    cli::{Failure, client::Client, load},
    config::written::{Written as _, measure::LengthOfTime},
    keys::{Ring, RingFile, file::Note},
    proxy::Bind,
};

/// Which ring.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// The configuration that the gateways run with
    #[arg(short, long, value_name = "FILE", required_unless_present = "file")]
    config: Option<PathBuf>,
    /// A ring file alone, such as a copy of a Kubernetes Secret's
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    file: Option<PathBuf>,
    /// The longest `session.absolute_timeout` of the gateways that have the ring file
    #[arg(long, value_name = "TIME", value_parser = length, default_value = "24h", conflicts_with = "config")]
    session_life: Duration,
    /// A replica's admin listener: its URL, or `unix:` and the path of its socket; once for each replica. Without it
    /// the configuration's own is asked
    #[arg(long, value_name = "URL")]
    admin: Vec<String>,
}

/// A ring and what is known of it.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) ring: Ring,
    /// The file of the ring, when it has one.
    pub(super) file: Option<(PathBuf, RingFile)>,
    /// The longest life of a session.
    pub(super) life: Duration,
    /// How to ask each replica.
    pub(super) replicas: Vec<Client>,
    /// What to write behind a command to mean the same ring and replicas.
    pub(super) again: String,
}

impl Which {
    pub(super) fn read(&self) -> Result<Subject, Failure> {
        match (&self.config, &self.file) {
            (Some(config), _) => self.of_config(config),
            (None, Some(file)) => self.of_file(file),
            (None, None) => Err(Failure::Usage("say which ring: --config, or --file".to_owned())),
        }
    }

    fn of_config(&self, config: &Path) -> Result<Subject, Failure> {
        let plan = load(config)?;
        let Some(ring) = plan.ring else {
            let what = "no key is written: one is drawn at every start, and there is nothing to rotate";
            return Err(Failure::Usage(format!("{}: {what}", config.display())));
        };
        let file = plan
            .ring_file
            .map(|path| Ok::<_, Failure>((path.clone(), read(&path)?)));
        Ok(Subject {
            ring,
            file: file.transpose()?,
            life: plan.terms.absolute,
            replicas: self.replicas(plan.admin.map(|admin| admin.bind).as_ref())?,
            again: self.again("--config", config),
        })
    }

    fn of_file(&self, path: &Path) -> Result<Subject, Failure> {
        let file = read(path)?;
        let ring = file
            .ring()
            .map_err(|error| Failure::Config(format!("{}: {error}", path.display())))?;
        Ok(Subject {
            ring,
            file: Some((path.to_owned(), file)),
            life: self.session_life,
            replicas: self.replicas(None)?,
            again: self.again("--file", path),
        })
    }

    fn replicas(&self, own: Option<&Bind>) -> Result<Vec<Client>, Failure> {
        match (self.admin.is_empty(), own) {
            (true, Some(bind)) => Ok(vec![Client::of(bind, None)?]),
            (true, None) => Ok(Vec::new()),
            (false, _) => self.admin.iter().map(|admin| Client::at(admin, None)).collect(),
        }
    }

    fn again(&self, option: &str, path: &Path) -> String {
        let mut words = vec![option.to_owned(), path.display().to_string()];
        words.extend(
            self.admin
                .iter()
                .flat_map(|admin| ["--admin".to_owned(), admin.clone()]),
        );
        words.join(" ")
    }
}

impl Subject {
    /// What was noted of each key, in the order of the ring; nothing where the keys stand in the configuration.
    pub(super) fn notes(&self) -> Vec<Option<Note>> {
        match &self.file {
            Some((_, file)) => file.entries().map(crate::keys::file::Entry::note).collect(),
            None => self.ring.ids().map(|_| None).collect(),
        }
    }
}

fn length(text: &str) -> Result<Duration, String> {
    LengthOfTime::read(text).map_err(|_| LengthOfTime::HINT.to_owned())
}

fn read(path: &Path) -> Result<RingFile, Failure> {
    let shown = path.display();
    let text = fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|error| Failure::Config(format!("{shown} cannot be read: {error}")))?;
    RingFile::parse(&text).map_err(|bad| {
        let told = bad.iter().map(|bad| match bad.line {
            0 => format!("{shown}: {}", bad.fault),
            line => format!("{shown}:{line}: {}", bad.fault),
        });
        Failure::Config(told.collect::<Vec<_>>().join("\n"))
    })
}
