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
    assert_eq!(
        (code.code(), stdout.len()),
        (Some(status), 0),
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
