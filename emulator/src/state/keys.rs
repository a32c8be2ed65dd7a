//! RSA keys, generated once per process.
//!
//! Generating a key takes a noticeable part of a second, and no private key belongs in a
//! repository.

use crate::lock::lock;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, OnceLock};

/// The use of a key. A key never verifies signatures of another use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum KeyUse {
    /// Signs Google's ID tokens. The JWKS has its public key.
    Google,
    /// Signs ID tokens that every server must refuse.
    Foreign,
    /// The private key of an account's key file.
    KeyFile,
    /// Google's own key for an account, which `signJwt` uses.
    Managed,
}

type Keys = HashMap<(KeyUse, usize), Arc<SigningKey>>;

/// An RSA-2048 key that signs RS256.
pub(crate) struct SigningKey {
    pair: RsaKeyPair,
    id: String,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl SigningKey {
    /// The `index`th key of this process for `usage`.
    pub(crate) fn shared(usage: KeyUse, index: usize) -> io::Result<Arc<Self>> {
        static KEYS: OnceLock<Mutex<Keys>> = OnceLock::new();
        let keys = KEYS.get_or_init(Mutex::default);
        if let Some(key) = lock(keys).get(&(usage, index)) {
            return Ok(key.clone());
        }
        let made = Arc::new(Self::generate()?);
        Ok(lock(keys).entry((usage, index)).or_insert(made).clone())
    }

    pub(crate) fn generate() -> io::Result<Self> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048)
            .map_err(|_| io::Error::other("an RSA key could not be generated"))?;
        let hash = digest::digest(&digest::SHA256, pair.public_key().as_ref());
        let id = hex(&hash.as_ref()[..20]);
        Ok(Self { pair, id })
    }

    /// The `kid`: 40 hexadecimal digits, like Google's.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn sign(&self, message: &[u8]) -> io::Result<Vec<u8>> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                message,
                &mut signature,
            )
            .map_err(|_| io::Error::other("signing failed"))?;
        Ok(signature)
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.pair.public_key().as_ref())
            .verify(message, signature)
            .is_ok()
    }

    /// The private key as PKCS#8 PEM, as in Google's key files.
    pub(crate) fn pkcs8_pem(&self) -> io::Result<String> {
        Ok(pem("PRIVATE KEY", self.pkcs8()?.as_ref()))
    }

    /// The private key as PKCS#1 PEM, as older tools write it.
    pub(crate) fn pkcs1_pem(&self) -> io::Result<String> {
        let pkcs8 = self.pkcs8()?;
        let pkcs1 = pkcs1_of(pkcs8.as_ref())
            .ok_or_else(|| io::Error::other("the key's PKCS#8 form could not be read"))?;
        Ok(pem("RSA PRIVATE KEY", pkcs1))
    }

    fn pkcs8(&self) -> io::Result<Pkcs8V1Der<'static>> {
        self.pair
            .as_der()
            .map_err(|_| io::Error::other("the key could not be encoded"))
    }

    /// The public key as a JWK (RFC 7517), with the members of Google's JWKS.
    pub(crate) fn jwk(&self) -> serde_json::Value {
        let (n, e) = modulus_and_exponent(self.pair.public_key().as_ref()).unwrap_or_default();
        serde_json::json!({
            "kty": "RSA", "alg": "RS256", "use": "sig", "kid": self.id,
            "n": URL_SAFE_NO_PAD.encode(n), "e": URL_SAFE_NO_PAD.encode(e),
        })
    }
}

/// `length` random bytes. A failing generator leaves zeros, which is harmless: the emulator's
/// secrets protect nothing.
pub(crate) fn random(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let _ = rand::fill(&mut bytes);
    bytes
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn pem(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in base64.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
}

/// Splits off the first DER element: its tag, its content, and the rest.
fn der(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        ..=0x7f => (usize::from(first), rest),
        0x81 | 0x82 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = digits
                .iter()
                .fold(0, |length, &digit| length << 8 | usize::from(digit));
            (length, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// The PKCS#1 key in a PKCS#8 one (RFC 5208): the octet string after version and algorithm.
fn pkcs1_of(pkcs8: &[u8]) -> Option<&[u8]> {
    let (_, sequence, _) = der(pkcs8)?;
    let (_, _version, rest) = der(sequence)?;
    let (_, _algorithm, rest) = der(rest)?;
    let (tag, key, _) = der(rest)?;
    (tag == 4).then_some(key)
}

fn modulus_and_exponent(rsa_public_key: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, sequence, _) = der(rsa_public_key)?;
    let (_, modulus, rest) = der(sequence)?;
    let (_, exponent, _) = der(rest)?;
    // DER puts a zero byte before a leading 1 bit; a JWK does not.
    Some((modulus.strip_prefix(&[0]).unwrap_or(modulus), exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_verifies_only_its_own_signatures() {
        let google = SigningKey::shared(KeyUse::Google, 0).unwrap();
        let foreign = SigningKey::shared(KeyUse::Foreign, 0).unwrap();
        let signature = google.sign(b"message").unwrap();
        assert!(google.verifies(b"message", &signature));
        assert!(!google.verifies(b"massage", &signature));
        assert!(!foreign.verifies(b"message", &signature));
    }

    #[test]
    fn both_pem_forms_hold_the_same_key() {
        let key = SigningKey::shared(KeyUse::KeyFile, 0).unwrap();
        let signature = key.sign(b"message").unwrap();
        let body = |pem: &str| {
            let lines: String = pem.lines().filter(|line| !line.starts_with("--")).collect();
            STANDARD.decode(lines).unwrap()
        };
        let pkcs8 = RsaKeyPair::from_pkcs8(&body(&key.pkcs8_pem().unwrap())).unwrap();
        let pkcs1 = RsaKeyPair::from_der(&body(&key.pkcs1_pem().unwrap())).unwrap();
        for pair in [pkcs8, pkcs1] {
            let mut again = vec![0; pair.public_modulus_len()];
            pair.sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                b"message",
                &mut again,
            )
            .unwrap();
            assert_eq!(again, signature);
        }
    }

    #[test]
    fn the_jwk_has_2048_bits_and_the_usual_exponent() {
        let jwk = SigningKey::shared(KeyUse::Google, 0).unwrap().jwk();
        let n = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
        assert_eq!(n.len(), 256);
        assert_eq!(jwk["e"], "AQAB");
    }

    #[test]
    fn debug_hides_the_key() {
        let key = SigningKey::shared(KeyUse::Google, 0).unwrap();
        let debug = format!("{key:?}");
        assert_eq!(debug, format!("SigningKey {{ id: {:?}, .. }}", key.id()));
    }
}
