//! The fuzz targets (`fuzz/`), held against their seeds and inputs made of them: a short run at every test.
//!
//! The targets are read in by their files, so that they compile here with what is compiled anyway, and not with a
//! fuzzer's own tree.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use std::{
    collections::BTreeSet,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{Config, FileFailurePersistence, TestCaseError, TestRunner},
};

#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "public in their own package")]
mod targets;

/// Inputs tried of each target besides its seeds, for one of a property (256, or what `PROPTEST_CASES` says).
const CASES: u32 = 4;
/// What tends to mean something to readers.
const TELLING: [&[u8]; 28] = [
    b"\0",
    b"\n",
    b"\r\n",
    b" ",
    b"\t",
    b"/",
    b"//",
    b"\\",
    b"..",
    b"%2e",
    b"%2F",
    b"%00",
    b"%",
    b"?",
    b"#",
    b"@",
    b":",
    b";",
    b",",
    b".",
    b"\"",
    b"{",
    b"]",
    b"&",
    b"=",
    b"\xc3\xa9",
    b"\xff",
    b"-1e999",
];

/// One change of an input.
#[derive(Clone, Debug)]
enum Edit {
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, Index),
    Repeat(Index, Index),
    /// A piece of another seed.
    Splice(Index, Index, Index, Index),
    Cut(Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    let telling = prop::sample::select(TELLING.to_vec()).prop_map(<[u8]>::to_vec);
    let piece = prop_oneof![4 => telling, 1 => prop::collection::vec(any::<u8>(), 1..8)];
    prop_oneof![
        2 => (any::<Index>(), 1..=u8::MAX).prop_map(|(at, bits)| Edit::Flip(at, bits)),
        4 => (any::<Index>(), piece).prop_map(|(at, piece)| Edit::Insert(at, piece)),
        2 => any::<(Index, Index)>().prop_map(|(from, to)| Edit::Remove(from, to)),
        1 => any::<(Index, Index)>().prop_map(|(from, to)| Edit::Repeat(from, to)),
        1 => any::<(Index, Index, Index, Index)>().prop_map(|(at, seed, from, to)| Edit::Splice(at, seed, from, to)),
        1 => any::<Index>().prop_map(Edit::Cut),
    ]
}

impl Edit {
    fn apply(&self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let room = input.len() + 1;
        let range = |from: &Index, to: &Index, length: usize| {
            let (from, to) = (from.index(length), to.index(length));
            from.min(to)..from.max(to)
        };
        match self {
            Self::Flip(at, bits) if !input.is_empty() => input[at.index(room - 1)] ^= bits,
            Self::Flip(..) => {}
            Self::Insert(at, piece) => insert(input, at.index(room), piece),
            Self::Remove(from, to) => drop(input.drain(range(from, to, room))),
            Self::Repeat(from, to) => {
                let piece = input[range(from, to, room)].to_vec();
                insert(input, from.index(room), &piece);
            }
            Self::Splice(at, seed, from, to) => {
                let other = &seeds[seed.index(seeds.len())];
                insert(input, at.index(room), &other[range(from, to, other.len() + 1)]);
            }
            Self::Cut(at) => input.truncate(at.index(room)),
        }
    }
}

fn insert(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    drop(input.splice(at..at, piece.iter().copied()));
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Runs one target on its seeds, on nothing, and on inputs made of the seeds.
fn hold(name: &str) {
    let (_, run) = targets::ALL.iter().find(|(known, _)| *known == name).expect("a target");
    let seeds = seeds(name);
    assert!(seeds.len() >= 2, "{name} has seeds");
    run(b"");
    for seed in &seeds {
        run(seed);
    }
    let usual = Config::default();
    let mut runner = TestRunner::new(Config {
        cases: usual.cases * CASES,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..usual
    });
    let inputs = (any::<Index>(), prop::collection::vec(edit(), 1..6));
    let outcome = runner.run(&inputs, |(seed, edits)| {
        let mut input = seeds[seed.index(seeds.len())].clone();
        for edit in &edits {
            edit.apply(&mut input, &seeds);
        }
        catch_unwind(AssertUnwindSafe(|| run(&input))).map_err(|_| {
            let shown = input.escape_ascii();
            TestCaseError::fail(format!("put into fuzz/seeds/{name}/: b\"{shown}\""))
        })
    });
    outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
}

/// The fuzzer's program of a target is what it is for every other: that one compiles, all do.
fn assert_program(name: &str) {
    let manifest = include_str!("../fuzz/Cargo.toml");
    assert!(
        manifest.contains(&format!("\npath = \"fuzz_targets/{name}.rs\"")),
        "{name}"
    );
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fuzz/fuzz_targets/{name}.rs"));
    let program =
        format!("#![no_main]\n\nlibfuzzer_sys::fuzz_target!(|data: &[u8]| doorward_fuzz::{name}::run(data));\n");
    assert_eq!(fs::read_to_string(file).unwrap(), program);
    assert!(
        include_str!("../fuzz/README.md").contains(&format!("`{name}`")),
        "{name}"
    );
}

#[test]
fn the_fuzzers_libraries_are_the_gateways() {
    let (fuzzer, gateway) = (include_str!("../fuzz/Cargo.toml"), include_str!("../Cargo.toml"));
    let (_, from) = fuzzer.split_once("\n[dependencies]\n").unwrap();
    let named = from.lines().take_while(|line| !line.is_empty());
    let shared: Vec<_> = named
        .filter(|line| !line.starts_with("doorward ") && !line.starts_with("libfuzzer-sys "))
        .collect();
    assert!(shared.len() > 2, "{shared:?}");
    for line in shared {
        assert!(gateway.lines().any(|other| other == line), "{line}");
    }
}

macro_rules! held {
    ($($target:ident)*) => {
        $(#[test]
        fn $target() {
            hold(stringify!($target));
        })*

        #[test]
        fn every_target_is_held_and_has_its_program() {
            let held = BTreeSet::from([$(stringify!($target)),*]);
            let known: BTreeSet<_> = targets::ALL.iter().map(|(name, _)| *name).collect();
            assert_eq!(held, known);
            for name in known {
                assert_program(name);
            }
        }
    };
}

// CK-07, ID-15 and what else reads bytes from outside
held! {
    callback caller certificate claim_path config handle header_values host id_token id_token_compact import key_set measure metadata
    path_pattern proxy_protocol record request_target return_to sealed token_response userinfo
}
