use super::*;

fn checked(variables: &[(&str, &str)]) -> Check {
    check(|name| {
        let mut found = variables.iter().filter(|(other, _)| *other == name);
        found.next().map(|(_, value)| OsString::from(value))
    })
}

#[test]
fn names_are_listed_and_values_never() {
    let check = checked(&[
        ("AWS_REGION", "SECRET"),
        ("HTTPS_PROXY", "http://u:SECRET@p"),
    ]);
    assert_eq!(check.found, "set: AWS_REGION, HTTPS_PROXY");
    assert_eq!(check.status, Status::Ok);
    assert!(!format!("{check:?}").contains("SECRET"));
    assert_eq!(checked(&[]).found, "none that matters is set");
}

#[test]
fn what_is_empty_counts_as_not_set() {
    let check = checked(&[("AWS_REGION", ""), ("TARGET_AUDIENCE", "")]);
    assert_eq!(check.status, Status::Warning);
    assert_eq!(
        check.advice,
        [
            "TARGET_AUDIENCE, AWS_REGION are set but empty, which counts as not set: set or unset them"
        ]
    );
}

#[test]
fn contradictions_are_named() {
    for (variables, says) in [
        (
            &[("AWS_REGION", "a"), ("AWS_DEFAULT_REGION", "b")][..],
            "AWS_REGION and AWS_DEFAULT_REGION differ; AWS_REGION counts",
        ),
        (
            &[("NO_PROXY", "a"), ("no_proxy", "b")],
            "NO_PROXY and no_proxy differ; NO_PROXY counts",
        ),
        (
            &[("NO_GCE_CHECK", "True"), ("GCE_METADATA_HOST", "h")],
            "NO_GCE_CHECK counts",
        ),
        (
            &[
                ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
                ("AWS_ENDPOINT_URL_STS", "https://sts"),
            ],
            "AWS_ENDPOINT_URL_STS is set, and AWS_IGNORE_CONFIGURED_ENDPOINT_URLS says to ignore it",
        ),
        (
            &[
                ("AWS_ACCESS_KEY_ID", "AKIA"),
                ("AWS_SECRET_ACCESS_KEY", "k"),
            ],
            "an AWS SDK in this environment uses that key",
        ),
        (
            &[("AWS_ACCESS_KEY_ID", "AKIA")],
            "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY",
        ),
        (
            &[("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "p")],
            "HTTP_PROXY is ignored",
        ),
    ] {
        let check = checked(variables);
        assert_eq!(check.status, Status::Warning, "{variables:?}");
        assert_eq!(check.advice.len(), 1, "{:?}", check.advice);
        assert!(check.advice[0].contains(says), "{:?}", check.advice);
    }
}

#[test]
fn equal_values_are_no_contradiction() {
    let check = checked(&[("AWS_REGION", "a"), ("AWS_DEFAULT_REGION", "a")]);
    assert_eq!(check.status, Status::Ok);
}
