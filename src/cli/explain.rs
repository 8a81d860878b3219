//! `doorward explain`: what would be decided, with the very functions that decide.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use clap::Args;
use http::Method;

use super::{
    Failure,
    client::{At, Client},
    load,
};
use crate::{
    gate::explain::{self, Question},
    oidc::Claims,
    server::run,
    time::Clock,
};

pub(super) const HELP: &str = "\
The last lines are those of the decision table, for a browser's navigation, for an API client and for a WebSocket.
With --as, they are also those of somebody signed in at the route's provider with the claims in the file:
  {\"sub\": \"1\", \"email\": \"ada@example.com\", \"email_verified\": true, \"groups\": [\"staff\"]}
A route that demands `acr_values` or `max_age` looks at `acr` and `auth_time` among them.

With --config, the file answers, and nobody is asked. With --live, the gateway that runs with that file answers by the
configuration in force, at its admin listener, which must have a token (admin.token_file); so does the one at --admin.

Examples:
  doorward explain --config doorward.yaml https://app.example.com/admin
  doorward explain --config doorward.yaml --method POST https://app.example.com/api/orders
  doorward explain --config doorward.yaml --as ada.json https://app.example.com/admin
  doorward explain --config doorward.yaml --live https://app.example.com/admin
  doorward explain --admin http://127.0.0.1:9090 --token-file admin-token https://app.example.com/admin";

/// What is to be explained.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    at: At,
    /// Ask the gateway that runs with the configuration, not the file
    #[arg(long)]
    live: bool,
    /// The request's method
    #[arg(short, long, value_name = "METHOD", default_value = "GET")]
    method: Method,
    /// A JSON file with the claims of somebody who is signed in
    #[arg(long = "as", value_name = "FILE")]
    claims: Option<PathBuf>,
    /// The URL as a client would ask for it; it is not called
    url: String,
}

pub(super) fn explain(options: &Options, out: &mut impl Write) -> Result<(), Failure> {
    let Some(target) = explain::target(&options.url) else {
        let what = format!(
            "{:?} is no whole URL; write it as in https://app.example.com/path",
            options.url
        );
        return Err(Failure::Usage(what));
    };
    let claims = options.claims.as_deref().map(read_claims).transpose()?;
    let text = match options.at.file() {
        Some(file) if !options.live => {
            if options.at.has_token_file() {
                let what = "--token-file is for a gateway that runs: add --live, or name it by --admin";
                return Err(Failure::Usage(what.to_owned()));
            }
            let plan = load(file)?;
            let vouchers: Vec<_> = plan.providers.iter().map(crate::provider::Settings::voucher).collect();
            let question = Question {
                method: &options.method,
                target,
                claims: claims.as_ref(),
            };
            explain::explain(&plan.site, &vouchers, &question, Clock::system().now())
        }
        Some(_) | None => {
            let client = options.at.client()?;
            run::runtime()?.block_on(ask(&client, options, claims.as_ref()))?
        }
    };
    write!(out, "{text}")?;
    Ok(())
}

async fn ask(client: &Client, options: &Options, claims: Option<&Claims>) -> Result<String, Failure> {
    let question = serde_json::json!({
        "url": options.url,
        "method": options.method.as_str(),
        "claims": claims,
    });
    let answer = client.explain(&question).await?;
    let text = answer.get("explanation").and_then(serde_json::Value::as_str);
    let text = text.ok_or_else(|| Failure::Admin(format!("{} does not answer as a gateway would", client.shown)))?;
    // Line by line, so that nothing there moves the cursor.
    Ok(text.lines().map(|line| super::table::plain(line) + "\n").collect())
}

fn read_claims(path: &Path) -> Result<Claims, Failure> {
    let wrong = |why: String| Failure::Usage(format!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| wrong(format!("not a JSON object of claims: {error}")))
}
