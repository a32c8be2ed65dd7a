//! The fields of a request, checked.

use super::crc32c::crc32c;
use super::{Reply, invalid};
use crate::request::RecordedRequest;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Map, Value};

/// [The limit](https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys/encrypt#request-body)
/// of plaintext and additional data, each, for software keys.
const MAX_BYTES: usize = 65_536;

const ADDITIONAL: &str = "additionalAuthenticatedData";
const ADDITIONAL_CRC: &str = "additionalAuthenticatedDataCrc32c";

pub(super) struct Fields {
    pub(super) data: Vec<u8>,
    pub(super) additional: Vec<u8>,
    pub(super) has_data_crc: bool,
    pub(super) has_additional_crc: bool,
}

impl Fields {
    /// `data` and `crc` name the fields that differ between the methods.
    pub(super) fn parse(request: &RecordedRequest, data: &str, crc: &str) -> Result<Self, Reply> {
        let body: Map<String, Value> = serde_json::from_slice(request.body())
            .map_err(|_| invalid("Invalid JSON payload received."))?;
        let known = [data, crc, ADDITIONAL, ADDITIONAL_CRC];
        if let Some(name) = body.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(invalid(&format!(
                "Invalid JSON payload received. Unknown name \"{name}\": Cannot find field."
            )));
        }
        let (data, has_data_crc) = checked(&body, data, crc)?;
        let (additional, has_additional_crc) = checked(&body, ADDITIONAL, ADDITIONAL_CRC)?;
        Ok(Self {
            data,
            additional,
            has_data_crc,
            has_additional_crc,
        })
    }
}

/// The bytes of a field, and whether their checksum came with them.
fn checked(body: &Map<String, Value>, name: &str, crc: &str) -> Result<(Vec<u8>, bool), Reply> {
    let bytes = match body.get(name) {
        None | Some(Value::Null) => Vec::new(),
        Some(value) => value
            .as_str()
            .and_then(|text| {
                STANDARD
                    .decode(text)
                    .or_else(|_| URL_SAFE.decode(text))
                    .ok()
            })
            .ok_or_else(|| invalid(&format!("Invalid value at '{name}' (TYPE_BYTES)")))?,
    };
    // A ciphertext is longer than what it holds.
    let limit = if name == "ciphertext" {
        2 * MAX_BYTES
    } else {
        MAX_BYTES
    };
    if bytes.len() > limit {
        return Err(invalid(&format!(
            "The data in field {} must be no larger than 64KiB.",
            snake(name)
        )));
    }
    let sent = match body.get(crc) {
        None | Some(Value::Null) => return Ok((bytes, false)),
        Some(Value::String(text)) => text.parse().ok(),
        Some(number) => number.as_i64(),
    };
    let sent = sent.ok_or_else(|| invalid(&format!("Invalid value at '{crc}' (TYPE_INT64)")))?;
    if sent != i64::from(crc32c(&bytes)) {
        return Err(invalid(&format!(
            "The checksum in field {} did not match the data in field {}.",
            snake(crc),
            snake(name)
        )));
    }
    Ok((bytes, true))
}

/// The field's name in messages.
fn snake(name: &str) -> String {
    name.chars().fold(String::new(), |mut text, c| {
        if c.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
        text
    })
}
