//! What is said of a fetch that came to nothing by itself, and how long it is held against the next one.

use crate::aws::sts::blames_token;
use crate::error::{Error, ErrorKind, Stage};
use crate::refresh::{HoldOff, Lost};

/// The error for it. `wanted` is what was to be fetched, `stage` where that had got to.
pub(crate) fn error(stage: Stage, wanted: &str, how: Lost) -> Error {
    let lost = |stage, kind, what: String| Error::from_message(stage, kind, what);
    match how {
        Lost::Deadline(after) => Error::deadline(
            stage,
            format!("no {wanted} within {} s", after.as_secs_f32()),
            after,
        ),
        Lost::Panicked => lost(
            stage,
            ErrorKind::Unavailable,
            "the exchange panicked: a source or a signer of your own, most likely".to_owned(),
        ),
        Lost::RuntimeEnded => lost(
            Stage::Source,
            ErrorKind::Unavailable,
            "the runtime that the exchange ran on ended before it was done".to_owned(),
        ),
        Lost::NoRuntime => lost(
            Stage::Source,
            ErrorKind::Configuration,
            "there is no tokio runtime here to run the exchange on".to_owned(),
        ),
        Lost::Stillborn => lost(
            stage,
            ErrorKind::MalformedResponse,
            format!(
                "the {wanted} had expired on arrival: are the clocks of this machine and of the servers right?"
            ),
        ),
    }
}

/// After an error while nothing valid is held.
pub(crate) fn hold_off(error: &Error) -> HoldOff {
    match error.kind() {
        _ if error.is_not_yet() => HoldOff::None,
        ErrorKind::NotConfigured => HoldOff::None,
        // A fresh token may be had at any moment; a policy takes its time to spread.
        ErrorKind::Denied if error.code().is_some_and(blames_token) => HoldOff::Short,
        ErrorKind::Denied => HoldOff::Minute,
        ErrorKind::Throttled => HoldOff::Backoff,
        _ => HoldOff::Short,
    }
}
