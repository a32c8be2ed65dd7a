use super::*;
use serde_json::Value;

#[test]
fn an_assertion_has_googles_claims_and_spans_an_hour() {
    let issuer: ServiceAccountEmail = "robot@demo.iam.gserviceaccount.com".parse().unwrap();
    let now = UNIX_EPOCH + Duration::from_secs(1_700_000_010);
    let endpoint = "https://oauth2.googleapis.com/token";
    let assertion = Assertion::new(
        issuer.clone(),
        endpoint,
        Asking::IdTokenFor("https://a"),
        now,
    );
    assert_eq!(
        serde_json::from_str::<Value>(assertion.claims_json()).unwrap(),
        json!({"iss": "robot@demo.iam.gserviceaccount.com", "aud": endpoint,
               "iat": 1_700_000_000u64, "exp": 1_700_003_600u64, "target_audience": "https://a"})
    );
    let assertion = Assertion::new(issuer, endpoint, Asking::AccessTokenOf("s"), UNIX_EPOCH);
    let claims: Value = serde_json::from_str(assertion.claims_json()).unwrap();
    assert_eq!(
        (claims["iat"].as_u64(), claims["scope"].as_str()),
        (Some(0), Some("s"))
    );
    assert_eq!(claims.get("target_audience"), None);
}
