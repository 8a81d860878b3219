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
    gate::explain::{self, Assumed, Question},
    identity::ClientCertificate,
    oidc::Claims,
    server::run,
    time::Clock,
};

pub(super) const HELP: &str = "\
The last lines are those of the decision table, for a browser's navigation, for an API client and for a WebSocket.
With --as, they are also those of somebody signed in at the route's provider with the claims in the file:
  {\"sub\": \"1\", \"email\": \"ada@example.com\", \"email_verified\": true, \"groups\": [\"staff\"]}
A route that demands `acr_values` or `max_age` looks at `acr` and `auth_time` among them.
With --certificate, the connection shows that client certificate. Whether an authority of the listener signed it is not looked at.

With --config, the file answers, and nobody is asked. With --live, the gateway that runs with that file answers by the \
configuration in force, at its admin listener, which must have a token (admin.token_file); so does the one at --admin.

Examples:
  doorward explain --config doorward.yaml https://app.example.com/admin
  doorward explain --config doorward.yaml --method POST https://app.example.com/api/orders
  doorward explain --config doorward.yaml --as ada.json https://app.example.com/admin
  doorward explain --config doorward.yaml --certificate till.pem https://app.example.com/till
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
    /// A file in PEM with the client certificate that the connection shows
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
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
    let pem = options.certificate.as_deref().map(read).transpose()?;
    let text = match options.at.file() {
        Some(file) if !options.live => {
            if options.at.has_token_file() {
                let what = "--token-file is for a gateway that runs: add --live, or name it by --admin";
                return Err(Failure::Usage(what.to_owned()));
            }
            let plan = load(file)?;
            let vouchers: Vec<_> = plan.providers.iter().map(crate::provider::Settings::voucher).collect();
            let certificate = pem.as_deref().map(certificate).transpose()?;
            let question = Question {
                method: &options.method,
                target,
                caller: Assumed {
                    claims: claims.as_ref(),
                    certificate: certificate.as_ref(),
                },
            };
            explain::explain(&plan.site, &vouchers, &question, Clock::system().now())
        }
        Some(_) | None => {
            let client = options.at.client()?;
            run::runtime()?.block_on(ask(&client, options, claims.as_ref(), pem.as_deref()))?
        }
    };
    write!(out, "{text}")?;
    Ok(())
}

async fn ask(
    client: &Client,
    options: &Options,
    claims: Option<&Claims>,
    pem: Option<&str>,
) -> Result<String, Failure> {
    // Looked at here already, and only what it shows to everybody is sent: a key may stand in the same file.
    let shown = pem.map(|pem| certificate(pem).map(|_| public_part(pem))).transpose()?;
    let mut question = serde_json::json!({
        "url": options.url,
        "method": options.method.as_str(),
        "claims": claims,
    });
    // Only where there is one: a gateway of an older version does not know the word.
    if let (Some(parts), Some(shown)) = (question.as_object_mut(), shown.flatten()) {
        parts.insert("certificate".to_owned(), shown.into());
    }
    let answer = client.explain(&question).await?;
    let text = answer.get("explanation").and_then(serde_json::Value::as_str);
    let text = text.ok_or_else(|| Failure::Admin(format!("{} does not answer as a gateway would", client.shown)))?;
    // Line by line, so that nothing there moves the cursor.
    Ok(text.lines().map(|line| super::table::plain(line) + "\n").collect())
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
}

fn certificate(pem: &str) -> Result<ClientCertificate, Failure> {
    let read = ClientCertificate::hypothetical(pem.as_bytes());
    read.map_err(|error| Failure::Usage(format!("--certificate: {error}")))
}

/// The first certificate of a PEM text, alone.
fn public_part(pem: &str) -> Option<&str> {
    const END: &str = "-----END CERTIFICATE-----";
    let (_, from) = pem.split_at_checked(pem.find("-----BEGIN CERTIFICATE-----")?)?;
    let (whole, _) = from.split_at_checked(from.find(END)? + END.len())?;
    Some(whole)
}

fn read_claims(path: &Path) -> Result<Claims, Failure> {
    let wrong = |why: String| Failure::Usage(format!("{}: {why}", path.display()));
    let text = read(path)?;
    serde_json::from_str(&text).map_err(|error| wrong(format!("not a JSON object of claims: {error}")))
}
