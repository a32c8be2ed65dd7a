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
