//! How a foreign text is quoted in a message: bounded, on one line, escaped, or not at all.

use crate::redact::secret_kind;

/// A value in a message: quoted, escaped, at most 80 characters.
pub(crate) fn shown(value: &str) -> String {
    bounded(value, 80)
}

/// A value in the table of an explanation, where the whole of it counts: at most 400 characters.
pub(crate) fn shown_long(value: &str) -> String {
    bounded(value, 400)
}

/// People paste a key or a token where a name belongs. Only what it looks like is shown of that.
fn bounded(value: &str, most: usize) -> String {
    if let Some(kind) = secret_kind(value) {
        return format!("<{kind}, not shown> ({} bytes)", value.len());
    }
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

#[cfg(test)]
mod tests;
