//! Requests that end before any hook sees them, since their heads are malformed or never come to an end, and connections
//! that end before any request.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::request::Serial;
use crate::{
    entropy::Entropy,
    telemetry::{Event, RequestLine, Telemetry, TurnedAway},
};

/// How long connections that are turned away for one reason make one line.
const MOMENT: Duration = Duration::from_secs(60);

/// Counts such requests and writes their access lines. Of their heads nothing is known that could be told.
#[derive(Clone, Debug)]
pub struct Unheard {
    telemetry: Telemetry,
    serial: Arc<Serial>,
    told: Arc<Mutex<HashMap<TurnedAway, Instant>>>,
}

/// Why nobody heard of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// Pingora could not read the head, and answered itself.
    Malformed,
    /// The head did not come to its end in time.
    Slow,
}

impl Unheard {
    /// Tells it to this telemetry.
    #[must_use]
    pub fn new(telemetry: Telemetry, entropy: &Entropy) -> Self {
        let serial = Arc::new(Serial::new(entropy));
        Self {
            telemetry,
            serial,
            told: Arc::default(),
        }
    }

    /// Tells of a connection that ended before its first request.
    pub fn turned_away(&self, why: TurnedAway, peer: Option<IpAddr>) {
        let now = Instant::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let again = told.get(&why).is_some_and(|last| now.duration_since(*last) < MOMENT);
        if !again {
            told.insert(why, now);
        }
        drop(told);
        self.telemetry.emit(&Event::TurnedAway { why, peer, again });
    }

    /// Tells of one request of a peer that was answered with this status after so long.
    pub fn tell(&self, cause: Cause, status: u16, peer: Option<IpAddr>, took: Duration) {
        let (outcome, error) = match cause {
            Cause::Malformed => ("malformed_head", "the request's head is not HTTP"),
            Cause::Slow => ("head_timeout", "the request's head did not come to its end in time"),
        };
        self.telemetry.emit(&Event::Request(RequestLine {
            request_id: &self.serial.take(),
            trace_id: None,
            method: "",
            host: "",
            path: "",
            route: "none",
            outcome,
            status,
            subject_hash: None,
            client: peer.map(|ip| ip.to_canonical()),
            took,
            decided: Duration::ZERO,
            upstream: None,
            sent: 0,
            received: 0,
            error: Some(error),
        }));
    }
}
