//! `doctor`: goes through every hop and says what to change.

mod check;
mod clocks;
mod here;
mod hops;
mod network;
mod profile;
mod text;
mod variables;

use crate::arguments::{Doctor, Options};
use crate::failure::{Failure, of_problem, print_out};
use crate::{clock, identity, setup, trust_policy};
use aws_google_web_identity::{
    Context, Error, GoogleWebIdentityProvider, IdToken, MetadataServer, ProvideIdToken as _,
    RoleArn, Server,
};
use aws_types::os_shim_internal::Env;
use check::{Check, Status};
use serde::Serialize;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;
use text::Style;

/// The library's own deadline of an exchange, for a token that is asked for without a provider.
const TOKEN_LIMIT: Duration = Duration::from_secs(15);

/// The JSON.
#[derive(Serialize)]
struct Report<'a> {
    healthy: bool,
    checks: &'a [Check],
}

pub(crate) async fn run(options: &Options, arguments: &Doctor) -> Result<ExitCode, Failure> {
    let (checks, is_healthy) = examine(options, arguments).await?;
    let text = match arguments.json {
        true => {
            let report = Report {
                healthy: is_healthy,
                checks: &checks,
            };
            let json = serde_json::to_string_pretty(&report);
            json.map_err(|error| Failure::new(format!("the report: {error}")))? + "\n"
        }
        false => text::report(&checks, &conclusion(&checks, is_healthy), style()),
    };
    print_out(text.as_bytes())?;
    Ok(match is_healthy {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

async fn examine(options: &Options, arguments: &Doctor) -> Result<(Vec<Check>, bool), Failure> {
    let cx = trust_policy::context()?;
    let role = trust_policy::role_arn(options);
    let variables = variables::check(|name| std::env::var_os(name));
    let mut checks = vec![here::platform(&cx), variables];
    checks.extend(profile::check(Env::real()).await);
    let (identity, mut servers) = here::identity(options, &cx);
    let has_identity = !identity.has_failed();

    let built = build(options).await;
    let sts = sts_server(options, &built).await;
    let settings = settings(&built, &identity, role.as_ref(), &sts);
    checks.extend([identity, settings]);
    servers.extend(sts.ok());
    let reached = network::reach(&cx, servers).await;
    checks.extend(reached.iter().map(network::Reached::check));
    checks.push(clocks::check(&reached));

    let token = match (has_identity, &built) {
        (false, _) => Err(Check::skipped("token", "ID token", "there is no identity")),
        (true, Ok(provider)) => Ok(provider.id_token().await),
        (true, Err(_)) => without_provider(options, &cx).await,
    };
    let token: Option<IdToken> = match token {
        Ok(token) => {
            checks.push(hops::token(&cx, &token));
            token.ok()
        }
        Err(skipped) => {
            checks.push(skipped);
            None
        }
    };
    let mut judged = None;
    if let Some(path) = &arguments.trust_policy {
        let keys = token
            .as_ref()
            .map(|token| token.claims().aws_condition_keys());
        let check = hops::trust_policy(
            path,
            keys.as_ref().ok_or("there is no ID token"),
            role.as_ref(),
        );
        judged = Some(check.status).filter(|_| keys.is_some());
        checks.push(check);
    }
    let is_healthy = match (token, &built) {
        (Some(_), Ok(provider)) => exchange(provider, role.as_ref(), judged, &mut checks).await,
        (None, _) => skip_exchange("there is no ID token", &mut checks),
        (_, Err(_)) => skip_exchange("the settings are wrong", &mut checks),
    };
    checks.iter_mut().for_each(Check::hide_tokens);
    if is_healthy {
        // The exchange reached the server after all: at a second try, or by its address.
        let failed = checks
            .iter_mut()
            .filter(|it| it.check == "server" && it.has_failed());
        failed.for_each(|check| check.status = Status::Warning);
    }
    Ok((checks, is_healthy))
}

/// The provider, or the problems of its settings.
type Built = Result<GoogleWebIdentityProvider, Vec<String>>;

async fn build(options: &Options) -> Built {
    let builder = setup::builder(options).map_err(|failure| vec![failure.line().to_owned()])?;
    let built = builder.build().await;
    built.map_err(|error| error.problems().iter().map(of_problem).collect())
}

/// STS and GetCallerIdentity.
async fn exchange(
    provider: &GoogleWebIdentityProvider,
    role: Option<&RoleArn>,
    judged: Option<Status>,
    checks: &mut Vec<Check>,
) -> bool {
    let session = match provider.session().await {
        Ok(session) => session,
        Err(error) => {
            checks.push(hops::sts(&error, role, judged));
            skip_caller_identity(checks);
            return false;
        }
    };
    let found = match session.assumed_role_arn() {
        Some(arn) => format!("STS gave credentials of {arn}"),
        None => "STS gave credentials".to_owned(),
    };
    checks.push(Check::new("sts", hops::SESSION, Status::Ok, found));
    let (check, is_healthy) = hops::caller_identity(&provider.caller_identity().await);
    checks.push(check);
    is_healthy
}

fn skip_exchange(why: &str, checks: &mut Vec<Check>) -> bool {
    checks.push(Check::skipped("sts", hops::SESSION, why));
    skip_caller_identity(checks);
    false
}

fn skip_caller_identity(checks: &mut Vec<Check>) {
    let why = "there are no credentials";
    checks.push(Check::skipped("caller_identity", "GetCallerIdentity", why));
}

fn settings(
    built: &Built,
    identity: &Check,
    role: Option<&RoleArn>,
    sts: &Result<Server, String>,
) -> Check {
    let problems = built.as_ref().err().into_iter().flatten();
    // The identity's check has shown its own problems already.
    let others = problems.filter(|it| !identity.found.contains(it.as_str()));
    let at = match sts {
        Ok(server) => server.origin(),
        Err(problem) => problem.clone(),
    };
    here::settings(others.cloned().collect(), role, &at)
}

/// Where STS is: of the provider, or, where a setting is wrong that says nothing about it, of one
/// that is made for this.
async fn sts_server(options: &Options, built: &Built) -> Result<Server, String> {
    let stand_in;
    let provider = match built {
        Ok(provider) => provider,
        Err(_) => {
            let builder = GoogleWebIdentityProvider::builder("arn:aws:iam::000000000000:role/none")
                .audience("none")
                .token_source(MetadataServer::new().endpoint("http://127.0.0.1"));
            let builder = match &options.region {
                Some(region) => builder.region(aws_types::region::Region::new(region.clone())),
                None => builder,
            };
            stand_in = builder.build().await.map_err(|error| error.to_string())?;
            &stand_in
        }
    };
    provider
        .sts_server()
        .await
        .map_err(|error| error.to_string())
}

/// A token for the audience, where a setting of AWS's half is wrong.
async fn without_provider(
    options: &Options,
    cx: &Context,
) -> Result<Result<IdToken, Error>, Check> {
    let skipped = |why| Check::skipped("token", "ID token", why);
    let audience = trust_policy::audience(options);
    let audience = audience.map_err(|_| skipped("there is no valid audience"))?;
    let source = identity::source(options);
    let asked = source.provide_id_token(cx, &audience);
    let answered = clock::within(TOKEN_LIMIT, asked).await;
    answered.ok_or_else(|| skipped("the source gave no token in 15 s"))
}

fn conclusion(checks: &[Check], is_healthy: bool) -> String {
    let count = |status| checks.iter().filter(|check| check.status == status).count();
    let (failed, warned) = (count(Status::Failed), count(Status::Warning));
    let first = checks.iter().find(|check| check.has_failed());
    let and_warned = match warned {
        0 => String::new(),
        1 => ", with 1 warning".to_owned(),
        _ => format!(", with {warned} warnings"),
    };
    match (is_healthy, first) {
        (true, None) => format!("The credentials work{and_warned}."),
        (true, Some(_)) => {
            format!("The credentials work, but {failed} of the checks failed{and_warned}.")
        }
        (false, Some(first)) => format!("No working credentials. Begin with: {}.", first.title),
        (false, None) => "No working credentials.".to_owned(),
    }
}

fn style() -> Style {
    let stdout = std::io::stdout();
    let is_terminal = stdout.is_terminal();
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let width = is_terminal
        .then(|| rustix::termios::tcgetwinsize(&stdout).ok())
        .flatten()
        .map(|size| size.ws_col)
        .filter(|columns| *columns > 0);
    Style::new(width, is_terminal && !no_colour)
}
