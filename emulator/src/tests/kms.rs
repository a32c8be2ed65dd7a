//! What Cloud KMS answers and refuses.

use super::helpers::*;
use crate::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

const SCOPE: &str = "https://www.googleapis.com/auth/cloudkms";
const OTHER: &str = "other@demo-project.iam.gserviceaccount.com";

struct Kms(Emulator);

impl Kms {
    async fn start() -> Self {
        Self(Emulator::start().await.unwrap())
    }

    async fn ask_as(&self, who: &str, scope: &str, path: &str, body: &Value) -> Received {
        let token = self.0.dispatcher.state.access_token(who, scope, 60);
        let header = format!("Authorization: Bearer {token}\r\n");
        let path = format!("/v1/{path}");
        post(self.0.kms_endpoint(), &path, &header, &body.to_string()).await
    }

    async fn ask(&self, method: &str, body: &Value) -> Received {
        let path = format!("{DEFAULT_KMS_KEY}:{method}");
        self.ask_as(ROBOT, SCOPE, &path, body).await
    }

    /// Text encrypted with the primary version.
    async fn encrypted(&self, text: &str) -> String {
        let answer = self
            .ask("encrypt", &json!({"plaintext": STANDARD.encode(text)}))
            .await;
        answer.json()["ciphertext"].as_str().unwrap().to_owned()
    }

    async fn refusal(&self, method: &str, body: &Value) -> (u16, String, String) {
        refusal(&self.ask(method, body).await)
    }
}

fn refusal(answer: &Received) -> (u16, String, String) {
    let error = &answer.json()["error"];
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    (answer.status, text("status"), text("message"))
}

#[tokio::test]
async fn what_it_encrypts_it_decrypts_with_checksums_both_ways() {
    let kms = Kms::start().await;
    // The check value of CRC32C, and that of no data.
    let body = json!({
        "plaintext": STANDARD.encode("123456789"), "plaintextCrc32c": "3808858755",
        "additionalAuthenticatedData": "", "additionalAuthenticatedDataCrc32c": 0,
    });
    let answer = kms.ask("encrypt", &body).await.json();
    assert_eq!(
        answer["name"],
        format!("{DEFAULT_KMS_KEY}/cryptoKeyVersions/1")
    );
    assert_eq!(answer["verifiedPlaintextCrc32c"], true);
    assert_eq!(answer["verifiedAdditionalAuthenticatedDataCrc32c"], true);
    let body = json!({
        "ciphertext": answer["ciphertext"], "ciphertextCrc32c": answer["ciphertextCrc32c"],
    });
    let answer = kms.ask("decrypt", &body).await.json();
    assert_eq!(answer["plaintext"], STANDARD.encode("123456789"));
    assert_eq!(answer["plaintextCrc32c"], "3808858755");
    assert_eq!(answer["usedPrimary"], true);
    assert!(kms.0.secrets().contains(&STANDARD.encode("123456789")));
}

#[tokio::test]
async fn a_checksum_that_does_not_match_is_refused() {
    let kms = Kms::start().await;
    let body = json!({"plaintext": "AAAA", "plaintextCrc32c": "1"});
    let (status, code, message) = kms.refusal("encrypt", &body).await;
    assert_eq!((status, code.as_str()), (400, "INVALID_ARGUMENT"));
    assert!(
        message.contains("plaintext_crc32c did not match"),
        "{message}"
    );
}

#[tokio::test]
async fn damaged_foreign_large_and_misspelt_requests_are_refused() {
    let kms = Kms::start().await;
    let ciphertext = kms.encrypted("text").await;
    let mut bytes = STANDARD.decode(&ciphertext).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let large = STANDARD.encode(vec![0; 65_537]);
    for (method, body) in [
        ("decrypt", json!({"ciphertext": STANDARD.encode(&bytes)})),
        ("decrypt", json!({"ciphertext": "AAAA"})),
        (
            "decrypt",
            json!({"ciphertext": ciphertext, "additionalAuthenticatedData": "AAAA"}),
        ),
        ("encrypt", json!({"plaintext": large})),
        (
            "encrypt",
            json!({"plaintext": "AAAA", "additionalAuthenticatedData": large}),
        ),
        ("encrypt", json!({"plaintext": "not base64!"})),
        ("encrypt", json!({"plain_text": "AAAA"})),
    ] {
        let (status, code, _) = kms.refusal(method, &body).await;
        assert_eq!(
            (status, code.as_str()),
            (400, "INVALID_ARGUMENT"),
            "{method}"
        );
    }
    let largest = json!({"plaintext": STANDARD.encode(vec![0; 65_536])});
    assert_eq!(kms.ask("encrypt", &largest).await.status, 200);
}

#[tokio::test]
async fn rotation_keeps_old_versions_and_a_disabled_version_opens_nothing() {
    let kms = Kms::start().await;
    let old = json!({"ciphertext": kms.encrypted("text").await});
    assert_eq!(kms.0.rotate_kms_key(DEFAULT_KMS_KEY).unwrap(), 2);
    let answer = kms.ask("decrypt", &old).await.json();
    assert_eq!(answer["plaintext"], STANDARD.encode("text"));
    assert_eq!(answer["usedPrimary"], Value::Null);
    let answer = kms
        .ask("encrypt", &json!({"plaintext": "AAAA"}))
        .await
        .json();
    assert!(
        answer["name"]
            .as_str()
            .unwrap()
            .ends_with("/cryptoKeyVersions/2")
    );
    for (state, name) in [
        (KmsVersionState::Disabled, "DISABLED"),
        (KmsVersionState::DestroyScheduled, "DESTROY_SCHEDULED"),
        (KmsVersionState::Destroyed, "DESTROYED"),
    ] {
        kms.0.set_kms_version(DEFAULT_KMS_KEY, 1, state).unwrap();
        let message = format!(
            "{DEFAULT_KMS_KEY}/cryptoKeyVersions/1 is not enabled, current state is: {name}."
        );
        let expected = (400, "FAILED_PRECONDITION".to_owned(), message);
        assert_eq!(kms.refusal("decrypt", &old).await, expected);
    }
    let version = kms
        .0
        .set_kms_version(DEFAULT_KMS_KEY, 3, KmsVersionState::Enabled);
    assert_eq!(version.unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[tokio::test]
async fn only_who_has_the_role_may_use_a_key() {
    let kms = Kms::start().await;
    let body = json!({"plaintext": "AAAA"});
    let path = format!("{DEFAULT_KMS_KEY}:encrypt");
    let denied = refusal(&kms.ask_as(OTHER, SCOPE, &path, &body).await);
    let message = format!(
        "Permission 'cloudkms.cryptoKeyVersions.useToEncrypt' denied on resource '{DEFAULT_KMS_KEY}' (or it may not exist)."
    );
    assert_eq!(denied, (403, "PERMISSION_DENIED".to_owned(), message));
    let scope = "https://www.googleapis.com/auth/iam";
    assert_eq!(kms.ask_as(ROBOT, scope, &path, &body).await.status, 403);
    let bare = post(kms.0.kms_endpoint(), &format!("/v1/{path}"), "", "{}").await;
    assert_eq!(bare.status, 401);

    let missing = DEFAULT_KMS_KEY.replace("sessions", "missing");
    let path = format!("{missing}:encrypt");
    let (status, code, message) = refusal(&kms.ask_as(ROBOT, SCOPE, &path, &body).await);
    assert_eq!((status, code.as_str()), (404, "NOT_FOUND"));
    assert_eq!(message, format!("CryptoKey {missing} not found."));
    // In another key ring it is left open whether there is such a key.
    let path = path.replace("keyRings/demo", "keyRings/other");
    assert_eq!(kms.ask_as(ROBOT, SCOPE, &path, &body).await.status, 403);

    kms.0
        .put_kms_key(KmsKey::new(&missing).encrypter_decrypters([OTHER]));
    let path = format!("{missing}:encrypt");
    assert_eq!(kms.ask_as(OTHER, SCOPE, &path, &body).await.status, 200);
    // What another key encrypted.
    let ciphertext = kms.encrypted("text").await;
    let path = format!("{missing}:decrypt");
    let foreign = kms
        .ask_as(OTHER, SCOPE, &path, &json!({"ciphertext": ciphertext}))
        .await;
    assert!(
        refusal(&foreign)
            .2
            .contains("verify that 'name' refers to the correct CryptoKey")
    );
}

#[tokio::test]
async fn faults_apply_to_its_calls() {
    let kms = Kms::start().await;
    kms.0.answer_next(Call::KmsEncrypt, 1, Answer::status(503));
    let body = json!({"plaintext": "AAAA"});
    assert_eq!(kms.ask("encrypt", &body).await.status, 503);
    assert_eq!(kms.ask("encrypt", &body).await.status, 200);
    assert_eq!(kms.0.requests_of(Call::KmsEncrypt).len(), 2);
}
