//! What Google's servers refuse.

use super::helpers::*;
use crate::state::keys::{KeyUse, SigningKey};
use crate::*;
use serde_json::json;

const OPERATOR: &str = "operator@demo-project.iam.gserviceaccount.com";

#[tokio::test]
async fn the_metadata_server_requires_its_header_and_refuses_proxies() {
    let emulator = Emulator::start().await.unwrap();
    let origin = emulator.metadata_endpoint();
    let path = "/computeMetadata/v1/instance/service-accounts/default/email";
    let bare = get_bare(origin, path).await;
    assert_eq!(bare.status, 403);
    assert_eq!(bare.header("metadata-flavor"), Some("Google"));
    let forwarded = post(
        origin,
        path,
        "Metadata-Flavor: Google\r\nX-Forwarded-For: 1.2.3.4\r\n",
        "",
    )
    .await;
    assert_eq!(forwarded.status, 403);
    let healthy = get(origin, path).await;
    assert_eq!((healthy.status, healthy.body.as_str()), (200, ROBOT));
    assert_eq!(get_bare(origin, "/").await.status, 200);
}

#[tokio::test]
async fn the_metadata_server_knows_only_the_attached_account() {
    let other = ServiceAccount::new("other@demo-project.iam.gserviceaccount.com");
    let builder = Emulator::builder().service_account(ServiceAccount::new(ROBOT));
    let emulator = builder.service_account(other).start().await.unwrap();
    let origin = emulator.metadata_endpoint();
    let ask = async |account: &str, rest: &str| {
        get(
            origin,
            &format!("/computeMetadata/v1/instance/service-accounts/{account}/{rest}"),
        )
        .await
    };
    let unknown = ask(
        "other%40demo-project.iam.gserviceaccount.com",
        "identity?audience=a",
    )
    .await;
    assert_eq!(unknown.status, 404);
    assert!(
        unknown
            .body
            .contains("Service account not enabled on this instance")
    );
    assert_eq!(ask(ROBOT, "identity?audience=a").await.status, 200);
    assert_eq!(ask("default", "identity").await.status, 400);
    assert_eq!(ask("default", "identity?audience=").await.status, 400);
    assert_eq!(
        ask("default", "?recursive=true").await.json()["email"],
        ROBOT
    );
    assert_eq!(ask("default", "nothing").await.status, 404);
}

#[tokio::test]
async fn the_token_endpoint_refuses_invalid_assertions() {
    let emulator = Emulator::start().await.unwrap();
    let now = seconds(&emulator);
    let late = "reasonable timeframe";
    let cases = [
        ("iss", json!("nobody@example.com"), 400, "account not found"),
        (
            "aud",
            json!("https://oauth2.googleapis.com/"),
            400,
            "audience check",
        ),
        ("exp", json!(now + 3602), 400, late),
        ("exp", json!(now - 1), 400, late),
        ("iat", json!(now + 400), 400, late),
        ("iat", json!("now"), 400, late),
        ("sub", json!("user@example.com"), 401, "unauthorized"),
        (
            "target_audience",
            json!(""),
            400,
            "Invalid OAuth scope or ID token audience provided.",
        ),
    ];
    for (claim, value, status, words) in cases {
        let mut claims = assertion_claims(&emulator);
        claims[claim] = value;
        let answer = exchange(&emulator, &claims, &file_key()).await;
        assert_eq!(answer.status, status, "{claim}: {}", answer.body);
        let description = answer.json()["error_description"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(description.contains(words), "{claim}: {description}");
    }
}

#[tokio::test]
async fn the_token_endpoint_tolerates_five_minutes_of_clock_skew() {
    let emulator = Emulator::start().await.unwrap();
    for (offset, status) in [
        (-3_950, 400),
        (-3_800, 200),
        (-10, 200),
        (290, 200),
        (350, 400),
    ] {
        let mut claims = assertion_claims(&emulator);
        claims["iat"] = json!(seconds(&emulator) + offset);
        claims["exp"] = json!(seconds(&emulator) + offset + 3600);
        let answer = exchange(&emulator, &claims, &file_key()).await;
        assert_eq!(answer.status, status, "{offset}");
    }
}

#[tokio::test]
async fn only_the_account_s_own_keys_are_accepted() {
    let emulator = Emulator::start().await.unwrap();
    for (usage, index, status) in [
        (KeyUse::KeyFile, 0, 200),
        (KeyUse::Managed, 0, 200),
        (KeyUse::Foreign, 0, 400),
        (KeyUse::Google, 0, 400),
        (KeyUse::Managed, 1, 400),
    ] {
        let key = SigningKey::shared(usage, index).unwrap();
        let answer = exchange(&emulator, &assertion_claims(&emulator), &key).await;
        assert_eq!(answer.status, status, "{usage:?}");
        if status == 400 {
            assert_eq!(
                answer.json(),
                json!({"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
            );
        }
    }
}

#[tokio::test]
async fn the_token_endpoint_refuses_incomplete_forms() {
    let emulator = Emulator::start().await.unwrap();
    let uri = emulator.token_uri();
    for (form, error) in [
        ("", "unsupported_grant_type"),
        ("grant_type=password", "unsupported_grant_type"),
        (
            "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer",
            "invalid_request",
        ),
        (
            "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=x",
            "invalid_grant",
        ),
        ("grant_type=refresh_token&client_id=x", "invalid_client"),
    ] {
        let answer = post(&uri, "/token", "", form).await;
        assert_eq!(answer.json()["error"], error, "{form}");
    }
    assert_eq!(get(&uri, "/token").await.status, 405);
    assert_eq!(get(&uri, "/nowhere").await.status, 404);
    assert_eq!(emulator.requests_of(Call::Other)[0].path(), "/nowhere");
}

#[tokio::test]
async fn a_refresh_token_yields_tokens_of_the_client() {
    let emulator = Emulator::start().await.unwrap();
    let file: Value =
        serde_json::from_str(&emulator.authorized_user_json("me@example.com")).unwrap();
    let field = |name: &str| file[name].as_str().unwrap();
    let form = |token: &str| {
        encoded(&[
            ("grant_type", "refresh_token"),
            ("client_id", field("client_id")),
            ("client_secret", field("client_secret")),
            ("refresh_token", token),
        ])
    };
    let answer = post(
        &emulator.token_uri(),
        "/token",
        "",
        &form(field("refresh_token")),
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let claims = claims_of(answer.json()["id_token"].as_str().unwrap());
    assert_eq!(claims["aud"], file["client_id"]);
    let refused = post(&emulator.token_uri(), "/token", "", &form("made up")).await;
    assert_eq!(refused.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn assertions_for_google_s_own_endpoint_are_accepted() {
    let emulator = Emulator::start().await.unwrap();
    let mut claims = assertion_claims(&emulator);
    claims["aud"] = json!("https://oauth2.googleapis.com/token");
    let answer = exchange(&emulator, &claims, &file_key()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// The operator may act as the agent, and the agent as the robot.
async fn delegating() -> Emulator {
    let agent = "agent@demo-project.iam.gserviceaccount.com";
    Emulator::builder()
        .service_account(ServiceAccount::new(OPERATOR))
        .service_account(ServiceAccount::new(agent).token_creators([OPERATOR]))
        .service_account(
            ServiceAccount::new(ROBOT)
                .token_creators([agent])
                .organization_number(42),
        )
        .start()
        .await
        .unwrap()
}

async fn iam(emulator: &Emulator, method: &str, scope: &str, body: &Value) -> Received {
    let token = emulator
        .dispatcher
        .state
        .access_token(OPERATOR, scope, 3600);
    let path = format!("/v1/projects/-/serviceAccounts/{ROBOT}:{method}");
    let bearer = format!("Authorization: Bearer {token}\r\n");
    post(emulator.iam_endpoint(), &path, &bearer, &body.to_string()).await
}

const IAM: &str = "https://www.googleapis.com/auth/iam";
const AGENT: &str = "projects/-/serviceAccounts/agent@demo-project.iam.gserviceaccount.com";

#[tokio::test]
async fn iam_requires_a_valid_bearer_token() {
    let emulator = Emulator::start().await.unwrap();
    let path = format!("/v1/projects/-/serviceAccounts/{ROBOT}:signJwt");
    let expired = emulator.dispatcher.state.access_token(ROBOT, IAM, -1);
    for header in [
        String::new(),
        "Authorization: Bearer made-up\r\n".to_owned(),
        "Authorization: Basic x\r\n".to_owned(),
        format!("Authorization: Bearer {expired}\r\n"),
    ] {
        let answer = post(emulator.iam_endpoint(), &path, &header, "{}").await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.json()["error"]["status"], "UNAUTHENTICATED");
    }
}

#[tokio::test]
async fn iam_requires_token_creator_and_scope() {
    let emulator = delegating().await;
    for (method, permission) in [
        ("signJwt", "signJwt"),
        ("generateIdToken", "getOpenIdToken"),
        ("generateAccessToken", "getAccessToken"),
    ] {
        let answer = iam(&emulator, method, IAM, &json!({})).await;
        assert_eq!(answer.status, 403);
        assert_eq!(answer.json()["error"]["status"], "PERMISSION_DENIED");
        assert_eq!(
            answer.json()["error"]["message"],
            format!(
                "Permission 'iam.serviceAccounts.{permission}' denied on resource (or it may not exist)."
            )
        );
    }
    let answer = iam(
        &emulator,
        "signJwt",
        "email",
        &json!({"delegates": [AGENT]}),
    )
    .await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("insufficient authentication scopes"));
}

#[tokio::test]
async fn every_delegate_must_be_permitted() {
    let emulator = delegating().await;
    let ask = async |delegates: &[&str]| {
        let body =
            json!({"audience": "a", "delegates": delegates, "organizationNumberIncluded": true});
        iam(&emulator, "generateIdToken", IAM, &body).await
    };
    let answer = ask(&[AGENT]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let claims = claims_of(answer.json()["token"].as_str().unwrap());
    assert_eq!(claims["google"]["organization_number"], 42);
    let robot = &format!("projects/-/serviceAccounts/{ROBOT}");
    assert_eq!(ask(&[robot]).await.status, 403);
    assert_eq!(ask(&[AGENT, AGENT]).await.status, 403);
    let bare = ask(&["agent@demo-project.iam.gserviceaccount.com"]).await;
    assert_eq!(bare.json()["error"]["status"], "INVALID_ARGUMENT");
}

#[tokio::test]
async fn iam_refuses_invalid_payloads() {
    let emulator = delegating().await;
    let now = seconds(&emulator);
    let sign = async |payload: Value| {
        let body = json!({"payload": payload, "delegates": [AGENT]});
        iam(&emulator, "signJwt", IAM, &body).await.status
    };
    assert_eq!(
        sign(json!(json!({"exp": now + 43_190}).to_string())).await,
        200
    );
    assert_eq!(sign(json!("{}")).await, 200);
    for exp in [
        json!(now + 43_300),
        json!(now - 5),
        json!(now as f64 + 60.5),
        json!("soon"),
    ] {
        assert_eq!(
            sign(json!(json!({"exp": exp}).to_string())).await,
            400,
            "{exp}"
        );
    }
    assert_eq!(sign(json!({"exp": now + 60})).await, 400);
    assert_eq!(sign(json!("[]")).await, 400);
    assert_eq!(sign(Value::Null).await, 400);
}

#[tokio::test]
async fn generate_id_token_reads_its_flags() {
    let emulator = delegating().await;
    let ask = async |name: &str, value: Value| {
        let mut body = json!({"audience": "a", "delegates": [AGENT]});
        body[name] = value;
        iam(&emulator, "generateIdToken", IAM, &body).await
    };
    let claims = async |name: &str, value: Value| {
        let answer = ask(name, value).await.json();
        claims_of(answer["token"].as_str().unwrap())
    };
    assert_eq!(claims("includeEmail", json!(true)).await["email"], ROBOT);
    assert_eq!(claims("includeEmail", json!("true")).await["email"], ROBOT);
    assert_eq!(
        claims("includeEmail", json!(false)).await.get("email"),
        None
    );
    assert_eq!(claims("useEmailAzp", json!(true)).await["azp"], ROBOT);
    assert_eq!(ask("includeEmail", json!("maybe")).await.status, 400);
    let misspelt = ask("includeemail", json!(true)).await;
    assert_eq!(misspelt.status, 400);
    assert!(
        misspelt
            .body
            .contains(r#"Unknown name \"includeemail\": Cannot find field."#)
    );
    assert_eq!(ask("audience", json!("")).await.status, 400);
}

#[tokio::test]
async fn an_impersonated_access_token_authorizes_its_account() {
    let emulator = delegating().await;
    let body = json!({"scope": [IAM], "delegates": [AGENT], "lifetime": "300s"});
    let answer = iam(&emulator, "generateAccessToken", IAM, &body)
        .await
        .json();
    let grant = emulator
        .dispatcher
        .state
        .bearer(answer["accessToken"].as_str().unwrap())
        .unwrap();
    assert_eq!(grant.principal, ROBOT);
    for bad in [
        json!({"scope": []}),
        json!({"scope": [IAM], "lifetime": "3601s"}),
    ] {
        let mut bad = bad;
        bad["delegates"] = json!([AGENT]);
        assert_eq!(
            iam(&emulator, "generateAccessToken", IAM, &bad)
                .await
                .status,
            400
        );
    }
}

#[tokio::test]
async fn google_s_sts_accepts_only_full_provider_names() {
    let emulator = Emulator::start().await.unwrap();
    let ask = async |audience: &str| {
        let form = format!(
            "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&audience={audience}&scope=s&subject_token=t\
             &subject_token_type=jwt&requested_token_type=urn:ietf:params:oauth:token-type:access_token"
        );
        let origin = emulator.token_uri().replace("/token", "");
        post(&origin, "/token", "", &form).await.status
    };
    let own =
        "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q";
    let of_people = "//iam.googleapis.com/locations/global/workforcePools/p/providers/q";
    for (audience, status) in [
        (own, 200),
        (of_people, 200),
        ("x", 400),
        ("//iam.googleapis.com/pool", 400),
        (&own.replace("/1/", "/name/"), 400),
        (&own.replace("/q", "/"), 400),
        (&own.replace("//iam", "https://iam"), 400),
    ] {
        assert_eq!(ask(audience).await, status, "{audience}");
    }
}
