//! What may be shown of a path. People paste the contents of a file where its path belongs, so a
//! path can be a key or a token.

use std::fmt;
use std::path::{Path, PathBuf};

/// A path in a message has at most this many characters.
const SHOWN: usize = 200;
/// No file system has longer names, so a longer one is no name.
const LONGEST_NAME: usize = 255;

/// The kind of secret that a text looks like, such as `JSON`, in place of a path or a name.
pub(crate) fn secret_kind(text: &str) -> Option<&'static str> {
    let text = text.trim_start_matches(['\u{feff}', '"', '\'', ' ', '\t', '\r', '\n']);
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| text.starts_with(prefix));
    let is_long = text.len() > 40;
    // `[` alone also begins an IPv6 address.
    let begins_array = || {
        let items = text.strip_prefix('[').map(str::trim_start);
        items.is_some_and(|items| items.starts_with(['{', '[', '"']))
    };
    if begins(&["{"]) || begins_array() {
        Some("JSON")
    } else if text.contains("-----BEGIN") || text.contains("PRIVATE KEY") {
        Some("a PEM")
    } else if begins(&["Bearer ", "bearer ", "ya29.", "1//0"]) {
        Some("a token")
    } else if begins(&["GOCSPX-"]) {
        Some("a client's secret")
    } else if begins(&["eyJ"]) || is_long && text.contains("eyJ") {
        // `{"` in base64 begins a JWT, and JSON that is encoded as a whole.
        Some(match text.contains('.') {
            true => "a JWT",
            false => "JSON in base64",
        })
    } else if is_long && begins(&["ewo", "ew0", "eyA"]) {
        // `{` with a line break or a space after it.
        Some("JSON in base64")
    } else if text.len() == 44 && is_base64(text) {
        // 32 bytes.
        Some("a key in base64")
    } else {
        None
    }
}

/// Whether the text is base64 with padding, which hardly any name ends with.
fn is_base64(text: &str) -> bool {
    let is_digit =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    text.strip_suffix('=')
        .is_some_and(|text| text.bytes().all(is_digit))
}

/// A path for messages, logs and `Debug`: quoted, escaped and bounded, or only the kind of secret
/// that it looks like.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ShownPath(PathBuf);

impl ShownPath {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    pub(crate) fn as_path(&self) -> &Path {
        &self.0
    }

    /// The kind of secret, when this looks like one rather than like a path.
    pub(crate) fn secret_kind(&self) -> Option<&'static str> {
        let text = self.0.to_string_lossy();
        let too_long = || {
            let mut names = text.split(['/', '\\']);
            names.any(|name| name.len() > LONGEST_NAME)
        };
        secret_kind(&text).or_else(|| too_long().then_some("a text too long for one"))
    }
}

impl fmt::Display for ShownPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(kind) = self.secret_kind() {
            return write!(f, "<{kind}, not shown>");
        }
        // Of a path that is no UTF-8, `Debug` shows the bytes.
        let text = format!("{:?}", self.0);
        match text.char_indices().nth(SHOWN) {
            Some((end, _)) => write!(
                f,
                "{}…\" ({} bytes)",
                &text[..end],
                self.0.as_os_str().len()
            ),
            None => f.write_str(&text),
        }
    }
}

impl fmt::Debug for ShownPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
