//! The program, and the machine that it runs on.

use aws_google_web_identity_emulator::Emulator;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// A machine with an identity, and an empty home directory.
pub struct Machine {
    pub emulator: Emulator,
    pub home: tempfile::TempDir,
}

impl Machine {
    pub async fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("run")).unwrap();
        Self {
            emulator: Emulator::start().await.unwrap(),
            home,
        }
    }

    /// The program, with no other variables than the machine's.
    pub fn command(&self, arguments: &[&str]) -> Command {
        // A test that runs in the background of a script ignores SIGINT, and so would its children.
        let mut command = Command::new("/usr/bin/env");
        command
            .arg("--default-signal")
            .arg(env!("CARGO_BIN_EXE_aws-google-web-identity"))
            .args(arguments)
            .env_clear()
            .envs(self.emulator.env())
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.home.path())
            .env("XDG_RUNTIME_DIR", self.home.path().join("run"))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// An access token of the machine's account.
    pub async fn access_token(&self) -> String {
        let host = self.emulator.metadata_host();
        let request = format!(
            "GET /computeMetadata/v1/instance/service-accounts/default/token HTTP/1.1\r\n\
             Host: {host}\r\nMetadata-Flavor: Google\r\nConnection: close\r\n\r\n"
        );
        let mut stream = TcpStream::connect(host).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        body["access_token"].as_str().unwrap().to_owned()
    }

    pub async fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().await.unwrap()
    }
}

/// How many file descriptors a test may take, `most` at most: the other tests run in the same
/// process, and need some as well.
pub fn spare_descriptors(most: u64) -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Best effort: the old limit stays.
    let _ = setrlimit(Resource::Nofile, limit);
    let limit = getrlimit(Resource::Nofile).current;
    limit.map_or(most, |limit| most.min(limit / 2))
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub fn signal(name: &str, process: u32) {
    let mut kill = std::process::Command::new("kill");
    let sent = kill.args([name, &process.to_string()]).status().unwrap();
    assert!(sent.success());
}

/// `serve`, ready.
pub struct Serving {
    child: Child,
    pub port: u16,
    pub token_file: PathBuf,
}

impl Serving {
    pub async fn start(machine: &Machine, arguments: &[&str]) -> Self {
        let mut command =
            machine.command(&[&["serve", "--listen", "127.0.0.1:0"], arguments].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut value = async |name: &str| {
            let line = lines.next_line().await.unwrap().unwrap_or_default();
            let value = line.strip_prefix(name).and_then(|it| it.strip_prefix('='));
            value.unwrap_or_else(|| panic!("{name}: {line}")).to_owned()
        };
        let uri = value("AWS_CONTAINER_CREDENTIALS_FULL_URI").await;
        let token_file = value("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").await;
        let port = uri
            .strip_prefix("http://127.0.0.1:")
            .and_then(|rest| rest.strip_suffix("/v1/credentials"))
            .unwrap();
        Self {
            child,
            port: port.parse().unwrap(),
            token_file: token_file.into(),
        }
    }

    /// The header that admits a client.
    pub fn authorized(&self) -> Vec<(&'static str, String)> {
        let token = std::fs::read_to_string(&self.token_file).unwrap();
        vec![("Authorization", token)]
    }

    pub async fn get(&self, path: &str, headers: &[(&str, String)]) -> (u16, String) {
        self.ask("GET", path, headers, b"").await
    }

    /// Sends a request. The status is 0 when the connection is closed before an answer.
    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: &[u8],
    ) -> (u16, String) {
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            request += &format!("Host: 127.0.0.1:{}\r\n", self.port);
        }
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += &format!("Content-Length: {}\r\n\r\n", body.len());
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        // The server may close the connection before it has read everything.
        let _ = stream.write_all(request.as_bytes()).await;
        let _ = stream.write_all(body).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        let status = answer.split(' ').nth(1).and_then(|it| it.parse().ok());
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        (status.unwrap_or_default(), body.to_owned())
    }

    /// Ends it by SIGTERM. Returns its log.
    pub async fn terminate(self) -> String {
        signal("-TERM", self.child.id().unwrap());
        let output = self.child.wait_with_output();
        let output = tokio::time::timeout(std::time::Duration::from_secs(5), output);
        let output = output.await.unwrap().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        stderr(&output)
    }
}
