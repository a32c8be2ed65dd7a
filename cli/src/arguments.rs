//! The arguments of the program: what `--help` shows.
//!
//! The variables are read where a value is used: the library reads most of them itself, and takes
//! an empty one as not set. clap would take it as a value.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;
use tracing::level_filters::LevelFilter;

const ABOUT: &str = "AWS credentials for any program with a Google identity. No AWS key is stored.";

const EXAMPLES: &str = "\
Examples:
  # once, as credential_process does:
  aws-google-web-identity credentials --role-arn arn:aws:iam::123456789012:role/demo \\
      --audience https://myservice.example.com --region us-east-1
  # with AWS_ROLE_ARN, TARGET_AUDIENCE and AWS_REGION set:
  aws-google-web-identity exec -- aws s3 ls
  aws-google-web-identity doctor

Exit status: 0 success, 1 failure, 2 wrong usage.";

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "aws-google-web-identity", version, about = ABOUT, after_help = EXAMPLES)]
#[command(disable_help_subcommand = true, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What all subcommands share: before or after the subcommand.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Options {
    /// The role to assume [env: AWS_ROLE_ARN]
    #[arg(long, global = true, value_name = "ARN", help_heading = "Role")]
    pub(crate) role_arn: Option<String>,
    /// The audience of the ID token, which the role's trust policy tests as
    /// accounts.google.com:oaud [env: TARGET_AUDIENCE]
    #[arg(long, global = true, value_name = "TEXT", help_heading = "Role")]
    pub(crate) audience: Option<String>,
    /// The Region of STS [env: AWS_REGION]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Role")]
    pub(crate) region: Option<String>,
    /// The name of the role session, as CloudTrail shows it [env: AWS_ROLE_SESSION_NAME]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Role")]
    pub(crate) session_name: Option<String>,
    /// The length of a session: 900 to 43200 [env: AWS_ROLE_DURATION_SECONDS] [default: 3600]
    #[arg(long, global = true, value_name = "SECONDS", help_heading = "Role")]
    pub(crate) duration: Option<u64>,
    /// A file with a session policy, which narrows the role
    #[arg(long, global = true, value_name = "FILE", help_heading = "Role")]
    pub(crate) policy: Option<PathBuf>,

    /// A credentials file of Google, of any type [env: GOOGLE_APPLICATION_CREDENTIALS]
    #[arg(long, global = true, value_name = "PATH", help_heading = IDENTITY)]
    #[arg(conflicts_with_all = ["gcloud", "metadata_server", "token_file"])]
    pub(crate) credentials_file: Option<PathBuf>,
    /// The service account to impersonate, or a chain `delegate,…,account`
    #[arg(long, global = true, value_name = "EMAIL", help_heading = IDENTITY)]
    #[arg(conflicts_with = "token_file")]
    pub(crate) impersonate: Option<String>,
    /// The account that gcloud is logged in as
    #[arg(long, global = true, help_heading = IDENTITY)]
    #[arg(conflicts_with_all = ["metadata_server", "token_file"])]
    pub(crate) gcloud: bool,
    /// The service account attached to this machine, pod or service
    #[arg(long, global = true, help_heading = IDENTITY, conflicts_with = "token_file")]
    pub(crate) metadata_server: bool,
    /// A file with an ID token, which another program keeps fresh
    #[arg(long, global = true, value_name = "PATH", help_heading = IDENTITY)]
    pub(crate) token_file: Option<PathBuf>,

    /// Where sessions are cached: a directory, or the URL of a Redis. Other users of the machine
    /// can read a password in it from the list of processes
    /// [default: $XDG_CACHE_HOME/aws-google-web-identity]
    #[arg(
        long,
        global = true,
        value_name = "DIR|REDIS-URL",
        help_heading = "Cache"
    )]
    #[arg(conflicts_with = "no_cache")]
    pub(crate) cache: Option<OsString>,
    /// Encrypt cached sessions with the key in this file: 32 bytes in base64
    #[arg(long, global = true, value_name = "FILE", help_heading = "Cache")]
    #[arg(conflicts_with_all = ["cache_kms_key", "no_cache"])]
    pub(crate) cache_key: Option<PathBuf>,
    /// Encrypt cached sessions under this key of Cloud KMS: projects/…/cryptoKeys/…
    #[arg(long, global = true, value_name = "NAME", help_heading = "Cache")]
    #[arg(conflicts_with = "no_cache")]
    pub(crate) cache_kms_key: Option<String>,
    /// Cache no session outside this process
    #[arg(long, global = true, help_heading = "Cache")]
    pub(crate) no_cache: bool,

    /// Log what happens on standard error; twice for details
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

const IDENTITY: &str = "Google identity (default: application default credentials)";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print credentials as credential_process expects them, once
    #[command(after_help = CREDENTIALS_EXAMPLE)]
    Credentials,
    /// Serve credentials as the container credentials endpoint, until SIGTERM or SIGINT
    #[command(after_help = SERVE_EXAMPLE)]
    Serve(Serve),
    /// Run a command with an endpoint of its own
    #[command(after_help = EXEC_EXAMPLE)]
    Exec(Exec),
    /// Print the ID token, or keep it fresh in a file
    #[command(after_help = TOKEN_EXAMPLE)]
    Token(Token),
    /// Go through every hop and say what to change
    #[command(after_help = DOCTOR_EXAMPLE)]
    Doctor(Doctor),
    /// Print the trust policy that admits this identity, or check one
    #[command(after_help = TRUST_POLICY_EXAMPLE)]
    TrustPolicy(TrustPolicy),
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_EXAMPLE)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

impl Command {
    /// How much is logged without `-v`. The short subcommands are part of other programs' output.
    pub(crate) fn default_level(&self) -> LevelFilter {
        match self {
            Command::Serve(_) => LevelFilter::INFO,
            Command::Token(token) if token.file.is_some() && !token.once => LevelFilter::INFO,
            Command::Exec(_) => LevelFilter::WARN,
            _ => LevelFilter::OFF,
        }
    }
}

const CREDENTIALS_EXAMPLE: &str = "\
Example, in ~/.aws/config:
  [profile google]
  region = us-east-1
  credential_process = aws-google-web-identity credentials --role-arn ARN --audience AUDIENCE";

const SERVE_EXAMPLE: &str = "\
Example, as a sidecar that shares the directory /creds:
  aws-google-web-identity serve --authorization-token-file /creds/token
The program beside it needs two variables:
  AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:9911/v1/credentials
  AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/creds/token";

const EXEC_EXAMPLE: &str = "\
Example:
  aws-google-web-identity exec --role-arn ARN --audience AUDIENCE -- aws s3 ls

Exit status: the command's own; 128 + n when signal n killed it; 126 when it cannot be run, 127 when
it is not found; 1 when there are no credentials.";

const TOKEN_EXAMPLE: &str = "\
Examples:
  aws-google-web-identity token --audience https://myservice.example.com
  aws-google-web-identity token --audience AUDIENCE --file /run/google/token
The second one keeps the token fresh for programs with AWS_WEB_IDENTITY_TOKEN_FILE=/run/google/token
and AWS_ROLE_ARN.";

const DOCTOR_EXAMPLE: &str = "\
Example:
  aws-google-web-identity doctor --role-arn ARN --audience AUDIENCE --trust-policy trust.json

Exit status: 0 when there are credentials and GetCallerIdentity accepts them.";

const TRUST_POLICY_EXAMPLE: &str = "\
Examples:
  aws-google-web-identity trust-policy --audience AUDIENCE > trust.json
  aws iam get-role --role-name demo --query Role.AssumeRolePolicyDocument > current.json
  aws-google-web-identity trust-policy --audience AUDIENCE --check current.json

Exit status with --check: 0 when the policy admits this identity, else 1.";

const COMPLETIONS_EXAMPLE: &str = "\
Example:
  aws-google-web-identity completions bash > ~/.local/share/bash-completion/completions/aws-google-web-identity";

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The address to listen on; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9911")]
    pub(crate) listen: String,
    /// Where to write the authorization token [default: a new private directory]
    #[arg(long, value_name = "PATH")]
    pub(crate) authorization_token_file: Option<PathBuf>,
    /// Allow addresses that other machines can reach
    #[arg(long)]
    pub(crate) allow_remote: bool,
}

/// Arguments of `exec`.
#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// Arguments of `token`.
#[derive(Debug, Args)]
pub(crate) struct Token {
    /// Keep the token fresh in this file, until SIGTERM or SIGINT
    #[arg(long, value_name = "PATH")]
    pub(crate) file: Option<PathBuf>,
    /// Write the file once
    #[arg(long, requires = "file")]
    pub(crate) once: bool,
}

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The role's trust policy, to be checked against the token
    #[arg(long, value_name = "FILE")]
    pub(crate) trust_policy: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `trust-policy`.
#[derive(Debug, Args)]
pub(crate) struct TrustPolicy {
    /// Check the policy in this file instead
    #[arg(long, value_name = "FILE")]
    pub(crate) check: Option<PathBuf>,
    /// The unique id of the service account, in place of the identity at hand
    #[arg(long, value_name = "ID")]
    pub(crate) sub: Option<String>,
    /// The format of the policy
    #[arg(long, value_enum, default_value_t = Format::Json, value_name = "FORMAT")]
    pub(crate) format: Format,
}

/// A format of the trust policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A policy document
    Json,
    /// A data source for Terraform
    Terraform,
}
