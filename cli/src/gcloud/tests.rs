use super::*;

const ACCOUNT: &str = "[core]\naccount = robot@demo.iam.gserviceaccount.com\nproject = demo\n";

/// In place of a configuration: the properties of the installation.
const PROPERTIES: &str = "properties";

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
    let sdk = home.path().join("sdk");
    fs::create_dir_all(sdk.join("bin")).unwrap();
    fs::create_dir_all(sdk.join("lib")).unwrap();
    fs::write(sdk.join("bin/gcloud"), "").unwrap();
    fs::write(sdk.join("lib/gcloud.py"), "").unwrap();
    if let Some((_, text)) = configurations.iter().find(|(name, _)| *name == PROPERTIES) {
        fs::write(sdk.join("properties"), text).unwrap();
    }
    let path = sdk.join("bin").into_os_string();
    let home = [("HOME".into(), home.path().into()), ("PATH".into(), path)];
    let variables = variables
        .iter()
        .map(|(name, value)| (name.into(), value.into()));
    // A variable of the test counts before the fixed one.
    let mut all: Vec<_> = variables.collect();
    all.extend(
        home.into_iter()
            .filter(|(name, _)| !all.iter().any(|(other, _)| other == name))
            .collect::<Vec<_>>(),
    );
    active_account(all)
}

#[test]
fn the_same_account_is_the_same_identity() {
    let configurations = [("config_default", ACCOUNT), ("config_work", ACCOUNT)];
    let one = identity("default", &configurations, &[("LANG", "C")]);
    assert!(one.is_some());
    assert_eq!(one, identity("default", &configurations, &[("LANG", "de")]));
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
    let impersonates = "[auth]\nimpersonate_service_account = other@demo\n";
    let of_installation = [("config_default", ACCOUNT), (PROPERTIES, impersonates)];
    let mut seen = Vec::from(seen);
    seen.push(identity("default", &of_installation, &[]));
    for (index, one) in seen.iter().enumerate() {
        assert!(one.is_some(), "{index}");
        assert!(!seen[..index].contains(one), "{index}");
    }
}

#[test]
fn an_account_that_only_gcloud_knows_is_no_identity() {
    for configuration in ["", "[core]\n", "[compute]\naccount = a@x\n"] {
        let configurations = [("config_default", configuration)];
        let found = identity("default", &configurations, &[]);
        assert_eq!(found, None, "{configuration}");
    }
    for odd in [
        "[core]\naccount =\n",
        "[core]\naccount = \n",
        // What Python's parser reads otherwise, or not at all.
        "[core]\nproject = demo\n  account = a@x\n",
        "[core]\n# account = a@x\n",
        "[compute]\nzone = z\n [core]\naccount = a@x\n",
        "[core]]\naccount = a@x\n",
        "[core]\nproject = x\r[foo]\naccount = a@x\n",
        "[core]\r\naccount = a@x\r\n",
        "[core]\naccount = a@x\n[core]\nproject = x\n",
        "[core]\naccount = a@x\naccount = b@x\n",
        "[core]\naccount = a@x\nproject = %(x)s\n",
        "[core]\nAccount = a@x\n",
        "account = a@x\n",
        // Other credentials.
        "[core]\naccount = a@x\n[auth]\naccess_token_file = /run/token\n",
        "[core]\naccount = a@x\n[auth]\nAccess_Token_File = /run/token\n",
        "[core]\naccount = a@x\n[auth]\ncredential_file_override = /run/key\n",
    ] {
        let of_user = [("config_default", odd)];
        let of_installation = [("config_default", ACCOUNT), (PROPERTIES, odd)];
        assert_eq!(identity("default", &of_user, &[]), None, "{odd}");
        assert_eq!(identity("default", &of_installation, &[]), None, "{odd}");
    }
    let configurations = [("config_default", ACCOUNT)];
    for active in ["missing", "default\n", "../default", ""] {
        assert_eq!(identity(active, &configurations, &[]), None, "{active:?}");
    }
    // The installation is not found.
    assert_eq!(
        identity("default", &configurations, &[("PATH", "/nonexistent")]),
        None
    );
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
