use super::*;

const ACCOUNT: &str = "[core]\naccount = robot@demo.iam.gserviceaccount.com\nproject = demo\n";

/// The identity with these configurations, and these variables.
fn identity(
    active: &str,
    configurations: &[(&str, &str)],
    variables: &[(&str, &str)],
) -> Option<Identity> {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join(".config/gcloud");
    fs::create_dir_all(directory.join("configurations")).unwrap();
    fs::write(directory.join("active_config"), active).unwrap();
    for (name, text) in configurations {
        fs::write(directory.join("configurations").join(name), text).unwrap();
    }
    let home = [("HOME".into(), home.path().into())];
    let variables = variables
        .iter()
        .map(|(name, value)| (name.into(), value.into()));
    active_account(home.into_iter().chain(variables).collect())
}

#[test]
fn the_same_account_is_the_same_identity() {
    let configurations = [("config_default", ACCOUNT), ("config_work", ACCOUNT)];
    let one = identity("default", &configurations, &[("LANG", "C")]);
    assert!(one.is_some());
    assert_eq!(
        one,
        identity("default\n", &configurations, &[("LANG", "de")])
    );
    assert_eq!(one, identity("work", &configurations, &[]));
}

#[test]
fn every_change_makes_another_identity() {
    let other = ACCOUNT.replace("robot", "person");
    let impersonates = format!("{ACCOUNT}[auth]\nimpersonate_service_account = other@demo\n");
    let configurations = [
        ("config_default", ACCOUNT),
        ("config_other", &other),
        ("config_impersonates", &impersonates),
    ];
    let seen = [
        identity("default", &configurations, &[]),
        identity("other", &configurations, &[]),
        identity("impersonates", &configurations, &[]),
        identity(
            "default",
            &configurations,
            &[("CLOUDSDK_CORE_ACCOUNT", "person@example.com")],
        ),
        identity(
            "default",
            &configurations,
            &[("CLOUDSDK_CORE_ACCOUNT", "other@example.com")],
        ),
        identity(
            "default",
            &configurations,
            &[("CLOUDSDK_ACTIVE_CONFIG_NAME", "other")],
        ),
        identity(
            "default",
            &configurations,
            &[("CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT", "other@demo")],
        ),
    ];
    for (index, one) in seen.iter().enumerate() {
        assert!(one.is_some(), "{index}");
        assert!(!seen[..index].contains(one), "{index}");
    }
}

#[test]
fn an_account_that_only_gcloud_knows_is_no_identity() {
    let overridden = format!("{ACCOUNT}[auth]\naccess_token_file = /run/token\n");
    let in_other_section = ACCOUNT.replace("[core]", "[compute]");
    for configuration in [
        "",
        "[core]\n",
        "[core]\naccount =\n",
        "[core]\nproject = demo\n  account = robot@demo.iam.gserviceaccount.com\n",
        "[core]\n# account = robot@demo.iam.gserviceaccount.com\n",
        &overridden,
        &in_other_section,
    ] {
        let configurations = [("config_default", configuration)];
        assert_eq!(
            identity("default", &configurations, &[]),
            None,
            "{configuration}"
        );
    }
    let configurations = [("config_default", ACCOUNT)];
    assert_eq!(identity("missing", &configurations, &[]), None);
    for name in [
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE",
        "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE",
    ] {
        assert_eq!(
            identity("default", &configurations, &[(name, "/run/token")]),
            None,
            "{name}"
        );
    }
    assert_eq!(active_account(Vec::new()), None);
}
