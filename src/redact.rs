//! Every rule about what may be shown of a secret and of a foreign text.
//!
//! Nothing outside this folder decides what to hide: it holds secrets in the types and passes texts
//! through the functions below. So "where could a token leak?" has two places to look:
//! `SECURITY.md`, which says what is protected and what dependencies do, and this page.
//!
//! # What is secret
//!
//! | Secret | Its type | Shown of it |
//! |---|---|---|
//! | ID token | [`IdToken`](crate::token::IdToken), which holds a [`Secret`] | its claims |
//! | access token | [`AccessToken`](crate::token::AccessToken), [`TokenAnswer`](crate::token::TokenAnswer) | when it expires |
//! | signed assertion | [`SignedJwt`](crate::token::SignedJwt) | nothing; the claims of the unsigned [`Assertion`](crate::token::Assertion) are no secret |
//! | a private key, a refresh token, a client's secret, a subject token in a file or an answer | [`SecretText`] or [`Secret`] | nothing |
//! | the private key in use | `RsaKeyPair`, which the `Debug` of [`LocalKey`](crate::LocalKey) leaves out | the account, the key's id |
//! | values of request headers, the query of a `credential_source.url` | [`Parts`], without `Debug` | the names of those headers that a credentials file sets |
//! | a key that seals the cache | [`SealingKey`](crate::SealingKey); the key in use: aws-lc-rs's own type | nothing of it |
//! | a password of Redis | the URL in redis-rs's own type | the servers' addresses |
//! | keys of a session | the SDK's `Credentials` | the access key id, the expiry |
//! | arguments of a command | [`TokenCommand`](crate::TokenCommand), whose `Debug` leaves them out | the program |
//! | the SDK's configuration, profile and all | `Builder`, `Context` and `Sts`, whose `Debug` leaves it out | the Region |
//!
//! The memory of a [`Secret`] is overwritten when it is dropped.
//!
//! # What leaves the process
//!
//! - A secret is sent in a body or a header, never in a URL, unless a credentials file has it in the
//!   query of its `credential_source.url`. The identity request to the metadata server has the
//!   audience in its URL, which is no secret.
//! - A body is [`opaque`] to the SDK, which prints others at TRACE and when an endpoint does not
//!   fit. Headers and that query are added below the SDK, by [`HiddenParts`].
//! - The SDK does not print answers, unless `LOG_SENSITIVE_BODIES=true` is set: [`HiddenAnswers`] wraps every HTTP client, and
//!   [`hide_output`] marks what our own calls read from them.
//!
//! # What comes back
//!
//! A server can repeat what it was sent. What was sent is blanked out of every refusal *before* a
//! parser reads it: of STS by [`scrubbed`] (in the body) and [`without`] (in what the parser put
//! together, and in headers: each caller does this), of Google's servers by [`blank_out`]. [`SECRET_FIELDS`] says which
//! fields of a form are secrets. Any stretch of 12 bytes counts, so that half a token is found,
//! too.
//!
//! # What is quoted in messages
//!
//! | Text | Rule | By |
//! |---|---|---|
//! | a setting, a variable, a claim | at most 80 characters, quoted and escaped; not at all if it looks like a key or a token | [`shown`], [`secret_kind`] |
//! | a claim in the table of an explanation | the same with at most 400 | [`shown_long`] |
//! | a server's code, message, request id | one line, at most 500 characters | [`said`] |
//! | a body that is no known form | its status, length and type, never its content, unless it is [`prose`] | [`body_summary`] |
//! | a JSON error | line and column, never its text, which quotes values; of an ID token's claims, which are no secret, its text | [`json_place`], [`said`] |
//! | what a command printed on stderr | [`said`], without what looks like a token | [`without_tokens`] |
//! | a word of a damaged file | only if it is a lower-case word, or a PEM label | [`word`], [`pem_label`] |
//! | a path | bounded and escaped; not at all if it is a secret in the place of a path | [`ShownPath`], [`secret_kind`] |
//! | a URI of a setting | without user and query | [`bare`] |
//! | a proxy's URI | host and port | [`host_and_port`] |
//! | an error of the SDK | the texts of its innermost two causes: the error itself holds the answer | [`causes`] |
//!
//! # What is logged
//!
//! At DEBUG: the method, origin and status of a call; `sub`, `azp` and `exp` of an ID token; the
//! access key id and the name of a session. Errors are logged as their one line, their hint and
//! their causes.
//!
//! # How it is checked
//!
//! `tests/it/support/watch.rs` searches what every flow logs at TRACE, and what is shown of its
//! values and errors, for every secret of its emulator. `tests/it/redaction.rs` has servers that
//! repeat what they are sent.

mod blank;
mod limited;
mod path;
mod quote;
mod sdk;
mod secret;
mod uri;

pub(crate) use blank::{SECRET_FIELDS, blank_out, scrubbed, without, without_tokens};
pub(crate) use path::{ShownPath, secret_kind};
pub(crate) use quote::{body_summary, json_place, pem_label, prose, said, shown, shown_long, word};
pub(crate) use sdk::{HiddenAnswers, HiddenParts, Parts, causes, hide_output, opaque};
pub(crate) use secret::{Secret, SecretText};
pub(crate) use uri::{bare, host_and_port};
