use super::*;
use std::time::Duration;

const NOW: u64 = 1_800_000_000;

fn hint_of(code: &str, message: &str, iss: &str, azp: Option<&str>) -> String {
    let claims = serde_json::json!({
        "iss": iss, "sub": "1", "aud": "https://a.example", "azp": azp, "iat": 1, "exp": 2,
    });
    let claims: Claims = serde_json::from_value(claims).unwrap();
    let role = "arn:aws:iam::123456789012:role/demo".parse().unwrap();
    let now = UNIX_EPOCH + Duration::from_secs(NOW);
    hint(Some(code), message, &role, &claims, now).unwrap_or_default()
}

#[test]
fn the_message_decides() {
    let expired = |sts: u64| {
        let reported = sts - 300;
        format!(
            "Token expired: current date/time {reported} must be before the expiration date/time 17"
        )
    };
    let general = "The web identity token provided could not be validated. See the \
                   AssumeRoleWithWebIdentity documentation for requirements.";
    let invalid = "InvalidIdentityToken";
    for (code, message, says) in [
        (
            invalid,
            "Couldn't retrieve verification key from your identity provider, please …",
            "this is temporary",
        ),
        (invalid, general, "delete-open-id-connect-provider"),
        (invalid, "Incorrect token audience", "--client-id '117'"),
        (
            invalid,
            "No OpenIDConnect provider found in your account for https://accounts.google.com",
            "arn:aws:iam::123456789012:oidc-provider/accounts.google.com",
        ),
        (invalid, "Missing a required claim: sub", "lacks a claim"),
        (
            invalid,
            "Invalid timestamp in token claims.",
            "is not a time",
        ),
        (
            invalid,
            "Token issued in the future: 1800000500",
            "ahead of STS's clock",
        ),
        (
            invalid,
            "Token not yet valid: current date/time 1 must be …",
            "ahead of STS's clock",
        ),
        (
            invalid,
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
            "such as an access token",
        ),
        (
            invalid,
            "Token audience contains more than one audience while authorized party is not present",
            "one audience",
        ),
        (
            "ExpiredTokenException",
            &expired(NOW + 500),
            "this machine's clock is 500 s behind STS's",
        ),
        (
            "ExpiredTokenException",
            &expired(NOW - 500),
            "this machine's clock is 500 s ahead of STS's",
        ),
        (
            "ExpiredTokenException",
            &expired(NOW),
            "does its source hand out old tokens?",
        ),
        (
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            "--max-session-duration",
        ),
        (
            "RegionDisabledException",
            "STS is not activated in this region for account:123456789012.",
            "activate it, or set another Region",
        ),
        (
            "AccessDenied",
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
            "the role's trust policy doesn't admit the token",
        ),
        ("PackedPolicyTooLarge", "a message", "short once packed"),
    ] {
        let hint = hint_of(code, message, "https://accounts.google.com", Some("117"));
        assert!(hint.contains(says), "{message}: {hint}");
    }
}

#[test]
fn another_issuer_needs_a_provider_of_its_own() {
    let cluster = "container.googleapis.com/v1/projects/p/locations/l/clusters/c";
    for code in ["InvalidIdentityToken", "AccessDenied"] {
        let hint = hint_of(code, "a message", &format!("https://{cluster}"), None);
        for says in [
            format!("arn:aws:iam::123456789012:oidc-provider/{cluster}"),
            format!("{cluster}:sub"),
        ] {
            assert!(hint.contains(&says), "{says}: {hint}");
        }
    }
}

#[test]
fn without_azp_the_audience_is_the_client_id() {
    let general = "The web identity token provided could not be validated.";
    let hint = hint_of("InvalidIdentityToken", general, GOOGLE, None);
    assert!(hint.contains("--client-id 'https://a.example'"), "{hint}");
}

#[test]
fn a_command_can_be_pasted() {
    let general = "The web identity token provided could not be validated.";
    let long = format!("{}@p.iam.gserviceaccount.com", "r".repeat(60));
    for (azp, shows) in [
        (long.as_str(), format!("--client-id '{long}'")),
        ("$(id)`id`", "--client-id AZP".to_owned()),
        ("it's", "--client-id AZP".to_owned()),
    ] {
        let hint = hint_of("InvalidIdentityToken", general, GOOGLE, Some(azp));
        assert!(hint.contains(&shows) && !hint.contains("$("), "{hint}");
    }
}

#[test]
fn a_provider_is_in_the_partition_of_the_role() {
    let role = "arn:aws-us-gov:iam::123456789012:role/demo"
        .parse()
        .unwrap();
    assert_eq!(
        provider_arn(&role, "accounts.google.com"),
        "arn:aws-us-gov:iam::123456789012:oidc-provider/accounts.google.com"
    );
}

#[test]
fn an_odd_time_says_nothing_about_the_clock() {
    for message in [
        "Token expired: current date/time must be before the expiration date/time 17",
        "Token expired: current date/time 99999999999999999999999 must be before 17",
    ] {
        let hint = hint_of("ExpiredTokenException", message, GOOGLE, None);
        assert!(hint.contains("is this machine's clock right?"), "{hint}");
    }
}
