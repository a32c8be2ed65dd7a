//! A session as the bytes of an entry, in clear.
//!
//! # Format
//!
//! | Bytes | What |
//! |---|---|
//! | 4 | `AGWC` |
//! | 1 | version of the format: 1 |
//! | 32 | SHA-256 over the entry's [`CacheKey`] and everything that follows |
//! | 8 | the session's whole lifetime in milliseconds, big-endian |
//! | five times | length (4, big-endian) and UTF-8 text: access key id, secret access key, session token, account id, ARN of the assumed role; the last two may be empty |

use crate::aws::session::Session;
use crate::cache::key::CHECKSUM;
use crate::cache::{CacheKey, SessionEntry};
use std::time::{Duration, SystemTime};

const MAGIC: &[u8; 5] = b"AGWC\x01";
/// Keys have 20 to 128 bytes; a token has some hundred, and no documented limit.
const MAX_TEXT: usize = 32 * 1024;

/// A session from a cache, with its times.
#[derive(Clone, Debug)]
pub(crate) struct CachedSession {
    pub(crate) session: Session,
    pub(crate) left: Duration,
    pub(crate) age: Duration,
}

impl CachedSession {
    /// The entry for a session with this much of its life left. Its whole lifetime is that and its
    /// age.
    pub(crate) fn to_entry(session: &Session, left: Duration, key: &CacheKey) -> SessionEntry {
        let credentials = session.credentials();
        let account = credentials.account_id().map(|account| account.as_str());
        let texts = [
            credentials.access_key_id(),
            credentials.secret_access_key(),
            credentials.session_token().unwrap_or_default(),
            account.unwrap_or_default(),
            session.assumed_role_arn().unwrap_or_default(),
        ];
        let length: usize = texts.iter().map(|text| 4 + text.len()).sum();
        // As long as it will be: a buffer that grows leaves copies behind.
        let mut bytes = Vec::with_capacity(MAGIC.len() + CHECKSUM + 8 + length);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&[0; CHECKSUM]);
        let lifetime = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        bytes.extend_from_slice(&lifetime.to_be_bytes());
        for text in texts {
            let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        let (head, rest) = bytes.split_at_mut(MAGIC.len() + CHECKSUM);
        head[MAGIC.len()..].copy_from_slice(&key.checksum(rest));
        SessionEntry::new(bytes, left)
    }

    /// The session in an entry that was loaded at `now`; `None` for anything that
    /// [`to_entry`](Self::to_entry) did not write for this key.
    pub(crate) fn of_entry(entry: &SessionEntry, key: &CacheKey, now: SystemTime) -> Option<Self> {
        let rest = entry.expose().strip_prefix(MAGIC)?;
        let (expected, rest) = rest.split_first_chunk::<CHECKSUM>()?;
        if key.checksum(rest) != *expected {
            return None;
        }
        let (lifetime, mut rest) = rest.split_first_chunk()?;
        let lifetime = Duration::from_millis(u64::from_be_bytes(*lifetime));
        let texts = [(); 5].map(|()| text(&mut rest));
        let [
            Some(access_key_id),
            Some(secret),
            Some(token),
            Some(account),
            Some(arn),
        ] = texts
        else {
            return None;
        };
        let keys = [access_key_id, secret, token];
        // They become headers of requests.
        let is_key = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_graphic());
        let is_name = |text: &str| !text.chars().any(char::is_control);
        let is_whole = rest.is_empty() && keys.into_iter().all(is_key);
        if !is_whole || !is_name(account) || !is_name(arn) || lifetime > SessionEntry::MAX_LEFT {
            return None;
        }
        // What the store says, which can only be too much if somebody tampered with it.
        let left = entry.left().min(lifetime);
        let set = |text| Some(text).filter(|text: &&str| !text.is_empty());
        let expires_at = now.checked_add(left)?;
        Some(Self {
            session: Session::from_parts(keys, set(account), expires_at, set(arn)),
            left,
            age: lifetime - left,
        })
    }
}

/// Reads what a foreign writer can store: any bytes after a checksum that is right.
#[cfg(fuzzing)]
pub(super) fn fuzz(rest: &[u8], key: &CacheKey) {
    let bytes = [&MAGIC[..], &key.checksum(rest), rest].concat();
    let entry = SessionEntry::new(bytes, Duration::from_secs(60));
    let Some(read) = CachedSession::of_entry(&entry, key, SystemTime::UNIX_EPOCH) else {
        return;
    };
    assert!(read.left <= entry.left() && read.left + read.age <= SessionEntry::MAX_LEFT);
    let again = CachedSession::to_entry(&read.session, read.left + read.age, key);
    assert_eq!(again.expose(), entry.expose());
}

/// Splits the next text off.
fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let (length, after) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    if length > MAX_TEXT {
        return None;
    }
    let (text, after) = after.split_at_checked(length)?;
    *rest = after;
    std::str::from_utf8(text).ok()
}
