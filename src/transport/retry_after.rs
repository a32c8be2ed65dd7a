//! How long a server asks to be left alone
//! ([Retry-After](https://www.rfc-editor.org/rfc/rfc9110#field.retry-after)).

use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::date_time::{DateTime, Format};
use std::time::{Duration, SystemTime};

/// No server can stop a provider for longer: the shortest session lasts as long.
const MAX: Duration = Duration::from_secs(900);

/// The pause that `Retry-After` asks for, in seconds or until an HTTP date, at most 15 min. A date
/// is compared with the server's own `Date`, or with `now` if it sent none.
pub(crate) fn retry_after(headers: &Headers, now: Option<SystemTime>) -> Option<Duration> {
    let text = headers.get("retry-after")?.trim();
    let pause = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let now = headers.get("date").and_then(http_date).or(now)?;
            http_date(text)?.duration_since(now).unwrap_or_default()
        }
    };
    Some(pause.min(MAX))
}

pub(super) fn http_date(text: &str) -> Option<SystemTime> {
    let date = DateTime::from_str(text, Format::HttpDate).ok()?;
    SystemTime::try_from(date).ok()
}

#[cfg(test)]
mod tests;
