//! The provider that the options describe.

use crate::arguments::Options;
use crate::failure::Failure;
use crate::identity;
use crate::shown::shown_path;
use aws_google_web_identity::{Builder, GoogleWebIdentityProvider, RefreshPolicy};
use aws_types::region::Region;
use std::path::Path;
use std::time::Duration;

/// Old versions of botocore ask again while less than 15 min are left, and run the command for each
/// request then. So an hour's session is renewed with 20 min left.
pub(crate) const RENEW_AHEAD: Duration = Duration::from_secs(20 * 60);
/// Sessions that are longer than this have the library's default, `default_window` in its
/// `refresh/policy.rs`: an hour.
const LONG_SESSION: u64 = 5400;
/// STS refuses a session policy of more than 2048 characters without white space.
const MAX_POLICY_FILE: u64 = 1 << 20;

/// A provider as the options and their variables describe it, not yet built.
pub(crate) fn builder(options: &Options) -> Result<Builder, Failure> {
    let mut builder = GoogleWebIdentityProvider::from_env()
        .token_source(identity::source(options))
        .refresh_policy(refresh_policy(options));
    if let Some(arn) = &options.role_arn {
        builder = builder.role_arn(arn);
    }
    if let Some(audience) = &options.audience {
        builder = builder.audience(audience);
    }
    if let Some(region) = &options.region {
        builder = builder.region(Region::new(region.clone()));
    }
    if let Some(name) = &options.session_name {
        builder = builder.session_name(name);
    }
    if let Some(seconds) = options.duration {
        builder = builder.session_length(Duration::from_secs(seconds));
    }
    if let Some(path) = &options.policy {
        builder = builder.policy(read_policy(path)?);
    }
    Ok(builder)
}

pub(crate) fn refresh_policy(options: &Options) -> RefreshPolicy {
    let policy = RefreshPolicy::new();
    let variable = || {
        std::env::var("AWS_ROLE_DURATION_SECONDS")
            .ok()?
            .parse()
            .ok()
    };
    match options.duration.or_else(variable) {
        Some(seconds) if seconds > LONG_SESSION => policy,
        _ => policy.window(RENEW_AHEAD),
    }
}

fn read_policy(path: &Path) -> Result<String, Failure> {
    use std::io::Read as _;
    let mut text = String::new();
    let read = crate::input::open(path)
        .and_then(|file| file.take(MAX_POLICY_FILE).read_to_string(&mut text));
    match read {
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::io(
            &format!("--policy {}", shown_path(path)),
            &error,
        )),
    }
}
