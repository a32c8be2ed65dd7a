//! Wrong clocks, tokens with little time left, and an `azp` that changes its form.

use crate::support::watch::{self, Watched};
use crate::support::{AUDIENCE, ROBOT, with};
use aws_google_web_identity::{
    Audience, Context, Error, ErrorKind, GoogleWebIdentityProvider, IamIdToken, IamSignJwt,
    IdToken, JwtBearer, LocalKey, MetadataServer, ProvideIdToken, SharedIdToken, Stage, future,
};
use aws_google_web_identity_emulator::{Answer, Call, Emulator, RecordedRequest};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

fn key(emulator: &Emulator) -> LocalKey {
    LocalKey::from_json(emulator.key_file_json(ROBOT).unwrap()).unwrap()
}

fn iat(request: &RecordedRequest) -> i64 {
    use base64::Engine as _;
    let form = request.form();
    let (_, assertion) = form.iter().find(|(name, _)| name == "assertion").unwrap();
    let claims = assertion.split('.').nth(1).unwrap();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(claims)
        .unwrap();
    serde_json::from_slice::<serde_json::Value>(&claims).unwrap()["iat"]
        .as_i64()
        .unwrap()
}

#[tokio::test(flavor = "current_thread")]
async fn an_assertion_refused_for_its_time_is_signed_once_more_for_the_servers() {
    let emulator = watch::start().await;
    let provider = with(&emulator, JwtBearer::new(key(&emulator))).await;
    let mut before = 0;
    for off in [7200, -7200, 86_000] {
        emulator.set_clock_offset(off);
        let token = provider.id_token().await.unwrap();
        let left = token
            .expires_at()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        let requests = emulator.requests_of(Call::TokenEndpoint);
        let [refused, taken] = &requests[before..] else {
            panic!("{off}: {} requests", requests.len() - before)
        };
        before = requests.len();
        let moved = iat(taken) - iat(refused);
        assert!((moved - off).abs() <= 3, "{off}: moved by {moved}");
        // Its life is counted by this machine's clock.
        let local =
            emulator.now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64 - off + 3600;
        assert!((left.as_secs() as i64 - local).abs() <= 5, "{off}");
        let direction = if off > 0 { "s behind" } else { "s ahead of" };
        assert!(watch::logged().contains(direction), "{off}");
    }
    // So is the one for an access token.
    emulator.set_clock_offset(7200);
    let source = IamIdToken::new(ROBOT, key(&emulator)).endpoint(emulator.iam_endpoint());
    let provider = with(&emulator, source).await;
    let before = emulator.requests_of(Call::TokenEndpoint).len();
    provider.id_token().await.unwrap();
    assert_eq!(emulator.requests_of(Call::TokenEndpoint).len(), before + 2);
}

#[tokio::test]
async fn a_clock_that_cannot_be_corrected_for_is_told_by_how_much() {
    let emulator = watch::start().await;
    let provider = with(&emulator, JwtBearer::new(key(&emulator))).await;
    // More than a day: the server's clock may be what is wrong.
    emulator.set_clock_offset(2 * 86_400);
    let error = provider.id_token().await.unwrap_err();
    assert_eq!(
        (error.stage(), error.kind()),
        (Stage::TokenEndpoint, ErrorKind::Configuration)
    );
    assert_eq!(error.code(), Some("invalid_grant"));
    for says in [
        "this machine's clock is 1727",
        " s behind the server's: set it right",
        ROBOT,
    ] {
        assert!(format!("{error:#}").contains(says), "{error}");
    }
    assert_eq!(emulator.requests_of(Call::TokenEndpoint).len(), 1);
    // No Date, no second try; and never more than a second one.
    emulator.set_clock_offset(7200);
    let timeless = Answer::genuine().without_header("date");
    emulator.answer_next(Call::TokenEndpoint, 1, timeless);
    provider.id_token().await.unwrap_err();
    assert_eq!(emulator.requests_of(Call::TokenEndpoint).len(), 2);
    let stubborn = Answer::oauth_error(
        400,
        "invalid_grant",
        "Invalid JWT: not in a reasonable timeframe.",
    );
    emulator.answer_next(Call::TokenEndpoint, 9, stubborn);
    provider.id_token().await.unwrap_err();
    assert_eq!(emulator.requests_of(Call::TokenEndpoint).len(), 4);
}

#[tokio::test]
async fn an_assertion_that_iam_does_not_sign_for_its_time_names_the_clock() {
    let emulator = watch::start().await;
    let metadata = MetadataServer::new().endpoint(emulator.metadata_endpoint());
    let signer = IamSignJwt::attached(metadata).endpoint(emulator.iam_endpoint());
    let provider = with(
        &emulator,
        JwtBearer::new(signer).token_uri(emulator.token_uri()),
    )
    .await;
    emulator.set_clock_offset(7200);
    let error = provider.id_token().await.unwrap_err();
    assert_eq!(
        (error.stage(), error.kind()),
        (Stage::Iam, ErrorKind::Configuration)
    );
    let says = "s behind the server's: set it right";
    assert!(format!("{error:#}").contains(says), "{error}");
}

/// Tokens that live so long, one after the other; the last one for ever.
#[derive(Debug)]
struct Lives {
    emulator: Arc<Watched>,
    seconds: Vec<u64>,
    azp: Vec<Option<&'static str>>,
    calls: AtomicU64,
}

impl ProvideIdToken for Lives {
    fn provide_id_token<'a>(
        &'a self,
        cx: &'a Context,
        audience: &'a Audience,
    ) -> future::ProvideIdToken<'a> {
        let call = usize::try_from(self.calls.fetch_add(1, Ordering::SeqCst)).unwrap();
        let now = cx.now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let lives = self.seconds[call.min(self.seconds.len() - 1)];
        if lives == 0 {
            let error = Error::new(Stage::Source, ErrorKind::Unavailable, "no more of them");
            return future::ProvideIdToken::ready(Err(error));
        }
        let mut claims = json!({
            "iss": "https://accounts.google.com", "aud": audience.as_str(), "sub": self.emulator.service_account_id(),
            "iat": now - 100, "exp": now + lives,
        });
        if let Some(azp) = self.azp.get(call).copied().flatten() {
            claims["azp"] = azp.into();
        }
        future::ProvideIdToken::ready(IdToken::parse(
            self.emulator.issue_id_token(&claims).unwrap(),
        ))
    }
}

async fn lives(
    emulator: &Arc<Watched>,
    seconds: &[u64],
    azp: &[Option<&'static str>],
) -> (Arc<Lives>, GoogleWebIdentityProvider) {
    let source = Arc::new(Lives {
        emulator: emulator.clone(),
        seconds: seconds.to_vec(),
        azp: azp.to_vec(),
        calls: AtomicU64::new(0),
    });
    let provider = with(emulator, source.clone()).await;
    (source, provider)
}

#[tokio::test]
async fn a_token_with_little_time_left_is_replaced_if_there_is_another_and_asked_for_once() {
    let emulator = Arc::new(watch::start().await);
    let left = |token: &IdToken| token.claims().exp - token.claims().iat - 100;
    let (source, provider) = lives(&emulator, &[30, 3600], &[]).await;
    assert_eq!(left(&provider.id_token().await.unwrap()), 3600);
    assert_eq!(source.calls.load(Ordering::SeqCst), 2);
    // The same one again and again: it is used, and not asked for in a loop.
    let (source, provider) = lives(&emulator, &[30], &[]).await;
    let session = provider.session().await.expect("30 s are enough for STS");
    assert!(session.expires_at() > std::time::UNIX_EPOCH);
    assert_eq!(source.calls.load(Ordering::SeqCst), 2);
    // And when there is no other to be had.
    let (source, provider) = lives(&emulator, &[30, 0], &[]).await;
    assert_eq!(left(&provider.id_token().await.unwrap()), 30);
    assert_eq!(source.calls.load(Ordering::SeqCst), 2);
    // Enough left: asked for once.
    let (source, provider) = lives(&emulator, &[61 + 5], &[]).await;
    provider.id_token().await.unwrap();
    assert_eq!(source.calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_metadata_servers_token_with_little_left_is_asked_for_again() {
    let emulator = watch::start().await;
    let now = emulator.now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let old = json!({"iss": "https://accounts.google.com", "aud": AUDIENCE, "sub": emulator.service_account_id(),
                     "iat": now - 3580, "exp": now + 20});
    let old = emulator.issue_id_token(&old).unwrap();
    emulator.answer_next(
        Call::MetadataIdentity,
        1,
        Answer::status(200)
            .header("metadata-flavor", "Google")
            .body(old),
    );
    let provider = with(
        &emulator,
        MetadataServer::new().endpoint(emulator.metadata_endpoint()),
    )
    .await;
    let token = provider.id_token().await.unwrap();
    assert!(token.claims().exp > now + 3000);
    assert_eq!(emulator.requests_of(Call::MetadataIdentity).len(), 2);
}

#[tokio::test(flavor = "current_thread")]
async fn an_azp_that_changes_its_form_is_warned_about() {
    let emulator = Arc::new(watch::start().await);
    let warned = || watch::logged().matches("a trust policy that tests").count();
    let azp = [
        Some("1173"),
        Some("1174"),
        Some(ROBOT),
        Some(ROBOT),
        None,
        Some("me"),
    ];
    let (_, provider) = lives(&emulator, &[3600], &azp).await;
    for warnings in [0, 0, 1, 1, 2, 3] {
        provider.id_token().await.unwrap();
        assert_eq!(warned(), warnings);
    }
    assert!(watch::logged().contains("azp was the account's unique id and is an e-mail now"));
    assert!(watch::logged().contains("azp was an e-mail and is absent now"));
    assert!(watch::logged().contains("azp was absent and is something else now"));
}

#[tokio::test]
async fn a_token_that_has_expired_by_this_machines_clock_is_shared_too_and_sts_decides() {
    use crate::refresh::world::World;
    let world = World::new().await;
    // This machine's clock is two hours fast.
    world.emulator.set_clock_offset(-7200);
    for source in [
        Box::new(world.source.clone()) as Box<dyn ProvideIdToken>,
        Box::new(SharedIdToken::new(world.source.clone())),
    ] {
        let provider = world.builder().token_source(source).build().await.unwrap();
        provider.session().await.unwrap();
    }
}

#[tokio::test]
async fn a_token_that_sts_refused_is_not_held_against_the_next_one_for_long() {
    use crate::refresh::world::{World, seconds};
    let world = World::new().await;
    let provider = world.provider().await;
    let too_old = crate::support::sts_error(400, "ExpiredTokenException", "Too old.");
    world.emulator.answer_next(Call::Sts, 2, too_old);
    provider.session().await.unwrap_err();
    provider.session().await.expect_err("held for a second");
    world.clock.advance(seconds(1));
    provider.session().await.expect("there is a better one now");
}
