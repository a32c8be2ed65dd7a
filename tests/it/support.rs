//! What the tests share.

use aws_google_web_identity::emulator::{Answer, Emulator};
use aws_google_web_identity::{Builder, GoogleWebIdentityProvider};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_types::SdkConfig;
use aws_types::region::Region;
use std::error::Error;

pub const ROLE: &str = "arn:aws:iam::123456789012:role/demo";
pub const AUDIENCE: &str = "https://myservice.example.com";
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

/// The error and everything that caused it, as a user's log would show it.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text += &format!(" <- {error}");
        next = error.source();
    }
    text
}

/// A builder that is pointed at the emulator, with an empty environment.
pub fn from_emulator(emulator: &Emulator) -> Builder {
    GoogleWebIdentityProvider::builder(ROLE)
        .audience(AUDIENCE)
        .configure(&emulator.sdk_config())
        .environment([] as [(&str, &str); 0])
}

/// A refusal of STS, as AWS writes it.
pub fn sts_error(status: u16, code: &str, message: &str) -> Answer {
    let body = format!(
        r#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
        <Code>{code}</Code><Message>{message}</Message></Error><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ErrorResponse>"#
    );
    Answer::status(status)
        .header("content-type", "text/xml")
        .body(body)
}
