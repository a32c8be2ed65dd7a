//! The requested length of a session.

use crate::build_error::BuildError;
use crate::redact::shown;
use std::ops::RangeInclusive;
use std::time::Duration;

pub(crate) const VARIABLE: &str = "AWS_ROLE_DURATION_SECONDS";

/// The seconds that STS accepts
/// ([DurationSeconds](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html)).
const RANGE: RangeInclusive<u64> = 900..=43_200;

/// The length that was set, else that of the variable.
pub(crate) fn of(
    set: Option<Duration>,
    variable: Option<String>,
) -> Result<Option<Duration>, BuildError> {
    let (name, seconds) = match (set, variable) {
        (Some(length), _) if length.subsec_nanos() > 0 => {
            return Err(BuildError::new(
                "session_length",
                format!("{length:?} is not a whole number of seconds"),
            ));
        }
        (Some(length), _) => ("session_length", length.as_secs()),
        (None, Some(text)) => {
            let seconds = text.trim().parse().map_err(|_| {
                BuildError::new(
                    VARIABLE,
                    format!("{} is not a number of seconds", shown(&text)),
                )
            })?;
            (VARIABLE, seconds)
        }
        (None, None) => return Ok(None),
    };
    if RANGE.contains(&seconds) {
        Ok(Some(Duration::from_secs(seconds)))
    } else {
        Err(BuildError::new(
            name,
            format!(
                "{seconds} s is out of range; STS accepts 900 s to 43200 s, and at most the role's own maximum"
            ),
        ))
    }
}
