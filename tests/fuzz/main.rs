//! Every reader of the crate on inputs that may be anything: first on those in
//! `fuzz/corpus`, then on others that are made from them, from a seed. For inputs
//! that are found by what they reach, see `fuzz/`: it runs the same targets under
//! libFuzzer.
//!
//! An input for which a target fails is made as short as it can be and written to a
//! file. Copied into the target's corpus, it is tried first from then on.

#[path = "../support/dice.rs"]
mod dice;
mod mutate;
#[path = "../support/seeds.rs"]
mod seeds;
mod targets;

use std::cell::RefCell;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Once;

use dice::Dice;
use mutate::{Pool, shortened};

/// A reader, and what it is tried with.
#[derive(Clone, Copy, Debug)]
struct Target {
    name: &'static str,
    /// Panics if something is not as it must be.
    check: fn(&[u8]),
    /// Words that mean something to it.
    words: &'static [&'static str],
}

macro_rules! tests {
    ($($name:ident: $few:literal,)*) => {
        $(
            #[test]
            fn $name() {
                use targets::$name::{WORDS, check};
                let name = stringify!($name);
                holds(&Target { name, check, words: WORDS }, seeds::cases($few));
            }
        )*
    };
}

// Each with how many inputs it is tried with, by how long one takes.
tests! {
    accept_encoding: 4000,
    age: 4000,
    cache_control: 2000,
    cache_status: 1000,
    conditional: 4000,
    dates: 4000,
    exchange: 1000,
    key: 2000,
    location: 4000,
    merge: 4000,
    purge: 2000,
    range: 4000,
    tags: 2000,
    targeted: 4000,
    url_variation: 4000,
    vary: 4000,
    verdict: 4000,
}

/// Tries a target with its corpus, then with so many inputs that are made of it.
fn holds(target: &Target, cases: u32) {
    let mut dice = Dice::new(seeds::seed(target.name));
    let corpus = corpus(target);
    for input in &corpus {
        holds_for(target, input);
    }
    let mut pool = Pool::new(corpus);
    for _ in 0..cases {
        holds_for(target, &pool.make(&mut dice, target.words));
    }
}

fn holds_for(target: &Target, input: &[u8]) {
    if failure(target, input).is_none() {
        return;
    }
    let input = shortened(input, |shorter| failure(target, shorter).is_some());
    let why = failure(target, &input).unwrap_or_default();
    let file = format!("fuzz-{}-{:016x}", target.name, checksum(&input));
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
    fs::write(&file, &input).expect("there is room for it");
    let (input, file) = (input.escape_ascii(), file.display());
    panic!("{why}\n  input: \"{input}\"\n  in: {file}");
}

thread_local! {
    /// What the last panic said, while one is waited for.
    static SAID: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Why a target fails for an input, if it does. Of those that are tried to make an
/// input shorter nothing is printed.
fn failure(target: &Target, input: &[u8]) -> Option<String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            SAID.with_borrow_mut(|said| match said {
                Some(said) => *said = panic.to_string(),
                None => print(panic),
            });
        }));
    });
    SAID.set(Some(String::new()));
    let checked = panic::catch_unwind(AssertUnwindSafe(|| (target.check)(input)));
    let said = SAID.take();
    checked.is_err().then(|| said.unwrap_or_default())
}

/// The inputs that are kept for a target. They are in the repository, and not in what
/// is published.
fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    if !fuzz.exists() {
        return Vec::new();
    }
    let files = fs::read_dir(fuzz.join("corpus").join(target.name)).expect("each has a corpus");
    let mut files: Vec<PathBuf> = files.flatten().map(|file| file.path()).collect();
    files.sort();
    let read = |file: &PathBuf| fs::read(file).expect("it can be read");
    files.iter().map(read).collect()
}

/// A name for an input (FNV-1a).
fn checksum(input: &[u8]) -> u64 {
    input.iter().fold(0xCBF2_9CE4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    })
}
