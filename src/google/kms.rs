//! Google's Cloud KMS ([reference](https://cloud.google.com/kms/docs/reference/rest)): `encrypt`
//! and `decrypt` of a symmetric key.

mod crc32c;
mod key_name;
mod refusal;

use crate::build_error::{BuildError, Problems};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::redact::SecretText;
use crate::token::{CLOUD_PLATFORM, ProvideAccessToken};
use crate::transport::{Body, Endpoint, Request, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc32c::crc32c;
use key_name::KeyName;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;
use zeroize::Zeroizing;

const DEFAULT_ENDPOINT: &str = "https://cloudkms.googleapis.com";

/// A key of Cloud KMS and what its use needs. What is wrong with a setting is kept for `check`, and
/// for a call that is made without one.
#[derive(Clone, Debug)]
pub(crate) struct KmsClient {
    key: Result<KeyName, BuildError>,
    access: Arc<dyn ProvideAccessToken>,
    endpoint: Result<Endpoint, BuildError>,
}

impl KmsClient {
    pub(crate) fn new(key: &str, access: Arc<dyn ProvideAccessToken>) -> Self {
        Self {
            key: KeyName::parse(key),
            access,
            endpoint: Endpoint::secure("endpoint", DEFAULT_ENDPOINT),
        }
    }

    pub(crate) fn set_endpoint(&mut self, uri: &str) {
        self.endpoint = Endpoint::secure("endpoint", uri);
    }

    pub(crate) fn check(&self, cx: &Context) -> Result<(), BuildError> {
        let mut problems = Problems::default();
        problems.take(self.key.as_ref().map(drop).map_err(Clone::clone));
        problems.take(self.access.check(cx));
        problems.take(self.endpoint.as_ref().map(drop).map_err(Clone::clone));
        problems.finish()
    }

    /// The resource name of the key; empty if it is wrong.
    pub(crate) fn name(&self) -> &str {
        self.key.as_ref().map_or("", KeyName::as_str)
    }

    /// Encrypts at most 64 KiB with the primary version of the key.
    pub(crate) async fn encrypt(
        &self,
        cx: &Context,
        plaintext: &[u8],
        additional: &[u8],
    ) -> Result<Vec<u8>, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            ciphertext: String,
            #[serde(default)]
            ciphertext_crc32c: Value,
            #[serde(default)]
            verified_plaintext_crc32c: bool,
            #[serde(default)]
            verified_additional_authenticated_data_crc32c: bool,
        }
        let answer: Answer = self
            .call(cx, "encrypt", "plaintext", plaintext, additional)
            .await?;
        // A flag that is not set means that a checksum got lost on the way.
        if !answer.verified_plaintext_crc32c
            || !answer.verified_additional_authenticated_data_crc32c
        {
            return Err(corrupt(
                "encrypt: Cloud KMS did not verify the checksums it was sent",
            ));
        }
        verified("encrypt", &answer.ciphertext, &answer.ciphertext_crc32c)
            .map(|ciphertext| ciphertext.to_vec())
    }

    /// Decrypts with whichever version of the key encrypted it.
    pub(crate) async fn decrypt(
        &self,
        cx: &Context,
        ciphertext: &[u8],
        additional: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            plaintext: SecretText,
            #[serde(default)]
            plaintext_crc32c: Value,
        }
        let answer: Answer = self
            .call(cx, "decrypt", "ciphertext", ciphertext, additional)
            .await?;
        verified(
            "decrypt",
            answer.plaintext.0.expose(),
            &answer.plaintext_crc32c,
        )
    }

    async fn call<T: DeserializeOwned>(
        &self,
        cx: &Context,
        method: &'static str,
        field: &str,
        data: &[u8],
        additional: &[u8],
    ) -> Result<T, Error> {
        let key = set(&self.key)?;
        let endpoint = set(&self.endpoint)?;
        let token = self.access.provide_access_token(cx, CLOUD_PLATFORM).await?;
        let encoded = Zeroizing::new(STANDARD.encode(data));
        // Base64 and numbers need no escapes.
        let body = Zeroizing::new(format!(
            r#"{{"{field}":"{}","{field}Crc32c":"{}","additionalAuthenticatedData":"{}","additionalAuthenticatedDataCrc32c":"{}"}}"#,
            encoded.as_str(),
            crc32c(data),
            STANDARD.encode(additional),
            crc32c(additional),
        ));
        let mut request = Request::post(Stage::Cache, method, endpoint, Body::json_text(&body))
            .path(format!("/v1/{key}:{method}"))
            .bearer(token.for_header()?);
        if let Some(project) = token.quota_project() {
            request = request.header("x-goog-user-project", project);
        }
        let mut response = cx.transport().send(request).await?;
        response.blank_out(token.expose());
        response.blank_out(&encoded);
        read(&response, key, method)
    }
}

fn read<T: DeserializeOwned>(response: &Response, key: &KeyName, method: &str) -> Result<T, Error> {
    if !response.is_success() {
        return Err(refusal::error(response, key, method));
    }
    serde_json::from_slice(response.body()).map_err(|_| {
        corrupt(format!(
            "{method}: the answer isn't the JSON that was expected: {}",
            response.describe()
        ))
    })
}

/// The bytes of a field, which match their checksum.
fn verified(method: &str, base64: &str, crc: &Value) -> Result<Zeroizing<Vec<u8>>, Error> {
    let bytes = STANDARD.decode(base64).map(Zeroizing::new);
    // An int64 is a string in JSON.
    let crc = match crc {
        Value::String(text) => text.parse().ok(),
        number => number.as_u64(),
    };
    match bytes {
        Ok(bytes) if crc == Some(u64::from(crc32c(&bytes))) => Ok(bytes),
        _ => Err(corrupt(format!(
            "{method}: the answer of Cloud KMS does not match its checksum"
        ))),
    }
}

fn corrupt(message: impl Into<String>) -> Error {
    Error::from_message(Stage::Cache, ErrorKind::MalformedResponse, message)
}

/// A setting, or what was wrong with it when it was set.
fn set<T>(setting: &Result<T, BuildError>) -> Result<&T, Error> {
    setting
        .as_ref()
        .map_err(|error| Error::new(Stage::Cache, ErrorKind::Configuration, error.clone()))
}
