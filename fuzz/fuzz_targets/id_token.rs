#![no_main]

use aws_google_web_identity::IdToken;
use aws_google_web_identity::trust_policy::TrustPolicy;
use aws_google_web_identity_fuzz::check_error;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;

// A text that begins with `{` is the payload of a JWT, since mutations of base64 hardly reach it.
fuzz_target!(|text: &str| {
    let jwt = match text.strip_prefix('{') {
        Some(_) => format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(text)),
        None => text.to_owned(),
    };
    match IdToken::parse(&jwt) {
        Ok(token) => {
            let _ = (token.expires_at(), format!("{token:?}"));
            let keys = token.claims().aws_condition_keys();
            let policy = TrustPolicy::admitting(&keys);
            assert!(policy.judge(&keys).is_admitted(), "{policy}");
        }
        Err(error) => check_error(&error, &[]),
    }
});
