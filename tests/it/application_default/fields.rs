//! Fields as Go marshals them, files as editors save them, and values that no header can hold.

use super::{emulator, finding, impersonation_url, is_robot, json_of, write};
use crate::support::watch;
use crate::support::{ROBOT, chain, from_emulator};
use aws_google_web_identity::ErrorKind;
use aws_google_web_identity_emulator::{Answer, Call, Emulator, ServiceAccount};
use serde_json::{Value, json};

const POOL: &str =
    "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/idp";

async fn with_pool() -> watch::Watched {
    let robot = ServiceAccount::new(ROBOT).token_creators([POOL, "user@example.com"]);
    watch::start_with(Emulator::builder().service_account(robot)).await
}

fn federated(emulator: &Emulator, source: &Value) -> Value {
    json!({
        "type": "external_account", "audience": POOL, "token_url": emulator.token_uri(),
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "credential_source": source,
        "service_account_impersonation_url": impersonation_url(emulator, ROBOT),
    })
}

fn impersonated(emulator: &Emulator) -> Value {
    json!({
        "type": "impersonated_service_account",
        "service_account_impersonation_url": impersonation_url(emulator, ROBOT),
        "source_credentials": json_of(&emulator.authorized_user_json("user@example.com")),
    })
}

#[tokio::test]
async fn an_empty_optional_field_is_an_absent_one() {
    let emulator = with_pool().await;
    let subject = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(subject.path(), "subject.of.somebody").unwrap();
    let federated = federated(&emulator, &json!({"file": subject.path()}));
    let key = json_of(&emulator.key_file_json(ROBOT).unwrap());
    let fields = [
        (&key, vec!["/universe_domain", "/quota_project_id"]),
        (
            &impersonated(&emulator),
            vec![
                "/delegates",
                "/universe_domain",
                "/quota_project_id",
                "/source_credentials/quota_project_id",
                "/source_credentials/universe_domain",
                "/source_credentials/token_url",
                "/source_credentials/account",
            ],
        ),
        (
            &federated,
            vec![
                "/quota_project_id",
                "/universe_domain",
                "/client_id",
                "/client_secret",
                "/workforce_pool_user_project",
                "/credential_source/url",
                "/credential_source/headers",
                "/credential_source/format",
                "/credential_source/environment_id",
                "/credential_source/executable",
                "/credential_source/certificate",
            ],
        ),
    ];
    for (file, pointers) in fields {
        for pointer in pointers {
            let (parent, field) = pointer.rsplit_once('/').unwrap();
            let of_text = ![
                "delegates",
                "headers",
                "format",
                "executable",
                "certificate",
            ]
            .contains(&field);
            for value in [json!(null), json!("")] {
                if value == "" && !of_text {
                    continue;
                }
                let mut file = file.clone();
                file.pointer_mut(parent).unwrap()[field] = value.clone();
                let written = write(&file);
                let provider = finding(&emulator, written.path()).build().await;
                let provider = provider.unwrap_or_else(|it| panic!("{pointer} {value}: {it}"));
                is_robot(&emulator, &provider.id_token().await.unwrap());
            }
        }
    }
    let mut file = federated.clone();
    file["credential_source"]["format"] = json!({"type": "", "subject_token_field_name": ""});
    let provider = finding(&emulator, write(&file).path()).build().await;
    provider.unwrap();
    // A required field that is empty is missing.
    for (field, says) in [
        ("audience", "has no \"audience\""),
        ("subject_token_type", "has no \"subject_token_type\""),
        ("type", "has no \"type\""),
        ("credential_source", "needs either a file or a url"),
        (
            "service_account_impersonation_url",
            "without service_account_impersonation_url",
        ),
    ] {
        let mut file = federated.clone();
        file[field] = match field {
            "credential_source" => Value::Null,
            _ => "".into(),
        };
        let built = finding(&emulator, write(&file).path()).build().await;
        let error = built.unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

fn with_mark(text: &str) -> Vec<u8> {
    format!("\u{feff}{text}").into_bytes()
}

fn utf16(text: &str) -> Vec<u8> {
    let text = format!("\u{feff}{text}");
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[tokio::test]
async fn a_byte_order_mark_is_skipped_and_utf_16_named() {
    let emulator = with_pool().await;
    let subject = tempfile::NamedTempFile::new().unwrap();
    let json_format = json!({"type": "json", "subject_token_field_name": "id_token"});
    let field = r#"{"id_token": "subject.of.somebody"}"#;
    for (format, text) in [
        (json!({}), "subject.of.somebody"),
        (json_format.clone(), field),
    ] {
        let source = json!({"file": subject.path(), "format": format});
        let file = write(&federated(&emulator, &source));
        std::fs::write(
            file.path(),
            with_mark(&std::fs::read_to_string(file.path()).unwrap()),
        )
        .unwrap();
        let provider = finding(&emulator, file.path()).build().await.unwrap();
        std::fs::write(subject.path(), with_mark(text)).unwrap();
        provider.session().await.unwrap();
        let sent = emulator.requests_of(Call::TokenEndpoint);
        let sent = sent.last().unwrap().form();
        assert!(sent.contains(&("subject_token".into(), "subject.of.somebody".into())));
        for (bytes, says) in [
            (utf16(text), "is UTF-16; save it as UTF-8"),
            (Vec::new(), "is empty"),
            (with_mark(" \n"), "is empty"),
        ] {
            std::fs::write(subject.path(), bytes).unwrap();
            let error = provider.refresh().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::MalformedResponse);
            assert!(chain(&error).contains(says), "{error}");
        }
    }
    // The same at a URL.
    let url = json!({"url": format!("{}/subject", emulator.metadata_endpoint())});
    let file = write(&federated(&emulator, &url));
    let provider = finding(&emulator, file.path()).build().await.unwrap();
    let answer = Answer::status(200).body("\u{feff}subject.of.somebody\r\n");
    emulator.answer_next(Call::Other, 1, answer);
    provider.session().await.unwrap();
    // Any other type of file says what it holds instead of JSON.
    let text = impersonated(&emulator).to_string();
    for (bytes, says) in [
        (utf16(&text), "is UTF-16"),
        (
            Vec::new(),
            "is empty; the JSON of a credentials file is expected",
        ),
        (text.as_bytes()[..100].to_vec(), "is truncated"),
        (
            json!(text).to_string().into_bytes(),
            "is JSON inside a JSON string",
        ),
    ] {
        std::fs::write(file.path(), bytes).unwrap();
        let built = finding(&emulator, file.path()).build().await;
        let error = built.unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[tokio::test]
async fn a_quota_project_is_trimmed_or_refused() {
    let emulator = emulator().await;
    let file = write(&impersonated(&emulator));
    let path = file.path().to_str().unwrap();
    let build = async |project: &str| {
        let variables = [
            ("GOOGLE_APPLICATION_CREDENTIALS", path),
            ("GOOGLE_CLOUD_QUOTA_PROJECT", project),
        ];
        from_emulator(&emulator)
            .environment(variables)
            .build()
            .await
    };
    for project in ["their-project\r\n", " \n", "123"] {
        build(project).await.unwrap().session().await.unwrap();
    }
    for project in ["their\nproject", "hush hush", "h\u{e9}"] {
        let error = build(project).await.unwrap_err().to_string();
        assert!(
            error.contains("GOOGLE_CLOUD_QUOTA_PROJECT: is no project"),
            "{error}"
        );
        let mut file = impersonated(&emulator);
        file["source_credentials"]["quota_project_id"] = project.into();
        let built = finding(&emulator, write(&file).path()).build().await;
        let error = built.unwrap_err().to_string();
        assert!(
            error.contains("its quota_project_id: is no project"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_header_that_is_none_is_refused_and_its_line_end_trimmed() {
    let emulator = with_pool().await;
    let url = format!("{}/subject", emulator.metadata_endpoint());
    let build = async |name: &str, value: &str| {
        let source = json!({"url": url, "headers": {(name): value}});
        let file = write(&federated(&emulator, &source));
        finding(&emulator, file.path()).build().await
    };
    for (name, value, says) in [
        (
            "bad name",
            "hush",
            "its credential_source.headers contains an invalid header name",
        ),
        (
            "",
            "hush",
            "its credential_source.headers contains an invalid header name",
        ),
        (
            "x",
            "hush\nhush",
            "the value of x in its credential_source.headers contains a control",
        ),
    ] {
        let error = build(name, value).await.unwrap_err().to_string();
        assert!(error.contains(says) && !error.contains("hush"), "{error}");
    }
    let provider = build("x-key", "value\r\n").await.unwrap();
    emulator.answer_next(Call::Other, 1, Answer::status(200).body("subject.at.url"));
    provider.session().await.unwrap();
    let asked = emulator.requests_of(Call::Other);
    assert_eq!(asked[0].header("x-key"), Some("value"));
}

/// Neither says when the token expires in a form that Google's own answers have.
#[tokio::test]
async fn a_lifetime_that_is_not_used_is_not_required() {
    let emulator = emulator().await;
    let mut nested = impersonated(&emulator);
    nested["source_credentials"] = json!({
        "type": "impersonated_service_account",
        "service_account_impersonation_url": impersonation_url(&emulator, super::CALLER),
        "source_credentials": json_of(&emulator.authorized_user_json("user@example.com")),
    });
    for (file, call, token) in [
        (impersonated(&emulator), Call::TokenEndpoint, "access_token"),
        (nested, Call::GenerateAccessToken, "accessToken"),
    ] {
        let file = write(&file);
        for lifetime in [
            json!({}),
            json!({"expires_in": "3599", "expireTime": "soon"}),
            json!({"expires_in": 3599.5, "expireTime": 7}),
            json!({"expires_in": null, "expireTime": null}),
        ] {
            let mut answer = lifetime.clone();
            answer[token] = "granted".into();
            emulator.answer_next(call, 1, Answer::status(200).body(answer.to_string()));
            emulator.answer_next(Call::GenerateIdToken, 1, Answer::status(401));
            let provider = finding(&emulator, file.path()).build().await.unwrap();
            provider.id_token().await.unwrap_err();
            let calls = emulator.requests_of(Call::GenerateIdToken);
            let sent = calls.last().unwrap().header("authorization");
            assert_eq!(sent, Some("Bearer granted"), "{lifetime}");
            emulator.answer_genuinely();
        }
    }
}

#[tokio::test]
async fn an_access_token_that_no_header_can_hold_is_configuration() {
    let emulator = emulator().await;
    let file = write(&impersonated(&emulator));
    let provider = finding(&emulator, file.path()).build().await.unwrap();
    let answer = json!({"access_token": "ya29.hush\nhush", "expires_in": 3599});
    let answer = Answer::status(200).body(answer.to_string());
    emulator.answer_next(Call::TokenEndpoint, 1, answer);
    let error = provider.id_token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let shown = chain(&error);
    assert!(
        shown.contains("the access token contains a control character") && !shown.contains("hush"),
        "{shown}"
    );
}
