//! `doctor` against the emulator: what it finds at each hop, what it advises, and what it never
//! prints.
#![allow(
    clippy::disallowed_methods,
    reason = "the program under test has the system's time"
)]

use aws_google_web_identity_emulator::{Answer, Call, Emulator, Fault, Role};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::process::Command;

const GUIDE: &str = include_str!("../../docs/guide/doctor.md");

/// The unique id of the emulator's account.
const ID: &str = "178064142276315267728";

/// The program in an environment with these variables only.
fn doctor(variables: Vec<(String, String)>, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aws-google-web-identity"));
    command.arg("doctor").args(arguments);
    command.env_clear();
    // Not there, so that no file of this machine is found.
    command.env("CLOUDSDK_CONFIG", "/nonexistent");
    // The default has the machine's own name in it.
    command.env("AWS_ROLE_SESSION_NAME", "test");
    command.envs(variables);
    command
}

async fn run(command: &mut Command) -> Output {
    command.output().await.unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The text with fixed ports and request ids, of the same length.
fn fixed(emulator: &Emulator, output: &Output) -> String {
    let text = stdout(output)
        .replace(emulator.sts_endpoint(), "http://127.0.0.1:10001")
        .replace(emulator.metadata_endpoint(), "http://127.0.0.1:10002");
    let words = text.split_inclusive(char::is_whitespace).map(|word| {
        let id = word.trim_end();
        match id.len() == 36 && id.split('-').count() == 5 {
            true => word.replace(id, "00000000-0000-0000-0000-000000000000"),
            false => word.to_owned(),
        }
    });
    words.collect()
}

async fn json_of(mut command: Command) -> (Value, Option<i32>) {
    let output = run(command.arg("--json")).await;
    let report = serde_json::from_slice(&output.stdout);
    let report = report.unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (report, output.status.code())
}

fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let mut checks = report["checks"].as_array().unwrap().iter();
    let found = checks.find(|check| check["check"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {report:#}"))
}

/// `name status` of each check, in order.
fn statuses(report: &Value) -> Vec<String> {
    let checks = report["checks"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    checks
        .map(|it| format!("{} {}", text(&it["check"]), text(&it["status"])))
        .collect()
}

fn found(check: &Value) -> &str {
    check["found"].as_str().unwrap()
}

fn advice(check: &Value) -> String {
    let advice = check["advice"].as_array().unwrap().iter();
    let lines: Vec<_> = advice.map(|it| it.as_str().unwrap()).collect();
    lines.join("\n")
}

/// A file with a trust policy of one statement with this condition.
fn trust_policy(directory: &Path, condition: &Value) -> PathBuf {
    let path = directory.join("trust.json");
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Federated": "accounts.google.com"},
        "Action": "sts:AssumeRoleWithWebIdentity", "Condition": condition}]});
    std::fs::write(&path, policy.to_string()).unwrap();
    path
}

fn claims(emulator: &Emulator, seconds_left: i64) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let expires = i64::try_from(now.as_secs()).unwrap() + seconds_left;
    json!({
        "iss": "https://accounts.google.com", "aud": emulator.audience(), "azp": ID, "sub": ID,
        "iat": expires - 3600, "exp": expires,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_program_reads_so() {
    let emulator = Emulator::start().await.unwrap();
    let output = run(&mut doctor(emulator.env(), &[])).await;
    assert_eq!(
        fixed(&emulator, &output),
        include_str!("doctor/healthy.txt")
    );
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_of_no_use_is_a_warning() {
    let emulator = Emulator::start().await.unwrap();
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    for (file, profile, says) in [
        ("[profile work]\nregion = eu-west-1", "work", None),
        ("[profile work]\nregion = eu-west-1", "", None),
        (
            "[profile work]\n[default]",
            "s3cret",
            Some((
                "that no configuration file has",
                "(default, work), or unset it",
            )),
        ),
        (
            "",
            "s3cret",
            Some(("that no configuration file has", "unset AWS_PROFILE")),
        ),
        (
            "[profile work",
            "work",
            Some((
                "config on line 1: Profile definition must end with ']'",
                "correct the file",
            )),
        ),
    ] {
        std::fs::write(home.path().join(".aws/config"), file).unwrap();
        let mut command = doctor(emulator.env(), &[]);
        command.env("HOME", home.path()).env("AWS_PROFILE", profile);
        let (report, status) = json_of(command).await;
        assert_eq!(status, Some(0), "{report:#}");
        assert!(!report.to_string().contains("s3cret"), "{report:#}");
        match says {
            Some((what, next)) => {
                let check = check(&report, "profile");
                assert_eq!(check["status"], "warning");
                assert!(found(check).contains(what), "{check:#}");
                assert!(advice(check).contains(next), "{check:#}");
            }
            None => assert!(!statuses(&report).concat().contains("profile")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_identity_the_rest_is_still_checked() {
    let emulator = Emulator::start().await.unwrap();
    let mut env = emulator.env();
    env.retain(|(name, _)| !name.starts_with("GCE_"));
    env.push(("NO_GCE_CHECK".to_owned(), "true".to_owned()));
    let output = run(&mut doctor(env, &[])).await;
    assert_eq!(
        fixed(&emulator, &output),
        include_str!("doctor/no_identity.txt")
    );
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_audience_is_found_in_the_trust_policy() {
    let emulator = Emulator::start().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let condition = json!({"StringEquals": {
        "accounts.google.com:sub": ID, "accounts.google.com:oaud": emulator.audience()}});
    let path = trust_policy(directory.path(), &condition);
    let arguments = ["--audience", "https://other.example.com", "--trust-policy"];
    let output = run(doctor(emulator.env(), &arguments).arg(path)).await;
    let expected = include_str!("doctor/wrong_audience.txt");
    assert_eq!(fixed(&emulator, &output), expected);
    assert!(GUIDE.contains(expected), "the guide shows another output");
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_credentials_that_aws_accepts_are_healthy() {
    const ACCEPTED: &str = "<GetCallerIdentityResponse \
        xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
        <Arn>arn:aws:sts::123456789012:assumed-role/demo/test</Arn><UserId>AROA:test</UserId>\
        <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
    let accepted = Answer::status(200).header("content-type", "text/xml");
    let accepted = accepted.body(ACCEPTED);
    let rejected = Answer::sts_error(403, "InvalidClientTokenId", "The security token is invalid");
    for (answer, status, exit, says) in [
        (
            accepted,
            "ok",
            0,
            "arn:aws:sts::123456789012:assumed-role/demo/test",
        ),
        (rejected, "failed", 1, "InvalidClientTokenId"),
    ] {
        let emulator = Emulator::start().await.unwrap();
        // The probe and the exchange come first.
        emulator.answer_next(Call::Sts, 2, Answer::genuine());
        emulator.answer_next(Call::Sts, 1, answer);
        let (report, code) = json_of(doctor(emulator.env(), &[])).await;
        let caller = check(&report, "caller_identity");
        assert_eq!(caller["status"], status, "{report:#}");
        assert!(found(caller).contains(says), "{caller:#}");
        assert_eq!(
            (report["healthy"].as_bool(), code),
            (Some(exit == 0), Some(exit))
        );
        let sent = emulator.requests_of(Call::Sts);
        assert!(
            sent[2]
                .form()
                .contains(&("Action".to_owned(), "GetCallerIdentity".to_owned()))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_file_is_named_with_its_type_account_and_server() {
    let emulator = Emulator::start().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key.json");
    emulator.write_key_file(ID, &path).unwrap();
    let (report, code) = json_of(doctor(emulator.key_file_env(&path), &[])).await;
    assert_eq!(code, Some(0), "{report:#}");
    let identity = check(&report, "identity");
    let expected = format!("service_account in {path:?} (named by GOOGLE_APPLICATION_CREDENTIALS)");
    assert_eq!(found(identity), expected);
    let account = "robot@demo-project.iam.gserviceaccount.com";
    assert_eq!(identity["details"], json!({ "account": account }));
    let server = check(&report, "server");
    assert_eq!(server["server"], emulator.token_uri().replace("/token", ""));
    let token = check(&report, "token");
    assert_eq!(token["details"]["accounts.google.com:aud"], account);
    assert_eq!(token["details"]["accounts.google.com:sub"], ID);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_environment_names_every_setting() {
    let arguments = ["--token-file", "/nonexistent/token"];
    let (report, code) = json_of(doctor(Vec::new(), &arguments)).await;
    assert_eq!(code, Some(1));
    let settings = advice(check(&report, "settings"));
    for setting in [
        "--role-arn (AWS_ROLE_ARN)",
        "--audience (TARGET_AUDIENCE)",
        "--region",
    ] {
        assert!(
            settings.contains(&format!("{setting}: is not set")),
            "{settings}"
        );
    }
    let token = check(&report, "token");
    assert_eq!(found(token), "there is no valid audience");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_role_stops_neither_the_token_nor_the_network() {
    let emulator = Emulator::start().await.unwrap();
    let (report, code) = json_of(doctor(emulator.env(), &["--role-arn", "demo"])).await;
    let expected = [
        "platform ok",
        "variables ok",
        "identity ok",
        "settings failed",
        "server ok",
        "server ok",
        "clock ok",
        "token ok",
        "sts skipped",
        "caller_identity skipped",
    ];
    assert_eq!(statuses(&report), expected);
    assert_eq!(found(check(&report, "sts")), "the settings are wrong");
    assert_eq!(code, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_says_how_to_see_the_condition() {
    let emulator = Emulator::start().await.unwrap();
    emulator.put_role(Role::new(emulator.role_arn())).unwrap();
    let (report, code) = json_of(doctor(emulator.env(), &[])).await;
    let sts = check(&report, "sts");
    assert_eq!((sts["status"].as_str(), code), (Some("failed"), Some(1)));
    assert_eq!(sts["code"], "AccessDenied");
    assert_eq!(sts["request_id"].as_str().unwrap().len(), 36);
    let advice = advice(sts);
    let command =
        "`aws iam get-role --role-name demo --query Role.AssumeRolePolicyDocument > trust.json`";
    assert!(advice.contains(command), "{advice}");
    assert!(advice.contains("--trust-policy"), "{advice}");
    assert_eq!(check(&report, "caller_identity")["status"], "skipped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_admits_the_token_is_not_the_roles() {
    let emulator = Emulator::start().await.unwrap();
    emulator.put_role(Role::new(emulator.role_arn())).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = trust_policy(directory.path(), &json!({}));
    let arguments = ["--trust-policy", path.to_str().unwrap()];
    let (report, _) = json_of(doctor(emulator.env(), &arguments)).await;
    let of_sts = advice(check(&report, "sts"));
    assert!(of_sts.contains("the role has another policy"), "{of_sts}");
    let policy = check(&report, "trust_policy");
    assert_eq!(policy["status"], "warning");
    assert!(advice(policy).contains("admits every Google account"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_skewed_clock_is_measured() {
    for (offset, direction) in [(-7200, "ahead of"), (7200, "behind")] {
        let emulator = Emulator::start().await.unwrap();
        emulator.set_clock_offset(offset);
        let (report, _) = json_of(doctor(emulator.env(), &[])).await;
        let clock = check(&report, "clock");
        assert_eq!(clock["status"], "failed", "{report:#}");
        for whose in ["Google's", "AWS's"] {
            let says = |seconds: u32| {
                let says = format!("is {seconds} s {direction} {whose}");
                found(clock).contains(&says)
            };
            assert!((7195..=7205).any(says), "{clock:#}");
        }
        assert!(advice(clock).contains("timedatectl"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_proxy_is_named_without_its_password() {
    let emulator = Emulator::start().await.unwrap();
    // A port that stays closed.
    emulator.refuse_connections(Call::SignJwt).await.unwrap();
    let host = emulator.iam_endpoint().replace("http://", "");
    let mut env = emulator.env();
    env.push((
        "HTTP_PROXY".to_owned(),
        format!("http://user:PASSWORD@{host}"),
    ));
    let (report, code) = json_of(doctor(env, &["-vv"])).await;
    let text = report.to_string();
    assert!(
        !text.contains("PASSWORD") && !text.contains("user:"),
        "{text}"
    );
    let mut checks = report["checks"].as_array().unwrap().iter();
    let sts = checks.find(|it| it["server"] == emulator.sts_endpoint());
    let sts = sts.unwrap();
    assert_eq!((sts["status"].as_str(), code), (Some("failed"), Some(1)));
    let through = format!("through the proxy {host} (HTTP_PROXY)");
    assert!(found(sts).contains(&through), "{sts:#}");
    assert!(advice(sts).contains("Correct HTTP_PROXY, or list the server's host in NO_PROXY"));
    // The metadata server is asked without a proxy.
    assert_eq!(check(&report, "server")["status"], "ok");
    assert_eq!(check(&report, "token")["status"], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_sts_leaves_googles_half_checked() {
    let emulator = Emulator::start().await.unwrap();
    emulator.refuse_connections(Call::Sts).await.unwrap();
    let (report, code) = json_of(doctor(emulator.env(), &[])).await;
    assert_eq!(code, Some(1));
    let expected = [
        "server ok",
        "server failed",
        "clock ok",
        "token ok",
        "sts failed",
        "caller_identity skipped",
    ];
    assert_eq!(statuses(&report)[4..], expected);
    let sts = check(&report, "sts");
    assert!(found(sts).contains("unavailable"), "{sts:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_fails_once_is_a_warning() {
    let emulator = Emulator::start().await.unwrap();
    // The probe is the first request, and has no second try.
    emulator.fail_next(Call::Sts, 1, Fault::reset());
    let (report, code) = json_of(doctor(emulator.env(), &[])).await;
    let expected = [
        "server ok",
        "server warning",
        "clock ok",
        "token ok",
        "sts ok",
    ];
    assert_eq!(statuses(&report)[4..9], expected, "{report:#}");
    assert_eq!((report["healthy"].as_bool(), code), (Some(true), Some(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_file_is_told_from_a_fresh_one() {
    let emulator = Emulator::start().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    let arguments = ["--token-file", path.to_str().unwrap()];
    let write = |seconds_left| {
        let token = emulator.issue_id_token(&claims(&emulator, seconds_left));
        std::fs::write(&path, token.unwrap()).unwrap();
    };
    write(-1810);
    let (report, code) = json_of(doctor(emulator.env(), &arguments)).await;
    let token = check(&report, "token");
    assert_eq!((token["status"].as_str(), code), (Some("failed"), Some(1)));
    assert!(
        found(token).starts_with("it expired 31 min ago"),
        "{token:#}"
    );
    assert!(advice(token).contains("the program that writes the token"));
    assert_eq!(check(&report, "sts")["code"], "ExpiredTokenException");

    write(1800);
    let (report, code) = json_of(doctor(emulator.env(), &arguments)).await;
    assert_eq!(code, Some(0), "{report:#}");
    let token = check(&report, "token");
    assert!(found(token).starts_with("30 min left"), "{token:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_the_wrong_place_is_not_printed() {
    let emulator = Emulator::start().await.unwrap();
    let key = emulator.key_file_json(ID).unwrap();
    let pem: Value = serde_json::from_str(&key).unwrap();
    let pem = pem["private_key"].as_str().unwrap();
    let token = emulator.issue_id_token(&claims(&emulator, 3600)).unwrap();
    let variables = [
        "GOOGLE_APPLICATION_CREDENTIALS",
        "AWS_CA_BUNDLE",
        "CLOUDSDK_CONFIG",
    ];
    let options = [
        "--credentials-file",
        "--token-file",
        "--trust-policy",
        "--impersonate",
    ];
    let secrets = emulator.secrets();
    for secret in [&key, pem, &token] {
        for place in variables.iter().chain(&options) {
            let mut command = doctor(emulator.env(), &["-vv"]);
            match place.starts_with("--") {
                true => command.arg(format!("{place}={secret}")),
                false => command.env(place, secret),
            };
            let text = run(&mut command).await;
            let json = run(command.arg("--json")).await;
            for output in [text, json] {
                let text = stdout(&output) + &String::from_utf8_lossy(&output.stderr);
                let of_it = |it: &&String| it.len() >= 20 && text.contains(&it[..20]);
                let leaked = secrets.iter().find(of_it);
                assert_eq!(leaked, None, "{place}: {text}");
                assert!(!text.contains("PRIVATE KEY"), "{place}: {text}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_json_has_the_documented_fields_only() {
    let emulator = Emulator::start().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let condition = json!({"StringEquals": {"accounts.google.com:sub": "1"}});
    let path = trust_policy(directory.path(), &condition);
    let arguments = [
        "--audience",
        "other",
        "--trust-policy",
        path.to_str().unwrap(),
    ];
    let (report, _) = json_of(doctor(emulator.env(), &arguments)).await;
    let keys = |value: &Value| -> Vec<_> {
        let mut keys: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        // Another package may have serde_json keep the order.
        keys.sort_unstable();
        keys
    };
    assert_eq!(keys(&report), ["checks", "healthy"]);
    for one in report["checks"].as_array().unwrap() {
        for field in keys(one) {
            assert!(GUIDE.contains(&format!("| `{field}` |")), "{field}");
        }
        for always in ["advice", "check", "details", "found", "status"] {
            assert!(one.get(always).is_some(), "{one:#}");
        }
    }
    let policy = check(&report, "trust_policy");
    assert_eq!(policy["admitting_policy"]["Version"], "2012-10-17");
    assert_eq!(policy["reasons"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_although_nothing_answers() {
    let emulator = Emulator::start().await.unwrap();
    let _held = [
        emulator.hold(Call::Sts),
        emulator.hold(Call::MetadataIdentity),
    ];
    let mut command = doctor(emulator.env(), &["--json"]);
    let ended = tokio::time::timeout(Duration::from_secs(60), run(&mut command)).await;
    let output = ended.expect("it hangs");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(check(&report, "token")["status"], "failed", "{report:#}");
    assert_eq!(check(&report, "caller_identity")["status"], "skipped");
}
