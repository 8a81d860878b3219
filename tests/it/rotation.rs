//! The key ring is changed under people who are signed in: accept, promote, retire, with replicas out of step.

use std::{fs, path::PathBuf, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward::{
    config,
    keys::{KeyId, RingFile, generate},
    proxy::Bind,
    server::Up,
    time::UnixTime,
};
use http::StatusCode;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::Value;

use crate::{
    harness::{
        browser::Browser,
        gateway::{Wishes, World, serve},
        shell::{Ran, doorward},
        upstream::{Act, Upstream, response},
    },
    outage::Redis,
};

const HOUR: Duration = Duration::from_secs(3600);
/// `session.absolute_timeout` of the fleet.
const LIFE: Duration = Duration::from_secs(3 * 3600);
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

struct Replica {
    up: Up,
    yaml: String,
    keys: PathBuf,
    base: String,
}

/// Three gateways with one store, and people who are signed in.
struct Fleet {
    world: World,
    _redis: Redis,
    _folder: tempfile::TempDir,
    replicas: Vec<Replica>,
    people: Vec<(UnixTime, Browser)>,
    key_sets: Vec<(UnixTime, Value)>,
}

impl Fleet {
    async fn start() -> Self {
        let redis = Redis::start().await;
        let folder = tempfile::tempdir().unwrap();
        let world = World::with(Wishes {
            session: redis.yaml() + "  idle_timeout: 3h\n  absolute_timeout: 3h\n",
            ..Wishes::default()
        })
        .await;
        let first = format!("key-0 {}\n", generate([100; 32]));
        let mut replicas = Vec::new();
        for number in 0..3 {
            let keys = folder.path().join(format!("{number}.keys"));
            fs::write(&keys, &first).unwrap();
            let yaml: Vec<String> = world
                .yaml
                .lines()
                .map(|line| {
                    if line.trim_start().starts_with("keys: [") {
                        format!("  keys_file: {}", keys.display())
                    } else {
                        line.to_owned()
                    }
                })
                .collect();
            let yaml = yaml.join("\n");
            let up = serve(&yaml, &world.clock).await;
            let Bind::Tcp(address) = up.addresses()[0] else {
                panic!("a replica has a port")
            };
            replicas.push(Replica {
                up,
                yaml,
                keys,
                base: format!("http://app.test:{}", address.port()),
            });
        }
        Self {
            world,
            _redis: redis,
            _folder: folder,
            replicas,
            people: Vec::new(),
            key_sets: Vec::new(),
        }
    }

    /// One replica gets its file changed and reads it.
    fn change(&mut self, replica: usize, edit: impl Fn(&mut RingFile)) {
        let replica = &mut self.replicas[replica];
        let mut file = RingFile::parse(&fs::read_to_string(&replica.keys).unwrap()).unwrap();
        edit(&mut file);
        fs::write(&replica.keys, file.text().as_str()).unwrap();
        let plan = config::from_text("replica.yaml", &replica.yaml).unwrap();
        assert!(replica.up.reload(plan).unwrap().waits.is_empty());
    }

    async fn sign_in(&mut self, replica: usize) {
        let person = Browser::new();
        let page = person.open(&format!("{}/", self.replicas[replica].base)).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        self.people.push((self.world.clock.now(), person));
    }

    /// Everybody whose session lives is let in by every replica, with an assertion that every key set of the last hour
    /// verifies.
    async fn holds(&mut self, when: &str) {
        let now = self.world.clock.now();
        for replica in &self.replicas {
            let set = Browser::new()
                .fetch(&format!("{}/.doorward/jwks.json", replica.base))
                .await;
            // One that is served for long is the same set, kept last just now.
            let set = set.json();
            self.key_sets.retain(|(_, known)| *known != set);
            self.key_sets.push((now, set));
        }
        // An hour old is read anew.
        self.key_sets.retain(|(kept, _)| *kept > now - HOUR);
        self.people.retain(|(since, _)| now < *since + LIFE);
        for (number, replica) in self.replicas.iter().enumerate() {
            for (since, person) in &self.people {
                let status = person.fetch(&format!("{}/", replica.base)).await.status;
                assert_eq!(status, StatusCode::OK, "{when}: {since} at {number}");
                let seen = self.world.upstream.requests().pop().unwrap();
                let assertion = seen.header("x-doorward-assertion")[0];
                for (kept, set) in &self.key_sets {
                    assert!(
                        verifies(assertion, set),
                        "{when}: at {number}, with the key set of {kept}"
                    );
                }
            }
        }
    }

    /// A step on every replica, in this order, with sign-ins wherever it has come to.
    async fn step(&mut self, what: &str, order: [usize; 3], edit: impl Fn(&mut RingFile) + Copy) {
        for replica in order {
            self.change(replica, edit);
            self.sign_in(replica).await;
            self.holds(&format!("{what}, {order:?}, after {replica}")).await;
        }
    }

    async fn pass(&mut self, time: Duration) {
        // Half of it at a time, since key sets are kept and read again meanwhile.
        for _ in 0..2 {
            self.world.clock.advance(time / 2);
            self.holds("meanwhile").await;
        }
    }
}

fn verifies(assertion: &str, set: &Value) -> bool {
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let header: Value = serde_json::from_slice(&decode(signed.split('.').next().unwrap())).unwrap();
    let mut keys = set["keys"].as_array().unwrap().iter();
    let Some(key) = keys.find(|key| key["kid"] == header["kid"]) else {
        return false;
    };
    let point = |name: &str| decode(key[name].as_str().unwrap());
    let public = [vec![4], point("x"), point("y")].concat();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public)
        .verify(signed.as_bytes(), &decode(signature))
        .is_ok()
}

fn id(number: usize) -> KeyId {
    KeyId::parse(&format!("key-{number}")).unwrap()
}

// GW-07: rings of replicas are out of step for a while, whatever the order.
#[tokio::test]
async fn a_rotation_signs_nobody_out_whatever_the_order_of_the_replicas() {
    let mut fleet = Fleet::start().await;
    let now = fleet.world.clock.now();
    for (turn, accept) in ORDERS.into_iter().enumerate() {
        let (promote, retire) = (ORDERS[(turn + 1) % 6], ORDERS[(turn + 2) % 6]);
        let (old, new) = (id(turn), id(turn + 1));
        let material = generate([u8::try_from(turn).unwrap() + 1; 32]);
        fleet.sign_in(turn % 3).await;
        fleet
            .step("accept", accept, |file| {
                file.accept(new.as_str(), &material, now).unwrap();
            })
            .await;
        fleet.pass(HOUR).await;
        fleet.step("promote", promote, |file| file.promote(&new, now)).await;
        fleet.pass(HOUR * 2).await;
        // So that somebody is there for the retirement.
        fleet.sign_in(turn % 3).await;
        fleet.pass(HOUR).await;
        fleet.step("retire", retire, |file| drop(file.retire(&old))).await;
        assert!(fleet.people.len() > 3, "{}", fleet.people.len());
    }
}

// The other way round: what the steps are there for.
#[tokio::test]
async fn a_key_that_one_replica_lacks_is_no_session_there() {
    let mut fleet = Fleet::start().await;
    let (now, material) = (fleet.world.clock.now(), generate([1; 32]));
    fleet.change(0, |file| {
        file.accept("key-1", &material, now).unwrap();
        file.promote(&id(1), now);
    });
    fleet.sign_in(0).await;
    let person = &fleet.people[0].1;
    let status = person.fetch(&format!("{}/", fleet.replicas[1].base)).await.status;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

async fn keys(folder: &tempfile::TempDir, args: &[&str]) -> Ran {
    doorward(folder.path(), &[&["keys"], args].concat()).await
}

#[tokio::test]
async fn a_running_gateway_says_what_its_keys_did_and_guards_its_ring() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("session.keys");
    fs::write(&file, format!("first {}\n", generate([9; 32]))).unwrap();
    let mut world = World::with(Wishes {
        session: format!("  store: memory\n  keys_file: {}\n", file.display()),
        ..Wishes::default()
    })
    .await;
    let person = Browser::new();
    person.open(&world.url("/")).await;
    let admin = world.admin.clone();
    let at = |more: &[&'static str]| {
        let mut args = vec![
            "--file".to_owned(),
            "session.keys".to_owned(),
            "--admin".to_owned(),
            admin.clone(),
        ];
        args.extend(more.iter().map(|word| (*word).to_owned()));
        args
    };
    let run = async |command: &str, more: &[&'static str]| {
        let args = at(more);
        let args: Vec<&str> = std::iter::once(command)
            .chain(args.iter().map(String::as_str))
            .collect();
        keys(&folder, &args).await
    };
    let status = run("status", &[]).await;
    assert_eq!(status.code, Some(0), "{}", status.err);
    let line = status.out.lines().nth(1).unwrap();
    assert!(line.starts_with("first") && line.contains("1 seals"), "{}", status.out);
    let sealed: u64 = line.split_whitespace().nth(5).unwrap().parse().unwrap();
    assert!(sealed >= 1, "{line}");

    let accepted = run("rotate", &["accept", "second"]).await;
    assert_eq!(accepted.code, Some(0), "{}", accepted.err);
    let text = fs::read_to_string(&file).unwrap();
    assert!(!accepted.out.contains(text.split_whitespace().nth(1).unwrap()));
    let lacks = run("status", &[]).await;
    assert_eq!(lacks.code, Some(1));
    assert!(
        lacks.out.contains("lacks it") && lacks.err.contains("has another ring: first"),
        "{}{}",
        lacks.out,
        lacks.err
    );
    assert!(run("rotate", &["promote"]).await.err.contains("does not have it"));
    let yaml = world.yaml.clone();
    world.reload(&yaml).unwrap();
    assert_eq!(run("status", &[]).await.code, Some(0));
    let early = run("rotate", &["promote"]).await;
    assert_eq!(early.code, Some(1));
    assert!(
        early.err.contains("second cannot be promoted now") && early.err.contains("wait until"),
        "{}",
        early.err
    );
    assert!(run("rotate", &[]).await.err.contains("wait until"));
    assert_eq!(fs::read_to_string(&file).unwrap(), text, "nothing was changed");

    assert_eq!(run("rotate", &["promote", "--force"]).await.code, Some(0));
    world.reload(&yaml).unwrap();
    assert_eq!(person.fetch(&world.url("/")).await.status, StatusCode::OK);
    let warm = run("rotate", &["retire"]).await;
    assert_eq!(warm.code, Some(1));
    assert!(warm.err.contains("first cannot be retired now"), "{}", warm.err);
    assert_eq!(
        run("rotate", &["retire", "second", "--force"]).await.code,
        Some(0),
        "told so"
    );
    let gone = keys(
        &folder,
        &["status", "--file", "session.keys", "--admin", "http://127.0.0.1:1"],
    )
    .await;
    assert_eq!(gone.code, Some(1));
    assert!(gone.err.contains("does not answer"), "{}", gone.err);
}

/// An admin listener that says so of its keys.
async fn says(keys: &[(&str, &str, u64)], since: i64) -> Upstream {
    let lines = keys.iter().map(|(kid, fingerprint, place)| {
        let labels = format!("{{fingerprint=\"{fingerprint}\",kid=\"{kid}\"}}");
        format!("doorward_key_place{labels} {place}\ndoorward_key_since_timestamp_seconds{labels} {since}\n")
    });
    let upstream = Upstream::start().await;
    upstream.always(Act::Answer(response("200 OK", "", &lines.collect::<String>())));
    upstream
}

#[tokio::test]
async fn a_rotation_from_the_shell_comes_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("session.keys");
    fs::write(&file, format!("# ours\nold {}\n", generate([9; 32]))).unwrap();
    let print = |name: &str| {
        let file = RingFile::parse(&fs::read_to_string(&file).unwrap()).unwrap();
        file.entries()
            .find(|entry| entry.key.id.as_str() == name)
            .unwrap()
            .key
            .fingerprint()
    };
    let idle = keys(&folder, &["rotate", "--file", "session.keys"]).await;
    assert!(
        idle.code == Some(0) && idle.out.contains("no rotation is under way"),
        "{}",
        idle.out
    );
    assert_eq!(
        keys(&folder, &["rotate", "--file", "session.keys", "accept", "new"])
            .await
            .code,
        Some(0)
    );
    let twice = keys(&folder, &["rotate", "--file", "session.keys", "accept"]).await;
    assert!(
        twice.code == Some(1) && twice.err.contains("new was accepted already"),
        "{}",
        twice.err
    );
    let unasked = keys(&folder, &["rotate", "--file", "session.keys", "promote"]).await;
    assert!(
        unasked.code == Some(1) && unasked.err.contains("no replica was asked"),
        "{}",
        unasked.err
    );

    let (old, new) = (print("old"), print("new"));
    let other = says(&[("old", &old, 1), ("new", "00000000", 2)], 1000).await;
    let ready = says(&[("old", &old, 1), ("new", &new, 2)], 1000).await;
    let (other, ready) = (
        format!("http://{}", other.address()),
        format!("http://{}", ready.address()),
    );
    let both = ["rotate", "--file", "session.keys", "--admin", &ready, "--admin", &other];
    let differs = keys(&folder, &[&both[..], &["promote"]].concat()).await;
    assert!(
        differs.code == Some(1) && differs.err.contains("another key by this name"),
        "{}",
        differs.err
    );
    let one = ["rotate", "--file", "session.keys", "--admin", &ready];
    assert!(keys(&folder, &one).await.out.contains("safe now"));
    let promoted = keys(&folder, &[&one[..], &["promote"]].concat()).await;
    assert_eq!(promoted.code, Some(0), "{}", promoted.err);

    let seals = keys(&folder, &[&one[..], &["retire"]].concat()).await;
    assert!(
        seals.code == Some(1) && seals.err.contains("still seals with it"),
        "{}",
        seals.err
    );
    let cold = says(&[("new", &new, 1), ("old", &old, 2)], 1000).await;
    let cold = format!("http://{}", cold.address());
    let at = ["--file", "session.keys", "--admin", &cold];
    let status = keys(&folder, &[&["status"][..], &at].concat()).await;
    assert!(
        status.code == Some(0) && status.out.contains("old may be retired: it is cold"),
        "{}",
        status.out
    );
    let retired = keys(&folder, &[&["rotate"][..], &at, &["retire"]].concat()).await;
    assert_eq!(retired.code, Some(0), "{}", retired.err);
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        text.starts_with("# ours\nnew ") && text.lines().count() == 2,
        "the comment and one key"
    );
    assert_eq!(
        keys(&folder, &["rotate", "--file", "session.keys", "retire", "new"])
            .await
            .code,
        Some(1)
    );
}

/// What the metrics say of one key: how often it found and opened a session, and when it was last used for either.
async fn of_key(world: &World, kid: &str) -> [i64; 3] {
    let kid = format!("kid=\"{kid}\"");
    let figure = async |name: &str, what: &str| {
        let found = world.metric(name, &[&kid, &format!("use=\"{what}\"")]).await;
        format!("{found:.0}").parse::<i64>().unwrap()
    };
    [
        figure("doorward_key_uses_total", "find").await,
        figure("doorward_key_uses_total", "open").await,
        figure("doorward_key_last_used_timestamp_seconds", "find").await,
    ]
}

// CK-09
#[tokio::test]
async fn the_metrics_tell_whether_a_key_still_finds_anybody() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("session.keys");
    fs::write(&file, format!("old {}\n", generate([9; 32]))).unwrap();
    let mut world = World::with(Wishes {
        // Nothing that was opened stays in the process for long, so that the store is asked.
        session: format!(
            "  store: memory\n  cache: {{ max_sessions: 1 }}\n  keys_file: {}\n",
            file.display()
        ),
        ..Wishes::default()
    })
    .await;
    let sign_in = async |world: &World| {
        let person = Browser::new();
        assert_eq!(person.open(&world.url("/")).await.status, StatusCode::OK);
        person
    };
    // Until the store was asked, by this key, for one of them: the process keeps one session for long, whosever it likes.
    let until_found = async |world: &World, people: &[Browser; 2], kid: &str| {
        let [found, ..] = of_key(world, kid).await;
        let asking = async {
            while of_key(world, kid).await[0] == found {
                for person in people {
                    assert_eq!(person.fetch(&world.url("/")).await.status, StatusCode::OK);
                }
            }
        };
        let asked = tokio::time::timeout(Duration::from_secs(20), asking).await;
        assert!(asked.is_ok(), "{kid} found nobody");
    };
    let before = [sign_in(&world).await, sign_in(&world).await];
    let mut ring = RingFile::parse(&fs::read_to_string(&file).unwrap()).unwrap();
    let (now, new) = (world.clock.now(), KeyId::parse("new").unwrap());
    ring.accept("new", &generate([1; 32]), now).unwrap();
    ring.promote(&new, now);
    fs::write(&file, ring.text().as_str()).unwrap();
    let yaml = world.yaml.clone();
    world.reload(&yaml).unwrap();

    let after = [sign_in(&world).await, sign_in(&world).await];
    let [_, opened, _] = of_key(&world, "old").await;
    until_found(&world, &before, "old").await;
    assert!(of_key(&world, "old").await[1] > opened, "opened by it, too");

    // Sealed anew by the first key at the next renewal, and still where the old key put it.
    world.clock.advance(Duration::from_secs(301));
    for person in &before {
        assert_eq!(person.fetch(&world.url("/")).await.status, StatusCode::OK);
    }
    let [_, opened, at] = of_key(&world, "old").await;
    until_found(&world, &before, "old").await;
    let [_, opens, later] = of_key(&world, "old").await;
    assert_eq!(opens, opened, "found by it, opened by the new one");
    assert!(later >= at && later > world.clock.now().secs() - 300);

    // Nobody whose session began with it is left: it does nothing more, whatever others do.
    for person in &before {
        person.submit(&world.url("/.doorward/sign-out"), "same-origin").await;
    }
    let (cold, warm) = (of_key(&world, "old").await, of_key(&world, "new").await);
    world.clock.advance(Duration::from_secs(100));
    until_found(&world, &after, "new").await;
    assert_eq!(of_key(&world, "old").await, cold);
    assert!(of_key(&world, "new").await[2] > warm[2]);

    // And so it can go.
    let mut ring = RingFile::parse(&fs::read_to_string(&file).unwrap()).unwrap();
    drop(ring.retire(&KeyId::parse("old").unwrap()));
    fs::write(&file, ring.text().as_str()).unwrap();
    world.reload(&yaml).unwrap();
    until_found(&world, &after, "new").await;
}

#[tokio::test]
async fn signing_keys_change_with_the_time_and_a_set_of_an_hour_ago_verifies() {
    let redis = Redis::start().await;
    let world = World::with(Wishes {
        session: redis.yaml() + "  idle_timeout: 12h\n  absolute_timeout: 12h\n",
        more: "identity: { assertion_key_rotation: 2h }\n".to_owned(),
        ..Wishes::default()
    })
    .await;
    let replica = world.replica().await;
    let there = format!("http://app.test:{}", replica.address.port());
    let person = Browser::new();
    assert_eq!(person.open(&world.url("/")).await.status, StatusCode::OK);
    let set = async |base: &str| {
        let page = Browser::new().fetch(&format!("{base}/.doorward/jwks.json")).await;
        page.json()
    };
    let mut an_hour_ago = set(&world.base).await;
    let mut signed_by = std::collections::BTreeSet::new();
    for _ in 0..7 {
        world.clock.advance(HOUR);
        for base in [&world.base, &there] {
            assert_eq!(person.fetch(&format!("{base}/")).await.status, StatusCode::OK);
            let seen = world.upstream.requests().pop().unwrap();
            let assertion = seen.header("x-doorward-assertion")[0];
            assert!(verifies(assertion, &an_hour_ago), "{base}");
            signed_by.insert(assertion.split('.').next().unwrap().to_owned());
        }
        an_hour_ago = set(&world.base).await;
        assert_eq!(set(&there).await, an_hour_ago, "replicas with one ring agree");
    }
    assert!(signed_by.len() >= 3, "{signed_by:?}");
}
