//! What of a foreign text may be quoted in a message: bounded, in one line, escaped.

/// At most this much of a value is shown in a message.
const SHOWN: usize = 80;

pub(crate) fn shown(value: &str) -> String {
    match value.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}… ({} bytes)", &value[..end], value.len()),
        None => format!("{value:?}"),
    }
}

/// What a server said, in one line and at most 500 characters of it.
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
