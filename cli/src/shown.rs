//! What may be shown of an argument.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode::Indifferent;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use std::path::Path;

#[cfg(test)]
mod tests;

/// A path in a message. People paste contents where a path belongs: a text that does not look like
/// a path is not shown.
pub(crate) fn shown_path(path: &Path) -> String {
    let text = path.to_string_lossy();
    match is_secret(&text) {
        true => "<not shown: it does not look like a path>".to_owned(),
        false => format!("{text:?}"),
    }
}

/// No laxer than the library is with its own paths, and [`is_key`]: nothing is refused for it.
fn is_secret(text: &str) -> bool {
    /// No file system has longer names.
    const LONGEST_NAME: usize = 255;
    let text = text.trim_start_matches(['\u{feff}', '"', '\'', ' ', '\t', '\r', '\n']);
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| text.starts_with(prefix));
    let contains = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    let is_long = text.len() > 40;
    // `{` in base64, by itself or with what follows it, begins JWTs and encoded JSON.
    begins(&["{", "[", "Bearer ", "bearer ", "eyJ", "1//0", "GOCSPX-"])
        || is_long && (text.contains("eyJ") || begins(&["ewo", "ew0", "eyA"]))
        || contains(&["-----BEGIN", "PRIVATE KEY", "ya29."])
        || text
            .split(['/', '\\'])
            .any(|name| name.len() > LONGEST_NAME)
        || is_key(text)
}

/// Whether the text is a key of 32 bytes, in hexadecimal digits or in base64 of any kind.
pub(crate) fn is_key(text: &str) -> bool {
    let text = text.trim();
    let lax = GeneralPurposeConfig::new().with_decode_padding_mode(Indifferent);
    let is_base64 = [alphabet::STANDARD, alphabet::URL_SAFE]
        .iter()
        .any(|alphabet| {
            let decoded = GeneralPurpose::new(alphabet, lax).decode(text);
            decoded.is_ok_and(|key| key.len() == 32)
        });
    is_base64 || text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
