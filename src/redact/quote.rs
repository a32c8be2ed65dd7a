//! How a foreign text is quoted in a message: bounded, on one line, escaped, or not at all.

use std::path::Path;

/// A value in a message: quoted, escaped, at most 80 characters.
pub(crate) fn shown(value: &str) -> String {
    bounded(value, 80)
}

/// A value in the table of an explanation, where the whole of it counts: at most 400 characters.
pub(crate) fn shown_long(value: &str) -> String {
    bounded(value, 400)
}

fn bounded(value: &str, most: usize) -> String {
    match value.char_indices().nth(most) {
        Some((end, _)) => format!("{:?}… ({} bytes)", &value[..end], value.len()),
        None => format!("{value:?}"),
    }
}

/// What a server said: on one line, without control characters, at most 500 characters.
pub(crate) fn said(text: &str) -> String {
    const MAX: usize = 500;
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let mut line = String::new();
    for word in text
        .chars()
        .take(4 * MAX)
        .map(printable)
        .collect::<String>()
        .split_whitespace()
    {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    match line.char_indices().nth(MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// The text of a refusal, if it is sentences: no page, no JSON, and no word that may be a token.
pub(crate) fn prose(text: &str) -> Option<&str> {
    let is_word = |word: &str| {
        word.len() <= 40 || word.contains('@') || word.contains("://") && !word.contains('?')
    };
    Some(text.trim()).filter(|text| {
        (1..=1000).contains(&text.len())
            && !text.starts_with('<')
            && !text.contains(['{', '"'])
            && text.split_whitespace().all(is_word)
    })
}

/// What a body is, without its content, which may be a token.
pub(crate) fn body_summary(body: &[u8], content_type: Option<&str>) -> String {
    let length = body.len();
    match content_type {
        Some(content_type) => format!("{length} bytes of {}", shown(content_type)),
        None => format!("{length} bytes without a content type"),
    }
}

/// Where a JSON error is. Its text may quote the secret that it did not expect.
pub(crate) fn json_place(error: &serde_json::Error) -> String {
    format!("line {}, column {}", error.line(), error.column())
}

/// A word such as `service_account`. In the same place of a damaged file there may be a secret.
pub(crate) fn word(text: &str) -> Option<&str> {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    (text.len() <= 40 && text.bytes().all(is_word)).then_some(text)
}

/// The label of a PEM, such as `EC PRIVATE KEY`. One that lost a dash would reach into the key.
pub(crate) fn pem_label(text: &str) -> Option<&str> {
    let is_word =
        |word: &str| word.len() <= 11 && word.bytes().all(|byte| byte.is_ascii_uppercase());
    (text.len() <= 40 && text.split(' ').all(is_word)).then_some(text)
}

/// A path in a message, its control characters escaped: a `\r` of an environment file is visible.
/// Of a secret in the place of a path only its form is told.
pub(crate) fn path(path: &Path) -> String {
    const MOST: usize = 400;
    let text = path.to_string_lossy();
    if let Some(form) = secret_form(&text) {
        return format!("(not shown: {form} where a path belongs)");
    }
    let mut escaped = String::new();
    for c in text.chars().take(MOST) {
        match c.is_control() {
            true => escaped.extend(c.escape_default()),
            false => escaped.push(c),
        }
    }
    match text.chars().nth(MOST) {
        Some(_) => format!("{escaped}… ({} bytes)", text.len()),
        None => escaped,
    }
}

/// The form of a secret that was given in the place of a path.
fn secret_form(text: &str) -> Option<&'static str> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    // The base64 of `{"` begins with eyJ, that of `{` and a newline with ew.
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_.\r\n".contains(&byte);
    match text {
        _ if text.starts_with(['{', '[', '"']) => Some("JSON"),
        _ if text.contains("-----BEGIN") => Some("a PEM"),
        _ if text.starts_with("ya29.") => Some("an access token"),
        _ if (text.starts_with("eyJ") || text.starts_with("ew"))
            && text.len() > 40
            && text.bytes().all(is_base64) =>
        {
            Some("a token, or the base64 of JSON,")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_where_a_path_belongs_is_not_shown() {
        let jwt = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
        for (secret, form) in [
            (r#"{"private_key": "hush"}"#, "JSON"),
            ("\u{feff} {\"private_key\": \"hush\"}", "JSON"),
            ("-----BEGIN PRIVATE KEY-----\nhush", "a PEM"),
            ("ya29.hush", "an access token"),
            (jwt, "a token, or the base64 of JSON,"),
            (
                "ewogICJ0eXBlIjogInNlcnZpY2VfYWNjb3VudCIsCiAgInAiOjF9",
                "a token, or the base64 of JSON,",
            ),
        ] {
            let path = path(Path::new(secret));
            assert_eq!(path, format!("(not shown: {form} where a path belongs)"));
        }
    }

    #[test]
    fn a_path_is_bounded_and_escaped() {
        for (given, expected) in [
            ("/etc/key.json", "/etc/key.json"),
            ("/etc/key.json\r", "/etc/key.json\\r"),
            (r"C:\keys\key.json", r"C:\keys\key.json"),
            ("ewok/eyJ", "ewok/eyJ"),
        ] {
            assert_eq!(path(Path::new(given)), expected);
        }
        let long = path(Path::new(&"x".repeat(4000)));
        assert!(long.ends_with("x… (4000 bytes)") && long.len() < 450);
    }

    #[test]
    fn only_sentences_are_prose() {
        let token = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIn0";
        assert_eq!(prose(" Not found \n"), Some("Not found"));
        for text in [
            "",
            "<html>",
            "{}",
            "say \"x\"",
            token,
            &format!("no {token}"),
        ] {
            assert_eq!(prose(text), None, "{text}");
        }
    }
}
