//! Properties that hold for any input, checked by `proptest` with a fixed seed: a failure repeats.
//!
//! `PROPTEST_CASES=100000 cargo test --all-features properties` tries more cases. Nothing is
//! persisted: write a test for an input that fails. `fuzz/` runs the same parsers, guided by
//! coverage.

mod answers;
mod bounds;
mod files;
mod names;
mod policies;
mod tokens;

use crate::support::chain;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use std::error::Error;

/// The maximum length of an error's text, for any answer of a server and any file.
const MAX_TEXT: usize = 4096;

type Checked = Result<(), TestCaseError>;

/// Checks this number of cases, or that of `PROPTEST_CASES`.
fn check<S: Strategy>(cases: u32, input: S, property: impl Fn(S::Value) -> Checked) {
    let asked = std::env::var("PROPTEST_CASES").ok();
    let config = Config {
        cases: asked.and_then(|cases| cases.parse().ok()).unwrap_or(cases),
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    if let Err(error) = TestRunner::new_with_rng(config, rng).run(&input, property) {
        panic!("{error:.2000}");
    }
}

/// Checks that the text of the error is on one line, and its explanation short. No foreign text
/// starts a line.
fn check_text(error: &(dyn Error + 'static)) -> Result<String, TestCaseError> {
    prop_assert!(!error.to_string().contains('\n'), "{}", error);
    let text = chain(error);
    prop_assert!(text.len() < MAX_TEXT, "{} bytes: {:.300}", text.len(), text);
    let mut more = text.lines().skip(1);
    prop_assert!(more.all(|line| line.starts_with("  ")), "{}", text);
    Ok(text)
}

/// Checks that the text has no 20 characters in a row of the secret.
fn check_hidden(text: &str, secret: &str) -> Checked {
    const RUN: usize = 20;
    let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(byte);
    let shown = text
        .as_bytes()
        .windows(RUN)
        .filter(|run| run.iter().all(base64))
        .filter_map(|run| std::str::from_utf8(run).ok())
        .find(|run| secret.contains(run));
    prop_assert_eq!(shown, None, "{}", text);
    Ok(())
}

/// One way to damage a text; places are fractions of its length.
#[derive(Clone, Debug)]
enum Edit {
    Replace(u16, u8),
    Delete(u16, u8),
    Insert(u16, Vec<u8>),
    Repeat(u16, u8, u16),
    Cut(u16),
}

impl Edit {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len();
        let place = |fraction: u16| length * usize::from(fraction) / (usize::from(u16::MAX) + 1);
        match self {
            Edit::Replace(at, byte) => {
                if let Some(replaced) = bytes.get_mut(place(*at)) {
                    *replaced = *byte;
                }
            }
            Edit::Delete(at, count) => {
                let at = place(*at);
                bytes.drain(at..(at + usize::from(*count)).min(length));
            }
            Edit::Insert(at, what) => {
                let at = place(*at);
                bytes.splice(at..at, what.iter().copied());
            }
            Edit::Repeat(at, count, times) => {
                let at = place(*at);
                let part = bytes[at..(at + usize::from(*count)).min(length)].to_vec();
                let times = usize::from(*times).min(60_000 / part.len().max(1));
                bytes.splice(at..at, part.repeat(times));
            }
            Edit::Cut(at) => bytes.truncate(place(*at)),
        }
    }
}

/// Words that mutations of single bytes would not produce.
const WORDS: [&[u8]; 24] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"null",
    b"-1",
    b"1e999",
    b"0.5",
    b"18446744073709551616",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"\r\n",
    b"<",
    b"]]>",
    b"&#x41;",
    b"<!--",
    b"-----",
    b"${aws:x}",
    b"\xf0\x9f\xa6\x80",
];

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (any::<u16>(), any::<u8>()).prop_map(|(at, byte)| Edit::Replace(at, byte)),
        (any::<u16>(), 1u8..40).prop_map(|(at, count)| Edit::Delete(at, count)),
        (any::<u16>(), proptest::sample::select(&WORDS[..]))
            .prop_map(|(at, word)| Edit::Insert(at, word.to_vec())),
        (any::<u16>(), vec(any::<u8>(), 1..8)).prop_map(|(at, what)| Edit::Insert(at, what)),
        (any::<u16>(), 1u8..60, prop_oneof![1u16..4, 1u16..10_000])
            .prop_map(|(at, count, times)| Edit::Repeat(at, count, times)),
        any::<u16>().prop_map(Edit::Cut),
    ]
}

/// One of the texts, damaged in up to three places.
fn damaged(texts: Vec<String>) -> impl Strategy<Value = Vec<u8>> {
    (proptest::sample::select(texts), vec(edit(), 0..4)).prop_map(|(text, edits)| {
        let mut bytes = text.into_bytes();
        for edit in edits {
            edit.apply(&mut bytes);
        }
        bytes
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
