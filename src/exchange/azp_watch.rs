//! Watches the form of `azp` from one token to the next.

use crate::token::Claims;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// Warns when the form changes. AWS reads `azp` as `accounts.google.com:aud`, so a trust policy
/// that tests that key admits one token and refuses the next.
#[derive(Debug, Default)]
pub(crate) struct AzpWatch(Mutex<Option<Form>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Absent,
    UniqueId,
    Email,
    Other,
}

impl Form {
    fn of(azp: Option<&str>) -> Self {
        match azp {
            None => Form::Absent,
            Some(azp) if !azp.is_empty() && azp.bytes().all(|byte| byte.is_ascii_digit()) => {
                Form::UniqueId
            }
            Some(azp) if azp.contains('@') => Form::Email,
            Some(_) => Form::Other,
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Form::Absent => "absent",
            Form::UniqueId => "the account's unique id",
            Form::Email => "an e-mail",
            Form::Other => "something else",
        })
    }
}

impl AzpWatch {
    pub(crate) fn see(&self, claims: &Claims) {
        let form = Form::of(claims.azp.as_deref());
        let before = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(form);
        if let Some(before) = before.filter(|before| *before != form) {
            tracing::warn!(
                azp = claims.azp,
                "the ID token's azp was {before} and is {form} now: a trust policy that tests \
                 accounts.google.com:aud admits only one of them; test :sub and :oaud instead"
            );
        }
    }
}
