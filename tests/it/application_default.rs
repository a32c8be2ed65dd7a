//! Application Default Credentials: every type of file, against the emulator.

mod acting;
mod changes;
mod fields;
mod misplaced;

#[cfg(unix)]
use crate::support::child;
use crate::support::watch::{self, Watched};
use crate::support::{AUDIENCE, ROBOT, ROLE, chain, from_emulator};
use aws_google_web_identity::{ApplicationDefault, Builder, ErrorKind, IdToken};
use aws_google_web_identity_emulator::{Answer, Call, Emulator, ServiceAccount};
use serde_json::{Value, json};
use std::path::Path;

const CALLER: &str = "caller@demo-project.iam.gserviceaccount.com";

async fn emulator() -> Watched {
    let accounts = Emulator::builder()
        .service_account(ServiceAccount::new(ROBOT).token_creators([CALLER, "user@example.com"]))
        .service_account(ServiceAccount::new(CALLER).token_creators(["user@example.com"]));
    watch::start_with(accounts).await
}

/// A provider that finds `file`, as the variable names it.
fn finding(emulator: &Emulator, file: &Path) -> Builder {
    let path = file.to_str().unwrap();
    from_emulator(emulator).environment([("GOOGLE_APPLICATION_CREDENTIALS", path)])
}

fn write(json: &Value) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), json.to_string()).unwrap();
    file
}

fn impersonation_url(emulator: &Emulator, account: &str) -> String {
    format!(
        "{}/v1/projects/-/serviceAccounts/{account}:generateAccessToken",
        emulator.iam_endpoint()
    )
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn is_robot(emulator: &Emulator, token: &IdToken) {
    assert_eq!(token.claims().aud, AUDIENCE);
    assert_eq!(token.claims().sub, emulator.service_account_id());
}

#[tokio::test]
async fn a_replaced_key_is_read_again() {
    let emulator = watch::start().await;
    let file = write(&json_of(&emulator.key_file_json(ROBOT).unwrap()));
    let provider = finding(&emulator, file.path()).build().await.unwrap();
    is_robot(&emulator, &provider.id_token().await.unwrap());

    // The key is rotated: the old one is gone.
    emulator.rotate_key_file(ROBOT).unwrap();
    let error = provider.id_token().await.unwrap_err();
    let file_is_named = format!(
        "credentials file  {:?} (named by GOOGLE_APPLICATION_CREDENTIALS)",
        file.path()
    );
    for says in ["invalid_grant", ROBOT, &file_is_named] {
        assert!(chain(&error).contains(says), "{says:?}: {error:#}");
    }
    std::fs::write(
        file.path(),
        format!("{}\n", emulator.key_file_json(ROBOT).unwrap()),
    )
    .unwrap();
    provider
        .id_token()
        .await
        .expect("the new key is read without a restart");

    // Half written: what was read before is kept.
    std::fs::write(file.path(), "{").unwrap();
    provider
        .id_token()
        .await
        .expect("the key that was read before");
}

#[tokio::test]
async fn any_source_credentials_impersonate() {
    let emulator = emulator().await;
    let key = json_of(&emulator.key_file_json(CALLER).unwrap());
    let user = json_of(&emulator.authorized_user_json("user@example.com"));
    let nested = json!({
        "type": "impersonated_service_account",
        "service_account_impersonation_url": impersonation_url(&emulator, CALLER),
        "source_credentials": user,
    });
    for source in [key, user, nested] {
        let file = write(&json!({
            "type": "impersonated_service_account", "delegates": [],
            "service_account_impersonation_url": impersonation_url(&emulator, ROBOT),
            "source_credentials": source,
        }));
        let provider = finding(&emulator, file.path()).build().await.unwrap();
        is_robot(&emulator, &provider.id_token().await.unwrap());
        watch::shown(&format!("{provider:?}"));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_path_that_is_not_utf8_names_a_file() {
    use std::os::unix::ffi::OsStrExt;
    if !child::is_it() {
        let path = std::ffi::OsStr::from_bytes(b"/nowhere/jos\xe9.json");
        return child::run(
            "application_default::a_path_that_is_not_utf8_names_a_file",
            [("GOOGLE_APPLICATION_CREDENTIALS", path)],
        );
    }
    let builder = aws_google_web_identity::GoogleWebIdentityProvider::builder(ROLE);
    let emulator = watch::start().await;
    let built = builder.audience(AUDIENCE).configure(&emulator.sdk_config());
    let error = built.build().await.unwrap_err().to_string();
    assert!(
        error.contains(
            "\"/nowhere/jos\\xE9.json\" (named by GOOGLE_APPLICATION_CREDENTIALS): can't be read"
        ),
        "{error}"
    );
}

/// As with `GOOGLE_APPLICATION_CREDENTIALS=<(vault …)`.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_pipe_of_the_shell_is_read_once() {
    use std::io::Write;
    use std::os::fd::AsRawFd;
    let emulator = watch::start().await;
    let (reader, mut writer) = std::io::pipe().unwrap();
    let key = emulator.key_file_json(ROBOT).unwrap();
    writer.write_all(key.as_bytes()).unwrap();
    drop(writer);
    let path = format!("/dev/fd/{}", reader.as_raw_fd());
    let provider = finding(&emulator, Path::new(&path)).build().await.unwrap();
    for _ in 0..2 {
        is_robot(&emulator, &provider.id_token().await.unwrap());
    }
}

#[tokio::test]
async fn a_user_needs_an_account_to_act_as() {
    let emulator = emulator().await;
    let file = write(&json_of(&emulator.authorized_user_json("user@example.com")));
    let error = finding(&emulator, file.path())
        .build()
        .await
        .unwrap_err()
        .to_string();
    for says in [
        "(named by GOOGLE_APPLICATION_CREDENTIALS): is an authorized_user, a person's login",
        "ApplicationDefault::impersonate(email)",
        "have GOOGLE_APPLICATION_CREDENTIALS name another file (unset it if it names this one)",
    ] {
        assert!(error.contains(says), "{error}");
    }
    // Its IAM would be Google's own, so it is only built, not called.
    let acting = |email: &str| {
        finding(&emulator, file.path()).token_source(ApplicationDefault::new().impersonate(email))
    };
    assert!(acting(ROBOT).build().await.is_ok());
    let error = acting("robot").build().await.unwrap_err().to_string();
    assert!(
        error.contains("ApplicationDefault::impersonate: \"robot\" is not"),
        "{error}"
    );
}

#[tokio::test]
async fn a_revoked_login_names_the_command() {
    let emulator = emulator().await;
    let file = write(&json!({
        "type": "impersonated_service_account",
        "service_account_impersonation_url": impersonation_url(&emulator, ROBOT),
        "source_credentials": json_of(&emulator.authorized_user_json("user@example.com")),
    }));
    let provider = finding(&emulator, file.path()).build().await.unwrap();
    let revoked = Answer::oauth_error(400, "invalid_grant", "Token has been expired or revoked.");
    emulator.answer_next(Call::TokenEndpoint, 1, revoked);
    let error = chain(&provider.id_token().await.unwrap_err());
    assert!(
        error.contains("run `gcloud auth application-default login`"),
        "{error}"
    );
}

#[tokio::test]
async fn an_external_account_exchanges_its_subject_token() {
    let emulator = emulator().await;
    let subject = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(subject.path(), r#"{"id_token": "subject.of.somebody"}"#).unwrap();
    let account = |source: Value| {
        json!({
            "type": "external_account", "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/idp", "token_url": emulator.token_uri(),
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "credential_source": source,
            "service_account_impersonation_url": impersonation_url(&emulator, ROBOT),
        })
    };
    let from_file = json!({
        "file": subject.path(), "format": {"type": "json", "subject_token_field_name": "id_token"},
    });
    let query = "code=queryThatMayBeSecret&a=%20b";
    let from_url = json!({ "url": format!("{}/subject?{query}", emulator.metadata_endpoint()) });
    for (source, token) in [
        (from_file, "subject.of.somebody"),
        (from_url, "subject.at.url"),
    ] {
        let file = write(&account(source));
        let provider = finding(&emulator, file.path()).build().await.unwrap();
        emulator.answer_next(Call::Other, 1, Answer::status(200).body("subject.at.url\n"));
        let granted = r#"{"access_token":"granted","issued_token_type":"x","token_type":"Bearer","expires_in":3600}"#;
        emulator.answer_next(Call::TokenEndpoint, 1, Answer::status(200).body(granted));
        emulator.answer_next(Call::GenerateIdToken, 1, Answer::status(401));
        provider
            .id_token()
            .await
            .expect_err("the emulator doesn't know this access token");
        let form = emulator
            .requests_of(Call::TokenEndpoint)
            .last()
            .unwrap()
            .form();
        let pairs = [
            (
                "grant_type",
                "urn:ietf:params:oauth:grant-type:token-exchange",
            ),
            (
                "audience",
                "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/idp",
            ),
            ("scope", "https://www.googleapis.com/auth/cloud-platform"),
            (
                "requested_token_type",
                "urn:ietf:params:oauth:token-type:access_token",
            ),
            ("subject_token", token),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
        ];
        assert_eq!(
            form,
            pairs.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
        let call = emulator
            .requests_of(Call::GenerateIdToken)
            .last()
            .unwrap()
            .clone();
        assert_eq!(call.header("authorization"), Some("Bearer granted"));
        emulator.answer_genuinely();
    }
    let asked = emulator.requests_of(Call::Other);
    let sent = [("code", "queryThatMayBeSecret"), ("a", " b")];
    let sent = sent.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(asked.last().unwrap().query(), sent);
    let logged = watch::logged();
    assert!(logged.contains("subject") && !logged.contains("queryThat"));
    let mut without = account(json!({ "file": subject.path() }));
    without
        .as_object_mut()
        .unwrap()
        .remove("service_account_impersonation_url");
    let aws = account(json!({ "environment_id": "aws1" }));
    let command = account(json!({ "executable": { "command": "x" } }));
    let both = account(json!({ "file": "/x", "url": "https://x" }));
    let clear = account(json!({ "url": "http://idp.example.com/token" }));
    let format = account(json!({ "file": "/x", "format": { "type": "xml" } }));
    let mut workforce = account(json!({ "file": subject.path() }));
    workforce["workforce_pool_user_project"] = "demo-project".into();
    for (json, says) in [
        (
            without,
            "is an external_account without service_account_impersonation_url",
        ),
        (
            aws,
            "its credential_source is AWS's: this program has AWS credentials already",
        ),
        (
            command,
            "its credential_source is an executable or a certificate",
        ),
        (both, "its credential_source needs either a file or a url"),
        (
            workforce,
            "its workforce_pool_user_project is for workforce pools, and the audience \"//iam.googleapis.com/projects/1/",
        ),
        (
            format,
            "its credential_source has the unknown format \"xml\"; text and json are known",
        ),
        (
            clear,
            "credential_source.url: \"http://idp.example.com/token\" would send secrets in clear text",
        ),
    ] {
        let file = write(&json);
        let error = finding(&emulator, file.path())
            .build()
            .await
            .unwrap_err()
            .to_string();
        let path = file.path().to_str().unwrap();
        assert!(error.contains(says) && error.contains(path), "{error}");
    }
}

#[tokio::test]
async fn an_unusable_subject_token_says_why() {
    const POOL: &str =
        "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/idp";
    let robot = ServiceAccount::new(ROBOT).token_creators([POOL]);
    let emulator = watch::start_with(Emulator::builder().service_account(robot)).await;
    let subject = tempfile::NamedTempFile::new().unwrap();
    let of_format = |format: Value| {
        json!({
            "type": "external_account", "audience": POOL, "token_url": emulator.token_uri(),
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "credential_source": {"file": subject.path(), "format": format},
            "service_account_impersonation_url": impersonation_url(&emulator, ROBOT),
        })
    };
    let text = json!({"type": "text"});
    let field = json!({"type": "json", "subject_token_field_name": "id_token"});
    let long = "x".repeat(64 * 1024 + 1);
    for (format, content, outcome) in [
        (&text, "subject.of.somebody\n", Ok(())),
        (&field, r#"{"id_token": "subject.of.somebody"}"#, Ok(())),
        (
            &field,
            r#"{"token": 1}"#,
            Err("has no string in the field \"id_token\""),
        ),
        (&field, "<html>", Err("isn't JSON")),
        (&text, " \n", Err("is empty")),
        (&text, &long, Err("it has more than 64 KiB")),
    ] {
        std::fs::write(subject.path(), content).unwrap();
        let file = write(&of_format(format.clone()));
        let provider = finding(&emulator, file.path()).build().await.unwrap();
        match (provider.session().await, outcome) {
            (Ok(_), Ok(())) => {}
            (Err(error), Err(says)) => {
                assert_eq!(error.kind(), ErrorKind::MalformedResponse, "{error}");
                assert!(!error.is_retryable(), "{error}");
                let error = chain(&error);
                let path = subject.path().display().to_string();
                assert!(error.contains(says) && error.contains(&path), "{error}");
            }
            (other, outcome) => panic!("{other:?} instead of {outcome:?}"),
        }
    }
    std::fs::remove_file(subject.path()).unwrap();
    let file = write(&of_format(text));
    let provider = finding(&emulator, file.path()).build().await.unwrap();
    let error = chain(&provider.session().await.unwrap_err());
    assert!(
        error.contains("the subject token's file") && error.contains("No such file"),
        "{error}"
    );
}

#[tokio::test]
async fn an_external_accounts_own_account_is_the_caller() {
    const POOL: &str =
        "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/idp";
    let accounts = Emulator::builder()
        .service_account(ServiceAccount::new(ROBOT).token_creators([CALLER]))
        .service_account(ServiceAccount::new(CALLER).token_creators([POOL]));
    let emulator = watch::start_with(accounts).await;
    let subject = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(subject.path(), "subject.of.somebody").unwrap();
    let file = write(&json!({
        "type": "impersonated_service_account",
        "service_account_impersonation_url": impersonation_url(&emulator, ROBOT),
        "source_credentials": {
            "type": "external_account", "audience": POOL, "token_url": emulator.token_uri(),
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "credential_source": {"file": subject.path()},
            "service_account_impersonation_url": impersonation_url(&emulator, CALLER),
        },
    }));
    let provider = finding(&emulator, file.path()).build().await.unwrap();
    is_robot(&emulator, &provider.id_token().await.unwrap());
    let calls: Vec<_> = emulator.requests().iter().map(|it| it.call()).collect();
    let way = [
        Call::TokenEndpoint,
        Call::GenerateAccessToken,
        Call::GenerateIdToken,
    ];
    assert_eq!(calls, way);
}

#[tokio::test]
async fn headers_and_query_of_a_url_are_never_shown() {
    const POOL: &str =
        "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/idp";
    let robot = ServiceAccount::new(ROBOT).token_creators([POOL]);
    let emulator = watch::start_with(Emulator::builder().service_account(robot)).await;
    let url = format!(
        "{}/subject?key=hushQuery0123456789",
        emulator.metadata_endpoint()
    );
    let file = write(&json!({
        "type": "external_account", "audience": POOL, "token_url": emulator.token_uri(),
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "credential_source": {
            "url": url,
            "headers": {"Authorization": "Bearer hushBearer0123456789", "PRIVATE-TOKEN": "hushHeader0123456789"},
        },
        "service_account_impersonation_url": impersonation_url(&emulator, ROBOT),
    }));
    let subject = Answer::status(200).body("subject.at.url");
    emulator.answer_next(Call::Other, 1, subject);
    let provider = finding(&emulator, file.path()).build().await.unwrap();
    provider.session().await.unwrap();
    let asked = &emulator.requests_of(Call::Other)[0];
    assert_eq!(asked.header("private-token"), Some("hushHeader0123456789"));
    emulator.answer_next(Call::Other, 3, Answer::status(200).body(""));
    chain(&provider.refresh().await.unwrap_err());
    let shown = format!("{provider:?} {}", watch::logged());
    assert!(shown.contains("PRIVATE-TOKEN"), "{provider:?}");
    for secret in ["hushBearer", "hushHeader"] {
        assert!(!shown.contains(secret), "{secret} in {provider:?}");
    }
    assert!(
        !format!("{provider:?}").contains("hushQuery"),
        "{provider:?}"
    );

    // A user in the URL is refused and not shown, also when it replaces a usable file.
    let user = json!({
        "type": "external_account", "audience": POOL, "subject_token_type": "jwt",
        "credential_source": {"url": "https://robot:hushUser0123456789@idp.example.com/token"},
        "service_account_impersonation_url": impersonation_url(&emulator, ROBOT),
    });
    std::fs::write(file.path(), user.to_string()).unwrap();
    provider
        .refresh()
        .await
        .expect_err("what was read before is asked");
    let refused = finding(&emulator, file.path()).build().await.unwrap_err();
    assert!(
        refused.to_string().contains(
            "credential_source.url: \"https://…@idp.example.com/token\" names no host, or a user"
        ),
        "{refused}"
    );
    let shown = format!("{provider:?} {refused:?} {}", watch::logged());
    assert!(!shown.contains("hushUser"), "{shown}");
}

#[tokio::test]
async fn files_of_other_types_say_what_would_work() {
    let emulator = emulator().await;
    for (json, says) in [
        (
            json!({}),
            "has no \"type\"; a file that gcloud or Google's console wrote is expected",
        ),
        (
            json!({"type": "gdch_service_account"}),
            "whose tokens AWS doesn't trust; a service_account key",
        ),
        (
            json!({"type": "external_account_authorized_user"}),
            "has no \"client_id\"",
        ),
        (
            json!({"type": "new_thing"}),
            "has the unknown type \"new_thing\"; service_account, impersonated",
        ),
        (
            json!({"type": "r-GOCSPX-secret", "client_id": "x"}),
            "has a type that is no word",
        ),
        (
            json!({"type": "impersonated_service_account"}),
            "lacks service_account_impersonation_url",
        ),
        (
            json!({
                "type": "impersonated_service_account",
                "service_account_impersonation_url": impersonation_url(&emulator, ROBOT),
                "source_credentials": {"type": "impersonated_service_account"},
            }),
            "lacks service_account_impersonation_url or source_credentials",
        ),
        (
            json!({"type": "impersonated_service_account", "service_account_impersonation_url": "https://x/y", "source_credentials": {}}),
            "its service_account_impersonation_url, \"https://x/y\", is not",
        ),
        (
            json!([]),
            "is a JSON array; the JSON of a credentials file is expected",
        ),
    ] {
        let file = write(&json);
        let error = finding(&emulator, file.path())
            .build()
            .await
            .unwrap_err()
            .to_string();
        let path = file.path().to_str().unwrap();
        assert!(error.contains(says) && error.contains(path), "{error}");
    }
    let mut deep = json!({"type": "authorized_user"});
    for _ in 0..6 {
        deep = json!({
            "type": "impersonated_service_account", "source_credentials": deep,
            "service_account_impersonation_url": impersonation_url(&emulator, ROBOT),
        });
    }
    let error = finding(&emulator, write(&deep).path())
        .build()
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("nests more than 4 source_credentials"),
        "{error}"
    );
}

#[tokio::test]
async fn gclouds_file_comes_between_variable_and_metadata_server() {
    let emulator = watch::start().await;
    let home = tempfile::tempdir().unwrap();
    let gcloud = home.path().join(".config/gcloud");
    std::fs::create_dir_all(&gcloud).unwrap();
    let name = "application_default_credentials.json";
    let key = emulator.key_file_json(ROBOT).unwrap();
    std::fs::write(gcloud.join(name), &key).unwrap();
    let metadata = emulator.metadata_host().to_owned();
    let hop = async |variable: &str, value: &str| {
        let (keys, identities) = (
            emulator.requests_of(Call::TokenEndpoint).len(),
            emulator.requests_of(Call::MetadataIdentity).len(),
        );
        let provider = from_emulator(&emulator)
            .environment([(variable, value), ("GCE_METADATA_HOST", &metadata)])
            .build()
            .await
            .unwrap();
        provider.id_token().await.unwrap();
        (
            emulator.requests_of(Call::TokenEndpoint).len() - keys,
            emulator.requests_of(Call::MetadataIdentity).len() - identities,
        )
    };
    assert_eq!(hop("HOME", home.path().to_str().unwrap()).await, (1, 0));
    assert_eq!(
        hop("CLOUDSDK_CONFIG", gcloud.to_str().unwrap()).await,
        (1, 0)
    );
    assert_eq!(hop("HOME", "/nowhere").await, (0, 1));
}
