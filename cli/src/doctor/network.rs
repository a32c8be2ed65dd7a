//! The way to each server: name, proxy, certificate, answer; and the servers' clocks.

use super::check::{Check, Status};
use crate::clock;
use crate::failure::one_line;
use aws_google_web_identity::{Context, Error, ErrorKind, Probed, Server, Stage};
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::time::{Duration, SystemTime};
use tokio::sync::oneshot;

/// How long a server may take to answer, and a name to resolve.
const LIMIT: Duration = Duration::from_secs(5);
/// A `Date` has whole seconds, and the answer was on its way for some time.
const SAME_TIME: u64 = 5;
/// STS and Google accept times that differ by no more than this.
const TOLERATED: u64 = 300;

/// A server, and how it was reached.
pub(super) struct Reached {
    server: Server,
    route: Route,
    name: Result<Vec<IpAddr>, String>,
    answer: Result<Probed, Error>,
}

/// Which proxy is in the way, without its user and password.
enum Route {
    Direct,
    Proxy {
        host: String,
        variable: &'static str,
    },
}

/// Asks all servers at once.
pub(super) async fn reach(cx: &Context, servers: Vec<Server>) -> Vec<Reached> {
    let asked = servers.into_iter().map(|server| {
        let cx = cx.clone();
        tokio::spawn(async move { reach_one(&cx, server).await })
    });
    let asked: Vec<_> = asked.collect();
    let mut reached = Vec::new();
    for one in asked {
        reached.extend(one.await);
    }
    reached
}

async fn reach_one(cx: &Context, server: Server) -> Reached {
    let origin = server.origin();
    let uri: Uri = origin.parse().unwrap_or_default();
    let route = match server.bypasses_proxy() {
        true => Route::Direct,
        false => route(&uri),
    };
    // Behind a proxy, only the proxy's own name is looked up here.
    let host = match &route {
        Route::Direct => uri.host().unwrap_or_default().to_owned(),
        Route::Proxy { host, .. } => without_port(host).to_owned(),
    };
    let (name, answer) = tokio::join!(look_up(host), server.probe(cx, LIMIT));
    Reached {
        server,
        route,
        name,
        answer,
    }
}

fn route(uri: &Uri) -> Route {
    // What the SDK's HTTP client does with the same variables.
    let Some(intercept) = Matcher::from_env().intercept(uri) else {
        return Route::Direct;
    };
    let of_scheme = match uri.scheme_str() {
        Some("https") => ["HTTPS_PROXY", "https_proxy"],
        _ => ["HTTP_PROXY", "http_proxy"],
    };
    let mut names = of_scheme.into_iter().chain(["ALL_PROXY", "all_proxy"]);
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|it| !it.is_empty());
    let authority = intercept.uri().authority().map(ToString::to_string);
    let authority = authority.unwrap_or_default();
    Route::Proxy {
        // The matcher removes user and password already; no version of it may show them here.
        host: authority.rsplit('@').next().unwrap_or_default().to_owned(),
        variable: names.find(is_set).unwrap_or("HTTPS_PROXY"),
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|it| it.is_ascii_digit()) => name,
        _ => host,
    }
}

/// The addresses of a name. The system's resolver can hang for half a minute, so it has a thread
/// that nobody waits for.
async fn look_up(host: String) -> Result<Vec<IpAddr>, String> {
    let (done, result) = oneshot::channel();
    let bare = host.trim_matches(['[', ']']).to_owned();
    let resolve = move || {
        let found = (bare.as_str(), 0).to_socket_addrs();
        let found = found.map(|all| all.map(|it| it.ip()).collect::<Vec<_>>());
        // The receiver has given up when nobody waits any more.
        let _ = done.send(found);
    };
    if let Err(error) = std::thread::Builder::new().spawn(resolve) {
        return Err(error.to_string());
    }
    match clock::within(LIMIT, result).await {
        Some(Ok(Ok(addresses))) if !addresses.is_empty() => Ok(addresses),
        Some(Ok(Ok(_))) => Err("the name has no address".to_owned()),
        Some(Ok(Err(error))) => Err(one_line(&error.to_string())),
        Some(Err(_)) | None => Err(format!("no answer in {} s", LIMIT.as_secs())),
    }
}

impl Reached {
    pub(super) fn check(&self) -> Check {
        let origin = self.server.origin();
        let title = format!("{} {origin}", title(self.server.stage()));
        let through = match &self.route {
            Route::Direct => String::new(),
            Route::Proxy { host, variable } => format!(" through the proxy {host} ({variable})"),
        };
        let tls = match origin.starts_with("https:") {
            true => "; its certificate is trusted",
            false => "",
        };
        let check = match &self.answer {
            Ok(answer) => {
                // What a server answers to a `GET /` means nothing, unless it or a proxy fails.
                let status = match answer.status {
                    407 | 500.. => Status::Warning,
                    _ => Status::Ok,
                };
                let http = match status {
                    Status::Ok => String::new(),
                    _ => format!(" with HTTP {}", answer.status),
                };
                let at = self
                    .address()
                    .map_or_else(String::new, |it| format!(" at {it}"));
                let found = format!("answers{at}{through}{http}{tls}");
                let check = Check::new("server", title, status, found)
                    .detail("HTTP status", answer.status.to_string());
                match &self.route {
                    _ if status == Status::Ok => check,
                    Route::Proxy { variable, .. } if answer.status == 407 => {
                        check.advise(credentials_of_proxy(variable))
                    }
                    Route::Proxy { host, .. } => check.advise(format!(
                        "the server or the proxy {host} fails: try again later, or look at the proxy's log"
                    )),
                    Route::Direct => check.advise("the server fails: try again later"),
                }
            }
            Err(error) => {
                let found = format!("{}{through}", unreached(error));
                let mut check = Check::new("server", title, Status::Failed, found);
                if let Err(problem) = &self.name
                    && !check.found.contains(problem)
                {
                    let host = match &self.route {
                        Route::Direct => "its name",
                        Route::Proxy { .. } => "the proxy's name",
                    };
                    check = check.detail("DNS", format!("{host} does not resolve: {problem}"));
                }
                self.advise(check, error)
            }
        };
        Check {
            server: Some(origin),
            ..check
        }
    }

    /// The address that the name resolves to, if it is not one itself.
    fn address(&self) -> Option<IpAddr> {
        let address = self.name.as_ref().ok()?.first()?;
        let is_name = !self.server.origin().contains(&address.to_string());
        (is_name && matches!(self.route, Route::Direct)).then_some(*address)
    }

    fn advise(&self, check: Check, error: &Error) -> Check {
        // Certificates, and the files that are named for them.
        if error.kind() == ErrorKind::Configuration {
            let hint = error.hint().and_then(|hint| hint.lines().next());
            return check.advise(hint.unwrap_or(
                "correct the variable that it names; where roots are missing, install ca-certificates",
            ));
        }
        match (&self.route, &self.name) {
            (Route::Proxy { variable, .. }, _)
                if check.found.contains("authorization required") =>
            {
                check.advise(credentials_of_proxy(variable))
            }
            (Route::Proxy { host, variable }, _) => check.advise(format!(
                "is {host} the right proxy, is it running, and does it allow this server? Correct {variable}, \
                 or list the server's host in NO_PROXY"
            )),
            (Route::Direct, Err(_)) => check.advise(match self.server.stage() {
                Stage::Metadata => {
                    "there is no metadata server here unless this is Google Cloud: name a credentials \
                     file with GOOGLE_APPLICATION_CREDENTIALS"
                }
                _ => {
                    "correct the name, if a file or variable of yours sets it; else look at \
                     /etc/resolv.conf, or set HTTPS_PROXY where only a proxy reaches the internet"
                }
            }),
            (Route::Direct, Ok(_)) => check.advise(
                "allow the connection in the firewall or network policy, or set HTTPS_PROXY where only a \
                 proxy reaches the internet",
            ),
        }
    }
}

fn credentials_of_proxy(variable: &str) -> String {
    format!("put the proxy's user and password into {variable}: http://USER:PASSWORD@HOST:PORT")
}

fn title(stage: Stage) -> &'static str {
    match stage {
        Stage::TokenEndpoint => "Token endpoint",
        Stage::Metadata => "Metadata server",
        Stage::Iam => "IAM Credentials",
        Stage::Sts => "AWS STS",
        _ => "Token source",
    }
}

/// Why there was no answer, with the innermost cause: it is the one that the system reported.
fn unreached(error: &Error) -> String {
    let message = error.message().unwrap_or_default();
    let what = message.rsplit(": ").next().unwrap_or_default();
    let what = match what.is_empty() || what.starts_with("GET ") {
        true => error.kind().to_string(),
        false => what.to_owned(),
    };
    let mut innermost: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(deeper) = innermost.and_then(std::error::Error::source) {
        innermost = Some(deeper);
    }
    match innermost.map(|cause| one_line(&cause.to_string())) {
        Some(cause) if !cause.is_empty() => format!("{what}: {cause}"),
        _ => what,
    }
}

/// This machine's clock against those of Google and AWS.
pub(super) fn check_clock(reached: &[Reached]) -> Check {
    const TITLE: &str = "Clock";
    let mut worst = Status::Ok;
    let (mut agrees, mut found) = (Vec::new(), Vec::new());
    for one in reached {
        let Ok(Probed {
            received_at,
            date: Some(date),
            ..
        }) = &one.answer
        else {
            continue;
        };
        let whose = match one.server.stage() {
            Stage::Sts => "AWS's",
            Stage::Source => continue,
            _ => "Google's",
        };
        let (apart, direction) = difference(*received_at, *date);
        let status = if apart <= SAME_TIME {
            Status::Ok
        } else if apart <= TOLERATED {
            Status::Warning
        } else {
            Status::Failed
        };
        if status == Status::Failed || worst == Status::Ok {
            worst = status;
        }
        match status {
            Status::Ok if !agrees.contains(&whose) => agrees.push(whose),
            Status::Ok => {}
            _ => found.push(format!("is {apart} s {direction} {whose}")),
        }
    }
    if !agrees.is_empty() {
        found.push(format!("agrees with {}", agrees.join(" and ")));
    }
    found.dedup();
    if found.is_empty() {
        return Check::skipped("clock", TITLE, "no server answered with its time");
    }
    let found = format!("this machine's clock {}", found.join(", "));
    let check = Check::new("clock", TITLE, worst, found);
    match worst {
        Status::Ok => check,
        _ => check.advise(
            "set the clock: `timedatectl set-ntp true`, or restart the time service of this machine; in \
             a container, set the clock of its host",
        ),
    }
}

fn difference(ours: SystemTime, theirs: SystemTime) -> (u64, &'static str) {
    match theirs.duration_since(ours) {
        Ok(behind) => (behind.as_secs(), "behind"),
        Err(ahead) => (ahead.duration().as_secs(), "ahead of"),
    }
}
