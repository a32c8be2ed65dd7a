//! No session ever reaches another identity, role, policy, audience, length, name or STS.

use super::{Fleet, built};
use crate::support::{AUDIENCE, ROBOT, ROLE, watch};
use aws_google_web_identity::{
    ApplicationDefault, Audience, Builder, Context, GoogleWebIdentityProvider, IamIdToken,
    IamSignJwt, Identity, JwtBearer, LocalKey, MetadataServer, ProvideIdToken, SharedIdToken,
    TokenFile, TokenFn, future,
};
use aws_google_web_identity_emulator::{Call, Emulator, Role, ServiceAccount, TestClock};
use aws_types::region::Region;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const OTHER: &str = "other@demo-project.iam.gserviceaccount.com";
const OTHER_ROLE: &str = "arn:aws:iam::123456789012:role/other";
const OTHER_AUDIENCE: &str = "https://other.example.com";

/// A fleet whose roles admit both accounts with both audiences.
async fn fleet() -> Fleet {
    let clock = TestClock::new();
    let trust = json!({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": {"Federated": "accounts.google.com"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {"accounts.google.com:oaud": [AUDIENCE, OTHER_AUDIENCE]}}}});
    let role = |arn| Role::new(arn).trust_policy(&trust);
    let account = |email| ServiceAccount::new(email).token_creators([ROBOT, OTHER]);
    let emulator = Emulator::builder()
        .test_clock(&clock)
        .service_account(account(ROBOT))
        .service_account(account(OTHER))
        .role(role(ROLE))
        .role(role(OTHER_ROLE));
    let emulator = watch::start_with(emulator).await;
    Fleet { clock, emulator }
}

fn key(fleet: &Fleet, account: &str) -> LocalKey {
    LocalKey::from_json(fleet.emulator.key_file_json(account).unwrap()).unwrap()
}

/// A token of the emulator's Google, as another library would bring it.
fn token(fleet: &Fleet, sub: &str) -> String {
    let now = fleet
        .emulator
        .now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let claims = json!({"iss": "https://accounts.google.com", "aud": AUDIENCE, "azp": sub,
        "sub": sub, "iat": now, "exp": now + 3600});
    fleet.emulator.issue_id_token(&claims).unwrap()
}

fn token_fn(fleet: &Fleet, sub: &str) -> TokenFn {
    let token = token(fleet, sub);
    TokenFn::new("another library", move |_| {
        let token = token.clone();
        async move { Ok::<_, std::io::Error>(token) }
    })
}

/// Providers. No two of them may share a session.
fn distinct(fleet: &Fleet, files: &std::path::Path) -> Vec<(&'static str, Builder)> {
    let base = || fleet.builder();
    let by = |source: Arc<dyn ProvideIdToken>| base().token_source(source);
    let metadata = || MetadataServer::new().endpoint(fleet.emulator.metadata_endpoint());
    let iam =
        |email: &str| IamIdToken::new(email, metadata()).endpoint(fleet.emulator.iam_endpoint());
    let file = |sub: &str| {
        let path = files.join(sub);
        std::fs::write(&path, token(fleet, sub)).unwrap();
        TokenFile::new(path)
    };
    let policy = |action: &str| {
        json!({"Version": "2012-10-17", "Statement":
            {"Effect": "Allow", "Action": action, "Resource": "*"}})
        .to_string()
    };
    let of_other_role = GoogleWebIdentityProvider::builder(OTHER_ROLE)
        .audience(AUDIENCE)
        .token_source(metadata())
        .configure(&fleet.emulator.sdk_config())
        .monotonic_clock(fleet.clock.clone())
        .environment([] as [(&str, &str); 0]);
    let arn = |name: &str| format!("arn:aws:iam::aws:policy/{name}");
    let fips = fleet.emulator.sdk_config().into_builder();
    let same_sts_by_another_name = fleet
        .emulator
        .sts_endpoint()
        .replace("127.0.0.1", "localhost");
    let renamed = fips.endpoint_url(same_sts_by_another_name).build();
    vec![
        ("the attached account", base()),
        (
            "its e-mail in the token",
            by(Arc::new(metadata().include_email(true))),
        ),
        ("key file", by(Arc::new(JwtBearer::new(key(fleet, ROBOT))))),
        (
            "key file of another account",
            by(Arc::new(JwtBearer::new(key(fleet, OTHER)))),
        ),
        ("IAM", by(Arc::new(iam(ROBOT)))),
        (
            "IAM with e-mail",
            by(Arc::new(iam(ROBOT).include_email(true))),
        ),
        ("IAM, another account", by(Arc::new(iam(OTHER)))),
        (
            "IAM by a delegate",
            by(Arc::new(iam(OTHER).delegates([ROBOT]))),
        ),
        ("token file", by(Arc::new(file("111111111111111111111")))),
        (
            "token file of another identity",
            by(Arc::new(file("222222222222222222222"))),
        ),
        (
            "closure",
            by(Arc::new(token_fn(fleet, "333333333333333333333"))),
        ),
        (
            "closure of another identity",
            by(Arc::new(token_fn(fleet, "444444444444444444444"))),
        ),
        ("another role", of_other_role),
        ("a policy", base().policy(policy("s3:GetObject"))),
        ("another policy", base().policy(policy("s3:PutObject"))),
        (
            "a managed policy",
            base().policy_arns([arn("ReadOnlyAccess")]),
        ),
        (
            "another managed policy",
            base().policy_arns([arn("ViewOnlyAccess")]),
        ),
        (
            "both",
            base().policy_arns([arn("ReadOnlyAccess"), arn("ViewOnlyAccess")]),
        ),
        ("another audience", base().audience(OTHER_AUDIENCE)),
        ("a length", base().session_length(Duration::from_secs(900))),
        (
            "another length",
            base().session_length(Duration::from_secs(901)),
        ),
        ("a name", base().session_name("one")),
        ("another name", base().session_name("two")),
        ("another Region", base().region(Region::new("eu-central-1"))),
        ("another endpoint of STS", base().configure(&renamed)),
    ]
}

#[tokio::test]
async fn of_two_that_differ_neither_gets_the_others_session() {
    let fleet = fleet().await;
    let memory = fleet.memory();
    let files = tempfile::tempdir().unwrap();
    let table = distinct(&fleet, files.path());
    let mut keys = BTreeSet::new();
    let mut secrets = BTreeSet::new();
    for (case, builder) in &table {
        let provider = built(builder.clone().session_cache(memory.clone())).await;
        let session = provider.session().await.expect(case);
        assert!(
            secrets.insert(session.credentials().secret_access_key().to_owned()),
            "{case}"
        );
        let new: Vec<_> = memory
            .entries()
            .into_iter()
            .filter(|(key, _)| keys.insert(*key))
            .collect();
        assert_eq!(new.len(), 1, "{case}");
    }
    assert_eq!(fleet.exchanges(), table.len());
    // Each of them in another process gets its own again, and nothing else.
    for (case, builder) in table {
        let before = secrets.len();
        let provider = built(builder.session_cache(memory.clone())).await;
        let session = provider.session().await.expect(case);
        secrets.insert(session.credentials().secret_access_key().to_owned());
        assert_eq!(secrets.len(), before, "{case}");
    }
    assert_eq!(fleet.exchanges(), keys.len());
}

#[tokio::test]
async fn the_same_in_another_form_shares() {
    let fleet = fleet().await;
    let memory = fleet.memory();
    let json = fleet.emulator.key_file_json(ROBOT).unwrap();
    let spaced = |policy: &str| fleet.builder().policy(policy);
    for builder in [
        fleet.builder().signer(key(&fleet, ROBOT)),
        fleet
            .builder()
            .token_source(SharedIdToken::new(JwtBearer::new(key(&fleet, ROBOT)))),
        fleet
            .builder()
            .token_source(ApplicationDefault::from_json(&json).unwrap()),
    ] {
        built(builder.session_cache(memory.clone()))
            .await
            .session()
            .await
            .unwrap();
    }
    assert_eq!(fleet.exchanges(), 1);
    for policy in [
        r#"{"Version":"2012-10-17","Statement":[]}"#,
        r#" {"Version": "2012-10-17", "Statement": []} "#,
    ] {
        built(spaced(policy).session_cache(memory.clone()))
            .await
            .session()
            .await
            .unwrap();
    }
    assert_eq!(fleet.exchanges(), 2);
}

/// The calls of Google's servers so far.
fn google(fleet: &Fleet) -> usize {
    fleet
        .emulator
        .requests()
        .iter()
        .filter(|request| request.call() != Call::Sts)
        .count()
}

#[tokio::test]
async fn a_known_identity_needs_no_call() {
    let fleet = fleet().await;
    let iam = IamSignJwt::new(
        ROBOT,
        MetadataServer::new().endpoint(fleet.emulator.metadata_endpoint()),
    )
    .endpoint(fleet.emulator.iam_endpoint());
    let bearer = JwtBearer::new(iam).token_uri(fleet.emulator.token_uri());
    // Across machines, the metadata server says which account is attached.
    for (builder, on_a_machine, across_machines) in [
        (fleet.builder(), 0, 1),
        (fleet.builder().machine(None), 1, 1),
        (
            fleet
                .builder()
                .environment([("KUBERNETES_SERVICE_HOST", "10.0.0.1")]),
            1,
            1,
        ),
        (fleet.builder().signer(key(&fleet, ROBOT)), 0, 0),
        (fleet.builder().token_source(bearer), 0, 0),
        (
            fleet
                .builder()
                .token_source(token_fn(&fleet, "333333333333333333333")),
            0,
            0,
        ),
    ] {
        for (shared, expected) in [(false, on_a_machine), (true, across_machines)] {
            let mut memory = super::Memory::new(fleet.clock.clone());
            memory.shared = shared;
            let builder = builder.clone().session_cache(memory);
            built(builder.clone()).await.session().await.unwrap();
            let (calls, exchanges) = (google(&fleet), fleet.exchanges());
            built(builder).await.session().await.unwrap();
            assert_eq!(
                (google(&fleet) - calls, fleet.exchanges() - exchanges),
                (expected, 0),
                "{shared}"
            );
        }
    }
}

#[tokio::test]
async fn another_boot_or_another_machine_is_another_identity() {
    let fleet = fleet().await;
    let mut memory = super::Memory::new(fleet.clock.clone());
    memory.shared = false;
    let memory = Arc::new(memory);
    for (machine, exchanges) in [("boot", 1), ("boot", 1), ("reboot", 2)] {
        let builder = fleet
            .builder()
            .machine(Some(machine))
            .session_cache(memory.clone());
        built(builder).await.session().await.unwrap();
        assert_eq!(fleet.exchanges(), exchanges);
    }
}

#[tokio::test]
async fn a_token_that_changes_its_identity_changes_the_session() {
    let fleet = fleet().await;
    let memory = fleet.memory();
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("token");
    for (sub, exchanges) in [("1", 1), ("1", 1), ("2", 2), ("1", 2)] {
        std::fs::write(&path, token(&fleet, &sub.repeat(21))).unwrap();
        let builder = fleet.builder().token_source(TokenFile::new(&path));
        built(builder.session_cache(memory.clone()))
            .await
            .session()
            .await
            .unwrap();
        assert_eq!(fleet.exchanges(), exchanges, "{sub}");
    }
}

/// A source that panics or fails when it is asked who it is.
#[derive(Debug)]
struct Nobody(TokenFn, bool);

impl ProvideIdToken for Nobody {
    fn provide_id_token<'a>(
        &'a self,
        cx: &'a Context,
        audience: &'a Audience,
    ) -> future::ProvideIdToken<'a> {
        self.0.provide_id_token(cx, audience)
    }

    fn identity<'a>(&'a self, _: &'a Context, _: bool) -> future::ProvideIdentity<'a> {
        assert!(
            !self.1,
            "a panic of the user's source, as the test wants it"
        );
        future::ProvideIdentity::ready(Ok(Some(Identity::new("mine", ["a"]))))
    }
}

#[tokio::test]
async fn a_source_of_ones_own_says_who_it_is_and_may_panic() {
    let fleet = fleet().await;
    let memory = fleet.memory();
    for (panics, keys) in [(false, 1), (true, 2)] {
        let source = Nobody(token_fn(&fleet, "333333333333333333333"), panics);
        let builder = fleet.builder().token_source(source);
        built(builder.session_cache(memory.clone()))
            .await
            .session()
            .await
            .unwrap();
        assert_eq!(memory.entries().len(), keys);
    }
}

/// A source whose account is changed by the time its token is there.
#[derive(Debug)]
struct Changing(TokenFn, AtomicBool);

impl ProvideIdToken for Changing {
    fn provide_id_token<'a>(
        &'a self,
        cx: &'a Context,
        audience: &'a Audience,
    ) -> future::ProvideIdToken<'a> {
        self.1.store(true, Ordering::SeqCst);
        self.0.provide_id_token(cx, audience)
    }

    fn identity<'a>(&'a self, _: &'a Context, _: bool) -> future::ProvideIdentity<'a> {
        let account = if self.1.load(Ordering::SeqCst) {
            "new"
        } else {
            "old"
        };
        future::ProvideIdentity::ready(Ok(Some(Identity::new("mine", [account]))))
    }
}

#[tokio::test]
async fn an_account_that_is_changed_during_the_exchange_is_not_stored_as_the_old_one() {
    let fleet = fleet().await;
    let memory = fleet.memory();
    let source = Changing(
        token_fn(&fleet, "333333333333333333333"),
        AtomicBool::default(),
    );
    let builder = fleet.builder().token_source(source);
    let provider = built(builder.session_cache(memory.clone())).await;
    provider.session().await.unwrap();
    assert!(memory.entries().is_empty());
    // The next exchange is one of the new account.
    provider.refresh().await.unwrap();
    assert_eq!(memory.entries().len(), 1);
}
