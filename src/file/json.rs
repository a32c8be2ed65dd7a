//! JSON in files that people write, copy and encode.

use crate::build_error::BuildError;
use crate::file::text::{odd_encoding, without_byte_order_mark};
use crate::redact::{SecretText, json_place};
use serde::{Deserialize, Deserializer};

/// Parses the JSON of `what`, such as "a credentials file". `name` names the file in messages.
///
/// # Errors
/// Says what the bytes are instead, never what they hold: serde_json's text may quote a secret.
pub(crate) fn parse<'a, T: Deserialize<'a>>(
    name: &str,
    what: &str,
    bytes: &'a [u8],
) -> Result<T, BuildError> {
    let bytes = without_byte_order_mark(bytes);
    let problem = match serde_json::from_slice(bytes) {
        // serde takes an array as the fields of an object in their order.
        _ if bytes.trim_ascii_start().starts_with(b"[") => "is a JSON array".to_owned(),
        Ok(parsed) => return Ok(parsed),
        Err(_) if bytes.trim_ascii().is_empty() => "is empty".to_owned(),
        Err(error) => {
            let place = json_place(&error);
            match odd_encoding(bytes) {
                Some(encoding) => encoding.to_owned(),
                None if error.is_eof() => format!("is truncated: its JSON ends early, at {place}"),
                None if error.is_syntax() => format!("is not JSON ({place})"),
                None => format!("is JSON, but a value has the wrong type ({place})"),
            }
        }
    };
    let message = format!("{problem}; the JSON of {what} is expected");
    Err(BuildError::new(name, message))
}

/// An optional text. Go marshals an absent one as `""`, so empty, `null` and absent are the same.
pub(crate) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    Ok(text.filter(|text| !text.is_empty()))
}

/// The same for a secret.
pub(crate) fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretText>, D::Error> {
    let secret = Option::<SecretText>::deserialize(from)?;
    Ok(secret.filter(|secret| !secret.0.expose().is_empty()))
}

/// `null` in place of a list or an object.
pub(crate) fn null_is_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}
