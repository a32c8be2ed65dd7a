//! What went wrong: one line on standard error, then, indented, the explanation.

use crate::log;
use crate::shown::without_secret_arguments;
use aws_google_web_identity::{BuildError, Error, Problem};
use std::error::Error as _;
use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::process::ExitCode;

const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;

/// Names of the library's interface in its messages, and the option that a user of the command
/// knows. The flag says whether a problem with it is wrong usage.
const OPTIONS: [(&str, &str, bool); 16] = [
    ("role_arn", "--role-arn", true),
    ("AWS_ROLE_ARN", "--role-arn (AWS_ROLE_ARN)", true),
    ("audience", "--audience", true),
    ("TARGET_AUDIENCE", "--audience (TARGET_AUDIENCE)", true),
    ("session_name", "--session-name", true),
    (
        "AWS_ROLE_SESSION_NAME",
        "--session-name (AWS_ROLE_SESSION_NAME)",
        true,
    ),
    ("session_length", "--duration", true),
    (
        "AWS_ROLE_DURATION_SECONDS",
        "--duration (AWS_ROLE_DURATION_SECONDS)",
        true,
    ),
    ("region", "--region", true),
    ("policy", "--policy", true),
    ("ApplicationDefault::impersonate", "--impersonate", true),
    ("IamIdToken::new", "--impersonate", true),
    ("ApplicationDefault::from_file", "--credentials-file", true),
    ("TokenFile::new", "--token-file", true),
    ("google_kms", "--cache-kms-key", true),
    // Mostly a directory that cannot be used.
    ("FileCache::new", "--cache", false),
];

/// Why the command failed, for a person.
#[derive(Debug)]
pub(crate) struct Failure {
    status: u8,
    line: String,
    /// Lines, not yet indented.
    explanation: Vec<String>,
}

impl Failure {
    /// A failure in one line.
    pub(crate) fn new(line: impl Into<String>) -> Self {
        Self {
            status: FAILED,
            line: line.into(),
            explanation: Vec::new(),
        }
    }

    /// A failure of the system while `doing` something.
    pub(crate) fn io(doing: &str, error: &io::Error) -> Self {
        Self::new(format!("{doing}: {error}"))
    }

    /// Wrong usage, in one line.
    pub(crate) fn usage(line: impl Into<String>) -> Self {
        Self::new(line).with_status(WRONG_USAGE)
    }

    /// The failure, as wrong usage.
    pub(crate) fn into_usage(self) -> Self {
        self.with_status(WRONG_USAGE)
    }

    /// What went wrong, in one line.
    pub(crate) fn line(&self) -> &str {
        &self.line
    }

    /// The lines that explain it.
    pub(crate) fn explanation(&self) -> &[String] {
        &self.explanation
    }

    pub(crate) fn with_status(self, status: u8) -> Self {
        Self { status, ..self }
    }

    /// Adds lines to the explanation.
    pub(crate) fn with_explanation(mut self, text: &str) -> Self {
        let lines = text.lines().map(|line| line.trim_end().to_owned());
        self.explanation.extend(lines);
        self
    }

    /// Prints it on standard error. Returns the exit status.
    pub(crate) fn print(self) -> ExitCode {
        let (bold_red, end) = match log::is_coloured() {
            true => ("\x1b[1;31m", "\x1b[0m"),
            false => ("", ""),
        };
        let mut text = format!("{bold_red}error{end}: {}\n", self.line);
        for line in &self.explanation {
            // Formatting into a String cannot fail.
            let _ = writeln!(text, "  {line}");
        }
        // Nobody can be told that standard error is closed.
        let _ = io::stderr().write_all(text.as_bytes());
        ExitCode::from(self.status)
    }
}

impl fmt::Display for Failure {
    /// One line, for a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let mut causes: Vec<_> = std::iter::successors(error.source(), |&error| error.source())
            .map(|cause| one_line(&cause.to_string()))
            .collect();
        let full = renamed(&format!("{error:#}"));
        let mut lines = full.lines();
        let mut line = lines.next().unwrap_or_default().to_owned();
        if error.message().is_none() && !causes.is_empty() {
            line = format!("{line}: {}", renamed(&causes.remove(0)));
        }
        let mut failure = Self::new(line);
        for line in lines {
            let line = line.strip_prefix("  ").unwrap_or(line);
            failure = failure.with_explanation(line);
        }
        // A cause often repeats the one above it, at greater length or in the same words.
        causes.dedup_by(|cause, above| above.contains(cause.as_str()));
        for cause in causes {
            failure = failure.with_explanation(&format!("cause: {cause}"));
        }
        failure
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        let is_usage = |problem: &Problem| {
            let mut options = OPTIONS.iter();
            options.any(|(name, _, is_usage)| *name == problem.setting() && *is_usage)
        };
        let status = match error.problems().iter().all(is_usage) {
            true => WRONG_USAGE,
            false => FAILED,
        };
        let failure = match error.problems() {
            [problem] => Self::new(of_problem(problem)),
            problems => {
                let line = format!("{} problems in the configuration", problems.len());
                problems.iter().fold(Self::new(line), |failure, problem| {
                    failure.with_explanation(&of_problem(problem))
                })
            }
        };
        failure.with_status(status)
    }
}

/// Prints the help or the version that was asked for, or what is wrong with the arguments.
pub(crate) fn of_usage(error: &clap::Error) -> ExitCode {
    let text = without_secret_arguments(error.render().to_string());
    match text.strip_prefix("error: ") {
        Some(text) => {
            let mut lines = text.lines().filter(|line| !line.is_empty());
            let failure = Failure::usage(lines.next().unwrap_or_default());
            let explained = lines.fold(failure, |failure, line| {
                failure.with_explanation(line.trim_start())
            });
            explained.print()
        }
        None => {
            // Nobody can be told that the stream is closed.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(WRONG_USAGE))
        }
    }
}

/// A problem in the words of the command: options in place of setters.
pub(crate) fn of_problem(problem: &Problem) -> String {
    let setting = renamed(problem.setting());
    if problem.setting() == "region" && problem.message().starts_with("is not set") {
        return format!(
            "{setting}: is not set; it is the Region of STS, for example us-east-1; set AWS_REGION, or a \
             region in the AWS profile"
        );
    }
    // What follows are the setters that take a secret itself.
    let message = match problem.message().split_once("(not shown)") {
        Some((before, rest)) => {
            let rest = rest.split_once(';').map_or(rest, |(rule, _)| rule);
            format!("{before}(not shown){rest}")
        }
        None => renamed(problem.message()),
    };
    let cause = problem.source().map(ToString::to_string);
    let cause = cause.filter(|cause| !message.contains(cause.as_str()));
    match cause {
        Some(cause) => format!("{setting}: {message}: {}", one_line(&cause)),
        None => format!("{setting}: {message}"),
    }
}

/// The library's advice, for a user of the command.
const ADVICE: (&str, &str) = (
    "trust_policy::TrustPolicy::judge says",
    "`aws-google-web-identity trust-policy --check FILE` says",
);

/// The text with options in place of the library's names for them.
pub(crate) fn renamed(text: &str) -> String {
    if let Some((_, option, _)) = OPTIONS.iter().find(|(name, _, _)| *name == text) {
        return (*option).to_owned();
    }
    let names = OPTIONS.iter().filter(|(name, _, _)| name.contains("::"));
    let text = text.replace(ADVICE.0, ADVICE.1);
    names.fold(text, |text, (name, option, _)| text.replace(name, option))
}

pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Writes the result to standard output.
///
/// # Errors
/// When standard output is closed or full: a program that reads part of a result must not take it
/// for the whole.
pub(crate) fn print_out(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    written.map_err(|error| Failure::io("writing to standard output", &error))
}
