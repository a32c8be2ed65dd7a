//! How long a server asks to be left alone
//! ([Retry-After](https://www.rfc-editor.org/rfc/rfc9110#field.retry-after)).

use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::date_time::{DateTime, Format};
use std::time::{Duration, SystemTime};

/// No server can stop a provider for longer: the shortest session lasts as long.
const MAX: Duration = Duration::from_secs(900);

/// The pause that `Retry-After` asks for, in seconds or until an HTTP date, at most 15 min. A date is
/// compared with the server's own `Date`, or with `now` if it sent none.
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
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        const NOON: &str = "Thu, 26 Nov 2026 12:00:00 GMT";
        const LATER: &str = "Thu, 26 Nov 2026 12:02:00 GMT";
        let eleven = http_date("Thu, 26 Nov 2026 11:00:00 GMT");
        let just_before = http_date("Thu, 26 Nov 2026 11:59:59 GMT");
        for (text, date, now, expected) in [
            ("120", None, None, Some(120)),
            (" 0 ", None, None, Some(0)),
            ("31536000", None, None, Some(900)),
            (LATER, Some(NOON), None, Some(120)),
            // The server's clock counts, not this machine's.
            (LATER, Some(NOON), eleven, Some(120)),
            (LATER, None, just_before, Some(121)),
            (LATER, None, eleven, Some(900)),
            (NOON, Some(LATER), None, Some(0)),
            (LATER, None, None, None),
            ("soon", Some(NOON), None, None),
            ("-1", None, None, None),
            ("1.5", None, None, None),
            ("18446744073709551616", None, None, None),
        ] {
            let mut headers = Headers::new();
            headers.insert("retry-after", text);
            if let Some(date) = date {
                headers.insert("date", date);
            }
            let expected = expected.map(Duration::from_secs);
            assert_eq!(
                retry_after(&headers, now),
                expected,
                "{text} {date:?} {now:?}"
            );
        }
    }
}
