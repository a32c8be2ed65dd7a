//! What the tests share.

#[cfg(unix)]
pub mod child;
pub mod watch;

use aws_google_web_identity::{
    Audience, Builder, Context, GoogleWebIdentityProvider, IdToken, ProvideIdToken, future,
};
use aws_google_web_identity_emulator::{Answer, Emulator};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};
use watch::Watched;

pub const ROLE: &str = "arn:aws:iam::123456789012:role/demo";
pub const AUDIENCE: &str = "https://myservice.example.com";
pub const REQUEST_ID: &str = "c6104cbe-af31-11e0-8154-cbc7ccf896c7";
pub const ROBOT: &str = "robot@demo-project.iam.gserviceaccount.com";

/// A configuration that reaches no network by itself.
pub fn sdk_config() -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .sleep_impl(TokioSleep::new())
        .build()
}

/// A builder with an empty environment.
pub fn builder() -> Builder {
    GoogleWebIdentityProvider::builder(ROLE)
        .audience(AUDIENCE)
        .configure(&sdk_config())
        .environment([] as [(&str, &str); 0])
}

/// The explanation of the error, and of everything that caused it.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = format!("{error:#}");
    let mut next = error.source();
    while let Some(error) = next {
        text += &format!(" <- {error:#}");
        next = error.source();
    }
    watch::shown(&format!("{text}\n{error:?}"));
    text
}

/// A builder that is pointed at the emulator, with an empty environment.
pub fn from_emulator(emulator: &Emulator) -> Builder {
    GoogleWebIdentityProvider::builder(ROLE)
        .audience(AUDIENCE)
        .configure(&quick(&emulator.sdk_config()))
        .environment([] as [(&str, &str); 0])
}

/// A provider of this source that is pointed at the emulator.
pub async fn with(
    emulator: &Emulator,
    source: impl ProvideIdToken + 'static,
) -> GoogleWebIdentityProvider {
    let builder = from_emulator(emulator).token_source(source);
    watch::shown(&format!("{builder:?}"));
    let provider = builder.build().await.unwrap();
    watch::shown(&format!("{provider:?}"));
    provider
}

/// A refusal of STS, as AWS writes it.
pub fn sts_error(status: u16, code: &str, message: &str) -> Answer {
    let body = format!(
        r#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
        <Code>{code}</Code><Message>{message}</Message></Error><RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"#
    );
    Answer::status(status)
        .header("content-type", "text/xml")
        .header("x-amzn-requestid", REQUEST_ID)
        .body(body)
}

/// A source whose tokens are all different, although they are made in one second.
#[derive(Debug)]
pub struct Minting {
    pub emulator: Arc<Watched>,
    pub tokens: Arc<AtomicU64>,
}

impl Minting {
    pub fn new(emulator: &Arc<Watched>) -> Self {
        Self {
            emulator: emulator.clone(),
            tokens: Arc::default(),
        }
    }
}

impl ProvideIdToken for Minting {
    fn provide_id_token<'a>(
        &'a self,
        cx: &'a Context,
        audience: &'a Audience,
    ) -> future::ProvideIdToken<'a> {
        let iat = cx.now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let claims = serde_json::json!({
            "iss": "https://accounts.google.com", "aud": audience.as_str(), "azp": ROBOT,
            "sub": self.emulator.service_account_id(), "iat": iat, "exp": iat + 3600,
            "serial": self.tokens.fetch_add(1, Ordering::SeqCst),
        });
        future::ProvideIdToken::ready(IdToken::parse(
            self.emulator.issue_id_token(&claims).unwrap(),
        ))
    }
}

/// The same configuration with hardly a pause between tries.
pub fn quick(config: &SdkConfig) -> SdkConfig {
    let moment = Duration::from_millis(1);
    let retries = RetryConfig::standard()
        .with_initial_backoff(moment)
        .with_max_backoff(moment);
    config.clone().into_builder().retry_config(retries).build()
}
