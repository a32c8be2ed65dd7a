//! What went wrong at Redis, without secrets, and what to do about it.

use crate::error::{Error, ErrorKind, Stage};
use crate::redact::{said, without, without_tokens};
use ::redis::{ErrorKind as RedisErrorKind, RedisError, ServerErrorKind};

/// Whether the connection is of no use any more: it broke, hangs, is not authenticated, or leads to
/// a replica since a failover.
pub(super) fn is_of_connection(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_connection_dropped()
        || error.is_timeout()
        || error.is_unrecoverable_error()
        || is_refusal(error)
}

/// Whether the server refused to execute anything on this connection: it is not authenticated, or
/// leads to a replica.
pub(super) fn is_refusal(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        RedisErrorKind::AuthenticationFailed
            | RedisErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
    ) || code(error).as_deref() == Some("NOAUTH")
}

/// The server's own code. That of a command in a pipeline is not in `RedisError::code`.
fn code(error: &RedisError) -> Option<String> {
    let errors = error.clone().into_server_errors()?;
    errors.first().map(|(_, error)| error.code().to_owned())
}

/// A server may repeat what it was sent: an unknown command with its arguments.
pub(super) fn error<'a>(
    error: &RedisError,
    at: &str,
    passwords: impl IntoIterator<Item = &'a str>,
) -> Error {
    let passwords: Vec<_> = passwords.into_iter().filter(|it| !it.is_empty()).collect();
    let clean = |text: String| {
        // `without` finds parts of at least 12 characters. Passwords may be shorter.
        let text = passwords.iter().fold(text, |text, password| {
            without(&text.replace(password, "[password]"), password)
        });
        // An access token that was the password.
        without_tokens(&text)
    };
    let text = clean(error.to_string());
    let code = code(error).map(clean);
    let kind = kind(error, code.as_deref(), &text);
    let made = Error::from_message(
        Stage::Cache,
        kind,
        format!("Redis at {at}: {}", said(&text)),
    )
    .with_code(code.as_deref(), None);
    match hint(error, code.as_deref(), &text) {
        Some(hint) => made.with_hint(hint),
        None => made,
    }
}

fn kind(error: &RedisError, code: Option<&str>, text: &str) -> ErrorKind {
    if error.is_timeout() {
        return ErrorKind::Timeout;
    }
    match error.kind() {
        RedisErrorKind::AuthenticationFailed | RedisErrorKind::Server(ServerErrorKind::NoPerm) => {
            ErrorKind::Denied
        }
        RedisErrorKind::InvalidClientConfig => ErrorKind::Configuration,
        RedisErrorKind::Parse | RedisErrorKind::UnexpectedReturnType => {
            ErrorKind::MalformedResponse
        }
        _ if matches!(code, Some("NOAUTH" | "WRONGPASS")) => ErrorKind::Denied,
        _ if text.contains("certificate") => ErrorKind::Configuration,
        _ => ErrorKind::Unavailable,
    }
}

fn hint(error: &RedisError, code: Option<&str>, text: &str) -> Option<&'static str> {
    match error.kind() {
        RedisErrorKind::AuthenticationFailed => Some(
            "is the user or the password of the URL wrong? With an access token: does the account have \
             roles/redis.dbConnectionUser?",
        ),
        RedisErrorKind::Server(ServerErrorKind::NoPerm) => Some(
            "the ACL user needs: +pttl +getrange +set +get +del +time +eval ~aws-google-web-identity:*; with a \
             cluster also +cluster|slots, with sentinels +role",
        ),
        RedisErrorKind::Server(ServerErrorKind::ReadOnly) => {
            Some("this server is a replica; the URL must name the primary server")
        }
        _ => match code {
            Some("NOAUTH" | "WRONGPASS") => Some("the URL needs the right user and password"),
            Some("OOM") => Some(
                "Redis is full: raise maxmemory, or set maxmemory-policy to volatile-ttl; a session takes \
                 some 2 KiB",
            ),
            Some("MISCONF") => Some("Redis can't save to its disk and takes no writes"),
            _ if text.contains("certificate") => Some(
                "the server's certificate is not trusted: name its authority in AWS_CA_BUNDLE, or with \
                 RedisCache::builder(urls).root_certificates(pem)",
            ),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests;
