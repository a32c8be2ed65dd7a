//! The program, as a shell starts it.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aws-google-web-identity-emulator"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// A running program, killed when dropped.
struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    exports: String,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut child = program(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut exports = String::new();
        while !exports.ends_with("SIGTERM.\n") {
            assert_ne!(stdout.read_line(&mut exports).unwrap(), 0, "{exports}");
        }
        Self {
            child,
            stdout,
            exports,
        }
    }

    /// The value of a variable in a shell that evaluated the exports.
    fn variable(&self, name: &str) -> String {
        let script = format!("{}\nprintf %s \"${name}\"", self.exports);
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn signal(&mut self, signal: &str) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
        let mut rest = String::new();
        while self.stdout.read_line(&mut rest).unwrap() > 0 {}
        assert_eq!(rest, "");
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_prints_exports_and_runs_until_a_signal() {
    for signal in ["-TERM", "-INT"] {
        let role = "arn:aws:iam::210987654321:role/mine";
        let audience = "https://it's.example.com";
        let mut running = Running::start(&["--role", role, "--audience", audience]);
        assert_eq!(running.variable("AWS_ROLE_ARN"), role);
        assert_eq!(running.variable("TARGET_AUDIENCE"), audience);
        let host = running.variable("GCE_METADATA_HOST");
        std::net::TcpStream::connect(host).expect("runs with stdin at its end");
        assert_eq!(running.signal(signal), Some(0));
    }
}

#[test]
fn a_port_can_be_chosen() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let running = Running::start(&[&format!("--sts-port={port}")]);
    let endpoint = running.variable("AWS_ENDPOINT_URL_STS");
    assert_eq!(endpoint, format!("http://127.0.0.1:{port}"));
    let taken = failed(&["--sts-port", &port.to_string()], 1);
    assert!(
        taken.contains(&format!("port {port} for the sts server")),
        "{taken}"
    );
}

fn failed(arguments: &[&str], status: i32) -> String {
    let Output {
        status: code,
        stdout,
        stderr,
    } = program(arguments).output().unwrap();
    // `eval "$(program &)"` fails then, as the program does.
    assert_eq!(
        (code.code(), &*stdout),
        (Some(status), &b"false\n"[..]),
        "{arguments:?}"
    );
    String::from_utf8(stderr).unwrap()
}

#[test]
fn a_bad_argument_is_named() {
    for (arguments, status, message) in [
        (
            &["--sts-port", "x"][..],
            2,
            "--sts-port: \"x\" is not a port",
        ),
        (&["--port", "1"], 2, "unknown argument \"--port\""),
        (&["--role"], 2, "--role needs a value"),
        (&["--audience="], 2, "--audience needs a value"),
        (&["--json=1"], 2, "--json takes no value"),
        (&["--s3-port", "x"], 2, "--s3-port: \"x\" is not a port"),
        (&["--role", "me"], 1, "is not the ARN of a role"),
        (
            &["--trust-policy", "/nowhere"],
            1,
            "--trust-policy /nowhere: ",
        ),
        (&["--trust-policy", "/dev/null"], 1, "the trust policy of "),
    ] {
        let stderr = failed(arguments, status);
        assert!(stderr.contains(message), "{arguments:?}: {stderr}");
    }
    let help = program(&["--help"]).output().unwrap();
    assert!(help.status.success() && help.stdout.starts_with(b"Starts "));
}

#[test]
fn eval_of_a_background_program_goes_on_and_the_process_id_ends_it() {
    let program = env!("CARGO_BIN_EXE_aws-google-web-identity-emulator");
    let script = format!(r#"eval "$({program} &)" && echo "$EMULATOR_PID $GCE_METADATA_HOST""#);
    // A pipe for stderr would stay open as long as the program runs.
    let mut shell = Command::new("sh");
    let shell = shell.args(["-c", &script]).stderr(Stdio::inherit());
    let output = String::from_utf8(shell.output().unwrap().stdout).unwrap();
    let (id, host) = output.trim().split_once(' ').unwrap();
    std::net::TcpStream::connect(host).expect("runs although the shell has ended");
    assert!(Command::new("kill").arg(id).status().unwrap().success());
    while std::net::TcpStream::connect(host).is_ok() {
        std::thread::yield_now();
    }
}

#[cfg(not(feature = "s3"))]
#[test]
fn without_its_feature_s3_says_how_to_get_it() {
    for argument in ["--s3", "--s3-port=0"] {
        let stderr = failed(&[argument], 1);
        assert!(stderr.contains("--features s3"), "{stderr}");
    }
}

#[cfg(feature = "s3")]
#[test]
fn s3_serves_a_bucket_or_a_directory() {
    use std::io::{Read as _, Write as _};
    let directory = env!("CARGO_MANIFEST_DIR");
    for arguments in [
        &["--s3"][..],
        &["--s3-port", "0"],
        &["--s3", "--sts-port=0"],
        &["--s3", directory],
    ] {
        let running = Running::start(arguments);
        let endpoint = running.variable("AWS_ENDPOINT_URL_S3");
        let host = endpoint.strip_prefix("http://").unwrap();
        let mut stream = std::net::TcpStream::connect(host).unwrap();
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    }
    assert_eq!(Running::start(&[]).variable("AWS_ENDPOINT_URL_S3"), "");
    let stderr = failed(&["--s3=/nowhere"], 1);
    assert!(stderr.contains("--s3 /nowhere: "), "{stderr}");
}
