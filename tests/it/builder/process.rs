//! The variables and profile keys of the SDK in a process of its own: `build` reports a value that
//! is not valid, takes an empty one as not set, and never panics.

use crate::support::{AUDIENCE, ROLE, child};
use aws_google_web_identity::{GoogleWebIdentityProvider, TokenFn};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// What the child process must see: parts of the outcome, one a line.
const EXPECTED: &str = "EXPECTED";

/// The variables, the profiles in the file, and parts of the outcome.
type Row = (
    &'static [(&'static str, &'static str)],
    &'static str,
    &'static [&'static str],
);

const ROWS: &[Row] = &[
    // Retries.
    (&[("AWS_RETRY_MODE", "legacy")], "", &["mode: Standard"]),
    (&[("AWS_RETRY_MODE", "LEGACY")], "", &["mode: Standard"]),
    (&[("AWS_RETRY_MODE", "")], "", &["built"]),
    (&[("AWS_RETRY_MODE", "standard")], "", &["mode: Standard"]),
    (&[("AWS_RETRY_MODE", "adaptive")], "", &["built"]),
    (
        &[("AWS_RETRY_MODE", "sometimes")],
        "",
        &["AWS_RETRY_MODE: \"sometimes\" is not a retry mode; standard, adaptive or legacy"],
    ),
    (&[("AWS_MAX_ATTEMPTS", "7")], "", &["max_attempts: 7"]),
    (&[("AWS_MAX_ATTEMPTS", "")], "", &["max_attempts: 3"]),
    (
        &[("AWS_MAX_ATTEMPTS", "0"), ("AWS_RETRY_MODE", "x")],
        "",
        &[
            "2 problems",
            "AWS_MAX_ATTEMPTS: \"0\" is not a number of attempts; 1 or more is expected",
            "AWS_RETRY_MODE: \"x\"",
        ],
    ),
    (
        &[("AWS_MAX_ATTEMPTS", "many")],
        "",
        &["AWS_MAX_ATTEMPTS: \"many\" is not a number"],
    ),
    (
        &[("AWS_MAX_ATTEMPTS", "4294967296")],
        "",
        &["AWS_MAX_ATTEMPTS: \"4294967296\" is not a number"],
    ),
    (
        &[],
        "retry_mode = legacy\nmax_attempts = 5",
        &["mode: Standard", "max_attempts: 5"],
    ),
    (&[], "retry_mode =\nmax_attempts =", &["max_attempts: 3"]),
    (
        &[],
        "retry_mode = sometimes",
        &["retry_mode of the AWS profile \"default\": \"sometimes\" is not a retry mode"],
    ),
    (
        &[("AWS_PROFILE", "other")],
        "[profile other]\nmax_attempts = 0",
        &["max_attempts of the AWS profile \"other\": \"0\" is not a number"],
    ),
    (
        &[("AWS_MAX_ATTEMPTS", "2")],
        "max_attempts = 0",
        &["max_attempts: 2"],
    ),
    // The Region.
    (
        &[("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "eu-west-1")],
        "region = eu-west-2",
        &["Region(\"eu-west-1\")"],
    ),
    (
        &[
            ("AWS_REGION", ""),
            ("AWS_DEFAULT_REGION", ""),
            ("AWS_PROFILE", ""),
        ],
        "region = eu-west-2",
        &["Region(\"eu-west-2\")"],
    ),
    (
        &[("AWS_REGION", ""), ("AWS_PROFILE", "other")],
        "region = eu-west-2\n[profile other]\nregion =\nsource_profile = default",
        &["Region(\"eu-west-2\")"],
    ),
    (
        &[("AWS_REGION", ""), ("AWS_PROFILE", "other")],
        "[profile other]\nsource_profile = other",
        &["region: is not set"],
    ),
    (
        &[("AWS_REGION", "")],
        "broken",
        &[
            "region: is not set",
            "the AWS configuration files: can't be used: error parsing",
            "config on line 2: Expected an '=' sign",
        ],
    ),
    (
        &[("AWS_REGION", ""), ("AWS_PROFILE", "missing")],
        "region = eu-west-2",
        &[
            "region: is not set",
            "AWS_PROFILE: names the profile \"missing\", which no AWS configuration file has",
        ],
    ),
    // A Region from elsewhere needs no profile.
    (&[("AWS_PROFILE", "missing")], "", &["built"]),
    (&[], "broken", &["built"]),
    // The endpoint.
    (
        &[
            ("AWS_ENDPOINT_URL_STS", ""),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ],
        "",
        &[" at http://127.0.0.1:1"],
    ),
    (
        &[
            ("AWS_ENDPOINT_URL_STS", ""),
            ("AWS_ENDPOINT_URL", ""),
            ("AWS_REGION", ""),
        ],
        "endpoint_url = http://127.0.0.1:1",
        &[" at http://127.0.0.1:1"],
    ),
    (
        &[
            ("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:2"),
        ],
        "",
        &[" at http://127.0.0.1:1"],
    ),
    (
        &[("AWS_PROFILE", "other")],
        "[profile other]\nservices = local\n[services local]\nsts =\n  endpoint_url = http://127.0.0.1:1",
        &[" at http://127.0.0.1:1"],
    ),
    (
        &[
            ("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1"),
            ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
            ("AWS_REGION", ""),
        ],
        "",
        &["region: is not set"],
    ),
    (
        &[("AWS_ENDPOINT_URL", "sts.example.com")],
        "",
        &["AWS_ENDPOINT_URL_STS\n\"sts.example.com\" has no scheme"],
    ),
    // Switches.
    (
        &[
            ("AWS_USE_FIPS_ENDPOINT", ""),
            ("AWS_USE_DUALSTACK_ENDPOINT", ""),
        ],
        "",
        &["built"],
    ),
    (&[("AWS_USE_FIPS_ENDPOINT", "True")], "", &["built"]),
    (
        &[("AWS_USE_FIPS_ENDPOINT", "maybe")],
        "use_dualstack_endpoint = 1",
        &[
            "AWS_USE_FIPS_ENDPOINT: \"maybe\" is neither true nor false",
            "use_dualstack_endpoint of the AWS profile \"default\": \"1\" is neither",
        ],
    ),
    // The crate's own variables.
    (
        &[("AWS_ROLE_ARN", ""), ("TARGET_AUDIENCE", "")],
        "",
        &["AWS_ROLE_ARN: is not set", "TARGET_AUDIENCE: is not set"],
    ),
    (
        &[
            ("AWS_ROLE_SESSION_NAME", ""),
            ("AWS_ROLE_DURATION_SECONDS", ""),
        ],
        "",
        &["built"],
    ),
    (
        &[
            ("GOOGLE_APPLICATION_CREDENTIALS", ""),
            ("CLOUDSDK_CONFIG", ""),
            ("GCE_METADATA_HOST", ""),
        ],
        "",
        &["built"],
    ),
];

#[test]
fn variables_and_profile_keys_have_a_meaning_or_are_refused_by_name() {
    if child::is_it() {
        return outcome();
    }
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let config = home.path().join(".aws/config");
    for (variables, profile, expected) in ROWS {
        let profile = match profile.starts_with('[') {
            true => (*profile).to_owned(),
            false => format!("[default]\n{profile}"),
        };
        std::fs::write(&config, profile).unwrap();
        let expected = expected.join("\n");
        let mut all = vec![
            ("HOME", home.path().as_os_str()),
            ("AWS_CONFIG_FILE", OsStr::new("")),
            ("AWS_REGION", OsStr::new("us-east-1")),
            ("AWS_ROLE_ARN", OsStr::new(ROLE)),
            ("TARGET_AUDIENCE", OsStr::new(AUDIENCE)),
            ("NOT_UNICODE", OsStr::from_bytes(b"\xff")),
            (EXPECTED, OsStr::new(&expected)),
        ];
        if expected.contains(" at http") {
            // The call fails at once: no pause before a retry.
            all.push(("AWS_MAX_ATTEMPTS", OsStr::new("1")));
        }
        all.extend(
            variables
                .iter()
                .map(|(name, value)| (*name, OsStr::new(*value))),
        );
        child::run(
            "builder::process::variables_and_profile_keys_have_a_meaning_or_are_refused_by_name",
            all,
        );
    }
}

#[test]
fn what_is_no_text_or_no_file_is_refused_by_name() {
    if child::is_it() {
        return outcome();
    }
    let home = tempfile::tempdir().unwrap();
    // Where a file is looked for, unless a variable names another one.
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let pipe = home.path().join(".aws/config");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let no_text = OsStr::from_bytes(b"http://127.0.0.1:1/\xff");
    for (variable, value, says) in [
        (
            "AWS_ENDPOINT_URL_STS",
            no_text,
            "AWS_ENDPOINT_URL_STS: is not UTF-8",
        ),
        (
            "AWS_ENDPOINT_URL",
            no_text,
            "AWS_ENDPOINT_URL: is not UTF-8",
        ),
        ("AWS_REGION", no_text, "AWS_REGION: is not UTF-8"),
        ("AWS_PROFILE", no_text, "AWS_PROFILE: is not UTF-8"),
        ("AWS_ROLE_ARN", no_text, "AWS_ROLE_ARN: is not UTF-8"),
        ("TARGET_AUDIENCE", no_text, "TARGET_AUDIENCE: is not UTF-8"),
        (
            "AWS_ROLE_SESSION_NAME",
            no_text,
            "AWS_ROLE_SESSION_NAME: is not UTF-8",
        ),
        (
            "AWS_ROLE_DURATION_SECONDS",
            no_text,
            "AWS_ROLE_DURATION_SECONDS: is not UTF-8",
        ),
        ("ANOTHER_VARIABLE", no_text, "built"),
        ("AWS_CONFIG_FILE", pipe.as_os_str(), "built"),
        (
            "AWS_SHARED_CREDENTIALS_FILE",
            OsStr::new("/dev/zero"),
            "built",
        ),
    ] {
        let mut all = vec![
            ("HOME", home.path().as_os_str()),
            ("AWS_REGION", OsStr::new("us-east-1")),
            ("AWS_ROLE_ARN", OsStr::new(ROLE)),
            ("TARGET_AUDIENCE", OsStr::new(AUDIENCE)),
            (EXPECTED, OsStr::new(says)),
        ];
        all.retain(|(name, _)| *name != variable);
        all.push((variable, value));
        let test = "builder::process::what_is_no_text_or_no_file_is_refused_by_name";
        child::run(test, all);
    }
}

/// Builds from the environment. If an endpoint is expected, calls it as well.
fn outcome() {
    let expected = std::env::var(EXPECTED).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let outcome = runtime.block_on(async {
        let claims = format!(
            r#"{{"iss":"https://accounts.google.com","sub":"1","aud":"{AUDIENCE}","iat":1,"exp":4000000000}}"#
        );
        let jwt = format!("e30.{}.AAAA", URL_SAFE_NO_PAD.encode(claims));
        let source = TokenFn::new("test", move |_| {
            std::future::ready(Ok::<_, std::io::Error>(jwt.clone()))
        });
        let builder = GoogleWebIdentityProvider::from_env();
        let builder = match expected.contains(" at http") {
            true => builder.token_source(source),
            false => builder,
        };
        match builder.build().await {
            Ok(provider) if expected.contains(" at http") => {
                let error = provider.session().await.unwrap_err();
                format!("{error} {error:#}")
            }
            Ok(provider) => format!("built {provider:?}"),
            Err(error) => error.to_string(),
        }
    });
    for part in expected.lines() {
        assert!(outcome.contains(part), "{part:?} is not in: {outcome}");
    }
}
