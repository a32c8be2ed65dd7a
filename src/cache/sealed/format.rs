//! The header of a sealed entry.

use crate::cache::entry::SEALED;

const VERSION: u8 = 1;
/// A wrapped data key has some 100 bytes. A longer field belongs to no entry.
const MAX_KEY_INFO: usize = 4096;

/// Where the key of an entry comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cache) enum KeyKind {
    Local = 1,
    GoogleKms = 2,
}

/// Everything before the nonce: which key opens the entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cache) struct Header {
    pub(in crate::cache) kind: KeyKind,
    /// The id of the key, or the wrapped data key: whatever its provider needs to find it again.
    pub(in crate::cache) key_info: Vec<u8>,
}

impl Header {
    /// The header, and what follows it. `None` for anything else.
    pub(super) fn parse(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let rest = bytes.strip_prefix(SEALED)?;
        let (&[version, kind], rest) = rest.split_first_chunk()?;
        let kind = match kind {
            1 => KeyKind::Local,
            2 => KeyKind::GoogleKms,
            _ => return None,
        };
        let (length, rest) = rest.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length));
        if version != VERSION || length > MAX_KEY_INFO {
            return None;
        }
        let (key_info, rest) = rest.split_at_checked(length)?;
        let key_info = key_info.to_vec();
        Some((Self { kind, key_info }, rest))
    }

    /// The bytes that [`parse`](Self::parse) reads. `None` if the field does not fit.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        let length = self.key_info.len();
        let field = u16::try_from(length).ok()?;
        if length > MAX_KEY_INFO {
            return None;
        }
        let mut bytes = Vec::with_capacity(8 + length);
        bytes.extend_from_slice(SEALED);
        bytes.extend_from_slice(&[VERSION, self.kind as u8]);
        bytes.extend_from_slice(&field.to_be_bytes());
        bytes.extend_from_slice(&self.key_info);
        Some(bytes)
    }
}
