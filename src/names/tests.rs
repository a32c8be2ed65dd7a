use super::*;

fn refusal<T: FromStr<Err = BuildError> + fmt::Debug>(text: &str) -> String {
    text.parse::<T>().unwrap_err().to_string()
}

#[test]
fn any_partition_and_path_is_accepted() {
    for arn in [
        "arn:aws:iam::123456789012:role/demo",
        "arn:aws-us-gov:iam::123456789012:role/team/demo",
        "arn:aws-cn:iam::123456789012:role/service-role/a+b=c,d.e@f-g_h",
    ] {
        assert_eq!(arn.parse::<RoleArn>().unwrap().account_id(), "123456789012");
    }
    for arn in ["arn:aws:iam:::role/demo", "arn:minio:iam:::role/idp-x"] {
        assert_eq!(arn.parse::<RoleArn>().unwrap().account_id(), "", "{arn}");
    }
}

#[test]
fn a_bad_role_arn_is_refused_with_value_and_rule() {
    for (arn, says) in [
        ("", "arn:aws:iam::<12 digits>:role/<name> is expected"),
        ("demo", "arn:aws:iam::<12 digits>:role/<name> is expected"),
        (
            "arn:aws:iam::1234:role/a-long-enough-name",
            "\"1234\" is not an account id of 12 digits",
        ),
        ("arn:minio:iam::123456789012:role/demo", "is not a role ARN"),
        ("arn::iam:::role/a-long-enough", "is not a role ARN"),
        ("arn:aws:iam:::user/a-long-enough", "it names a \"user\""),
        ("arn:aws:iam::123456789012:user/demo", "it names a \"user\""),
        (
            "arn:aws:sts::123456789012:assumed-role/demo/me",
            "is not a role ARN",
        ),
        ("arn:aws:iam::123456789012:role/", "is not a role ARN"),
        ("arn:aws:iam::123456789012:role/dé mo", "is not a role ARN"),
        (
            "arn:aws:iam:us-east-1:123456789012:role/demo",
            "is not a role ARN",
        ),
    ] {
        let message = refusal::<RoleArn>(arn);
        assert!(message.contains(says), "{message}");
    }
    assert!(refusal::<RoleArn>(&"ä".repeat(4000)).contains("has 8000 bytes"));
}

#[test]
fn session_names_follow_the_rule_of_sts() {
    assert!("ab".parse::<SessionName>().is_ok());
    assert!("a".repeat(64).parse::<SessionName>().is_ok());
    assert!(refusal::<SessionName>("a").contains("has 1 characters"));
    assert!(refusal::<SessionName>(&"a".repeat(65)).contains("has 65 characters"));
    assert!(refusal::<SessionName>("my session").contains("holds ' '"));
    assert!(refusal::<SessionName>("é").contains("holds 'é'"));
}

#[test]
fn audiences_and_accounts_are_parsed() {
    assert!("https://myservice.example.com".parse::<Audience>().is_ok());
    assert!(refusal::<Audience>("").contains("is empty"));
    assert!(refusal::<Audience>("a\n").contains("white space"));
    assert!(refusal::<Audience>("a\u{0}b").contains("control character"));
    assert!(refusal::<Audience>(&"a".repeat(2049)).contains("2049 bytes"));
    for account in [
        "robot@demo-project.iam.gserviceaccount.com",
        "117291390000000000001",
    ] {
        assert!(account.parse::<ServiceAccountEmail>().is_ok(), "{account}");
    }
    for account in ["", "robot", "a@b", "a/b@c.d", "a@b.c/..", "a b@c.d"] {
        assert!(refusal::<ServiceAccountEmail>(account).contains("is not a service account"));
    }
}
