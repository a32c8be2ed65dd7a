//! ID tokens.

use super::{Checked, check, check_hidden, check_text, damaged, text};
use crate::support::AUDIENCE;
use aws_google_web_identity::trust_policy::TrustPolicy;
use aws_google_web_identity::{ErrorKind, IdToken, Stage};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::collection::vec;
use proptest::prelude::*;

pub(super) const SIGNATURE: &str = "c2lnbmF0dXJlIHRoYXQgbm8gb3RoZXIgdGV4dCBoYXMgaW4gaXQu";

pub(super) fn jwt(payload: impl AsRef<[u8]>) -> String {
    format!("e30.{}.{SIGNATURE}", URL_SAFE_NO_PAD.encode(payload))
}

pub(super) fn payload() -> String {
    format!(
        r#"{{"iss":"https://accounts.google.com","sub":"117291390000000000001","aud":"{AUDIENCE}","azp":"1","email":"a@b.c","iat":1700000000,"exp":4000000000,"google":{{"organization_number":7}}}}"#
    )
}

/// The text is a token whose every accessor works, or is refused without being shown.
fn taken_or_refused(jwt: &str) -> Checked {
    match IdToken::parse(jwt) {
        Ok(token) => {
            check_hidden(&format!("{token:?}"), SIGNATURE)?;
            prop_assert!(jwt.len() >= token.expose().len());
            let keys = token.claims().aws_condition_keys();
            let policy = TrustPolicy::admitting(&keys);
            prop_assert!(policy.judge(&keys).is_admitted(), "{}", policy);
        }
        Err(error) => {
            prop_assert_eq!(error.stage(), Stage::Source);
            prop_assert_eq!(error.kind(), ErrorKind::MalformedResponse);
            check_hidden(&check_text(&error)?, SIGNATURE)?;
        }
    }
    Ok(())
}

#[test]
fn any_text_is_an_id_token_or_is_refused() {
    check(500, any::<String>(), |text| taken_or_refused(&text));
    check(500, vec(any::<u8>(), 0..200), |bytes| {
        taken_or_refused(&text(&bytes))
    });
}

#[test]
fn a_damaged_token_or_payload_is_an_id_token_or_is_refused() {
    check(1000, damaged(vec![jwt(payload())]), |bytes| {
        taken_or_refused(&text(&bytes))
    });
    check(1500, damaged(vec![payload()]), |bytes| {
        taken_or_refused(&jwt(bytes))
    });
}

#[test]
fn times_of_any_size_are_taken_or_refused() {
    let number = prop_oneof![
        any::<u64>().prop_map(|number| number.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| format!("{number:e}")),
        vec(0..10u8, 1..400).prop_map(|digits| digits.iter().map(u8::to_string).collect()),
    ];
    check(500, (number.clone(), number), |(iat, exp)| {
        taken_or_refused(&jwt(format!(
            r#"{{"iss":"a","sub":"b","aud":"c","iat":{iat},"exp":{exp}}}"#
        )))
    });
}

#[test]
fn a_claim_may_nest_to_any_depth() {
    for depth in [1, 100, 126, 127, 128, 1000, 7000] {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        taken_or_refused(&jwt(format!(
            r#"{{"iss":"a","sub":"b","aud":"c","iat":1,"exp":2,"x":{open}{close}}}"#
        )))
        .unwrap();
    }
}

/// serde's message quotes an unexpected value whole.
#[test]
fn a_claim_of_the_wrong_type_is_not_shown_whole() {
    for payload in [
        format!("\"{}\"", "long".repeat(3000)),
        format!(
            r#"{{"iss":"a","sub":"b","aud":"c","iat":"{}","exp":2}}"#,
            "9".repeat(9000)
        ),
        format!(r#"{{"iss":"a","{}":1,"iss":"b"}}"#, "long".repeat(3000)),
        format!(r#"{{"{0}":1,"{0}":1}}"#, "long".repeat(1500)),
    ] {
        assert!(IdToken::parse(jwt(&payload)).is_err());
        taken_or_refused(&jwt(payload)).unwrap();
    }
}
