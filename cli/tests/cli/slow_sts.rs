//! `serve` while STS does not answer.

use crate::support::{Machine, Serving};
use aws_google_web_identity_emulator::{Answer, Call};
use aws_smithy_types::date_time::{DateTime, Format};
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// A session of STS that ends after `length`.
fn session(length: Duration) -> Answer {
    let expires_at = DateTime::from(SystemTime::now() + length);
    let expires_at = expires_at.fmt(Format::DateTime).unwrap();
    let text = format!(
        "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIASHORT</AccessKeyId>\
         <SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>\
         <Expiration>{expires_at}</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>AROA:demo\
         </AssumedRoleId><Arn>arn:aws:sts::123456789012:assumed-role/demo/demo</Arn></AssumedRoleUser>\
         </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    );
    Answer::status(200)
        .header("content-type", "text/xml")
        .body(text)
}

#[tokio::test]
async fn expired_credentials_are_not_served_and_nobody_waits_longer_than_a_client_does() {
    let machine = Machine::start().await;
    let short = session(Duration::from_secs(2));
    machine.emulator.answer_next(Call::Sts, 1, short);
    let held = machine.emulator.hold(Call::Sts);
    held.release_next(1);
    let serving = Serving::start(&machine, &["--no-cache"]).await;
    let expired = async { while serving.get("/healthz", &[]).await.0 == 200 {} };
    let expired = tokio::time::timeout(Duration::from_secs(30), expired).await;
    expired.expect("the probe notices the expiry");

    // The library would wait 15 s for the exchange.
    let authorized = serving.authorized();
    let answer = serving.get("/v1/credentials", &authorized);
    let answer = tokio::time::timeout(Duration::from_secs(5), answer).await;
    let (status, body) = answer.expect("it waits for STS");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, body["Code"].as_str()),
        (503, Some("Timeout")),
        "{body}"
    );

    // The fetch went on.
    held.release();
    let fresh = async { while serving.get("/v1/credentials", &authorized).await.0 != 200 {} };
    let fresh = tokio::time::timeout(Duration::from_secs(30), fresh).await;
    fresh.expect("it recovers");
    assert_eq!(serving.get("/healthz", &[]).await.0, 200);
    let log = serving.terminate().await;
    assert!(log.contains("no credentials within 700 ms"), "{log}");
}
