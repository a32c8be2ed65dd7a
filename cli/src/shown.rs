//! What may be shown of an argument.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode::Indifferent;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use std::path::Path;

#[cfg(test)]
mod tests;

const NOT_SHOWN: &str = "<not shown>";

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

/// A text without the arguments of this process that are secrets: clap quotes those that it does
/// not expect.
pub(crate) fn without_secret_arguments(text: String) -> String {
    let arguments = std::env::args_os().skip(1);
    arguments.fold(text, |text, argument| {
        let argument = argument.to_string_lossy();
        let value = argument.split_once('=').map_or("", |(_, value)| value);
        [&*argument, value]
            .into_iter()
            .filter(|it| it.len() >= 8 && is_secret(it))
            .fold(text, |text, secret| text.replace(secret, NOT_SHOWN))
    })
}

/// A text without words that look like tokens or secrets of Google: what a variable or an option
/// holds comes back in tokens, names and addresses.
pub(crate) fn without_tokens(text: &str) -> String {
    let ends_word = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',');
    let is_token = |word: &str| {
        let parts = ["ya29.", "1//0", "GOCSPX-"];
        word.len() > 40 && word.contains("eyJ") || parts.iter().any(|part| word.contains(part))
    };
    text.split_inclusive(ends_word)
        .map(|word| {
            let bare = word.trim_end_matches(ends_word);
            match is_token(bare) {
                true => word.replacen(bare, NOT_SHOWN, 1),
                false => word.to_owned(),
            }
        })
        .collect()
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
