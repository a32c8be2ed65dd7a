//! Tokens from elsewhere: a file, a command, a closure.

use crate::support::watch;
use crate::support::{AUDIENCE, ROLE, chain, with};
use aws_google_web_identity::{
    Error, ErrorKind, ProvideIdToken, Stage, TokenCommand, TokenFile, TokenFn,
};
use aws_google_web_identity_emulator::Emulator;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

fn token(emulator: &Emulator, serial: u64) -> String {
    let iat = emulator.now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({
        "iss": "https://accounts.google.com", "aud": AUDIENCE, "sub": emulator.service_account_id(),
        "iat": iat, "exp": iat + 3600, "serial": serial,
    });
    emulator.issue_id_token(&claims).unwrap()
}

fn assert_error(error: &Error, kind: ErrorKind, says: &[&str]) {
    let text = chain(error);
    assert_eq!(
        (error.stage(), error.kind()),
        (Stage::Source, kind),
        "{text}"
    );
    for says in says {
        assert!(text.contains(says), "{says:?} is not in: {text}");
    }
}

#[tokio::test]
async fn a_token_file_is_read_each_time_and_trimmed() {
    let emulator = watch::start().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let provider = with(&emulator, TokenFile::new(file.path())).await;
    for serial in 0..2 {
        let token = token(&emulator, serial);
        std::fs::write(file.path(), format!("\n{token}\r\n")).unwrap();
        assert_eq!(provider.id_token().await.unwrap().expose(), token);
    }
    provider.session().await.expect("STS takes it");
}

#[tokio::test]
async fn an_unusable_token_file_is_named_with_the_reason() {
    let emulator = watch::start().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    let name = path.display().to_string();
    let provider = with(&emulator, TokenFile::new(&path)).await;
    let error = provider.id_token().await.unwrap_err();
    assert_error(
        &error,
        ErrorKind::Unavailable,
        &[
            &name,
            "is the program that keeps it fresh running?",
            "No such file",
        ],
    );
    assert!(error.is_retryable());
    for (content, says) in [
        (vec![b'a'; 40_000], "STS takes at most 20000"),
        (vec![b'a'; 70_000], "it holds more than a token"),
        (vec![b' '; 40_000], "token file "),
        (vec![0xff, 0xfe], "its content is UTF-16"),
        (vec![0xff, 0xff], "it holds no text"),
        (b"not a token".to_vec(), "token file "),
        (b"".to_vec(), "token file "),
    ] {
        std::fs::write(&path, content).unwrap();
        let error = provider.id_token().await.unwrap_err();
        assert_error(&error, ErrorKind::MalformedResponse, &[&name, says]);
    }
    // For another audience.
    let other = json!({"iss": "https://accounts.google.com", "aud": "https://other.example.com", "sub": "1",
                       "iat": 1_700_000_000u64, "exp": 4_000_000_000u64});
    std::fs::write(&path, emulator.issue_id_token(&other).unwrap()).unwrap();
    let error = provider.id_token().await.unwrap_err();
    assert_error(
        &error,
        ErrorKind::MalformedResponse,
        &["https://other.example.com", AUDIENCE],
    );
    // A good token is accepted again.
    std::fs::write(&path, token(&emulator, 1)).unwrap();
    provider.id_token().await.unwrap();
}

fn shell(script: &str, args: &[&str]) -> TokenCommand {
    TokenCommand::new("sh")
        .args(["-c", script, "sh"])
        .args(args)
}

#[tokio::test]
async fn a_commands_arguments_are_passed_as_they_are() {
    let emulator = watch::start().await;
    let token = token(&emulator, 0);
    let odd = "a b; exit 3 $HOME `id` '\"";
    let script =
        "[ \"$2\" = \"a b; exit 3 \\$HOME \\`id\\` '\\\"\" ] && echo warned >&2 && echo \"$1\"";
    let provider = with(&emulator, shell(script, &[&token, odd])).await;
    assert_eq!(provider.id_token().await.unwrap().expose(), token);
    provider.session().await.expect("STS takes it");
    // There is no shell unless the command is one.
    let provider = with(
        &emulator,
        TokenCommand::new("echo").args([format!("{token};"), "$(exit)".to_owned()]),
    )
    .await;
    assert_eq!(
        provider.id_token().await.unwrap_err().kind(),
        ErrorKind::MalformedResponse
    );
}

#[tokio::test]
async fn a_failed_command_is_shown_with_its_output() {
    let emulator = watch::start().await;
    let token = token(&emulator, 0);
    let signature = token.rsplit('.').next().unwrap().to_owned();
    for (command, kind, says) in [
        (
            shell("echo 'not logged in' >&2; exit 4", &[]),
            ErrorKind::Unavailable,
            vec![
                "the command \"sh\" ended with exit status: 4",
                "it printed: not logged in",
            ],
        ),
        (
            shell("exit 1", &[]),
            ErrorKind::Unavailable,
            vec!["it printed nothing on standard error"],
        ),
        (
            shell("echo \"got $1 now\" >&2; exit 1", &[&token]),
            ErrorKind::Unavailable,
            vec!["got <token> now"],
        ),
        (
            shell(
                "echo 'ERROR: (gcloud.auth.print-identity-token) There was a problem refreshing your current auth tokens:\n\
                 the account was disabled' >&2; exit 1",
                &[],
            ),
            ErrorKind::Unavailable,
            vec!["auth tokens: the account was disabled"],
        ),
        (
            shell("kill -9 $$", &[]),
            ErrorKind::Unavailable,
            vec!["signal: 9"],
        ),
        (
            shell("echo hello; echo why >&2", &[]),
            ErrorKind::MalformedResponse,
            vec![
                "standard output of the command \"sh\" must be the token and nothing else",
                "why",
            ],
        ),
        (
            shell(
                "head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2",
                &[],
            ),
            ErrorKind::MalformedResponse,
            vec!["must be the token"],
        ),
        (
            TokenCommand::new("/nowhere/token"),
            ErrorKind::Configuration,
            vec![
                "the command \"/nowhere/token\" can't be started",
                "No such file",
            ],
        ),
    ] {
        assert!(!format!("{command:?}").contains(&signature));
        let provider = with(&emulator, command).await;
        let error = provider.id_token().await.unwrap_err();
        assert_error(&error, kind, &says);
        assert!(chain(&error).len() < 4000);
        assert!(
            !chain(&error).contains(&signature) && !format!("{error:?}").contains(&signature),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_hanging_command_is_killed() {
    use crate::refresh::world::{World, seconds};
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let pid_file = directory.path().join("pid");
    let command = shell(
        "echo $$ > \"$1.new\"; mv \"$1.new\" \"$1\"; exec sleep 1000",
        &[pid_file.to_str().unwrap()],
    )
    .time_limit(seconds(3));
    let provider = world.builder().token_source(command).build().await.unwrap();
    let asking = tokio::spawn(async move { provider.id_token().await });
    let pid = loop {
        match std::fs::read_to_string(&pid_file) {
            Ok(pid) => break pid.trim().to_owned(),
            Err(_) => tokio::task::yield_now().await,
        }
    };
    world.clock.advance(seconds(3) - Duration::from_millis(1));
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!asking.is_finished());
    world.clock.advance(Duration::from_millis(1));
    let error = asking.await.unwrap().unwrap_err();
    assert_error(
        &error,
        ErrorKind::Timeout,
        &["printed no token within 3 s and was killed"],
    );
    // The process is gone, or a zombie until tokio reaps it.
    let alive = || {
        std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|stat| !stat.contains(") Z "))
    };
    while alive() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_program_left_running_does_not_delay_the_token() {
    use crate::refresh::world::{World, seconds};
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let pids = directory.path().join("pids");
    let token = token(&world.emulator, 0);
    // The program left running holds the pipes, like an agent that wasn't detached.
    let command = shell(
        "sleep 1000 & echo $2; echo $$ $! > \"$1.new\"; mv \"$1.new\" \"$1\"",
        &[pids.to_str().unwrap(), &token],
    );
    let provider = world.builder().token_source(command).build().await.unwrap();
    let asking = tokio::spawn(async move { provider.id_token().await });
    let pids = loop {
        match std::fs::read_to_string(&pids) {
            Ok(pids) => break pids,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let (shell, left_behind) = pids.trim().split_once(' ').unwrap();
    // Until the shell was reaped.
    while std::fs::exists(format!("/proc/{shell}")).unwrap() {
        tokio::task::yield_now().await;
    }
    world.clock.advance(seconds(1) - Duration::from_millis(1));
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!asking.is_finished());
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(asking.await.unwrap().unwrap().expose(), token);
    let killed = std::process::Command::new("kill").arg(left_behind).status();
    assert!(killed.unwrap().success(), "it was left alone");
}

#[tokio::test]
async fn a_closure_gets_the_audience_and_keeps_its_errors() {
    let emulator = Arc::new(watch::start().await);
    let source = {
        let emulator = emulator.clone();
        TokenFn::new("vault", move |audience| {
            assert_eq!(audience.as_str(), AUDIENCE);
            let token = token(&emulator, 0);
            async move { Ok::<_, std::io::Error>(format!(" {token}\n")) }
        })
    };
    assert_eq!(format!("{source:?}"), "TokenFn(\"vault\")");
    let provider = with(&emulator, source).await;
    let arn = provider.session().await.unwrap();
    assert!(
        arn.assumed_role_arn()
            .unwrap()
            .contains(ROLE.rsplit('/').next().unwrap())
    );

    let sealed = TokenFn::new("vault", |_| async { Err(std::io::Error::other("sealed")) });
    let error = with(&emulator, sealed).await.id_token().await.unwrap_err();
    assert_error(
        &error,
        ErrorKind::Unavailable,
        &["sealed", "the token function \"vault\""],
    );
    let denied = TokenFn::new("vault", |_| async {
        Err(Error::new(
            Stage::Source,
            ErrorKind::Denied,
            "no such policy",
        ))
    });
    let error = with(&emulator, denied).await.id_token().await.unwrap_err();
    assert_error(
        &error,
        ErrorKind::Denied,
        &["no such policy", "token function  \"vault\""],
    );
    let nonsense = TokenFn::new("vault", |_| async { Ok::<_, Error>("nonsense".to_owned()) });
    let error = with(&emulator, nonsense)
        .await
        .id_token()
        .await
        .unwrap_err();
    assert_error(
        &error,
        ErrorKind::MalformedResponse,
        &["token function  \"vault\""],
    );
}

/// PowerShell and editors write a byte order mark, or UTF-16.
#[tokio::test]
async fn a_byte_order_mark_is_skipped_and_utf_16_named() {
    let emulator = Arc::new(watch::start().await);
    let token = token(&emulator, 0);
    let marked = format!("\u{feff}{token}\r\n");
    let wide: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let closure = {
        let marked = marked.clone();
        TokenFn::new("vault", move |_| {
            let marked = marked.clone();
            async { Ok::<_, Error>(marked) }
        })
    };
    let sources: [Box<dyn ProvideIdToken>; 3] = [
        Box::new(TokenFile::new(path)),
        Box::new(TokenCommand::new("cat").args([path])),
        Box::new(closure),
    ];
    for (index, source) in sources.into_iter().enumerate() {
        std::fs::write(path, &marked).unwrap();
        let provider = with(&emulator, source).await;
        assert_eq!(provider.id_token().await.unwrap().expose(), token);
        if index == 2 {
            continue;
        }
        std::fs::write(path, &wide).unwrap();
        let error = provider.id_token().await.unwrap_err();
        assert_error(&error, ErrorKind::MalformedResponse, &["is UTF-16"]);
    }
}

/// As while an updater writes it.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_command_that_is_being_written_is_unavailable() {
    use std::os::unix::fs::PermissionsExt;
    let emulator = watch::start().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    std::fs::copy("/bin/sh", &path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let writing = std::fs::File::options().append(true).open(&path).unwrap();
    let command = TokenCommand::new(&path).args(["-c", "exit 1"]);
    let provider = with(&emulator, command).await;
    let error = provider.id_token().await.unwrap_err();
    assert_error(
        &error,
        ErrorKind::Unavailable,
        &["can't be started", "the program's file is being written"],
    );
    drop(writing);
}
