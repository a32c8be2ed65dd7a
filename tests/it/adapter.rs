//! The adapters: the same credentials, errors and exchanges as through the SDK.

#![cfg(all(feature = "object_store_0_14", feature = "reqsign_3"))]

use crate::allocations;
use crate::refresh::world::{Behavior, World, seconds};
use aws_credential_types::provider::ProvideCredentials;
use aws_google_web_identity::{Error, ErrorKind, GoogleWebIdentityProvider, RefreshPolicy};
use aws_google_web_identity_emulator::Call;
use object_store::CredentialProvider;
use reqsign_core::{Context, ProvideCredential};
use std::sync::Arc;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

async fn warm(world: &World) -> GoogleWebIdentityProvider {
    let policy = RefreshPolicy::new().jitter(0.0);
    let provider = world.builder().refresh_policy(policy).build().await;
    let provider = provider.unwrap();
    provider.session().await.unwrap();
    provider
}

async fn reqsign(
    provider: &GoogleWebIdentityProvider,
) -> reqsign_core::Result<Option<reqsign_aws_v4::Credential>> {
    provider.provide_credential(&Context::new()).await
}

#[tokio::test]
async fn both_give_the_keys_of_the_session() {
    let world = World::new().await;
    let provider = warm(&world).await;
    let session = provider.session().await.unwrap();
    let expected = session.credentials();

    let credential = provider.get_credential().await.unwrap();
    assert_eq!(credential.key_id, expected.access_key_id());
    assert_eq!(credential.secret_key, expected.secret_access_key());
    assert_eq!(credential.token.as_deref(), expected.session_token());

    let credential = reqsign(&provider).await.unwrap().unwrap();
    assert_eq!(credential.access_key_id, expected.access_key_id());
    assert_eq!(credential.secret_access_key, expected.secret_access_key());
    assert_eq!(
        credential.session_token.as_deref(),
        expected.session_token()
    );
    // reqsign counts its own 120 s before the expiry, and has no old credential to fall back to.
    let expires_at = credential.expires_in.unwrap().as_system_time();
    assert_eq!(expires_at, session.expires_at());
}

#[tokio::test]
async fn a_hundred_thousand_calls_make_one_exchange() {
    let world = World::new().await;
    let provider = world.provider().await;
    for _ in 0..50_000 {
        provider.get_credential().await.unwrap();
        reqsign(&provider).await.unwrap().unwrap();
    }
    assert_eq!(world.emulator.requests_of(Call::Sts).len(), 1);
    assert_eq!(world.source.calls(), 1);
}

#[tokio::test]
async fn a_hit_of_object_store_makes_one_allocation() {
    let world = World::new().await;
    let provider = warm(&world).await;
    let provider: Arc<dyn CredentialProvider<Credential = _>> = Arc::new(provider);
    // The first makes the credential of this session.
    let first = provider.get_credential().await.unwrap();
    let before = allocations::on_this_thread();
    let second = provider.get_credential().await.unwrap();
    assert_eq!(allocations::on_this_thread() - before, 1);
    assert!(Arc::ptr_eq(&first, &second));
}

#[tokio::test]
async fn after_a_rotation_both_give_the_new_keys() {
    let world = World::new().await;
    let provider = warm(&world).await;
    let old = provider.get_credential().await.unwrap();
    world.clock.advance(seconds(2700));
    // In the advisory window nobody waits.
    assert_eq!(provider.get_credential().await.unwrap(), old);
    world
        .until("the refresh", || {
            world.emulator.requests_of(Call::Sts).len() == 2
        })
        .await;
    provider.refresh().await.unwrap();
    let new = provider.get_credential().await.unwrap();
    assert_ne!(new.key_id, old.key_id);
    let credential = reqsign(&provider).await.unwrap().unwrap();
    assert_eq!(credential.access_key_id, new.key_id);
    assert_eq!(credential.secret_access_key, new.secret_key);
}

#[tokio::test]
async fn in_an_outage_both_use_the_old_keys_until_they_expire() {
    let world = World::new().await;
    let provider = warm(&world).await;
    let old = provider.get_credential().await.unwrap().key_id.clone();
    // 16 minutes up to the last second of the session.
    let from = HOUR - seconds(16 * 60);
    world.source.set(Behavior::Fails(ErrorKind::Unavailable));
    world.clock.advance(from);
    for _ in 0..16 * 60 - 1 {
        world.clock.advance(seconds(1));
        assert_eq!(provider.get_credential().await.unwrap().key_id, old);
        let credential = reqsign(&provider).await.unwrap().unwrap();
        assert_eq!(credential.access_key_id, old);
        // The SDK gets the same at each second.
        provider.provide_credentials().await.unwrap();
    }
    world.clock.advance(seconds(1));
    provider.get_credential().await.unwrap_err();
    reqsign(&provider).await.unwrap_err();
    provider.provide_credentials().await.unwrap_err();
    world.source.set(Behavior::Answers);
    world.clock.advance(seconds(61));
    provider.get_credential().await.unwrap();
    reqsign(&provider).await.unwrap();
}

#[tokio::test]
async fn a_failure_keeps_our_error_as_its_source() {
    use reqsign_core::ErrorKind as Kind;
    for (kind, expected, is_retryable) in [
        (ErrorKind::Denied, Kind::PermissionDenied, false),
        (ErrorKind::Configuration, Kind::ConfigInvalid, false),
        (ErrorKind::MalformedResponse, Kind::Unexpected, false),
        (ErrorKind::Throttled, Kind::RateLimited, true),
        (ErrorKind::Timeout, Kind::Unexpected, true),
        (ErrorKind::Unavailable, Kind::Unexpected, true),
    ] {
        let world = World::new().await;
        world.source.set(Behavior::Fails(kind));
        let provider = world.provider().await;

        let line = provider.session().await.unwrap_err().to_string();
        let failed = provider.get_credential().await.unwrap_err();
        let object_store::Error::Generic { store, source } = &failed else {
            panic!("{failed:?}");
        };
        assert_eq!(*store, "S3");
        assert_eq!(source.downcast_ref::<Error>().unwrap().kind(), kind);
        assert!(failed.to_string().contains(&line), "{failed}");

        let failed = reqsign(&provider).await.unwrap_err();
        assert_eq!(failed.kind(), expected, "{kind:?}");
        assert_eq!(failed.is_retryable(), is_retryable, "{kind:?}");
        assert!(failed.to_string().contains(&line), "{failed}");
        let source = std::error::Error::source(&failed).unwrap();
        assert_eq!(source.downcast_ref::<Error>().unwrap().kind(), kind);
    }
}

#[tokio::test]
async fn without_an_identity_a_chain_of_reqsign_goes_on() {
    let world = World::new().await;
    world.source.set(Behavior::Fails(ErrorKind::NotConfigured));
    let provider = world.provider().await;
    assert!(reqsign(&provider).await.unwrap().is_none());
    provider.get_credential().await.unwrap_err();
}

#[tokio::test]
async fn neither_shows_a_secret() {
    let world = World::new().await;
    let provider = warm(&world).await;
    let session = provider.session().await.unwrap();
    let credential = provider.get_credential().await.unwrap();
    let shown = format!(
        "{credential:?} {:?} {session:?} {provider:?}",
        reqsign(&provider).await
    );
    assert!(!shown.contains(session.credentials().secret_access_key()));
    assert!(!shown.contains(session.credentials().session_token().unwrap()));
}
