//! The command line.

use super::SERVERS;
use aws_google_web_identity_emulator::Call;
use std::path::PathBuf;

pub(super) const HELP: &str = "\
Starts Google's metadata server, token endpoint, IAM Credentials, Cloud KMS and public keys, and
AWS STS, on 127.0.0.1. Prints the environment of a program that uses them, as lines for a shell to `eval`, and
runs until SIGINT or SIGTERM.

Usage: aws-google-web-identity-emulator [OPTIONS]
       eval \"$(aws-google-web-identity-emulator [OPTIONS] &)\"     and later: kill $EMULATOR_PID

  --metadata-port PORT   the port of the metadata server; any free one by default
  --token-port PORT      the port of the token endpoint
  --iam-port PORT        the port of IAM Credentials
  --jwks-port PORT       the port of Google's public keys
  --kms-port PORT        the port of Cloud KMS
  --sts-port PORT        the port of AWS STS
  --s3 [DIR]             serve DIR as an S3 for what STS issues; each folder is a bucket. Without
                         DIR: a temporary one with the bucket demo-bucket. Needs the feature s3
  --s3-port PORT         the port of S3; implies --s3
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
    /// Some of the directory, if one was given.
    pub(super) s3: Option<Option<PathBuf>>,
    pub(super) s3_port: u16,
    pub(super) json: bool,
}

/// Parses `--name VALUE` and `--name=VALUE`. The error names the argument.
pub(super) fn parse(words: impl IntoIterator<Item = String>) -> Result<Parsed, String> {
    let mut words = words.into_iter().peekable();
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
        if name == "--s3" {
            let directory = inline.or_else(|| words.next_if(|word| !word.starts_with('-')));
            arguments.s3 = Some(directory.map(PathBuf::from));
            continue;
        }
        let server = SERVERS.iter().find(|(port, _)| *port == name);
        let takes_value = [
            "--role",
            "--trust-policy",
            "--audience",
            "--token-uri",
            "--s3-port",
        ];
        if server.is_none() && !takes_value.contains(&&*name) {
            return Err(format!("unknown argument {name:?}"));
        }
        let value = inline
            .or_else(|| words.next())
            .filter(|value| !value.is_empty())
            .ok_or_else(|| format!("{name} needs a value"))?;
        if let Some((_, call)) = server {
            arguments.ports.push((*call, port(&name, &value)?));
            continue;
        }
        match name.as_str() {
            "--s3-port" => {
                arguments.s3_port = port(&name, &value)?;
                arguments.s3.get_or_insert(None);
            }
            "--role" => arguments.role = Some(value),
            "--trust-policy" => arguments.trust_policy = Some(value.into()),
            "--audience" => arguments.audience = Some(value),
            _ => arguments.token_uri = Some(value),
        }
    }
    Ok(Parsed::Run(arguments))
}

fn port(name: &str, value: &str) -> Result<u16, String> {
    value
        .parse()
        .map_err(|_| format!("{name}: {value:?} is not a port, 0 to 65535"))
}
