//! Access tokens of the crate `gcp_auth`.

#[cfg(unix)]
use crate::support::child;
use crate::support::watch;
use crate::support::{ROBOT, chain, from_emulator, with};
use aws_google_web_identity::{
    Context, Error, ErrorKind, GcpAuth, IamIdToken, IamSignJwt, JwtBearer, ProvideAccessToken,
    Stage,
};
use aws_google_web_identity_emulator::{Call, Emulator};
use futures_util::FutureExt;
use gcp_auth::{Token, TokenProvider};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

#[tokio::test]
async fn callers_share_one_fetch() {
    let emulator = watch::start().await;
    let file = emulator.key_file_json(ROBOT).unwrap();
    let account = gcp_auth::CustomServiceAccount::from_json(&file).unwrap();
    let access = GcpAuth::new(Arc::new(account));
    let cx = Context::new(&emulator.sdk_config()).unwrap();
    let tokens =
        futures_util::future::join_all((0..10).map(|_| access.provide_access_token(&cx, SCOPE)))
            .await;
    assert!(
        tokens
            .iter()
            .all(|token| token.as_ref().unwrap().expires_at() > cx.now())
    );
    assert_eq!(emulator.requests_of(Call::TokenEndpoint).len(), 1);

    let signer = IamSignJwt::new(ROBOT, access).endpoint(emulator.iam_endpoint());
    let source = JwtBearer::new(signer).token_uri(emulator.token_uri());
    let provider = from_emulator(&emulator).token_source(source).build().await;
    provider.unwrap().session().await.unwrap();
}

#[derive(Clone, Copy, Debug)]
enum Does {
    Fail,
    FailOnJson,
    Panic,
    Hang,
}

/// A provider of the user's own, and how often it was called.
struct Own(Does, Arc<AtomicUsize>);

#[async_trait::async_trait]
impl TokenProvider for Own {
    async fn token(&self, scopes: &[&str]) -> Result<Arc<Token>, gcp_auth::Error> {
        assert_eq!(scopes, [SCOPE]);
        self.1.fetch_add(1, Ordering::SeqCst);
        match self.0 {
            Does::Fail => Err(gcp_auth::Error::Str("the vault is sealed")),
            Does::FailOnJson => {
                let error = serde_json::from_str::<u8>("\"ya29.hush\"").unwrap_err();
                assert!(error.to_string().contains("ya29.hush"), "{error}");
                Err(gcp_auth::Error::Json("failed to parse the answer", error))
            }
            Does::Panic => panic!("on purpose"),
            Does::Hang => std::future::pending().await,
        }
    }

    async fn project_id(&self) -> Result<Arc<str>, gcp_auth::Error> {
        Err(gcp_auth::Error::Str("no account"))
    }
}

async fn error_of(emulator: &Emulator, does: Does) -> Error {
    let access = GcpAuth::new(Arc::new(Own(does, Arc::default())));
    assert_eq!(format!("{access:?}"), "GcpAuth");
    let source = IamIdToken::new(ROBOT, access).endpoint(emulator.iam_endpoint());
    let provider = with(emulator, source).await;
    provider.session().await.unwrap_err()
}

#[tokio::test]
async fn a_provider_that_fails_or_panics_is_an_error() {
    let emulator = watch::start().await;
    for (does, says) in [
        (Does::Fail, "the vault is sealed"),
        (Does::Fail, "it logs more as a warning"),
        (
            Does::FailOnJson,
            "failed to parse the answer: not the JSON that was expected (line 1, column 11)",
        ),
        (Does::Panic, "gcp_auth panicked"),
    ] {
        let error = error_of(&emulator, does).await;
        assert_eq!(
            (error.stage(), error.kind()),
            (Stage::Source, ErrorKind::Unavailable)
        );
        assert!(chain(&error).contains(says), "{says:?}: {}", chain(&error));
        assert!(!format!("{error:?} {}", chain(&error)).contains("ya29"));
    }
    assert!(emulator.requests().is_empty(), "IAM was not called");
}

#[tokio::test]
async fn an_abandoned_fetch_blocks_no_later_caller() {
    let emulator = watch::start().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let access = GcpAuth::new(Arc::new(Own(Does::Hang, asked.clone())));
    let cx = Context::new(&emulator.sdk_config()).unwrap();
    for times in 1..=3 {
        {
            let token = access.provide_access_token(&cx, SCOPE);
            tokio::pin!(token);
            while asked.load(Ordering::SeqCst) < times {
                assert!((&mut token).now_or_never().is_none());
                tokio::task::yield_now().await;
            }
        }
        // Dropped here, which ends the fetch.
    }
}

/// Runs the test again in a process that has this `gcloud` on its `PATH` and no other credentials.
#[cfg(unix)]
fn with_gcloud(test: &str, gcloud: &str) {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let program = home.path().join("gcloud");
    std::fs::write(&program, gcloud).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let home = home.path().as_os_str();
    child::run(test, [("HOME", home), ("PATH", home)]);
}

#[cfg(unix)]
#[tokio::test]
async fn gcloud_runs_for_every_token() {
    if !child::is_it() {
        return with_gcloud(
            "gcp_auth::gcloud_runs_for_every_token",
            r#"#!/bin/sh
            [ "$1" = auth ] || exit 1
            echo >> "$HOME/asked"
            times=0
            while read -r _; do times=$((times + 1)); done < "$HOME/asked"
            echo "token-$times"
            "#,
        );
    }
    let cx = Context::new(&Emulator::start().await.unwrap().sdk_config()).unwrap();
    let access = GcpAuth::gcloud();
    for expected in ["token-1", "token-2"] {
        let token = access.provide_access_token(&cx, SCOPE).await.unwrap();
        assert_eq!(token.expose(), expected);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_missing_gcloud_lets_a_chain_go_on_and_a_failing_one_does_not() {
    if !child::is_it() {
        return with_gcloud(
            "gcp_auth::a_missing_gcloud_lets_a_chain_go_on_and_a_failing_one_does_not",
            "#!/bin/sh\nexit 1\n",
        );
    }
    let cx = Context::new(&Emulator::start().await.unwrap().sdk_config()).unwrap();
    let error_of = async || {
        let access = GcpAuth::gcloud();
        let asked = access.provide_access_token(&cx, SCOPE).await;
        asked.unwrap_err()
    };
    let error = error_of().await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(chain(&error).contains("has `gcloud auth login` signed anybody in"));
    let home = std::env::var_os("HOME").unwrap();
    std::fs::remove_file(std::path::Path::new(&home).join("gcloud")).unwrap();
    let error = error_of().await;
    assert_eq!(error.kind(), ErrorKind::NotConfigured);
    assert!(chain(&error).contains("is gcloud installed"));
}
