//! The faults, and what each must come to.

use super::hops::Way;
use super::scene::Scene;
use aws_google_web_identity::ErrorKind;
use aws_google_web_identity_emulator::{Answer, Call};
use std::fmt;

pub struct Fault {
    pub name: &'static str,
    pub made: Made,
    /// At the hops of Google.
    google: Outcome,
    /// At STS, whose client is the SDK's own.
    sts: Outcome,
    /// At hops that differ from both.
    otherwise: &'static [(Call, Outcome)],
}

pub enum Made {
    Refusing,
    Answering(fn(&Scene, &Way) -> Answer),
}

/// What a caller with nothing held gets to see.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// It is no fault here: credentials.
    Taken,
    Fails(ErrorKind, Tries, Wait),
}

/// How many requests the server sees in one exchange.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tries {
    None,
    One,
    Three,
    /// The pauses between them are random, and the third may come too late.
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

/// How much simulated time passes before the caller has the error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wait {
    /// Nobody sleeps.
    None,
    /// The random pauses between three tries: up to 1 s and up to 2 s.
    Pauses,
    /// What the server asked for, twice.
    AsTold,
    /// One hop's time.
    Whole,
}

impl Wait {
    pub fn is(self, millis: u128) -> bool {
        match self {
            Wait::None => millis == 0,
            Wait::Pauses => millis < 3000,
            Wait::AsTold => millis == 4000,
            Wait::Whole => millis == 10_000,
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Wait::None => "none",
            Wait::Pauses => "under 3 s",
            Wait::AsTold => "4 s",
            Wait::Whole => "10 s",
        })
    }
}

impl Fault {
    pub fn outcome(&self, hop: Call) -> Outcome {
        let general = if hop == Call::Sts {
            self.sts
        } else {
            self.google
        };
        let special = self.otherwise.iter().find(|(other, _)| *other == hop);
        special.map_or(general, |(_, outcome)| *outcome)
    }
}

const BREAKS: Outcome = Outcome::Fails(ErrorKind::Unavailable, Tries::Three, Wait::Pauses);
const UNREACHED: Outcome = Outcome::Fails(ErrorKind::Unavailable, Tries::None, Wait::Pauses);
const NOT_TRIED_AGAIN: Outcome = Outcome::Fails(ErrorKind::Unavailable, Tries::One, Wait::None);
const SILENT: Outcome = Outcome::Fails(ErrorKind::Timeout, Tries::TwoOrThree, Wait::Whole);
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

const fn fault(name: &'static str, answer: fn(&Scene, &Way) -> Answer, outcome: Outcome) -> Fault {
    Fault {
        name,
        made: Made::Answering(answer),
        google: outcome,
        sts: outcome,
        otherwise: &[],
    }
}

const fn and_sts(fault: Fault, sts: Outcome) -> Fault {
    Fault { sts, ..fault }
}

const fn and(fault: Fault, otherwise: &'static [(Call, Outcome)]) -> Fault {
    Fault { otherwise, ..fault }
}

pub const FAULTS: &[Fault] = &[
    Fault {
        name: "connection refused",
        made: Made::Refusing,
        google: UNREACHED,
        sts: UNREACHED,
        otherwise: &[],
    },
    fault("connection reset", |_, _| Answer::reset(), BREAKS),
    fault("closed without an answer", |_, _| Answer::close(), BREAKS),
    fault("no answer, ever", |_, _| Answer::hang(), SILENT),
    fault(
        "slow trickle",
        |scene, _| Answer::trickle(&scene.trickle()),
        SILENT,
    ),
    fault("truncated head", |_, _| Answer::truncated_head(), BREAKS),
    fault("truncated body", |_, _| Answer::truncated_body(), BREAKS),
    fault("stalled body", |_, _| Answer::stalled_body(), SILENT),
    fault(
        "another protocol than HTTP",
        |_, _| Answer::not_http(),
        NOT_TRIED_AGAIN,
    ),
    fault("400", |_, _| Answer::status(400), MISCONFIGURED),
    fault("401", |_, _| Answer::status(401), DENIED),
    fault("403", |_, _| Answer::status(403), DENIED),
    fault("404", |_, _| Answer::status(404), MISCONFIGURED),
    fault("408", |_, _| Answer::status(408), LATE),
    fault("429", |_, _| Answer::status(429), THROTTLED_STILL),
    fault(
        "429, Retry-After: 2",
        |_, _| Answer::status(429).header("retry-after", "2"),
        Outcome::Fails(ErrorKind::Throttled, Tries::Three, Wait::AsTold),
    ),
    fault(
        "429, Retry-After: 3600",
        |_, _| Answer::status(429).header("retry-after", "3600"),
        THROTTLED,
    ),
    fault("500", |_, _| Answer::status(500), BREAKS),
    fault("502", |_, _| Answer::status(502), BREAKS),
    fault("503", |_, _| Answer::status(503), BREAKS),
    fault("504", |_, _| Answer::status(504), LATE),
    fault(
        "302 elsewhere, with a healthy body",
        |scene, way| {
            let origin = match way.hop {
                Call::MetadataIdentity | Call::MetadataToken => scene.elsewhere.metadata_endpoint(),
                Call::TokenEndpoint => &scene.elsewhere.token_uri(),
                Call::Sts => scene.elsewhere.sts_endpoint(),
                _ => scene.elsewhere.iam_endpoint(),
            };
            Answer::status(302)
                .header("location", origin)
                .body(way.body(&scene.emulator))
        },
        MALFORMED,
    ),
    fault(
        "HTML",
        |_, _| {
            Answer::status(200)
                .header("content-type", "text/html")
                .body("<!DOCTYPE html><html><body>Sign in to the Wi-Fi</body></html>")
        },
        MALFORMED,
    ),
    fault("empty body", |_, _| Answer::status(200), MALFORMED),
    // The body is what counts: proxies and other servers than Google's and AWS's write what they like.
    fault(
        "wrong content type, healthy body",
        |_, _| Answer::genuine().header("content-type", "image/png"),
        Outcome::Taken,
    ),
    fault(
        "invalid UTF-8",
        |scene, way| {
            let mut body = way.body(&scene.emulator).into_bytes();
            let middle = body.len() / 2;
            body[middle] = 0xff;
            Answer::status(200).body(body)
        },
        MALFORMED,
    ),
    fault(
        "body of 100 MB",
        |_, _| Answer::status(200).blank_body(100_000_000),
        MALFORMED,
    ),
    // Only the metadata server's answers have one.
    and(
        fault(
            "wrong flavor, healthy body",
            |_, _| Answer::genuine().header("metadata-flavor", "Amazon"),
            Outcome::Taken,
        ),
        &[
            (Call::MetadataIdentity, STRANGER),
            (Call::MetadataToken, STRANGER),
        ],
    ),
    fault(
        "garbage",
        |_, way| {
            Answer::status(200).body(match way.hop {
                Call::MetadataIdentity => "eyJ.hush.%",
                Call::Sts => "<AssumeRoleWithWebIdentityResponse><hush></AssumeRole",
                _ => r#"{"token": [hush"#,
            })
        },
        MALFORMED,
    ),
    // The SDK's own parser takes the last.
    and_sts(
        fault(
            "duplicate fields",
            |scene, way| Answer::status(200).body(way.doubled_body(&scene.emulator)),
            MALFORMED,
        ),
        Outcome::Taken,
    ),
];
