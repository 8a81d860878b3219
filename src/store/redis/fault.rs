//! What went wrong with a call, and what it means: for the call, for the connection, for the operator.

use redis::{ErrorKind, RedisError};

use crate::store::{Down, RedisAddress};

/// Why there is no answer, or not the one that was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// It failed a moment ago, and was not asked.
    Paused(String),
    /// There is no connection: nothing was sent.
    Unreachable(String),
    /// No answer within the deadline.
    Silent,
    /// The connection broke under the call, which may have been carried out or not.
    Broken(String),
    /// The server refused: nothing was carried out.
    Refused(Refusal, String),
}

/// What a server refuses with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    /// The key is at another server of the cluster, from now on.
    Moved(Option<(String, u16)>),
    /// The key is about to be at another server of the cluster, which is to be asked this once.
    Ask(Option<(String, u16)>),
    /// It passes by itself, in a moment: slots on their way, a cluster that just lost a server.
    Soon,
    /// It passes by itself, but later: the data set is being loaded, a script holds the server up.
    Busy,
    /// It is no master, or not one that may take writes any more.
    NotMaster,
    /// No room, or no disk: reads go on.
    Full,
    /// Nobody is let in like this.
    Login,
    /// Let in, and not allowed to.
    Permission,
    /// The script is not there yet.
    NoScript,
    /// Something of another program's is kept there.
    Foreign,
    /// Anything else.
    Other,
}

impl Fault {
    /// What an error on the way to a server means.
    pub(super) fn at(address: &RedisAddress, error: &RedisError) -> Self {
        match Self::of(error) {
            Self::Refused(refusal, text) => Self::Refused(refusal, format!("{address}: {text}")),
            Self::Silent => Self::late(address),
            Self::Broken(text) | Self::Unreachable(text) | Self::Paused(text) => {
                let hint = if text.contains("InvalidContentType") {
                    "; does it speak TLS?"
                } else {
                    ""
                };
                Self::Unreachable(format!("{address}: {text}{hint}"))
            }
        }
    }

    /// There was no connection within the deadline.
    pub(super) fn late(address: &RedisAddress) -> Self {
        // A server without TLS waits for the rest of a line that never comes.
        let hint = if address.is_tls() { "; does it speak TLS?" } else { "" };
        Self::Unreachable(format!("{address}: no connection in time{hint}"))
    }

    /// What an error under a call means.
    pub(super) fn of(error: &RedisError) -> Self {
        if error.is_timeout() {
            return Self::Silent;
        }
        if !is_answer(error) {
            return Self::Broken(error.to_string());
        }
        // As it came: the crate has names of its own for some codes.
        let text = match (error.code(), error.detail()) {
            (Some(code), Some(detail)) => format!("{code} {detail}"),
            (Some(_) | None, _) => error.to_string(),
        };
        Self::Refused(refusal(error), text)
    }

    /// Whether the server is there, and able to serve.
    pub(super) fn is_answer(&self) -> bool {
        match self {
            Self::Paused(_) | Self::Unreachable(_) | Self::Silent | Self::Broken(_) => false,
            Self::Refused(refusal, _) => match refusal {
                Refusal::Busy | Refusal::Login => false,
                Refusal::Moved(_)
                | Refusal::Ask(_)
                | Refusal::Soon
                | Refusal::NotMaster
                | Refusal::Full
                | Refusal::Permission
                | Refusal::NoScript
                | Refusal::Foreign
                | Refusal::Other => true,
            },
        }
    }

    /// Whether the connection is of no more use, whatever it leads to.
    pub(super) fn spoils_connection(&self) -> bool {
        match self {
            Self::Broken(_) => true,
            Self::Paused(_) | Self::Unreachable(_) | Self::Silent => false,
            Self::Refused(refusal, _) => match refusal {
                Refusal::Login => true,
                Refusal::Moved(_)
                | Refusal::Ask(_)
                | Refusal::Soon
                | Refusal::NotMaster
                | Refusal::Busy
                | Refusal::Full
                | Refusal::Permission
                | Refusal::NoScript
                | Refusal::Foreign
                | Refusal::Other => false,
            },
        }
    }
}

impl From<Fault> for Down {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Paused(cause) => Self::Paused(cause),
            Fault::Unreachable(cause) | Fault::Broken(cause) => Self::Unreachable(cause),
            Fault::Silent => Self::TimedOut,
            Fault::Refused(refusal, text) => Self::Refused(format!("{text}{}", advice(&refusal))),
        }
    }
}

/// What the operator can do, or need not.
const fn advice(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Moved(_) | Refusal::Ask(_) => " (this is a Redis Cluster: write session.redis.cluster)",
        Refusal::Soon | Refusal::Busy => " (it passes by itself)",
        Refusal::NotMaster => " (this is a replica, or cut off from its own: look at who is the master)",
        Refusal::Full => " (Redis takes no writes: look at its memory and disk; nobody can sign in meanwhile)",
        Refusal::Login => " (look at user and password below session.redis)",
        Refusal::Permission => " (the ACL user lacks a permission: docs/redis.md lists them)",
        Refusal::NoScript | Refusal::Foreign | Refusal::Other => "",
    }
}

/// Whether the server itself said so.
fn is_answer(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Server(_)
            | ErrorKind::Extension
            | ErrorKind::AuthenticationFailed
            | ErrorKind::UnexpectedReturnType
            | ErrorKind::RESP3NotSupported
    )
}

fn refusal(error: &RedisError) -> Refusal {
    if error.kind() == ErrorKind::AuthenticationFailed {
        return Refusal::Login;
    }
    let node = || error.redirect_node().and_then(|(node, _)| node_address(node));
    match error.code() {
        Some("MOVED") => Refusal::Moved(node()),
        Some("ASK") => Refusal::Ask(node()),
        Some("WRONGTYPE") => Refusal::Foreign,
        Some("ERR") => within(error.detail().unwrap_or_default()),
        Some(code) => by_code(code),
        None => Refusal::Other,
    }
}

fn by_code(code: &str) -> Refusal {
    match code {
        "TRYAGAIN" | "CLUSTERDOWN" | "MASTERDOWN" => Refusal::Soon,
        "LOADING" | "BUSY" => Refusal::Busy,
        "READONLY" | "NOREPLICAS" => Refusal::NotMaster,
        "OOM" | "MISCONF" => Refusal::Full,
        "NOAUTH" | "WRONGPASS" => Refusal::Login,
        "NOPERM" => Refusal::Permission,
        "NOSCRIPT" => Refusal::NoScript,
        _ => Refusal::Other,
    }
}

/// Before version 7, what a command in a script was refused with is within the text of the script's own error.
fn within(text: &str) -> Refusal {
    text.split(|c: char| c.is_whitespace() || c == ':')
        .filter_map(|word| word.strip_prefix('-'))
        .map(by_code)
        .find(|refusal| *refusal != Refusal::Other)
        .unwrap_or_else(|| {
            if text.contains("max number of clients") {
                Refusal::Busy
            } else {
                Refusal::Other
            }
        })
}

/// `host:port`, where the host may be an IPv6 address without brackets, or nothing for "where you asked".
fn node_address(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Some((host.to_owned(), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Fault {
        let reply = redis::parse_redis_value(format!("-{text}\r\n").as_bytes()).unwrap();
        Fault::of(&reply.extract_error().unwrap_err())
    }

    fn refused(text: &str) -> Refusal {
        let Fault::Refused(refusal, _) = told(text) else {
            panic!("{text}")
        };
        refusal
    }

    // RS-06, RS-07, RS-11
    #[test]
    fn what_a_server_says_is_understood() {
        let there = Some(("10.0.0.7".to_owned(), 6380));
        for (text, refusal) in [
            ("MOVED 3999 10.0.0.7:6380", Refusal::Moved(there.clone())),
            ("ASK 3999 10.0.0.7:6380", Refusal::Ask(there)),
            ("MOVED 3999 ::1:6380", Refusal::Moved(Some(("::1".to_owned(), 6380)))),
            ("MOVED 3999 :6380", Refusal::Moved(Some((String::new(), 6380)))),
            ("TRYAGAIN Multiple keys request during rehashing of slot", Refusal::Soon),
            ("CLUSTERDOWN The cluster is down", Refusal::Soon),
            ("LOADING Redis is loading the dataset in memory", Refusal::Busy),
            ("BUSY Redis is busy running a script.", Refusal::Busy),
            ("ERR max number of clients reached", Refusal::Busy),
            (
                "READONLY You can't write against a read only replica.",
                Refusal::NotMaster,
            ),
            ("NOREPLICAS Not enough good replicas to write.", Refusal::NotMaster),
            ("OOM command not allowed when used memory > 'maxmemory'.", Refusal::Full),
            ("MISCONF Redis is configured to save RDB snapshots", Refusal::Full),
            ("NOAUTH Authentication required.", Refusal::Login),
            (
                "WRONGPASS invalid username-password pair or user is disabled.",
                Refusal::Login,
            ),
            (
                "NOPERM this user has no permissions to run the 'get' command",
                Refusal::Permission,
            ),
            ("NOSCRIPT No matching script. Please use EVAL.", Refusal::NoScript),
            ("WRONGTYPE Operation against a key", Refusal::Foreign),
            ("ERR unknown command 'GET'", Refusal::Other),
            // Redis 6
            (
                "ERR Error running script (call to f_1): @user_script:4: -READONLY You can't write against a read only replica.",
                Refusal::NotMaster,
            ),
            (
                "ERR Error running script (call to f_1): @user_script:4: -OOM command not allowed",
                Refusal::Full,
            ),
        ] {
            assert_eq!(refused(text), refusal, "{text}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let down = Down::from(told("WRONGPASS invalid username-password pair or user is disabled."));
        assert!(down.to_string().contains("session.redis"), "{down}");
        let down = Down::from(told("NOPERM this user has no permissions to run the 'get' command"));
        assert!(down.to_string().contains("docs/redis.md"), "{down}");
    }
}
