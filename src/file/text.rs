//! Text as editors, shells and secret stores leave it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Skips the byte order mark of UTF-8.
pub(crate) fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}

/// White space and byte order marks around a token.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
}

/// The encoding that makes the bytes unusable, if it is one that people produce by accident.
pub(crate) fn odd_encoding(bytes: &[u8]) -> Option<&'static str> {
    if is_utf16(bytes) {
        return Some("is UTF-16; save it as UTF-8");
    }
    let text = trim(std::str::from_utf8(bytes).ok()?);
    if text.starts_with('"') && text.contains('{') {
        return Some("is JSON inside a JSON string; decode it once");
    }
    let compact = Zeroizing::new(text.split_whitespace().collect::<String>());
    let decoded = Zeroizing::new(STANDARD.decode(compact.as_bytes()).ok()?);
    without_byte_order_mark(&decoded)
        .trim_ascii_start()
        .starts_with(b"{")
        .then_some("is JSON encoded in base64; decode it first")
}

/// UTF-16 has a byte order mark, or every other byte of its ASCII is zero.
pub(crate) fn is_utf16(bytes: &[u8]) -> bool {
    let has_mark = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    has_mark
        || matches!(
            bytes,
            [0, 1..=127, 0, 1..=127, ..] | [1..=127, 0, 1..=127, 0, ..]
        )
}
