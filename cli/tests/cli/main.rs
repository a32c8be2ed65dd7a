//! `credentials`, `serve`, `exec` and `token`, run against the emulator as a user runs them.
#![allow(
    clippy::disallowed_methods,
    reason = "the program under test has the system's time"
)]

mod gcloud;
mod slow_sts;
mod support;

use aws_google_web_identity_emulator::{Answer, Call, Emulator};
use serde_json::Value;
use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use support::{Machine, Serving, stderr, stdout};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::TcpStream;

/// The claims of a token of the emulator's account.
fn claims(emulator: &Emulator, seconds_left: u64) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let (now, id) = (now.as_secs(), emulator.service_account_id());
    serde_json::json!({
        "iss": "https://accounts.google.com", "aud": emulator.audience(), "azp": id, "sub": id,
        "iat": now, "exp": now + seconds_left,
    })
}

type Fields = serde_json::Map<String, Value>;

fn fields(output: &Output) -> Fields {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// `2026-11-26T10:00:00Z`, with neither an offset nor a fraction.
fn assert_time(value: &Value) {
    let text = value.as_str().unwrap();
    let shape: String = text
        .chars()
        .map(|it| if it.is_ascii_digit() { '9' } else { it })
        .collect();
    assert_eq!(shape, "9999-99-99T99:99:99Z", "{text}");
}

#[tokio::test]
async fn credentials_have_the_fields_of_credential_process() {
    let machine = Machine::start().await;
    let output = machine.run(&["credentials"]).await;
    let fields = fields(&output);
    let mut names: Vec<_> = fields.keys().map(String::as_str).collect();
    // Another package may have serde_json keep the order.
    names.sort_unstable();
    let mut expected = vec![
        "Version",
        "AccessKeyId",
        "SecretAccessKey",
        "SessionToken",
        "Expiration",
        "AccountId",
    ];
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!(fields["Version"], 1);
    assert_eq!(fields["AccountId"], "123456789012");
    assert_time(&fields["Expiration"]);
    let issued = machine
        .emulator
        .issued(fields["AccessKeyId"].as_str().unwrap());
    assert!(issued.is_some());
    assert_eq!(stderr(&output), "");
}

#[tokio::test]
async fn a_second_call_makes_no_request() {
    let machine = Machine::start().await;
    let first = machine.run(&["credentials"]).await;
    machine.emulator.forget_requests();
    let second = machine.run(&["credentials"]).await;
    assert_eq!(fields(&first), fields(&second));
    assert_eq!(machine.emulator.requests().len(), 0);
    // Neither did the first one leave a file that others may read.
    let directory = machine.home.path().join(".cache/aws-google-web-identity");
    assert_eq!(directory.metadata().unwrap().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn fifty_at_once_make_one_exchange() {
    let machine = Machine::start().await;
    let running = (0..50).map(|_| {
        let mut command = machine.command(&["credentials", "-v"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let (child, started) = (command.spawn().unwrap(), Instant::now());
        async move { (child.wait_with_output().await.unwrap(), started.elapsed()) }
    });
    // A machine that is too slow for fifty programs at once lets some exceed the 240 ms for a call
    // of the cache, which they log, or the 3 s for another program's exchange. They make their own.
    let (mut keys, mut late) = (BTreeSet::new(), 0);
    for (output, took) in futures_util::future::join_all(running).await {
        keys.insert(fields(&output)["AccessKeyId"].to_string());
        let without_cache = stderr(&output).contains("going on without the session cache");
        late += usize::from(without_cache || took >= Duration::from_secs(3));
    }
    let exchanges = machine.emulator.requests_of(Call::Sts).len();
    assert!(exchanges <= 1 + late, "{exchanges} exchanges, {late} late");
    assert!(keys.len() <= exchanges, "{keys:?}");
}

#[tokio::test]
async fn another_role_policy_or_name_gets_a_session_of_its_own() {
    let machine = Machine::start().await;
    let policy = machine.home.path().join("policy.json");
    std::fs::write(
        &policy,
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#,
    )
    .unwrap();
    let policy = policy.to_str().unwrap();
    let mut keys = Vec::new();
    for options in [
        &[][..],
        &["--policy", policy],
        &["--session-name", "other"],
        &["--duration", "900"],
        &["--no-cache"],
    ] {
        let output = machine.run(&[&["credentials"], options].concat()).await;
        let key = fields(&output)["AccessKeyId"].clone();
        assert!(!keys.contains(&key), "{options:?}");
        keys.push(key);
    }
}

#[tokio::test]
async fn a_sealed_cache_needs_its_key() {
    let machine = Machine::start().await;
    let file = |name: &str, text: &str| {
        let path = machine.home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let key = file("key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
    let other = file("other", "//////////////////////////////////////////8=");
    let of = async |key: &str| {
        let output = machine.run(&["credentials", "--cache-key", key]).await;
        fields(&output)["AccessKeyId"].clone()
    };
    let first = of(&key).await;
    assert_eq!(of(&key).await, first);
    // A file may be named as a key is spelled.
    let name = "0123456789abcdef".repeat(4);
    file(&name, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    let mut command = machine.command(&["credentials", "--cache-key", &name]);
    let output = command.current_dir(machine.home.path()).output().await;
    assert_eq!(fields(&output.unwrap())["AccessKeyId"], first);
    assert_ne!(of(&other).await, first);
    let short = file("short", "c2hvcnQ=");
    let output = machine.run(&["credentials", "--cache-key", &short]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("32 bytes in base64"), "{output:?}");
    let redis = machine
        .run(&["credentials", "--cache", "redis://127.0.0.1:1"])
        .await;
    assert_eq!(redis.status.code(), Some(2));
}

#[tokio::test]
async fn a_named_pipe_is_refused_at_once() {
    let machine = Machine::start().await;
    let pipe = machine.home.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let pipe = pipe.to_str().unwrap();
    for arguments in [
        &["serve", "--policy", pipe][..],
        &["credentials", "--cache-key", pipe],
        &["trust-policy", "--check", pipe, "--sub", "1"],
    ] {
        let output = machine.run(arguments).await;
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let says = "it is a device or a named pipe; a regular file is expected";
        assert!(stderr(&output).contains(says), "{output:?}");
    }
    let mut exec = machine.command(&["exec", "--", "true"]);
    let output = exec.env("BOTO_CONFIG", pipe).output().await.unwrap();
    assert!(stderr(&output).contains("a named pipe"), "{output:?}");
    let run = machine.home.path().join("run");
    assert_eq!(
        std::fs::read_dir(run).unwrap().count(),
        0,
        "a directory stays"
    );
}

#[tokio::test]
async fn a_secret_in_the_place_of_another_argument_is_not_shown() {
    let machine = Machine::start().await;
    let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.AAAAAAAAAAAAAAAA";
    for arguments in [
        &["credentials", "--duration", jwt][..],
        &["completions", jwt],
        &[jwt],
        &["doctor", "--audience", jwt],
        &[
            "credentials",
            "--cache-kms-key",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        ],
    ] {
        let output = machine.run(arguments).await;
        let text = format!("{}{}", stdout(&output), stderr(&output));
        assert!(!text.is_empty() && !output.status.success(), "{text}");
        assert!(
            !text.contains("eyJhb") && !text.contains("DA0ODxAREhMU"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn an_unusable_default_cache_costs_one_line() {
    let machine = Machine::start().await;
    let output = machine
        .command(&["credentials"])
        .env("XDG_CACHE_HOME", "/proc/nowhere")
        .output()
        .await
        .unwrap();
    fields(&output);
    assert_eq!(stderr(&output).lines().count(), 1, "{output:?}");
    let named = machine
        .run(&["credentials", "--cache", "/proc/nowhere"])
        .await;
    assert_eq!(named.status.code(), Some(1));
}

#[tokio::test]
async fn a_refusal_is_one_line_and_an_indented_explanation() {
    let machine = Machine::start().await;
    let role = "arn:aws:iam::123456789012:role/other";
    let output = machine.run(&["--role-arn", role, "credentials"]).await;
    assert_eq!(
        (output.status.code(), stdout(&output)),
        (Some(1), String::new())
    );
    let text = stderr(&output);
    let mut lines = text.lines();
    let first = lines.next().unwrap();
    assert!(first.starts_with("error: AWS STS: denied"), "{text}");
    assert!(
        lines.clone().count() > 3 && lines.all(|line| line.starts_with("  ")),
        "{text}"
    );
    assert!(
        text.contains("accounts.google.com:sub") && !text.contains('\x1b'),
        "{text}"
    );
}

const KEY: &str = "geheimAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

#[tokio::test]
async fn wrong_usage_is_status_2_and_shows_no_secret() {
    let machine = Machine::start().await;
    for (arguments, expected) in [
        (&["nonsense"][..], "nonsense"),
        (&["credentials", "--role-arn", "x"], "--role-arn: \"x\""),
        (
            &["credentials", "--duration", "5"],
            "--duration: 5 s is out of range",
        ),
        (
            &["credentials", "--gcloud", "--metadata-server"],
            "cannot be used with",
        ),
        (
            &[
                "credentials",
                "--credentials-file",
                "{\"private_key\":\"geheim\"}",
            ],
            "(not shown)",
        ),
        (
            &["credentials", "--token-file", "eyJhbGciOi.geheim.x"],
            "(not shown)",
        ),
        (&["token", "--once"], "--file"),
        (&["serve", "--listen", "0.0.0.0:0"], "--allow-remote"),
        (&["serve", "--listen", "nonsense"], "HOST:PORT"),
        (
            &["credentials", "--cache", ""],
            "--cache: expected a directory",
        ),
        (&["credentials", "--cache", "http://127.0.0.1"], "redis://"),
        (
            &["credentials", "--cache-kms-key", "x"],
            "--cache-kms-key: ",
        ),
        // 32 bytes in base64.
        (
            &["credentials", "--cache", "x", "--cache-key", KEY],
            "--cache-key: is a key (not shown)",
        ),
        // A URL without its scheme.
        (
            &["credentials", "--cache", "app:geheim@127.0.0.1:6379"],
            "--cache: expected a directory",
        ),
    ] {
        let output = machine.run(arguments).await;
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        let mut lines = text.lines().skip_while(|line| !line.starts_with("error: "));
        assert!(lines.next().is_some(), "{arguments:?}: {text}");
        assert!(
            lines.all(|line| line.starts_with("  ")),
            "{arguments:?}: {text}"
        );
        assert!(
            text.contains(expected) && !text.contains("geheim"),
            "{arguments:?}: {text}"
        );
    }
    // A secret in place of a path that cannot be used.
    for arguments in [
        &["credentials", "--policy", "{\"geheim\": 1}"][..],
        &[
            "token",
            "--once",
            "--file",
            "eyJhbGciOiJSUzI1NiIsImtpZCI6ImdlaGVpbSJ9/geheim",
        ],
        &[
            "serve",
            "--authorization-token-file",
            "eyJhbGciOiJSUzI1NiIsImtpZCI6ImdlaGVpbSJ9/geheim",
        ],
    ] {
        let output = machine.run(arguments).await;
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
        let text = stderr(&output);
        let says = text.contains("not shown") && !text.contains("geheim");
        assert!(says, "{arguments:?}: {text}");
    }
    let output = machine
        .command(&["credentials"])
        .env_remove("AWS_ROLE_ARN")
        .output();
    let output = output.await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("--role-arn (AWS_ROLE_ARN): is not set"),
        "{output:?}"
    );
}

#[tokio::test]
async fn no_secret_in_the_finest_log() {
    let machine = Machine::start().await;
    let output = machine.run(&["-vv", "credentials"]).await;
    let text = stderr(&output);
    assert!(text.contains("got a role session"), "{text}");
    for secret in machine.emulator.secrets() {
        assert!(!text.contains(&secret), "{text}");
    }
}

#[tokio::test]
async fn a_token_on_standard_output_or_in_a_file() {
    let machine = Machine::start().await;
    let output = machine
        .command(&["token"])
        .env_remove("AWS_ROLE_ARN")
        .output();
    let output = output.await.unwrap();
    assert!(stdout(&output).starts_with("eyJ"), "{output:?}");
    let path = machine.home.path().join("token");
    let file = path.to_str().unwrap();
    let output = machine.run(&["token", "--file", file, "--once"]).await;
    assert!(
        output.status.success() && output.stdout.is_empty(),
        "{output:?}"
    );
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let output = machine.run(&["credentials", "--token-file", file]).await;
    fields(&output);
}

#[tokio::test]
async fn serve_answers_with_the_fields_of_the_container_endpoint() {
    let machine = Machine::start().await;
    let serving = Serving::start(&machine, &[]).await;
    let token = std::fs::read_to_string(&serving.token_file).unwrap();
    assert!(token.len() >= 43 && !token.contains(char::is_whitespace));
    let mode = serving.token_file.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (status, body) = serving.get("/v1/credentials", &serving.authorized()).await;
    assert_eq!(status, 200, "{body}");
    let fields: Fields = serde_json::from_str(&body).unwrap();
    let mut names: Vec<_> = fields.keys().map(String::as_str).collect();
    // Another package may have serde_json keep the order.
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "AccessKeyId",
            "AccountId",
            "Expiration",
            "SecretAccessKey",
            "Token"
        ]
    );
    assert_time(&fields["Expiration"]);
    let (status, _) = serving.get("/healthz", &[]).await;
    assert_eq!(status, 200);
    let (_, metrics) = serving.get("/metrics", &[]).await;
    for line in [
        "aws_google_web_identity_exchanges_total 1",
        "aws_google_web_identity_exchange_failures_total 0",
        "aws_google_web_identity_requests_total{code=\"200\"} 2",
    ] {
        assert!(metrics.lines().any(|it| it == line), "{metrics}");
    }
    let log = serving.terminate().await;
    assert!(log.contains("new credentials"), "{log}");
    for secret in machine.emulator.secrets().iter().chain([&token]) {
        assert!(!log.contains(secret.as_str()), "{log}");
    }
}

#[tokio::test]
async fn the_token_file_goes_with_the_program() {
    let machine = Machine::start().await;
    let path = machine.home.path().join("authorization");
    let arguments = ["--authorization-token-file", path.to_str().unwrap()];
    for arguments in [&[][..], &arguments] {
        let serving = Serving::start(&machine, arguments).await;
        let file = serving.token_file.clone();
        assert!(file.exists());
        serving.terminate().await;
        assert!(!file.exists());
    }
}

#[tokio::test]
async fn what_the_endpoint_refuses() {
    let machine = Machine::start().await;
    let serving = Serving::start(&machine, &[]).await;
    let authorized = serving.authorized();
    let port = serving.port;
    let evil = format!("evil.example:{port}");
    for (method, headers, expected) in [
        ("GET", vec![], 401),
        ("GET", vec![("Authorization", "x".to_owned())], 401),
        ("GET", [&authorized[..], &authorized[..]].concat(), 401),
        (
            "GET",
            [
                &authorized[..],
                &[("Origin", "http://localhost".to_owned())],
            ]
            .concat(),
            403,
        ),
        ("GET", [&authorized[..], &[("Host", evil)]].concat(), 403),
        ("POST", authorized.clone(), 405),
        ("OPTIONS", authorized.clone(), 405),
    ] {
        let (status, body) = serving.ask(method, "/v1/credentials", &headers, b"").await;
        assert_eq!(status, expected, "{method} {headers:?}: {body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert!(
            body["code"].is_string() && body["code"] == body["Code"],
            "{body}"
        );
        assert!(
            body["message"].is_string() && body["message"] == body["Message"],
            "{body}"
        );
    }
    let large = vec![b'x'; 1 << 20];
    let (status, _) = serving
        .ask("POST", "/v1/credentials", &authorized, &large)
        .await;
    assert!(status == 405 || status == 0, "{status}");
    let long = [("X", "x".repeat(1 << 20))];
    let (status, _) = serving.get("/v1/credentials", &long).await;
    assert!(status == 431 || status == 0, "{status}");
}

#[tokio::test]
async fn silent_connections_do_not_keep_others_out() {
    let machine = Machine::start().await;
    let serving = Serving::start(&machine, &[]).await;
    let mut silent = Vec::new();
    for _ in 0..support::spare_descriptors(1000) {
        let stream = TcpStream::connect(("127.0.0.1", serving.port)).await;
        silent.push(stream.unwrap());
    }
    assert!(silent.len() > 300, "{}", silent.len());
    let (status, _) = serving.get("/v1/credentials", &serving.authorized()).await;
    assert_eq!(status, 200);
    // The oldest one was closed, long before its head is overdue.
    let mut byte = [0];
    let closed = tokio::time::timeout(Duration::from_secs(3), silent[0].read(&mut byte)).await;
    assert_eq!(closed.expect("is open").unwrap_or_default(), 0);
}

#[tokio::test]
async fn a_refusal_at_the_start_is_explained_and_nothing_is_served() {
    let machine = Machine::start().await;
    machine
        .emulator
        .answer_next(Call::Sts, 9, Answer::status(403));
    let output = machine.run(&["serve", "--listen", "127.0.0.1:0"]).await;
    assert_eq!(
        (output.status.code(), stdout(&output)),
        (Some(1), String::new())
    );
}

#[tokio::test]
async fn exec_exits_as_the_command_does() {
    let machine = Machine::start().await;
    for (command, expected) in [
        (&["sh", "-c", "exit 7"][..], 7),
        (&["sh", "-c", "kill -9 $$"], 137),
        (&["sh", "-c", "kill -TERM $PPID; exec sleep 60"], 143),
        (&["/nowhere/command"], 127),
        (&["no-such-command"], 127),
        (&["/etc/passwd"], 126),
        (&["/"], 126),
        (&["true"], 0),
    ] {
        let output = machine.run(&[&["exec", "--"], command].concat()).await;
        assert_eq!(
            output.status.code(),
            Some(expected),
            "{command:?}: {output:?}"
        );
    }
    let runtime = machine.home.path().join("run");
    assert_eq!(runtime.read_dir().unwrap().count(), 0);
}

#[tokio::test]
async fn options_after_the_command_are_the_commands() {
    let machine = Machine::start().await;
    let output = machine
        .run(&[
            "exec",
            "--region",
            "eu-west-1",
            "echo",
            "-v",
            "--region",
            "x",
        ])
        .await;
    assert_eq!(stdout(&output), "-v --region x\n");
}

#[tokio::test]
async fn an_interrupt_is_the_commands() {
    let machine = Machine::start().await;
    let script =
        "trap 'echo interrupted; exit 5' INT; echo ready; for i in $(seq 200); do sleep 0.05; done";
    let mut command = machine.command(&["exec", "--", "sh", "-c", script]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("ready"));
    support::signal("-INT", child.id().unwrap());
    let line = tokio::time::timeout(Duration::from_secs(10), lines.next_line()).await;
    let line = line.expect("the command gets the signal").unwrap();
    assert_eq!(line.as_deref(), Some("interrupted"));
    assert_eq!(child.wait().await.unwrap().code(), Some(5));
}

#[tokio::test]
async fn exec_sets_its_variables_and_unsets_those_that_win() {
    let machine = Machine::start().await;
    let others = [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    ];
    let mut command = machine.command(&["exec", "env"]);
    for name in others {
        command.env(name, "hostile");
    }
    command.env("HTTP_PROXY", "http://127.0.0.1:1");
    // The program itself must reach the emulator.
    let output = command
        .env("NO_PROXY", "emulator.example,127.0.0.1")
        .output();
    let text = stdout(&output.await.unwrap());
    let variable = |name: &str| {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
    };
    for name in others.into_iter().chain(["AWS_ROLE_ARN"]) {
        assert_eq!(variable(name), None, "{text}");
    }
    assert!(
        variable("AWS_CONTAINER_CREDENTIALS_FULL_URI").is_some(),
        "{text}"
    );
    assert!(variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").is_some());
    assert_eq!(variable("AWS_REGION"), Some("us-east-1"));
    assert_eq!(
        variable("NO_PROXY"),
        Some("emulator.example,127.0.0.1,127.0.0.1")
    );
    assert_eq!(variable("AWS_CONFIG_FILE"), None);
}

#[tokio::test]
async fn the_default_profile_of_exec_has_a_region_and_no_keys() {
    let machine = Machine::start().await;
    let aws = machine.home.path().join(".aws");
    std::fs::create_dir(&aws).unwrap();
    let config = "[default]\nregion = us-west-1\n[profile dev]\nregion = eu-west-1\n\
                  credential_process = hostile\n";
    std::fs::write(aws.join("config"), config).unwrap();
    let keys = "[default]\naws_access_key_id = HOSTILE\naws_secret_access_key = x\n";
    std::fs::write(aws.join("credentials"), keys).unwrap();
    let script = "cat $AWS_CONFIG_FILE; echo --; cat $AWS_SHARED_CREDENTIALS_FILE";
    let mut command = machine.command(&["exec", "sh", "-c", script]);
    let output = command.env("AWS_PROFILE", "dev").output().await.unwrap();
    let text = stdout(&output);
    let (config, credentials) = text.split_once("--\n").unwrap();
    assert!(
        config.ends_with("[default]\nregion = eu-west-1\n"),
        "{text}"
    );
    assert!(!credentials.contains("HOSTILE"), "{text}");
}

#[tokio::test]
async fn completions_and_help() {
    let machine = Machine::start().await;
    for shell in ["bash", "zsh", "fish"] {
        let output = machine.run(&["completions", shell]).await;
        assert!(stdout(&output).contains("trust-policy"), "{shell}");
    }
    for subcommand in [
        "credentials",
        "serve",
        "exec",
        "token",
        "doctor",
        "trust-policy",
        "completions",
    ] {
        let output = machine.run(&[subcommand, "--help"]).await;
        assert!(output.status.success());
        assert!(stdout(&output).contains("Example"), "{subcommand}");
    }
}

#[tokio::test]
async fn an_outage_is_not_noticed_while_credentials_are_valid() {
    let machine = Machine::start().await;
    let serving = Serving::start(&machine, &["--no-cache"]).await;
    machine
        .emulator
        .refuse_connections(Call::Sts)
        .await
        .unwrap();
    let authorized = serving.authorized();
    let answer = serving.get("/v1/credentials", &authorized);
    let answer = tokio::time::timeout(Duration::from_secs(1), answer).await;
    assert_eq!(answer.unwrap().0, 200);
}
