//! `doorward demo`.

use std::{io::Write, net::SocketAddr, time::Duration};

use clap::Args;

use super::Failure;
use crate::{
    config,
    demo::{self, Lives},
    entropy::Entropy,
    server::{self, RunError, assemble, run, shutdown},
    telemetry::{self, LogFormat, log},
    time::Clock,
};

pub(super) const HELP: &str = "\
Nothing else is needed, and nothing is kept. It listens on loopback only: the people's passwords are public.

Examples:
  doorward demo
  doorward demo --listen 127.0.0.1:0 --token-life 120";

/// How long requests under way may take to end.
const DRAIN: Duration = Duration::from_secs(2);

/// How to run the demo.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Where the gateway listens: a loopback address; port 0 takes a free one
    #[arg(short, long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// How long tokens live, in seconds; short, so that renewal is seen
    #[arg(long, value_name = "SECONDS", default_value_t = Lives::default().token,
          value_parser = clap::value_parser!(i64).range(1..=86_400))]
    token_life: i64,
}

pub(super) fn demo(options: &Options, out: &mut impl Write) -> Result<(), Failure> {
    let settings = telemetry::Settings {
        format: LogFormat::Text,
        filter: "warn".to_owned(),
        access: None,
        audit: None,
    };
    let _writes_at_the_end = log::install(&settings).map_err(RunError::from)?;
    run::runtime()?.block_on(serve(options, out))
}

async fn serve(options: &Options, out: &mut impl Write) -> Result<(), Failure> {
    let (clock, entropy) = (Clock::system(), Entropy::system());
    let chosen = demo::Options {
        listen: options.listen,
        lives: Lives {
            token: options.token_life,
            ..Lives::default()
        },
    };
    let demo = demo::start(chosen, &clock, &entropy).await?;
    let plan =
        config::from_text("demo.yaml", &demo.config_yaml).map_err(|problems| Failure::Config(problems.to_string()))?;
    let house = assemble(plan, &clock, &entropy).map_err(RunError::from)?;
    let up = server::start(house)?;
    writeln!(out, "{}", demo.banner)?;
    out.flush()?;
    shutdown::asked().await?;
    up.stop(DRAIN).await;
    Ok(())
}
