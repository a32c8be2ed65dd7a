//! The certificate authorities that our own HTTP client trusts.

use crate::environment::Environment;
use crate::redact::ShownPath;
use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
#[cfg(feature = "redis_1")]
use std::fmt;
use std::io::{self, Read};
use std::path::Path;

const BUNDLE: &str = "AWS_CA_BUNDLE";

/// The largest public bundles have some 500 KiB.
const MAX_BUNDLE: u64 = 4 * 1024 * 1024;

/// Why there is nothing to verify a server's certificate with.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NoRoots(String);

/// No roots, and no I/O: for a client that only speaks plain http.
pub(super) fn none() -> TlsContext {
    context(&[])
}

/// The machine's roots, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, and those of
/// `AWS_CA_BUNDLE`.
///
/// The SDK could load the machine's roots itself, but a debug build of it panics when there are
/// none.
///
/// # Errors
/// When there are no roots, or `AWS_CA_BUNDLE` cannot be used.
pub(super) fn load(environment: &Environment) -> Result<TlsContext, NoRoots> {
    roots(environment).map(|roots| context(&roots))
}

/// The same in PEM, for a client that is not the SDK's.
#[cfg(feature = "redis_1")]
pub(crate) fn root_certificates(environment: &Environment) -> Result<String, impl fmt::Display> {
    roots(environment).map(|roots| pem(&roots))
}

fn roots(environment: &Environment) -> Result<Vec<CertificateDer<'static>>, NoRoots> {
    let native = rustls_native_certs::load_native_certs();
    let mut roots: Vec<_> = native.certs.into_iter().filter(is_usable).collect();
    if let Some(path) = environment.path(BUNDLE) {
        let bundle = read_bundle(&path).map_err(|error| {
            let path = ShownPath::new(&path);
            NoRoots(format!("{BUNDLE} names {path}, which {error}"))
        })?;
        roots.extend(bundle);
    }
    if roots.is_empty() {
        let errors = native.errors.iter().map(|error| format!("; {error}"));
        let errors: String = errors.take(3).collect();
        return Err(NoRoots(format!(
            "this machine has no root certificates{errors}"
        )));
    }
    Ok(roots)
}

fn read_bundle(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = || -> io::Result<Vec<u8>> {
        let file = std::fs::File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let mut bytes = Vec::new();
        file.take(MAX_BUNDLE).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|error| format!("can't be read: {error}"))?;
    let roots: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .filter_map(Result::ok)
        .filter(is_usable)
        .collect();
    match roots.is_empty() {
        true => Err("holds no certificate in PEM".to_owned()),
        false => Ok(roots),
    }
}

/// The SDK's client panics on a root that rustls can't use.
fn is_usable(root: &CertificateDer<'_>) -> bool {
    RootCertStore::empty().add(root.clone()).is_ok()
}

/// The SDK's client takes roots as PEM.
fn context(roots: &[CertificateDer<'_>]) -> TlsContext {
    let store = TrustStore::empty().with_pem_certificate(pem(roots));
    TlsContext::builder()
        .with_trust_store(store)
        .build()
        .unwrap_or_default()
}

fn pem(roots: &[CertificateDer<'_>]) -> String {
    roots
        .iter()
        .map(|root| {
            let encoded = STANDARD.encode(root);
            format!("-----BEGIN CERTIFICATE-----\n{encoded}\n-----END CERTIFICATE-----\n")
        })
        .collect()
}
