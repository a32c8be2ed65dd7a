use super::*;

#[test]
fn a_lifetime_in_any_form_is_accepted() {
    let at = SystemTime::UNIX_EPOCH;
    for (lifetime, seconds) in [
        (r#","expires_in":3599"#, 3599),
        (r#","expires_in":"3599""#, 3599),
        (r#","expires_in":3599.0"#, 3599),
        (r#","expires_in":1e300"#, 86_400),
        (r#","expires_in":18446744073709551615"#, 86_400),
        (r#","expires_in":-1"#, 0),
        (r#","expires_in":"soon""#, 0),
        (r#","expires_in":"""#, 0),
        (r#","expires_in":"NaN""#, 0),
        (r#","expires_in":null"#, 0),
        (r#","expires_in":[]"#, 0),
        ("", 0),
    ] {
        let answer = format!(r#"{{"access_token":"t"{lifetime}}}"#);
        let answer: TokenAnswer = serde_json::from_str(&answer).unwrap();
        let expires_at = answer.into_token(at).expires_at();
        assert_eq!(expires_at, at + Duration::from_secs(seconds), "{lifetime}");
    }
}

#[test]
fn white_space_around_a_token_is_trimmed_and_within_it_refused() {
    let token = |text: &str| AccessToken::new(text, SystemTime::UNIX_EPOCH);
    assert_eq!(token(" ya29.hush\r\n").expose(), "ya29.hush");
    let error = token("ya29.\nhush").for_header().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(!format!("{error} {error:?}").contains("hush"), "{error}");
}
