//! Entries sealed under a key of Cloud KMS: when it is called, and what its refusals cost.

use crate::support::watch::{self, Watched};
use aws_google_web_identity::{
    CacheKey, Context, ErrorKind, GoogleKms, GoogleWebIdentityProvider, Lease, MetadataServer,
    Sealed, SealingKey, SessionCache, SessionEntry, Stage, future,
};
use aws_google_web_identity_emulator::{
    Answer, Call, DEFAULT_KMS_KEY, Emulator, KmsVersionState, TestClock,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A cache in memory. What it holds does not expire.
#[derive(Clone, Debug, Default)]
struct Memory(Arc<Mutex<HashMap<CacheKey, SessionEntry>>>);

impl SessionCache for Memory {
    fn load<'a>(&'a self, _: &'a Context, key: &'a CacheKey) -> future::LoadSession<'a> {
        future::LoadSession::ready(Ok(self.0.lock().unwrap().get(key).cloned()))
    }

    fn store<'a>(
        &'a self,
        _: &'a Context,
        key: &'a CacheKey,
        entry: &'a SessionEntry,
    ) -> future::StoreSession<'a> {
        self.0.lock().unwrap().insert(*key, entry.clone());
        future::StoreSession::ready(Ok(()))
    }

    fn lease<'a>(&'a self, _: &'a Context, _: &'a CacheKey) -> future::LeaseSession<'a> {
        future::LeaseSession::ready(Ok(Some(Lease::token("owner"))))
    }

    fn release<'a>(
        &'a self,
        _: &'a Context,
        _: &'a CacheKey,
        _: Lease,
    ) -> future::ReleaseSession<'a> {
        future::ReleaseSession::ready(Ok(()))
    }

    fn requires_sealing(&self) -> bool {
        true
    }
}

struct Fleet {
    emulator: Watched,
    memory: Memory,
    clock: TestClock,
}

impl Fleet {
    async fn start() -> Self {
        let clock = TestClock::new();
        Self {
            emulator: watch::start_with(Emulator::builder().test_clock(&clock)).await,
            memory: Memory::default(),
            clock,
        }
    }

    fn key(&self) -> SealingKey {
        let access = MetadataServer::new().endpoint(self.emulator.metadata_endpoint());
        GoogleKms::new(DEFAULT_KMS_KEY, access)
            .endpoint(self.emulator.kms_endpoint())
            .into()
    }

    /// The access key that a new process gets.
    async fn process(&self, key: &SealingKey) -> String {
        let source = MetadataServer::new().endpoint(self.emulator.metadata_endpoint());
        let provider = GoogleWebIdentityProvider::builder(self.emulator.role_arn())
            .audience(self.emulator.audience())
            .token_source(source)
            .configure(&self.emulator.sdk_config())
            .monotonic_clock(self.clock.clone())
            .session_cache(Sealed::new(self.memory.clone(), key.clone()))
            .build()
            .await
            .unwrap();
        let session = provider.session().await.unwrap();
        session.credentials().access_key_id().to_owned()
    }

    fn count(&self, call: Call) -> usize {
        self.emulator.requests_of(call).len()
    }

    fn counts(&self) -> (usize, usize, usize) {
        let [sts, encrypt, decrypt] =
            [Call::Sts, Call::KmsEncrypt, Call::KmsDecrypt].map(|call| self.count(call));
        (sts, encrypt, decrypt)
    }
}

#[tokio::test]
async fn kms_is_called_once_by_each_writer_and_each_reader() {
    let fleet = Fleet::start().await;
    let writer = fleet.key();
    let key = fleet.process(&writer).await;
    assert_eq!(fleet.counts(), (1, 1, 0));
    for _ in 0..3 {
        assert_eq!(fleet.process(&writer).await, key);
    }
    assert_eq!(fleet.counts(), (1, 1, 0));
    let reader = fleet.key();
    for _ in 0..3 {
        assert_eq!(fleet.process(&reader).await, key);
    }
    assert_eq!(fleet.counts(), (1, 1, 1));
}

#[tokio::test]
async fn a_rotated_kms_key_still_opens_and_a_disabled_one_costs_an_exchange() {
    let fleet = Fleet::start().await;
    let key = fleet.process(&fleet.key()).await;
    fleet.emulator.rotate_kms_key(DEFAULT_KMS_KEY).unwrap();
    assert_eq!(fleet.process(&fleet.key()).await, key);
    assert_eq!(fleet.count(Call::Sts), 1);
    let disabled = KmsVersionState::Disabled;
    fleet
        .emulator
        .set_kms_version(DEFAULT_KMS_KEY, 1, disabled)
        .unwrap();
    assert_ne!(fleet.process(&fleet.key()).await, key);
    assert_eq!(fleet.count(Call::Sts), 2);
    let logged = watch::logged();
    assert!(
        logged.contains("gcloud kms keys versions enable"),
        "{logged}"
    );
}

#[tokio::test]
async fn refusals_of_kms_never_fail_a_request_and_are_not_repeated_for_each() {
    let denied = "Permission 'cloudkms.cryptoKeyVersions.useToEncrypt' denied on resource 'x'.";
    for answer in [
        Answer::api_error(403, "PERMISSION_DENIED", denied),
        Answer::api_error(404, "NOT_FOUND", "CryptoKey x not found."),
        Answer::genuine().body("{}"),
        Answer::genuine().body(r#"{"ciphertext":"AAAA","ciphertextCrc32c":"1","verifiedPlaintextCrc32c":true,"verifiedAdditionalAuthenticatedDataCrc32c":true}"#),
        Answer::genuine().body(r#"{"ciphertext":"","ciphertextCrc32c":"0"}"#),
    ] {
        let fleet = Fleet::start().await;
        let key = fleet.key();
        fleet.emulator.answer_next(Call::KmsEncrypt, 1000, answer);
        for _ in 0..3 {
            fleet.process(&key).await;
        }
        assert_eq!(fleet.counts(), (3, 1, 0));
        assert!(fleet.memory.0.lock().unwrap().is_empty());
        // It recovers by itself.
        fleet.emulator.answer_genuinely();
        fleet.clock.advance(Duration::from_secs(31));
        fleet.process(&key).await;
        fleet.process(&key).await;
        assert_eq!(fleet.counts(), (4, 2, 0));
    }
}

#[tokio::test]
async fn a_plaintext_that_does_not_match_its_checksum_is_not_used() {
    let fleet = Fleet::start().await;
    fleet.process(&fleet.key()).await;
    let zeros = "A".repeat(43);
    let body = format!(r#"{{"plaintext":"{zeros}=","plaintextCrc32c":"1"}}"#);
    fleet
        .emulator
        .answer_next(Call::KmsDecrypt, 1, Answer::genuine().body(body));
    fleet.process(&fleet.key()).await;
    assert_eq!(fleet.count(Call::Sts), 2);
    assert!(watch::logged().contains("does not match its checksum"));
}

#[tokio::test]
async fn a_writer_takes_a_new_data_key_each_day() {
    let fleet = Fleet::start().await;
    let key = fleet.key();
    for day in 1..4 {
        fleet.memory.0.lock().unwrap().clear();
        fleet.process(&key).await;
        // The first one of a day starts the rotation and still seals with the old key.
        fleet.emulator.reached(Call::KmsEncrypt, day).await;
        assert_eq!(fleet.counts(), (day, day, 0));
        fleet.clock.advance(Duration::from_secs(24 * 3600));
    }
}

#[tokio::test]
async fn a_key_name_or_an_endpoint_that_is_wrong_shows_when_it_is_built() {
    let fleet = Fleet::start().await;
    let key = GoogleKms::new("sessions", MetadataServer::new()).endpoint("http://kms.example.com");
    let built = GoogleWebIdentityProvider::builder(fleet.emulator.role_arn())
        .audience(fleet.emulator.audience())
        .token_source(MetadataServer::new().endpoint(fleet.emulator.metadata_endpoint()))
        .configure(&fleet.emulator.sdk_config())
        .session_cache(Sealed::new(fleet.memory.clone(), key.into()))
        .build()
        .await;
    let problems = built.unwrap_err().to_string();
    assert!(
        problems.contains("projects/PROJECT/locations/LOCATION"),
        "{problems}"
    );
    assert!(problems.contains("http"), "{problems}");
}

#[tokio::test]
async fn the_error_says_what_to_do() {
    let fleet = Fleet::start().await;
    let access = MetadataServer::new().endpoint(fleet.emulator.metadata_endpoint());
    let name = DEFAULT_KMS_KEY.replace("keyRings/demo", "keyRings/other");
    let key = GoogleKms::new(name, access).endpoint(fleet.emulator.kms_endpoint());
    let sealed = Sealed::new(fleet.memory.clone(), key.into());
    let cx = Context::new(&fleet.emulator.sdk_config()).unwrap();
    let entry = SessionEntry::new("secret", Duration::from_secs(60));
    let stored = SessionCache::store(&sealed, &cx, &CacheKey::from_bytes([1; 32]), &entry).await;
    let error = stored.unwrap_err();
    assert_eq!(
        (error.stage(), error.kind()),
        (Stage::Cache, ErrorKind::Denied)
    );
    let command = "gcloud kms keys add-iam-policy-binding sessions --keyring=other --location=global \
                   --project=demo-project";
    assert!(error.hint().unwrap().contains(command), "{error:#}");
}
