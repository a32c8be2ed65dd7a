//! What the page shows, without any secret.

use crate::hops::{Hop, S3};
use crate::service::Service;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_google_web_identity::trust_policy::TrustPolicy;
use aws_google_web_identity::{Claims, Error, ErrorKind, Stage};
use std::error::Error as StdError;
use std::time::SystemTime;

/// The advertised expiry is 15 s later than the refresh is due.
const AFTER_REFRESH: i64 = 15;

pub struct Status {
    pub is_offline: bool,
    pub source: Option<&'static str>,
    pub claims: Result<Claims, Failure>,
    pub session: Result<Session, Failure>,
    /// Seconds since the last session ended, if it did.
    pub ended: Option<i64>,
    pub buckets: Option<Result<Vec<String>, String>>,
    pub hops: Vec<Hop>,
}

pub struct Session {
    pub arn: String,
    pub account: String,
    pub access_key_id: String,
    pub expires_in: i64,
    pub refresh_in: i64,
}

/// Why there is no token or session.
pub struct Failure {
    pub summary: String,
    /// The lines that follow the summary.
    pub details: String,
    /// The trust policy that would admit the token.
    pub policy: Option<String>,
}

impl Status {
    pub async fn of(service: &Service) -> Self {
        let session = service.provider.session().await;
        let claims = match service.provider.id_token().await {
            Ok(token) => Ok(token.claims().clone()),
            Err(error) => Err(Failure::of(&error, None)),
        };
        let advertised = service.provider.provide_credentials().await;
        let now = SystemTime::now();
        let mut last_expiry = service.last_expiry.lock().await;
        let ended = last_expiry.map(|end| -seconds_until(end, now));
        let session = match session {
            Ok(session) => {
                *last_expiry = Some(session.expires_at());
                let credentials = session.credentials();
                let account = credentials.account_id();
                let advertised = advertised.ok().and_then(|credentials| credentials.expiry());
                Ok(Session {
                    arn: session.assumed_role_arn().unwrap_or("not told").to_owned(),
                    account: account.map_or("not told", |id| id.as_str()).to_owned(),
                    access_key_id: credentials.access_key_id().to_owned(),
                    expires_in: seconds_until(session.expires_at(), now),
                    refresh_in: advertised
                        .map_or(0, |at| (seconds_until(at, now) - AFTER_REFRESH).max(0)),
                })
            }
            Err(error) => Err(Failure::of(&error, claims.as_ref().ok())),
        };
        drop(last_expiry);
        let buckets = match session {
            Ok(_) => Some(service.buckets().await),
            Err(_) => None,
        };
        let hops = service.hops.latest();
        Self {
            is_offline: service.offline.is_some(),
            source: hops.iter().rev().find_map(Hop::source),
            claims,
            ended: ended.filter(|seconds| session.is_err() && *seconds >= 0),
            session,
            buckets,
            hops,
        }
    }

    /// Whether the last request for a token or a session failed although a session is held.
    pub fn refresh_fails(&self) -> bool {
        let failed = |hop: &Hop| hop.name != S3 && hop.failed();
        self.session.is_ok() && self.hops.iter().any(failed)
    }
}

impl Failure {
    fn of(error: &Error, claims: Option<&Claims>) -> Self {
        let summary = error.to_string();
        let mut explanation = format!("{error:#}");
        for source in std::iter::successors(error.source(), |&error| error.source()) {
            explanation += &format!("\n  caused by: {source}");
        }
        let details = explanation.strip_prefix(&summary).unwrap_or(&explanation);
        // They are indented below the summary, and stand alone here.
        let lines = details.trim_start_matches('\n').lines();
        let lines = lines.map(|line| line.strip_prefix("  ").unwrap_or(line));
        let details = lines.collect::<Vec<_>>().join("\n");
        let is_refusal = error.stage() == Stage::Sts && error.kind() == ErrorKind::Denied;
        let policy = claims.filter(|_| is_refusal);
        Self {
            summary,
            details,
            policy: policy.map(|claims| {
                TrustPolicy::admitting(&claims.aws_condition_keys()).to_json_pretty()
            }),
        }
    }
}

/// An error and its sources on one line. (`DisplayErrorContext` also shows `Debug`, which has more
/// than a page should.)
pub fn chain(error: &(dyn StdError + 'static)) -> String {
    let errors = std::iter::successors(Some(error), |&error| error.source());
    let texts: Vec<_> = errors.map(ToString::to_string).collect();
    texts.join(": ")
}

fn seconds_until(end: SystemTime, now: SystemTime) -> i64 {
    let whole =
        |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    match end.duration_since(now) {
        Ok(left) => whole(left),
        Err(past) => -whole(past.duration()),
    }
}
