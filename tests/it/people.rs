//! People who act as a service account: gcloud's user and a workforce pool's, sent as Google's own
//! libraries send them.

use crate::support::watch::{self, Watched};
use crate::support::{ROBOT, chain, from_emulator};
use aws_google_web_identity::{BuildError, GoogleWebIdentityProvider};
use aws_google_web_identity_emulator::{Answer, Call, Emulator, ServiceAccount};
use serde_json::{Value, json};

const USER: &str = "user@example.com";
const WORKFORCE: &str = "//iam.googleapis.com/locations/global/workforcePools/pool/providers/idp";

async fn emulator() -> Watched {
    let robot = ServiceAccount::new(ROBOT).token_creators([USER, WORKFORCE]);
    watch::start_with(Emulator::builder().service_account(robot)).await
}

/// A login of gcloud, whose tokens the emulator knows.
fn login(emulator: &Emulator) -> Value {
    serde_json::from_str(&emulator.authorized_user_json(USER)).unwrap()
}

/// As `gcloud auth application-default login --login-config=…` writes it.
fn workforce_login(emulator: &Emulator) -> Value {
    let mut file = login(emulator);
    let fields = file.as_object_mut().unwrap();
    fields.remove("token_uri");
    fields["type"] = "external_account_authorized_user".into();
    let token_url = emulator.token_uri().replace("/token", "/oauthtoken");
    fields.insert("token_url".into(), token_url.into());
    fields.insert("audience".into(), WORKFORCE.into());
    file
}

fn impersonation_url(emulator: &Emulator) -> String {
    let iam = emulator.iam_endpoint();
    format!("{iam}/v1/projects/-/serviceAccounts/{ROBOT}:generateAccessToken")
}

fn acting(emulator: &Emulator, source: &Value) -> Value {
    json!({
        "type": "impersonated_service_account", "source_credentials": source,
        "service_account_impersonation_url": impersonation_url(emulator),
    })
}

/// A workforce pool's own file, as `gcloud iam workforce-pools create-cred-config
/// --service-account=…` writes it.
fn workforce(emulator: &Emulator, subject: &tempfile::NamedTempFile) -> Value {
    std::fs::write(subject.path(), "subject.of.somebody").unwrap();
    json!({
        "type": "external_account", "audience": WORKFORCE, "token_url": emulator.token_uri(),
        "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
        "credential_source": {"file": subject.path()}, "workforce_pool_user_project": "demo-project",
        "service_account_impersonation_url": impersonation_url(emulator),
    })
}

/// A provider that finds this file, and the file, which its drop removes.
async fn finding(
    emulator: &Emulator,
    file: &Value,
) -> Result<(GoogleWebIdentityProvider, tempfile::NamedTempFile), BuildError> {
    let named = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(named.path(), file.to_string()).unwrap();
    let path = named.path().to_str().unwrap();
    let builder = from_emulator(emulator).environment([("GOOGLE_APPLICATION_CREDENTIALS", path)]);
    Ok((builder.build().await?, named))
}

#[tokio::test]
async fn a_workforce_login_is_refreshed_at_googles_sts() {
    let emulator = emulator().await;
    let file = acting(&emulator, &workforce_login(&emulator));
    let (provider, _file) = finding(&emulator, &file).await.unwrap();
    provider.session().await.unwrap();
    let asked = &emulator.requests_of(Call::TokenEndpoint)[0];
    assert_eq!(asked.path(), "/oauthtoken");
    let names: Vec<_> = asked.form().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["grant_type", "refresh_token"]);
    watch::shown(&format!("{provider:?}"));

    let revoked = Answer::oauth_error(400, "invalid_grant", "Token has been revoked.");
    emulator.answer_next(Call::TokenEndpoint, 1, revoked);
    let error = chain(&provider.refresh().await.unwrap_err());
    for says in [
        "(account of a workforce pool's user)",
        "run `gcloud auth application-default login`",
    ] {
        assert!(error.contains(says), "{error}");
    }

    // A refusal names the setting as the file does.
    let mut clear = workforce_login(&emulator);
    clear["token_url"] = "http://sts.example.com/oauthtoken".into();
    let refused = finding(&emulator, &acting(&emulator, &clear)).await;
    let error = refused.unwrap_err().to_string();
    assert!(
        error.contains(
            "token_url: \"http://sts.example.com/oauthtoken\" would send secrets in clear text"
        ),
        "{error}"
    );

    // Alone it has no ID token for an audience of ours.
    let alone = finding(&emulator, &workforce_login(&emulator)).await;
    let error = alone.unwrap_err().to_string();
    assert!(
        error.contains("is an external_account_authorized_user, a person's login")
            && error.contains("--impersonate-service-account=email"),
        "{error}"
    );
}

/// The project that the last call of IAM for an ID token counted against.
fn quota_project(emulator: &Emulator) -> Option<String> {
    let calls = emulator.requests_of(Call::GenerateIdToken);
    let project = calls.last().unwrap().header("x-goog-user-project");
    project.map(str::to_owned)
}

#[tokio::test]
async fn a_logins_calls_count_against_its_quota_project() {
    let emulator = emulator().await;
    for (project, expected) in [
        (Value::Null, None),
        ("their-project".into(), Some("their-project")),
    ] {
        for mut login in [login(&emulator), workforce_login(&emulator)] {
            login["quota_project_id"] = project.clone();
            let file = acting(&emulator, &login);
            let (provider, _file) = finding(&emulator, &file).await.unwrap();
            provider.id_token().await.unwrap();
            assert_eq!(quota_project(&emulator).as_deref(), expected);
        }
    }
}

#[tokio::test]
async fn the_environments_quota_project_replaces_the_files_own() {
    let emulator = emulator().await;
    let subject = tempfile::NamedTempFile::new().unwrap();
    let mut login = login(&emulator);
    login["quota_project_id"] = "their-project".into();
    for (file, expected) in [
        (acting(&emulator, &login), "their-project"),
        (workforce(&emulator, &subject), "environments-project"),
    ] {
        let named = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(named.path(), file.to_string()).unwrap();
        let builder = from_emulator(&emulator).environment([
            (
                "GOOGLE_APPLICATION_CREDENTIALS",
                named.path().to_str().unwrap(),
            ),
            ("GOOGLE_CLOUD_QUOTA_PROJECT", "environments-project"),
        ]);
        builder.build().await.unwrap().id_token().await.unwrap();
        assert_eq!(quota_project(&emulator).as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn a_workforce_file_sends_its_project_or_its_client() {
    let emulator = emulator().await;
    let subject = tempfile::NamedTempFile::new().unwrap();
    let mut file = workforce(&emulator, &subject);
    let asked = async |file: &Value| {
        let (provider, _file) = finding(&emulator, file).await.unwrap();
        provider.session().await.unwrap();
        let asked = emulator.requests_of(Call::TokenEndpoint);
        let asked = asked.last().unwrap();
        let options = asked.form().into_iter().find(|(name, _)| name == "options");
        let client = asked.header("authorization").map(str::to_owned);
        (options.map(|(_, value)| value), client)
    };
    // JSON, encoded once by itself and once with the form.
    let options = Some("%7B%22userProject%22%3A%22demo-project%22%7D".to_owned());
    assert_eq!(asked(&file).await, (options, None));

    file["client_id"] = "id".into();
    file["client_secret"] = "hush-of-the-client".into();
    let client = Some("Basic aWQ6aHVzaC1vZi10aGUtY2xpZW50".to_owned());
    assert_eq!(asked(&file).await, (None, client));

    // A server that repeats them.
    let (provider, _file) = finding(&emulator, &file).await.unwrap();
    let repeated = "of hush-of-the-client, sent as aWQ6aHVzaC1vZi10aGUtY2xpZW50.";
    let refused = Answer::oauth_error(401, "invalid_client", repeated);
    emulator.answer_next(Call::TokenEndpoint, 1, refused);
    let error = chain(&provider.id_token().await.unwrap_err());
    assert_eq!(error.matches("[token]").count(), 2, "{error}");
    assert!(
        !error.contains("hush") && !error.contains("aWQ6"),
        "{error}"
    );

    file["audience"] =
        "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/idp"
            .into();
    let error = finding(&emulator, &file).await.unwrap_err().to_string();
    assert!(
        error.contains("its workforce_pool_user_project is for workforce pools, and the audience \"//iam.googleapis.com/projects/1"),
        "{error}"
    );
}

#[tokio::test]
async fn a_refused_subject_token_is_not_blamed_on_a_clock() {
    let emulator = emulator().await;
    let subject = tempfile::NamedTempFile::new().unwrap();
    let found = finding(&emulator, &workforce(&emulator, &subject)).await;
    let (provider, _file) = found.unwrap();
    emulator.set_clock_offset(30);
    let stale = "ID Token issued at 1700000000 is stale to sign-in. iat is in the past.";
    let refused = Answer::oauth_error(400, "invalid_grant", stale);
    emulator.answer_next(Call::TokenEndpoint, 1, refused);
    let error = chain(&provider.id_token().await.unwrap_err());
    assert!(
        error.contains("the subject token was refused: has it expired") && !error.contains("clock"),
        "{error}"
    );
}

#[tokio::test]
async fn another_universe_is_refused_before_a_secret_is_sent() {
    let emulator = emulator().await;
    let subject = tempfile::NamedTempFile::new().unwrap();
    for mut file in [
        login(&emulator),
        workforce_login(&emulator),
        workforce(&emulator, &subject),
    ] {
        file["universe_domain"] = "example.goog".into();
        for file in [file.clone(), acting(&emulator, &file)] {
            let error = finding(&emulator, &file).await.unwrap_err().to_string();
            assert!(
                error.contains("belongs to the universe_domain \"example.goog\""),
                "{error}"
            );
        }
    }
    assert!(emulator.requests().is_empty());
}
