//! `doorward sessions`: lists and ends sessions at a running gateway.

use std::{io::Write, time::Duration};

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{Failure, client::At, table};
use crate::{
    config::written::{Written as _, measure::LengthOfTime},
    flow::{Filter, Wanted},
    oidc::ProviderName,
    server::run,
    session::Entry,
};

pub(super) const HELP: &str = "\
The gateway must run with admin.token_file (or token, or token_env). It is found by the configuration, or by --admin and \
--token-file. What is given must all fit; ending by subject or sid ends sign-ins under way as well.

Examples:
  doorward sessions list --config doorward.yaml
  doorward sessions list --config doorward.yaml --provider corporate --older-than 12h --json
  doorward sessions end --admin http://127.0.0.1:9090 --token-file admin-token --subject 5f2c
  doorward sessions list --config doorward.yaml --route payroll
  doorward sessions end --config doorward.yaml --id 3pHUpX-H0tD31lJ3Jz1mTkO1YdnMzTQF0bQ8Wz8wGdE
  doorward sessions end --config doorward.yaml --all

Exit codes: 0 done, 1 the gateway did not do it, 2 the configuration or the command line is wrong.";

/// What is asked about sessions.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print sessions
    List(List),
    /// End sessions, at once and on every replica
    End(End),
}

/// Which sessions are printed, and how.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    which: Which,
    /// Print no more than this
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    limit: usize,
    /// Print JSON: an object with the list `sessions`, times in seconds since 1970
    #[arg(long)]
    json: bool,
}

/// Which sessions are ended.
#[derive(Debug, Args)]
pub(super) struct End {
    #[command(flatten)]
    at: At,
    #[command(flatten)]
    which: Which,
    /// End every session: everybody is signed out
    #[arg(long, conflicts_with = "Which")]
    all: bool,
    /// Print JSON: an object with the number `ended`
    #[arg(long)]
    json: bool,
}

/// Which sessions.
#[derive(Debug, Args)]
struct Which {
    /// The session of this public identifier, as `list` prints it
    #[arg(long, allow_hyphen_values = true)]
    id: Option<String>,
    /// Sessions of this person: the provider's subject
    #[arg(long, allow_hyphen_values = true)]
    subject: Option<String>,
    /// Sessions of this session at the provider
    #[arg(long, allow_hyphen_values = true)]
    sid: Option<String>,
    /// Sessions that this provider of the configuration vouched for
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Sessions used on this route: the name that `explain` prints for it
    #[arg(long, value_name = "NAME")]
    route: Option<String>,
    /// Sessions made at least so long ago, such as 12h
    #[arg(long, value_name = "TIME", value_parser = length)]
    older_than: Option<Duration>,
    /// Sessions not used for at least so long
    #[arg(long, value_name = "TIME", value_parser = length)]
    idle_for: Option<Duration>,
}

/// Sessions asked for at once.
const PAGE: usize = 500;

pub(super) fn sessions(command: &Command, out: &mut impl Write) -> Result<(), Failure> {
    match command {
        Command::List(list) => run::runtime()?.block_on(print(list, out)),
        Command::End(end) => run::runtime()?.block_on(end_them(end, out)),
    }
}

async fn print(list: &List, out: &mut impl Write) -> Result<(), Failure> {
    let client = list.at.client()?;
    let mut found: Vec<Value> = Vec::new();
    let mut next: Option<String> = None;
    let more = loop {
        let mut query = query(&list.which);
        query.push(("limit", PAGE.to_string()));
        query.extend(next.take().map(|next| ("after", next)));
        let mut page = client.ask(http::Method::GET, &query).await?;
        if let Some(Value::Array(sessions)) = page.get_mut("sessions").map(Value::take) {
            found.extend(sessions);
        }
        next = page.get("next").and_then(Value::as_str).map(str::to_owned);
        if next.is_none() || found.len() >= list.limit {
            break next.is_some() || found.len() > list.limit;
        }
    };
    found.truncate(list.limit);
    if list.json {
        let printed = serde_json::json!({ "sessions": found, "more": more });
        writeln!(out, "{printed:#}")?;
        return Ok(());
    }
    write_table(&found, out)?;
    if more {
        writeln!(out, "and more: narrow the search, or raise --limit")?;
    }
    Ok(())
}

async fn end_them(end: &End, out: &mut impl Write) -> Result<(), Failure> {
    let mut query = query(&end.which);
    if end.all {
        query.push(("all", "true".to_owned()));
    }
    if query.is_empty() {
        let options = Filter::ALL.map(|filter| format!("--{}", filter.name().replace('_', "-")));
        let what = format!("say which sessions to end: {}, or --all", options.join(", "));
        return Err(Failure::Usage(what));
    }
    let answer = end.at.client()?.ask(http::Method::DELETE, &query).await?;
    let ended = answer.get("ended").and_then(Value::as_u64).unwrap_or(0);
    if end.json {
        writeln!(out, "{answer}")?;
    } else {
        let plural = if ended == 1 { "" } else { "s" };
        writeln!(out, "ended {ended} session{plural}")?;
    }
    Ok(())
}

/// The query that asks for these.
fn query(which: &Which) -> Vec<(&'static str, String)> {
    let Which {
        id,
        subject,
        sid,
        provider,
        route,
        older_than,
        idle_for,
    } = which;
    let wanted = Wanted {
        id: id.clone(),
        subject: subject.clone(),
        sid: sid.clone(),
        provider: provider.as_deref().map(ProviderName::new),
        route: route.clone(),
        older_than: *older_than,
        idle_for: *idle_for,
    };
    let given = wanted.given().into_iter();
    given.map(|(filter, value)| (filter.name(), value)).collect()
}

fn length(text: &str) -> Result<Duration, String> {
    LengthOfTime::read(text).map_err(|_| LengthOfTime::HINT.to_owned())
}

const TITLES: [&str; 7] = ["ID", "PROVIDER", "SUBJECT", "SIGNED IN", "LAST USED", "ENDS", "FROM"];

fn write_table(sessions: &[Value], out: &mut impl Write) -> Result<(), Failure> {
    let mut rows = vec![TITLES.map(str::to_owned)];
    for session in sessions {
        let entry = serde_json::from_value::<Entry>(session.clone())
            .map_err(|error| Failure::Admin(format!("the answer is not a list of sessions: {error}")))?;
        rows.push(row(&entry));
    }
    table::write(&rows, out)?;
    Ok(())
}

fn row(entry: &Entry) -> [String; 7] {
    let client = [entry.client.agent.as_deref(), entry.client.address.as_deref()];
    let from: Vec<&str> = client.into_iter().flatten().collect();
    [
        table::plain(&entry.id),
        table::plain(entry.provider.as_str()),
        table::plain(&entry.subject),
        entry.created.to_string(),
        entry.seen.to_string(),
        entry.expires.to_string(),
        table::plain(&from.join(", ")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_lines_up_and_cannot_play_with_the_terminal() {
        let session = |subject: &str| {
            serde_json::json!({
                "id": "one", "provider": "corporate", "issuer": "https://id.example", "subject": subject,
                "created": 1_795_425_514, "seen": 1_795_425_600, "expires": 1_795_429_000,
                "client": {"agent": "Firefox on Linux", "address": "203.0.113.0/24"},
            })
        };
        let mut out = Vec::new();
        write_table(&[session("ada"), session("e\u{1b}[2Jve-the-longer")], &mut out).unwrap();
        let printed = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = printed.lines().collect();
        let at = |line: usize, word: &str| lines[line].find(word).map(|at| lines[line][..at].chars().count());
        assert_eq!(lines.len(), 3);
        for (title, word) in [
            ("SUBJECT", "ada"),
            ("SIGNED IN", "2026-11-23T"),
            ("FROM", "Firefox on Linux, 203"),
        ] {
            assert_eq!(at(0, title), at(1, word), "{printed}");
        }
        assert_eq!(at(1, "2026"), at(2, "2026"), "{printed}");
        assert!(!printed.contains('\u{1b}'));
    }
}
