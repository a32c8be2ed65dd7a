//! The private parsers, for `fuzz/`. They exist with `--cfg fuzzing` only and are no part of the
//! API.

use crate::aws::session::Session;
use crate::aws::session_policy;
use crate::aws::sts::{AssumeRole, Sts};
use crate::build_error::BuildError;
use crate::context::Context;
use crate::error::{Error, Stage};
use crate::google::application_default::adc_file::CredentialsFile;
use crate::google::application_default::external_account::ExternalAccount;
use crate::google::application_default::target::Target;
use crate::google::token_endpoint::{Grant, TokenEndpoint};
use crate::google::{iam, metadata_server, token_endpoint};
use crate::names::{Audience, RoleArn, ServiceAccountEmail, SessionName};
use crate::refresh::Deadline;
use crate::token::{IdToken, TokenAnswer};
use crate::transport::{Endpoint, Response};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use serde_json::Value;
use std::fmt;
use std::time::SystemTime;

/// See [`Builder::policy`](crate::Builder::policy).
pub fn session_policy(policy: &str) -> Result<String, BuildError> {
    session_policy::compact(policy)
}

/// See [`Builder::policy_arns`](crate::Builder::policy_arns).
pub fn policy_arns(arns: &[String]) -> Result<(), BuildError> {
    session_policy::check_arns(arns)
}

/// Parses a credentials file, chooses the source and checks it, as `build` does.
pub fn adc_file(cx: &Context, json: &[u8], impersonate: Option<&str>) -> Result<(), BuildError> {
    let file = CredentialsFile::parse("fuzzed", json)?;
    let target = impersonate
        .map(|account| Target::parse_chain("impersonate", account))
        .transpose()?;
    let source = file.id_token_source("fuzzed", target.as_ref(), None)?;
    let _ = format!("{file:?} {source:?}");
    source.check(cx)
}

/// Takes the subject token of an `external_account` out of an answer or a file.
pub fn subject_token(file: &[u8], answer: &[u8]) -> Result<(), String> {
    let account = ExternalAccount::parse("fuzzed", file).map_err(|error| error.to_string())?;
    account.extract(answer).map(drop)
}

/// Reads the bytes as an entry in clear, as a sealed entry, and as a session's file. None of them
/// panics, and nothing but our own writing is read.
pub fn cache_entry(bytes: &[u8]) {
    crate::cache::fuzz(bytes);
}

/// Has every stage that calls Google read the same answer.
#[derive(Debug)]
pub struct GoogleAnswers {
    pub account: ServiceAccountEmail,
    pub audience: Audience,
    pub at: SystemTime,
}

impl GoogleAnswers {
    /// Returns every error.
    pub fn read(&self, answer: impl Fn() -> HttpResponse) -> Vec<Error> {
        let endpoint = Endpoint::secure("fuzzed", "https://fuzzed.example").expect("it is https");
        let token_endpoint =
            TokenEndpoint::parse("fuzzed", "https://fuzzed.example").expect("it is https");
        let response = || Response::new(endpoint.origin(), &answer(), self.at);
        let mut errors = Vec::new();
        let mut note = |error: Option<Error>| errors.extend(error);

        for grant in [Grant::Assertion, Grant::RefreshToken, Grant::SubjectToken] {
            let read =
                token_endpoint::read::<TokenAnswer>(response(), (grant, "fuzzed"), &token_endpoint);
            note(read.map(|(answer, _)| answer.into_token(self.at)).err());
        }
        let json = iam::read::<Value>(response(), &self.account, "generateIdToken");
        match json {
            Ok((json, response)) => {
                for jwt in ["token", "id_token"]
                    .iter()
                    .filter_map(|name| json.get(name))
                {
                    let jwt = jwt.as_str().unwrap_or_default();
                    let received = &response.received;
                    note(IdToken::received(Stage::Iam, jwt, &self.audience, received).err());
                }
            }
            Err(error) => note(Some(error)),
        }
        match metadata_server::answer::accept(response(), "default", &endpoint) {
            Ok(response) => {
                note(metadata_server::answer::read_id_token(&response, &self.audience).err());
                note(metadata_server::answer::read_email(&response).err());
                note(metadata_server::answer::read_access_token(&response).err());
            }
            Err(error) => note(Some(error)),
        }
        errors
    }
}

/// Calls STS, whose answers the SDK's own client reads.
pub struct StsAnswers {
    cx: Context,
    sts: Sts,
    role: AssumeRole,
    session_name: SessionName,
}

impl fmt::Debug for StsAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StsAnswers").field(&self.sts).finish()
    }
}

impl StsAnswers {
    /// Uses the HTTP client of this context.
    pub fn new(cx: Context, role_arn: RoleArn, session_name: SessionName) -> Self {
        let role = AssumeRole {
            role_arn,
            duration: None,
            policy: None,
            policy_arns: Vec::new(),
            session_name: None,
        };
        Self {
            sts: Sts::new(&cx, None, None),
            role,
            cx,
            session_name,
        }
    }

    /// Makes one call.
    pub async fn assume_role(&self, token: &IdToken) -> Result<Session, Error> {
        let clocks = self.cx.clocks().clone();
        let deadline = Deadline::new(clocks, self.cx.deadline(), "credentials");
        self.sts
            .assume_role(&self.cx, &self.role, token, &self.session_name, &deadline)
            .await
    }
}
