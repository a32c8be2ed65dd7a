//! What the judge says of a token.

use std::fmt;

/// What a trust policy means for a token. `Display` explains it to the policy's author.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The role may be assumed.
    Admitted,
    /// The role may not be assumed. Each statement that matters has one or more reasons.
    Refused(Vec<Reason>),
}

/// Why a statement does not admit a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    pub(super) statement: String,
    pub(super) message: String,
    pub(super) key: Option<String>,
    pub(super) hint: Option<&'static str>,
    pub(super) unknown: bool,
}

impl Verdict {
    /// Whether the role may be assumed.
    pub fn is_admitted(&self) -> bool {
        matches!(self, Verdict::Admitted)
    }

    /// Why the role may not be assumed. Empty if it may.
    pub fn reasons(&self) -> &[Reason] {
        match self {
            Verdict::Admitted => &[],
            Verdict::Refused(reasons) => reasons,
        }
    }
}

impl Reason {
    /// An element of a statement that does not match the token. The judge adds the statement.
    pub(super) fn fails(message: impl Into<String>) -> Self {
        Self {
            statement: String::new(),
            message: message.into(),
            key: None,
            hint: None,
            unknown: false,
        }
    }

    /// An element that AWS's documentation does not decide.
    pub(super) fn unknown(message: impl Into<String>) -> Self {
        Self {
            unknown: true,
            ..Self::fails(message)
        }
    }

    pub(super) fn of_statement(self, name: &str) -> Self {
        Self {
            statement: name.to_owned(),
            ..self
        }
    }

    pub(super) fn of_key(self, key: &str) -> Self {
        Self {
            key: Some(key.to_owned()),
            ..self
        }
    }

    /// The statement's number, from 1, and its `Sid`.
    pub fn statement(&self) -> &str {
        &self.statement
    }

    /// What does not match: the policy's values and the token's.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The condition key that decided, as the policy spells it.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// What to change, for a mistake that is often made.
    pub fn hint(&self) -> Option<&str> {
        self.hint
    }

    /// Whether the judge does not know what AWS decides here, and so assumed a refusal.
    pub fn is_unknown(&self) -> bool {
        self.unknown
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unknown = if self.unknown { "unknown: " } else { "" };
        write!(f, "{}: {unknown}{}", self.statement, self.message)?;
        match self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Admitted => f.write_str("the policy admits the token"),
            Verdict::Refused(reasons) => {
                f.write_str("the policy doesn't admit the token: ")?;
                for (index, reason) in reasons.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "; " };
                    write!(f, "{separator}{reason}")?;
                }
                Ok(())
            }
        }
    }
}
