//! The model: replicas that renew one session, a store, a provider that rotates refresh tokens, and a seeded scheduler that
//! interleaves their steps and breaks things between any two. What a replica does at a step is what `flow` does.

use std::collections::HashMap;

use super::*;

const REPLICAS: usize = 3;
/// How long a lease lasts that nobody extends, in ticks of the scheduler.
const LEASE: u64 = 8;
/// How long an answer of the provider is waited for.
const TIMEOUT: u64 = 20;
/// How long a write-back is tried.
const PATIENCE: u64 = 10;
/// How long a lease lasts that nobody extends, once the token may be spent.
const LAPSE: u64 = TIMEOUT + PATIENCE + 2;
/// How often a record is read again while another holds the lease: a holder that died may hold it for longer.
const MOST_WAITS: u32 = 6;
const ACTIONS: usize = 160;

type Token = u32;
type FlightId = usize;

/// What is varied to see the model find it.
#[expect(clippy::struct_excessive_bools, reason = "one switch a duty")]
#[derive(Clone, Copy)]
struct Executor {
    next: fn(RenewStep, Observed) -> RenewStep,
    extends: bool,
    /// How long the lease lasts once the token may be spent.
    lapse: u64,
    checks_lease: bool,
    compares: bool,
    compares_at_end: bool,
    notes_count_as_changes: bool,
}

const SOUND: Executor = Executor {
    next: RenewStep::next,
    extends: true,
    lapse: LAPSE,
    checks_lease: true,
    compares: true,
    compares_at_end: true,
    notes_count_as_changes: false,
};

/// What may happen in a run.
#[derive(Clone, Copy, Default, Debug)]
struct Faults {
    /// Replicas die; calls under way stand still past the lease; answers are lost.
    losses: bool,
    /// The provider revokes, the person signs out.
    endings: bool,
    /// The store is away from one replica alone.
    cuts: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Row {
    version: u32,
    renewals: u32,
    token: Token,
}

#[derive(Debug)]
struct Store {
    row: Option<Row>,
    lease: Option<(FlightId, u64)>,
}

struct Provider {
    current: Token,
    revoked: bool,
    revokes_on_reuse: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    InTheAir,
    Granted,
    Refused,
    NeverArrived,
    Stored,
}

/// One refresh token sent to the provider.
struct Presentation {
    token: Token,
    by: FlightId,
    fate: Fate,
    /// Whether the answer is lost to whoever sent it.
    lost: bool,
}

struct Flight {
    id: FlightId,
    step: RenewStep,
    known: Row,
    holds: bool,
    /// Whether its lease is held to spend.
    spends: bool,
    sent: Option<u64>,
    granted: Option<Token>,
    /// Since when the new token is in hand.
    since: u64,
    waits: u32,
    paused: bool,
}

struct World {
    random: u64,
    now: u64,
    executor: Executor,
    store: Store,
    provider: Provider,
    flights: [Option<Flight>; REPLICAS],
    /// Whom the store is away from.
    cut: [bool; REPLICAS],
    presentations: Vec<Presentation>,
    /// Answers on their way: `None` for a connection that failed.
    answers: HashMap<FlightId, Option<Observed>>,
    next_flight: FlightId,
    next_token: Token,
    signed_out: bool,
    outcomes: Vec<Outcome>,
    /// What was found broken.
    broken: Option<String>,
}

impl World {
    fn new(seed: u64, executor: Executor) -> Self {
        let mut world = Self {
            random: seed,
            now: 0,
            executor,
            store: Store {
                row: Some(Row {
                    version: 1,
                    renewals: 0,
                    token: 1,
                }),
                lease: None,
            },
            provider: Provider {
                current: 1,
                revoked: false,
                revokes_on_reuse: true,
            },
            flights: [const { None }; REPLICAS],
            cut: [false; REPLICAS],
            presentations: Vec::new(),
            answers: HashMap::new(),
            next_flight: 0,
            next_token: 2,
            signed_out: false,
            outcomes: Vec::new(),
            broken: None,
        };
        world.provider.revokes_on_reuse = world.one_in(2);
        world
    }

    /// The `SplitMix64` generator.
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.draw().is_multiple_of(chances)
    }

    fn replica(&mut self) -> usize {
        usize::try_from(self.draw() % REPLICAS as u64).unwrap()
    }

    fn break_if(&mut self, broken: bool, what: impl FnOnce() -> String) {
        if broken && self.broken.is_none() {
            self.broken = Some(what());
        }
    }

    /// Whether a token was lost on the way to the store, so that a new sign-in is all that is left.
    fn lossy(&self) -> bool {
        self.presentations
            .iter()
            .any(|one| one.lost && matches!(one.fate, Fate::InTheAir | Fate::Granted))
    }

    fn run(&mut self, faults: Faults) {
        for _ in 0..ACTIONS {
            self.tick();
            self.act(faults);
        }
        self.cut = [false; REPLICAS];
        for replica in 0..REPLICAS {
            self.resume(replica);
        }
        for _ in 0..4000 {
            if self.flights.iter().all(Option::is_none) {
                break;
            }
            self.tick();
            self.deliver(Faults::default());
            let replica = self.replica();
            self.advance(replica, false);
        }
        self.break_if(self.flights.iter().any(Option::is_some), || {
            "a renewal never ends".to_owned()
        });
    }

    fn act(&mut self, faults: Faults) {
        let replica = self.replica();
        match self.draw() % 32 {
            0..=3 => self.start(replica),
            4..=8 => self.deliver(faults),
            9 | 10 => self.touch(),
            11 => self.pause(replica, faults),
            12 | 13 => self.resume(replica),
            14 if faults.losses => self.crash(replica),
            17 | 18 if faults.cuts && !self.cut.contains(&true) => self.cut[replica] = true,
            19 if faults.cuts && self.one_in(2) => self.cut = [false; REPLICAS],
            15 if faults.endings && self.one_in(4) => self.sign_out(),
            16 if faults.endings && self.one_in(4) => self.provider.revoked = true,
            _ => self.advance(replica, true),
        }
        let back = self.signed_out && self.store.row.is_some();
        self.break_if(back, || "a signed-out session came back".to_owned());
    }

    /// Time passes; whoever runs and reaches the store extends the lease it holds, and no deadline of theirs passes unheard.
    fn tick(&mut self) {
        self.now += 1;
        if let Some((owner, until)) = self.store.lease {
            let mut running = self.flights.iter().zip(self.cut);
            let extended = running.find_map(|(flight, cut)| {
                let flight = flight.as_ref().filter(|flight| flight.id == owner)?;
                let reaches = flight.holds && !flight.paused && !cut && self.executor.extends;
                (reaches && self.now <= until).then_some(if flight.spends { self.executor.lapse } else { LEASE })
            });
            if let Some(lapse) = extended {
                self.store.lease = Some((owner, self.now + lapse));
            } else if self.now > until {
                self.store.lease = None;
            }
        }
        for replica in 0..REPLICAS {
            if self.is_due(replica) {
                self.advance(replica, false);
            }
        }
    }

    fn is_due(&self, replica: usize) -> bool {
        self.flights[replica].as_ref().is_some_and(|flight| {
            let asked = flight.sent.is_some_and(|since| self.now > since + TIMEOUT);
            let saving = flight.step == RenewStep::Save && self.now > flight.since + PATIENCE;
            !flight.paused && (asked || saving)
        })
    }

    fn start(&mut self, replica: usize) {
        if let (None, Some(known)) = (&self.flights[replica], self.store.row) {
            let id = self.next_flight;
            self.next_flight += 1;
            let step = RenewStep::begin();
            let flight = Flight {
                id,
                step,
                known,
                holds: false,
                spends: false,
                sent: None,
                granted: None,
                since: 0,
                waits: 0,
                paused: false,
            };
            self.flights[replica] = Some(flight);
        }
    }

    /// A note of use.
    fn touch(&mut self) {
        if let Some(row) = &mut self.store.row
            && self.executor.notes_count_as_changes
        {
            row.version += 1;
        }
    }

    fn sign_out(&mut self) {
        self.store.row = None;
        self.signed_out = true;
    }

    /// A replica stands still. While a call is under way that may lose the answer, so it is a fault of its own.
    fn pause(&mut self, replica: usize, faults: Faults) {
        let Some(flight) = &mut self.flights[replica] else {
            return;
        };
        let spending = flight.sent.is_some() || flight.granted.is_some();
        if spending && !faults.losses {
            return;
        }
        flight.paused = true;
        let id = flight.id;
        if spending {
            self.lose(id);
        }
    }

    fn resume(&mut self, replica: usize) {
        if let Some(flight) = &mut self.flights[replica] {
            flight.paused = false;
        }
    }

    fn crash(&mut self, replica: usize) {
        if let Some(flight) = self.flights[replica].take() {
            self.lose(flight.id);
        }
    }

    fn lose(&mut self, by: FlightId) {
        let unstored = |one: &&mut Presentation| one.by == by && matches!(one.fate, Fate::InTheAir | Fate::Granted);
        for presentation in self.presentations.iter_mut().filter(unstored) {
            presentation.lost = true;
        }
    }

    /// One message reaches the provider, or does not.
    fn deliver(&mut self, faults: Faults) {
        let Some(at) = self.presentations.iter().position(|one| one.fate == Fate::InTheAir) else {
            return;
        };
        let (token, by) = (self.presentations[at].token, self.presentations[at].by);
        if self.one_in(12) {
            self.presentations[at].fate = Fate::NeverArrived;
            self.answers.insert(by, None);
            return;
        }
        let good = !self.provider.revoked && token == self.provider.current;
        if good {
            self.provider.current = self.next_token;
            self.next_token += 1;
            self.presentations[at].fate = Fate::Granted;
        } else {
            self.provider.revoked |= self.provider.revokes_on_reuse;
            self.presentations[at].fate = Fate::Refused;
        }
        let lost = faults.losses && self.one_in(8);
        if lost && good {
            self.presentations[at].lost = true;
        }
        let answer = if good { Observed::Granted } else { Observed::Refused };
        self.answers.insert(by, (!lost).then_some(answer));
    }

    /// One step of one replica.
    fn advance(&mut self, replica: usize, blips: bool) {
        let Some(mut flight) = self.flights[replica].take_if(|flight| !flight.paused) else {
            return;
        };
        let cut = self.cut[replica];
        let blip = cut || (blips && self.one_in(16));
        let observed = match flight.step {
            RenewStep::Finish(outcome) => {
                if flight.holds && !cut && self.holder() == Some(flight.id) {
                    self.store.lease = None;
                }
                self.outcomes.push(outcome);
                let unstored = flight.granted.is_some();
                if unstored {
                    // Out of patience with the store: the executor says so by `StoreDown`.
                    self.break_if(outcome != Outcome::StoreDown && outcome != Outcome::Ended, || {
                        format!("{outcome:?} with a new token in hand")
                    });
                    self.lose(flight.id);
                }
                return;
            }
            RenewStep::Spend => self.spend(&mut flight, cut),
            RenewStep::Save => self.save(&mut flight, blip, cut),
            RenewStep::Acquire | RenewStep::Await | RenewStep::Reread | RenewStep::RereadRefused | RenewStep::End
                if blip =>
            {
                Some(Observed::StoreDown)
            }
            RenewStep::Acquire => Some(self.acquire(&mut flight)),
            RenewStep::Await => {
                flight.waits += 1;
                Some(if flight.waits > MOST_WAITS {
                    Observed::DeadlinePassed
                } else {
                    self.reread(&mut flight)
                })
            }
            RenewStep::Reread | RenewStep::RereadRefused => Some(self.reread(&mut flight)),
            RenewStep::End => Some(self.end(&flight)),
        };
        if let Some(observed) = observed {
            flight.step = (self.executor.next)(flight.step, observed);
        }
        self.flights[replica] = Some(flight);
    }

    fn holder(&self) -> Option<FlightId> {
        self.store
            .lease
            .filter(|(_, until)| self.now <= *until)
            .map(|(owner, _)| owner)
    }

    fn acquire(&mut self, flight: &mut Flight) -> Observed {
        if self.holder().is_some_and(|owner| owner != flight.id) {
            return Observed::Busy;
        }
        self.store.lease = Some((flight.id, self.now + LEASE));
        flight.holds = true;
        Observed::Acquired
    }

    fn reread(&mut self, flight: &mut Flight) -> Observed {
        let Some(row) = self.store.row else {
            return Observed::Gone;
        };
        let newer = row.token != flight.known.token;
        let expired = self.one_in(3);
        flight.known = row;
        match (newer, expired) {
            (true, true) => Observed::NewerSpent,
            (true, false) => Observed::Newer,
            (false, _) => Observed::Same,
        }
    }

    fn spend(&mut self, flight: &mut Flight, cut: bool) -> Option<Observed> {
        let Some(since) = flight.sent else {
            if self.executor.checks_lease {
                if cut {
                    return Some(Observed::StoreDown);
                }
                if self.holder() != Some(flight.id) {
                    flight.holds = false;
                    return Some(Observed::LeaseLost);
                }
                flight.spends = true;
                self.store.lease = Some((flight.id, self.now + self.executor.lapse));
            }
            self.present(flight);
            return None;
        };
        let answer = match self.answers.remove(&flight.id) {
            Some(answer) => answer.unwrap_or(Observed::Unavailable),
            None if self.now > since + TIMEOUT => {
                self.lose(flight.id);
                Observed::Unavailable
            }
            None => return None,
        };
        flight.sent = None;
        if answer == Observed::Granted {
            flight.granted = Some(self.provider.current);
            flight.since = self.now;
        }
        Some(answer)
    }

    fn present(&mut self, flight: &mut Flight) {
        let token = flight.known.token;
        // Stored, in the air or granted: unless that was lost, whoever presents the token again knows better.
        let counts = |one: &&Presentation| {
            let reached = matches!(one.fate, Fate::InTheAir | Fate::Granted | Fate::Stored);
            one.token == token && reached && !one.lost
        };
        let twice = self.presentations.iter().find(counts).map(|one| (one.by, one.fate));
        self.break_if(twice.is_some(), || format!("token {token} spent twice: {twice:?}"));
        self.presentations.push(Presentation {
            token,
            by: flight.id,
            fate: Fate::InTheAir,
            lost: false,
        });
        flight.sent = Some(self.now);
    }

    fn save(&mut self, flight: &mut Flight, blip: bool, cut: bool) -> Option<Observed> {
        let Some(token) = flight.granted else {
            return Some(Observed::StoreDown);
        };
        if self.now > flight.since + PATIENCE {
            self.lose(flight.id);
            return Some(Observed::StoreDown);
        }
        // A store that does not answer may have written all the same.
        if cut || (blip && self.one_in(2)) {
            return None;
        }
        let found = self.store.row;
        if found.is_none() && self.executor.compares {
            return Some(Observed::Ended);
        }
        if self.executor.compares && found.map(|row| row.version) != Some(flight.known.version) {
            return self.superseded(flight, found);
        }
        let before = flight.known;
        self.store.row = Some(Row {
            version: before.version + 1,
            renewals: before.renewals + 1,
            token,
        });
        for one in self
            .presentations
            .iter_mut()
            .filter(|one| one.by == flight.id && one.fate == Fate::Granted)
        {
            one.fate = Fate::Stored;
        }
        if blip {
            return None;
        }
        flight.granted = None;
        Some(Observed::Saved)
    }

    fn superseded(&mut self, flight: &mut Flight, found: Option<Row>) -> Option<Observed> {
        flight.known = found?;
        let ours = self
            .presentations
            .iter()
            .any(|one| one.by == flight.id && one.fate == Fate::Stored);
        if ours {
            flight.granted = None;
        }
        Some(Observed::Superseded)
    }

    fn end(&mut self, flight: &Flight) -> Observed {
        let newer = self.store.row.is_some_and(|row| row.version != flight.known.version);
        if newer && self.executor.compares_at_end {
            return Observed::Superseded;
        }
        if let Some(row) = self.store.row.take() {
            let good = !self.provider.revoked && row.token == self.provider.current;
            self.break_if(good, || "a session with a good token was ended".to_owned());
        }
        Observed::Ended
    }
}

/// Runs a seed and says what broke.
fn broken(seed: u64, executor: Executor, faults: Faults) -> Option<String> {
    let mut world = World::new(seed, executor);
    world.run(faults);
    let innocent = !faults.endings && !world.lossy() && !world.presentations.iter().any(|one| one.lost);
    let ended = world.store.row.is_none() || world.outcomes.contains(&Outcome::Ended);
    world.break_if(innocent && ended, || "signed out by a race".to_owned());
    let kept = world.store.row.map(|row| row.token);
    world.break_if(innocent && kept != Some(world.provider.current), || {
        "the new token was lost".to_owned()
    });
    world.broken
}

/// Each with each.
fn all_faults() -> impl Iterator<Item = Faults> {
    (0..8).map(|bits: u8| Faults {
        losses: bits & 1 != 0,
        endings: bits & 2 != 0,
        cuts: bits & 4 != 0,
    })
}

/// The first seed and fault that break it.
fn first_broken(executor: Executor, seeds: u64) -> Option<String> {
    (0..seeds).find_map(|seed| {
        all_faults().find_map(|faults| {
            let what = broken(seed, executor, faults)?;
            Some(format!("seed {seed}, {faults:?}: {what}"))
        })
    })
}

// RF-01, RF-02, RF-03, RF-04, BL-10, GW-02, GW-11, RS-17
#[test]
fn the_invariants_hold() {
    assert_eq!(first_broken(SOUND, 4000), None);
}

#[test]
fn the_model_goes_everywhere() {
    let mut seen = std::collections::HashSet::new();
    for seed in 0..500 {
        for faults in all_faults() {
            let mut world = World::new(seed, SOUND);
            world.run(faults);
            seen.extend(world.outcomes);
        }
    }
    let reached = [
        Outcome::Renewed,
        Outcome::RenewedElsewhere,
        Outcome::RenewingElsewhere,
        Outcome::Ended,
        Outcome::ProviderDown,
        Outcome::StoreDown,
    ];
    for outcome in reached {
        assert!(seen.contains(&outcome), "{outcome:?}");
    }
}

fn found(executor: Executor, what: &str) {
    let broken = first_broken(executor, 4000).unwrap_or_default();
    assert!(broken.contains(what), "{what:?} not found: {broken:?}");
}

#[test]
fn the_model_finds_a_spender_whose_lease_lapsed() {
    found(
        Executor {
            checks_lease: false,
            ..SOUND
        },
        "spent twice",
    );
}

#[test]
fn the_model_finds_a_write_without_comparison() {
    found(
        Executor {
            compares: false,
            ..SOUND
        },
        "came back",
    );
}

#[test]
fn the_model_finds_an_end_without_comparison() {
    found(
        Executor {
            compares_at_end: false,
            ..SOUND
        },
        "good token was ended",
    );
}

#[test]
fn the_model_finds_a_new_token_dropped_for_a_note_of_use() {
    found(
        Executor {
            notes_count_as_changes: true,
            ..SOUND
        },
        "with a new token in hand",
    );
}

#[test]
fn the_model_finds_a_spender_without_lease() {
    let next = |step: RenewStep, observed| match (step, observed) {
        (RenewStep::Acquire, Observed::Busy) => RenewStep::Reread,
        (step, observed) => step.next(observed),
    };
    found(
        Executor {
            next,
            checks_lease: false,
            ..SOUND
        },
        "spent twice",
    );
}

#[test]
fn the_model_finds_a_spender_who_did_not_read_again() {
    let next = |step: RenewStep, observed| match (step, observed) {
        (RenewStep::Acquire, Observed::Acquired) => RenewStep::Spend,
        (step, observed) => step.next(observed),
    };
    found(Executor { next, ..SOUND }, "spent twice");
}

#[test]
fn the_model_finds_a_lease_that_is_not_extended() {
    found(
        Executor {
            extends: false,
            lapse: LEASE,
            ..SOUND
        },
        "spent twice",
    );
}

#[test]
fn the_model_finds_a_lease_that_lapses_before_the_write_back_is_given_up() {
    // The store is away from the holder alone, first for the call, then with the new token in hand.
    for lapse in [LEASE, PATIENCE + 2, TIMEOUT + 2] {
        found(Executor { lapse, ..SOUND }, "spent twice");
    }
}

#[test]
fn the_model_finds_a_session_ended_for_a_token_that_is_another_by_now() {
    // Such a race takes a holder who stood still past its lease while its call was under way.
    let next = |step: RenewStep, observed| match (step, observed) {
        (RenewStep::RereadRefused, Observed::NewerSpent) => RenewStep::End,
        (step, observed) => step.next(observed),
    };
    found(Executor { next, ..SOUND }, "good token was ended");
}

#[test]
fn the_model_finds_a_session_ended_because_the_provider_was_away() {
    let next = |step: RenewStep, observed| match (step, observed) {
        (RenewStep::Spend, Observed::Unavailable) => RenewStep::End,
        (step, observed) => step.next(observed),
    };
    found(Executor { next, ..SOUND }, "good token was ended");
}
