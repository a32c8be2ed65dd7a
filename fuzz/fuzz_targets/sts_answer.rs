#![no_main]

use aws_google_web_identity::IdToken;
use aws_google_web_identity::fuzzing::StsAnswers;
use aws_google_web_identity_fuzz::{Canned, check_error};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use tokio::runtime::{Builder, Runtime};

struct Sts {
    canned: Canned,
    hop: StsAnswers,
    token: IdToken,
    signature: &'static str,
    runtime: Runtime,
}

static STS: LazyLock<Sts> = LazyLock::new(|| {
    let canned = Canned::default();
    let claims = r#"{"iss":"https://accounts.google.com","sub":"1","aud":"a","iat":1700000000,"exp":4000000000}"#;
    let signature = "Zm9ydHkgYnl0ZXMgdGhhdCBubyBvdGhlciB0ZXh0IGhhcy4u";
    let jwt = format!("e30.{}.{signature}", URL_SAFE_NO_PAD.encode(claims));
    Sts {
        hop: StsAnswers::new(
            canned.context(),
            "arn:aws:iam::123456789012:role/demo"
                .parse()
                .expect("it is one"),
            "fuzz".parse().expect("it is one"),
        ),
        token: IdToken::parse(jwt).expect("it is one"),
        signature,
        runtime: Builder::new_current_thread().build().expect("it starts"),
        canned,
    }
});

// `answer` documents the form. `{TOKEN}` stands for the token, which some servers echo.
fuzz_target!(|data: &[u8]| {
    let Sts {
        canned,
        hop,
        token,
        signature,
        runtime,
    } = &*STS;
    let mut answer = Vec::new();
    let mut rest = data;
    while let Some(at) = rest.windows(7).position(|window| window == b"{TOKEN}") {
        answer.extend_from_slice(&rest[..at]);
        answer.extend_from_slice(token.expose().as_bytes());
        rest = &rest[at + 7..];
    }
    answer.extend_from_slice(rest);
    canned.put(answer);
    match runtime.block_on(hop.assume_role(token)) {
        Ok(session) => {
            let _ = (session.expires_at(), format!("{session:?}"));
            assert!(!session.credentials().access_key_id().is_empty());
        }
        Err(error) => check_error(&error, &[signature]),
    }
});
