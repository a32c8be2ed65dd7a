//! Who a source speaks for, as far as it is known without a token.

use crate::token::Claims;
use aws_lc_rs::digest::{Context as Digest, SHA256};
use std::fmt;

/// A Google identity, as an opaque hash: equal only for the same identity of the same kind of
/// source.
///
/// It is part of the key under which a [`SessionCache`](crate::SessionCache) keeps a session. Two
/// identities that differ in anything that AWS may see must differ here.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity([u8; 32]);

impl Identity {
    /// Makes it from a name for the kind of source, and everything that tells the identity from
    /// others, in a fixed order.
    ///
    /// ```
    /// use aws_google_web_identity::Identity;
    ///
    /// let identity = Identity::new("vault", ["https://vault.example.com", "robot@demo.iam.gserviceaccount.com"]);
    /// # assert_ne!(identity, Identity::new("vault", ["https://vault.example.co", "mrobot@demo.iam.gserviceaccount.com"]));
    /// ```
    pub fn new(kind: &str, fields: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Self {
        let mut digest = Digest::new(&SHA256);
        digest.update(b"aws-google-web-identity identity 1\0");
        let mut field = |field: &[u8]| {
            // The length keeps neighbours apart: "ab", "c" is not "a", "bc".
            digest.update(&(field.len() as u64).to_be_bytes());
            digest.update(field);
        };
        field(kind.as_bytes());
        for part in fields {
            field(part.as_ref());
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(digest.finish().as_ref());
        Self(hash)
    }

    /// The identity in a token. `azp` and `email` belong to it: a trust policy can test them.
    pub(crate) fn of_claims(claims: &Claims) -> Self {
        let azp = claims.azp.as_deref().unwrap_or_default();
        let email = claims.email.as_deref().unwrap_or_default();
        Self::new("token", [claims.iss.as_str(), &claims.sub, azp, email])
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(")?;
        self.0[..8]
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("…)")
    }
}

#[cfg(test)]
mod tests {
    use super::Identity;

    #[test]
    fn fields_do_not_run_into_each_other() {
        let all = [
            Identity::new("a", ["b", "c"]),
            Identity::new("a", ["bc", ""]),
            Identity::new("a", ["", "bc"]),
            Identity::new("a", ["bc"]),
            Identity::new("ab", ["c"]),
            Identity::new("ab", ["c", ""]),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(!all[index + 1..].contains(one), "{index}");
        }
    }
}
