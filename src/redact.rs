//! The one home of secrets: everything that hides, blanks out, bounds or escapes secret or foreign text.

mod body;
mod path;
mod quote;
mod secret;
mod uri;

pub(crate) use body::{blank_out, opaque, scrubbed, without};
pub(crate) use path::{ShownPath, secret_kind};
pub(crate) use quote::{said, shown};
pub(crate) use secret::{Secret, SecretText};
pub(crate) use uri::{bare, host_and_port};
