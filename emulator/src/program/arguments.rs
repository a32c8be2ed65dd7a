//! The command line.

use super::SERVERS;
use aws_google_web_identity_emulator::Call;
use std::path::PathBuf;

pub(super) const HELP: &str = "\
Starts Google's metadata server, token endpoint, IAM Credentials, Cloud KMS and public keys, and
AWS STS, on 127.0.0.1. Prints the environment of a program that uses them, as lines for a shell to `eval`, and
runs until SIGINT or SIGTERM.

Usage: aws-google-web-identity-emulator [OPTIONS]

  --metadata-port PORT   the port of the metadata server; any free one by default
  --token-port PORT      the port of the token endpoint
  --iam-port PORT        the port of IAM Credentials
  --jwks-port PORT       the port of Google's public keys
  --kms-port PORT        the port of Cloud KMS
  --sts-port PORT        the port of AWS STS
  --role ARN             the role; arn:aws:iam::123456789012:role/demo by default
  --trust-policy FILE    the role's trust policy, as JSON; admits the service account by default
  --audience TEXT        the audience; https://myservice.example.com by default
  --token-uri URI        a further URI of the token endpoint, such as that of a TLS proxy
  --json                 print a description as JSON instead, answer each line of stdin with the
                         requests since, as JSON, and end with stdin
  --help                 print this text
";

pub(super) enum Parsed {
    Help,
    Run(Arguments),
}

#[derive(Default)]
pub(super) struct Arguments {
    pub(super) ports: Vec<(Call, u16)>,
    pub(super) role: Option<String>,
    pub(super) trust_policy: Option<PathBuf>,
    pub(super) audience: Option<String>,
    pub(super) token_uri: Option<String>,
    pub(super) json: bool,
}

/// Parses `--name VALUE` and `--name=VALUE`. The error names the argument.
pub(super) fn parse(words: impl IntoIterator<Item = String>) -> Result<Parsed, String> {
    let mut words = words.into_iter();
    let mut arguments = Arguments::default();
    while let Some(word) = words.next() {
        let (name, inline) = match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word, None),
        };
        match (name.as_str(), &inline) {
            ("--help" | "-h", None) => return Ok(Parsed::Help),
            ("--json", None) => {
                arguments.json = true;
                continue;
            }
            ("--help" | "-h" | "--json", Some(_)) => {
                return Err(format!("{name} takes no value"));
            }
            _ => {}
        }
        let server = SERVERS.iter().find(|(port, _)| *port == name);
        let is_text = ["--role", "--trust-policy", "--audience", "--token-uri"].contains(&&*name);
        if server.is_none() && !is_text {
            return Err(format!("unknown argument {name:?}"));
        }
        let value = inline
            .or_else(|| words.next())
            .filter(|value| !value.is_empty())
            .ok_or_else(|| format!("{name} needs a value"))?;
        if let Some((_, call)) = server {
            let port = value.parse();
            let port = port.map_err(|_| format!("{name}: {value:?} is not a port, 0 to 65535"))?;
            arguments.ports.push((*call, port));
            continue;
        }
        match name.as_str() {
            "--role" => arguments.role = Some(value),
            "--trust-policy" => arguments.trust_policy = Some(value.into()),
            "--audience" => arguments.audience = Some(value),
            _ => arguments.token_uri = Some(value),
        }
    }
    Ok(Parsed::Run(arguments))
}
