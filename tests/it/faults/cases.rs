//! The faults, and the expected outcome of each.

use super::fixture::Fixture;
use super::targets::Target;
use aws_google_web_identity::ErrorKind;
use aws_google_web_identity_emulator::{Answer, Call, Fault};
use std::fmt;
use std::time::Duration;

pub struct Case {
    pub name: &'static str,
    pub cause: Cause,
    /// For calls of Google.
    google: Outcome,
    /// For STS, which the SDK's own client calls.
    sts: Outcome,
    /// For calls that differ from both.
    otherwise: &'static [(Call, Outcome)],
}

pub enum Cause {
    Refused,
    Answer(fn(&Fixture, &Target) -> Answer),
    Fault(fn(&Fixture) -> Fault),
}

/// The result for a caller with nothing cached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// Credentials: the call tolerates the fault.
    Taken,
    Fails(ErrorKind, Tries, Wait),
}

/// How many requests the server sees in one exchange.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tries {
    None,
    One,
    Three,
    /// The pauses are random, and the third request may miss the deadline.
    TwoOrThree,
}

impl Tries {
    pub fn are(self, seen: usize) -> bool {
        match self {
            Tries::None => seen == 0,
            Tries::One => seen == 1,
            Tries::Three => seen == 3,
            Tries::TwoOrThree => (2..=3).contains(&seen),
        }
    }
}

impl fmt::Display for Tries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Tries::None => "0",
            Tries::One => "1",
            Tries::Three => "3",
            Tries::TwoOrThree => "2 or 3",
        })
    }
}

/// The simulated time until the caller gets the error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wait {
    /// No time.
    None,
    /// The random pauses between three attempts: up to 1 s and up to 2 s.
    Pauses,
    /// Retry-After, twice.
    RetryAfter,
    /// The deadline of one stage.
    Deadline,
}

impl Wait {
    pub fn is(self, millis: u128) -> bool {
        match self {
            Wait::None => millis == 0,
            Wait::Pauses => millis < 3000,
            Wait::RetryAfter => millis == 4000,
            Wait::Deadline => millis == 10_000,
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Wait::None => "none",
            Wait::Pauses => "under 3 s",
            Wait::RetryAfter => "4 s",
            Wait::Deadline => "10 s",
        })
    }
}

impl Case {
    pub fn outcome(&self, call: Call) -> Outcome {
        let general = if call == Call::Sts {
            self.sts
        } else {
            self.google
        };
        let special = self.otherwise.iter().find(|(other, _)| *other == call);
        special.map_or(general, |(_, outcome)| *outcome)
    }

    /// The longest pause before the next exchange: the backoff, or what the server asked for, which
    /// counts up to 15 min. While credentials are cached it counts up to half of what is left.
    pub fn pause(&self, is_cached: bool) -> Duration {
        match (self.name, is_cached) {
            ("429, Retry-After: 3600", false) => Duration::from_secs(901),
            ("429, Retry-After: 3600", true) => Duration::from_secs(450),
            _ => Duration::from_secs(61),
        }
    }
}

const BREAKS: Outcome = Outcome::Fails(ErrorKind::Unavailable, Tries::Three, Wait::Pauses);
const UNREACHED: Outcome = Outcome::Fails(ErrorKind::Unavailable, Tries::None, Wait::Pauses);
const NOT_TRIED_AGAIN: Outcome = Outcome::Fails(ErrorKind::Unavailable, Tries::One, Wait::None);
const SILENT: Outcome = Outcome::Fails(ErrorKind::Timeout, Tries::TwoOrThree, Wait::Deadline);
const LATE: Outcome = Outcome::Fails(ErrorKind::Timeout, Tries::Three, Wait::Pauses);
const MALFORMED: Outcome = at_once(ErrorKind::MalformedResponse);
/// Another server answers in place of the metadata server.
const STRANGER: Outcome = at_once(ErrorKind::Configuration);
const MISCONFIGURED: Outcome = at_once(ErrorKind::Configuration);
const DENIED: Outcome = at_once(ErrorKind::Denied);
const THROTTLED: Outcome = at_once(ErrorKind::Throttled);
const THROTTLED_STILL: Outcome = Outcome::Fails(ErrorKind::Throttled, Tries::Three, Wait::Pauses);

const fn at_once(kind: ErrorKind) -> Outcome {
    Outcome::Fails(kind, Tries::One, Wait::None)
}

const fn case(name: &'static str, cause: Cause, outcome: Outcome) -> Case {
    Case {
        name,
        cause,
        google: outcome,
        sts: outcome,
        otherwise: &[],
    }
}

type ChooseAnswer = fn(&Fixture, &Target) -> Answer;

const fn answer(name: &'static str, answer: ChooseAnswer, outcome: Outcome) -> Case {
    case(name, Cause::Answer(answer), outcome)
}

const fn fault(name: &'static str, fault: fn(&Fixture) -> Fault, outcome: Outcome) -> Case {
    case(name, Cause::Fault(fault), outcome)
}

const fn and_sts(case: Case, sts: Outcome) -> Case {
    Case { sts, ..case }
}

const fn and(case: Case, otherwise: &'static [(Call, Outcome)]) -> Case {
    Case { otherwise, ..case }
}

pub const CASES: &[Case] = &[
    case("connection refused", Cause::Refused, UNREACHED),
    fault("connection reset", |_| Fault::reset(), BREAKS),
    fault("closed without an answer", |_| Fault::close(), BREAKS),
    fault("no answer, ever", |_| Fault::hang(), SILENT),
    fault(
        "slow trickle",
        |fixture| Fault::trickle(&fixture.trickle()),
        SILENT,
    ),
    fault("truncated head", |_| Fault::truncated_head(), BREAKS),
    fault("truncated body", |_| Fault::truncated_body(), BREAKS),
    fault("stalled body", |_| Fault::stalled_body(), SILENT),
    fault(
        "another protocol than HTTP",
        |_| Fault::not_http(),
        NOT_TRIED_AGAIN,
    ),
    answer("400", |_, _| Answer::status(400), MISCONFIGURED),
    answer("401", |_, _| Answer::status(401), DENIED),
    answer("403", |_, _| Answer::status(403), DENIED),
    answer("404", |_, _| Answer::status(404), MISCONFIGURED),
    answer("408", |_, _| Answer::status(408), LATE),
    answer("429", |_, _| Answer::status(429), THROTTLED_STILL),
    answer(
        "429, Retry-After: 2",
        |_, _| Answer::status(429).header("retry-after", "2"),
        Outcome::Fails(ErrorKind::Throttled, Tries::Three, Wait::RetryAfter),
    ),
    answer(
        "429, Retry-After: 3600",
        |_, _| Answer::status(429).header("retry-after", "3600"),
        THROTTLED,
    ),
    answer("500", |_, _| Answer::status(500), BREAKS),
    answer("502", |_, _| Answer::status(502), BREAKS),
    answer("503", |_, _| Answer::status(503), BREAKS),
    answer("504", |_, _| Answer::status(504), LATE),
    answer(
        "302 elsewhere, with a healthy body",
        |fixture, target| {
            let origin = match target.call {
                Call::MetadataIdentity | Call::MetadataToken => {
                    fixture.elsewhere.metadata_endpoint()
                }
                Call::TokenEndpoint => &fixture.elsewhere.token_uri(),
                Call::Sts => fixture.elsewhere.sts_endpoint(),
                _ => fixture.elsewhere.iam_endpoint(),
            };
            Answer::status(302)
                .header("location", origin)
                .body(target.body(&fixture.emulator))
        },
        MALFORMED,
    ),
    answer(
        "HTML",
        |_, _| {
            Answer::status(200)
                .header("content-type", "text/html")
                .body("<!DOCTYPE html><html><body>Sign in to the Wi-Fi</body></html>")
        },
        MALFORMED,
    ),
    answer("empty body", |_, _| Answer::status(200), MALFORMED),
    // Only the body counts: proxies and other servers send arbitrary content types.
    answer(
        "wrong content type, healthy body",
        |_, _| Answer::genuine().header("content-type", "image/png"),
        Outcome::Taken,
    ),
    answer(
        "invalid UTF-8",
        |fixture, target| {
            let mut body = target.body(&fixture.emulator).into_bytes();
            let middle = body.len() / 2;
            body[middle] = 0xff;
            Answer::status(200).body(body)
        },
        MALFORMED,
    ),
    answer(
        "body of 100 MB",
        |_, _| Answer::status(200).blank_body(100_000_000),
        MALFORMED,
    ),
    // Only the metadata server sends a flavor.
    and(
        answer(
            "wrong flavor, healthy body",
            |_, _| Answer::genuine().header("metadata-flavor", "Amazon"),
            Outcome::Taken,
        ),
        &[
            (Call::MetadataIdentity, STRANGER),
            (Call::MetadataToken, STRANGER),
        ],
    ),
    answer(
        "garbage",
        |_, target| {
            Answer::status(200).body(match target.call {
                Call::MetadataIdentity => "eyJ.hush.%",
                Call::Sts => "<AssumeRoleWithWebIdentityResponse><hush></AssumeRole",
                _ => r#"{"token": [hush"#,
            })
        },
        MALFORMED,
    ),
    // The SDK's parser accepts the last one.
    and_sts(
        answer(
            "duplicate fields",
            |fixture, target| Answer::status(200).body(target.doubled_body(&fixture.emulator)),
            MALFORMED,
        ),
        Outcome::Taken,
    ),
];
