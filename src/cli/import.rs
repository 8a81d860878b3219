//! `doorward import`.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};

use super::Failure;
use crate::import::{Document, Wishes, translate};

const HELP: &str = "\
FILE is oauth2-proxy.cfg, a file of flags one a line, a file of OAUTH2_PROXY_ environment variables, a structured (alpha) \
configuration, values of its Helm chart, or a container's YAML with args and env: which one is seen by what is in it.

The configuration goes to standard output. What becomes of each option, by file and line, goes to standard error. No secret is \
repeated: each is named as a file or an environment variable. Where something restricted who may pass and has no equivalent, \
nobody passes by it until you write a rule.

Exit codes: 0 everything has an equivalent. 3 something has none, or is not known. 2 a file is none of these, or the command \
line is wrong. 1 anything else.

Examples:
  doorward import oauth2-proxy oauth2-proxy.cfg > doorward.yaml
  doorward import oauth2-proxy oauth2-proxy.cfg --alpha alpha.yaml --emails emails.txt > doorward.yaml
  doorward import oauth2-proxy values.yaml --public-url https://app.example.com > doorward.yaml";

/// Which gateway's.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Turn a configuration of oauth2-proxy into one of Doorward's
    #[command(name = "oauth2-proxy", after_help = HELP)]
    OAuth2Proxy(Options),
}

/// What is to be turned.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Its configuration: TOML, flags, environment variables, or YAML; several are read as one
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Its structured configuration, where it is used besides
    #[arg(long, value_name = "FILE")]
    alpha: Option<PathBuf>,
    /// The addresses that may pass, one a line: what `authenticated_emails_file` names
    #[arg(long, value_name = "FILE")]
    emails: Option<PathBuf>,
    /// The URL at which people open the site. Default: that of `redirect_url`
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
}

pub(super) fn import(command: &Command, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let Command::OAuth2Proxy(options) = command;
    let paths = options.files.iter().chain(&options.alpha);
    let mut texts = Vec::new();
    for path in paths {
        texts.push((path.display().to_string(), read(path)?));
    }
    let emails = options.emails.as_deref().map(read).transpose()?;
    let files: Vec<Document<'_>> = texts.iter().map(|(name, text)| Document { name, text }).collect();
    let wishes = Wishes {
        public_url: options.public_url.as_deref(),
        emails: emails.as_deref(),
    };
    let import = translate(&files, &wishes).map_err(|error| Failure::Config(error.to_string()))?;
    out.write_all(import.yaml.as_bytes())?;
    write!(io::stderr(), "{}", import.report)?;
    Ok(if import.report.is_whole() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(3)
    })
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| Failure::Config(format!("{}: {error}", path.display())))
}
