//! The transport: certificates, headers, `Retry-After`, and connections whose runtime ended.

mod connections;
mod retry_after;
mod roots;
mod tls;

use crate::support::{ROBOT, chain, watch, with};
use aws_google_web_identity::{
    AccessToken, Context, ErrorKind, IamIdToken, ProvideAccessToken, Stage, future,
};
use std::time::{Duration, UNIX_EPOCH};

/// An access token with any text in it.
#[derive(Debug)]
struct Access(&'static str);

impl ProvideAccessToken for Access {
    fn provide_access_token<'a>(
        &'a self,
        _: &'a Context,
        _: &'a str,
    ) -> future::ProvideAccessToken<'a> {
        let forever = UNIX_EPOCH + Duration::from_secs(4_000_000_000);
        future::ProvideAccessToken::ready(Ok(AccessToken::new(self.0, forever)))
    }
}

#[tokio::test]
async fn a_header_that_http_forbids_is_no_outage() {
    let emulator = watch::start().await;
    for token in ["s3cr\net", "s3cr\r\net", "s3cret\0", "s3cret\u{7f}"] {
        let source = IamIdToken::new(ROBOT, Access(token)).endpoint(emulator.iam_endpoint());
        let provider = with(&emulator, source).await;
        let error = provider.id_token().await.unwrap_err();
        let text = chain(&error);
        assert_eq!(
            (error.stage(), error.kind()),
            (Stage::Source, ErrorKind::Configuration),
            "{token:?}: {text}"
        );
        assert!(
            text.contains("the access token contains a control character"),
            "{text}"
        );
        assert!(!text.contains("s3cr"), "{text}");
    }
    assert_eq!(emulator.requests().len(), 0, "nothing was sent");
}
