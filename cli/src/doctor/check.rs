//! What the doctor found at one hop.

use crate::failure::{Failure, one_line, renamed};
use crate::shown::without_tokens;
use crate::trust_policy::Document;
use aws_google_web_identity::{Error, ErrorKind};
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};

/// How a hop is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Ok,
    /// It works, and something about it should change.
    Warning,
    Failed,
    /// An earlier hop failed, or there is nothing to check.
    Skipped,
}

/// One hop: a paragraph of the text, an object of the JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    /// A fixed name.
    pub(crate) check: &'static str,
    /// For the text.
    #[serde(skip)]
    pub(crate) title: String,
    pub(crate) status: Status,
    pub(crate) found: String,
    /// The origin of the server, of a check named `server`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server: Option<String>,
    /// Why the trust policy does not admit the token.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) reasons: Vec<String>,
    /// Facts to compare, by their labels.
    #[serde(serialize_with = "as_map")]
    pub(crate) details: Vec<(String, String)>,
    /// What to change, in the order of likelihood.
    pub(crate) advice: Vec<String>,
    /// The server's own error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<String>,
    /// The trust policy that would admit the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) admitting_policy: Option<Document>,
}

impl Check {
    pub(crate) fn new(
        check: &'static str,
        title: impl Into<String>,
        status: Status,
        found: impl Into<String>,
    ) -> Self {
        Self {
            check,
            title: title.into(),
            status,
            found: found.into(),
            server: None,
            reasons: Vec::new(),
            details: Vec::new(),
            advice: Vec::new(),
            code: None,
            request_id: None,
            admitting_policy: None,
        }
    }

    /// Removes what looks like a token: one in the place of an audience or a host is shown nowhere.
    pub(super) fn hide_tokens(&mut self) {
        let texts = [&mut self.title, &mut self.found].into_iter();
        let texts = texts.chain(&mut self.server).chain(&mut self.reasons);
        let texts = texts.chain(&mut self.advice);
        let values = self.details.iter_mut().map(|(_, value)| value);
        texts
            .chain(values)
            .for_each(|text| *text = without_tokens(text));
    }

    pub(crate) fn skipped(check: &'static str, title: &str, why: &str) -> Self {
        Self::new(check, title, Status::Skipped, why)
    }

    /// An error of the library: what happened, the table, what to do.
    pub(super) fn of_error(check: &'static str, title: &str, error: &Error) -> Check {
        let mut causes = causes(error);
        let mut found = renamed(&error.to_string());
        if error.message().is_none() && !causes.is_empty() {
            found = format!("{found}: {}", renamed(&causes.remove(0)));
        }
        let mut check = Check::new(check, title, Status::Failed, found);
        check.code = error.code().map(str::to_owned);
        check.request_id = error.request_id().map(str::to_owned);
        for (label, value) in error.details() {
            check = check.detail(label, renamed(value));
        }
        if let Some(cause) = causes.last() {
            check = check.detail("cause", cause.clone());
        }
        match error.hint() {
            _ if error.kind() == ErrorKind::NotConfigured => check.advise(NO_IDENTITY),
            // A line that ends with a space continues on the next one.
            Some(hint) => {
                let hint = renamed(hint).replace(" \n", " ");
                hint.lines().fold(check, Check::advise)
            }
            None => check,
        }
    }

    /// A failure of this program.
    pub(super) fn of_failure(check: &'static str, title: &str, failure: &Failure) -> Check {
        let found = Check::new(check, title, Status::Failed, failure.line());
        let explanation = failure.explanation().iter();
        explanation.cloned().fold(found, Check::advise)
    }

    pub(crate) fn detail(mut self, label: impl Into<String>, value: impl Into<String>) -> Self {
        self.details.push((label.into(), value.into()));
        self
    }

    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice.push(advice.into());
        self
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.status == Status::Failed
    }
}

/// Where to get an identity from.
pub(super) const NO_IDENTITY: &str = "outside Google Cloud, name a credentials file with \
    GOOGLE_APPLICATION_CREDENTIALS, or another identity with --gcloud or --token-file. On Google Cloud, \
    set GCE_METADATA_HOST=metadata.google.internal";

/// The causes, from the outermost. A cause often repeats the one above it, at greater length or in
/// the same words.
fn causes(error: &Error) -> Vec<String> {
    use std::error::Error as _;
    let mut causes: Vec<_> = std::iter::successors(error.source(), |&error| error.source())
        .map(|cause| one_line(&cause.to_string()))
        .collect();
    causes.dedup_by(|cause, above| above.contains(cause.as_str()));
    causes
}

fn as_map<S: Serializer>(details: &[(String, String)], to: S) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(Some(details.len()))?;
    for (label, value) in details {
        map.serialize_entry(label, value)?;
    }
    map.end()
}
