//! The container credentials endpoint
//! ([format](https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html)).

mod authorization;
mod connections;
mod host;
mod metrics;
mod response;

use crate::events::Events;
use crate::failure::Failure;
use crate::supply::{Missing, Supply};
pub(crate) use authorization::Authorization;
use aws_google_web_identity::ErrorKind;
use connections::{Activity, Connections};
use host::Host;
use http::{Method, Request, StatusCode, header};
use hyper::body::Incoming;
use metrics::Requests;
use response::{Answer, answer, refusal};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;

const CREDENTIALS: &str = "/v1/credentials";

/// A listening endpoint.
pub(crate) struct Endpoint {
    listener: TcpListener,
    address: SocketAddr,
    service: Arc<Service>,
}

/// What answers requests.
struct Service {
    supply: Arc<Supply>,
    events: Arc<Events>,
    authorization: Authorization,
    host: Host,
    requests: Requests,
}

impl Endpoint {
    /// Listens on `address`, `host:port`: on loopback only, unless `allow_remote`.
    pub(crate) async fn listen(
        address: &str,
        allow_remote: bool,
        authorization: Authorization,
        supply: Arc<Supply>,
        events: Arc<Events>,
    ) -> Result<Self, Failure> {
        let failed = |error| Failure::io(&format!("--listen {address}"), &error);
        let addresses = resolve(address, allow_remote).await?;
        let listener = TcpListener::bind(&addresses[..]).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        let name = address
            .rsplit_once(':')
            .map_or(address, |(name, _)| name)
            .to_owned();
        let host = Host {
            port: bound.port(),
            name: allow_remote.then_some(name),
        };
        Ok(Self {
            listener,
            address: bound,
            service: Arc::new(Service {
                supply,
                events,
                authorization,
                host,
                requests: Requests::default(),
            }),
        })
    }

    /// `AWS_CONTAINER_CREDENTIALS_FULL_URI` for a client on this machine.
    pub(crate) fn uri(&self) -> String {
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        let address = SocketAddr::new(ip, self.address.port());
        format!("http://{address}{CREDENTIALS}")
    }

    /// Serves until it is dropped.
    pub(crate) async fn serve(self) {
        let mut connections = Connections::default();
        loop {
            let stream = connections::accept(&self.listener).await;
            let service = self.service.clone();
            connections.add(stream, move |request, activity| {
                let service = service.clone();
                async move { service.answer(request, &activity).await }
            });
        }
    }
}

/// The addresses of `host:port`, to listen on.
///
/// # Errors
/// When the text is no address, or a remote one that is not allowed.
pub(crate) async fn resolve(address: &str, allow_remote: bool) -> Result<Vec<SocketAddr>, Failure> {
    let addresses = tokio::net::lookup_host(address).await.map_err(|error| {
        let failure = Failure::io(&format!("--listen {address}"), &error);
        match error.kind() {
            io::ErrorKind::InvalidInput => failure.into_usage(),
            // The name of a host that the resolver does not know.
            _ => failure,
        }
        .with_explanation("it is HOST:PORT, such as 127.0.0.1:9911")
    })?;
    let addresses: Vec<_> = addresses.collect();
    let is_remote = |address: &SocketAddr| !address.ip().to_canonical().is_loopback();
    if let Some(remote) = addresses.iter().find(|it| is_remote(it))
        && !allow_remote
    {
        return Err(Failure::usage(format!(
            "--listen {address}: {} is not a loopback address",
            remote.ip()
        ))
        .with_explanation(
            "other machines could reach the credentials; --allow-remote allows it. SDKs refuse plain \
             http to most such addresses",
        ));
    }
    Ok(addresses)
}

impl Service {
    async fn answer(&self, request: Request<Incoming>, activity: &Activity) -> Answer {
        let answer = self.checked(&request, activity).await;
        self.requests.count(answer.status());
        answer
    }

    async fn checked(&self, request: &Request<Incoming>, activity: &Activity) -> Answer {
        let headers = request.headers();
        // A page in the user's browser must not reach the endpoint: not by its own requests, which
        // carry an Origin, and not by a name of its own that resolves to this address.
        if headers.contains_key(header::ORIGIN) {
            return refusal(StatusCode::FORBIDDEN, "Forbidden", "Origin is refused");
        }
        if request.uri().authority().is_some() || !self.host.is_own(headers) {
            let message = "Host is not this endpoint's address";
            return refusal(StatusCode::FORBIDDEN, "Forbidden", message);
        }
        if request.method() != Method::GET {
            let message = "only GET is supported";
            let mut answer = refusal(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message);
            let allow = header::HeaderValue::from_static("GET");
            answer.headers_mut().insert(header::ALLOW, allow);
            return answer;
        }
        match request.uri().path() {
            CREDENTIALS => self.credentials(headers, activity).await,
            "/healthz" => self.health(),
            "/metrics" => {
                let text = metrics::text(&self.events, &self.requests, self.supply.left());
                answer(StatusCode::OK, metrics::CONTENT_TYPE, text.into())
            }
            _ => refusal(StatusCode::NOT_FOUND, "NotFound", "no such path"),
        }
    }

    async fn credentials(&self, headers: &http::HeaderMap, activity: &Activity) -> Answer {
        if !self.authorization.admits(headers) {
            let message =
                "Authorization is not the content of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
            return refusal(StatusCode::UNAUTHORIZED, "Unauthorized", message);
        }
        activity.note();
        match self.supply.body().await {
            Ok(body) => answer(StatusCode::OK, response::JSON, body),
            Err(Missing::Late) => {
                let message = "no credentials yet; the fetch goes on";
                refusal(StatusCode::SERVICE_UNAVAILABLE, "Timeout", message)
            }
            Err(Missing::Failed(error)) => {
                // Java asks five more times after a 5xx, and JavaScript reads the message of a 4xx
                // only.
                let (status, kind) = match error.kind() {
                    ErrorKind::Denied => (StatusCode::FORBIDDEN, "AccessDenied"),
                    ErrorKind::NotConfigured | ErrorKind::Configuration => {
                        (StatusCode::BAD_REQUEST, "Configuration")
                    }
                    _ => (StatusCode::SERVICE_UNAVAILABLE, "Unavailable"),
                };
                refusal(status, error.code().unwrap_or(kind), &error.to_string())
            }
        }
    }

    fn health(&self) -> Answer {
        match self.supply.left().is_zero() {
            false => answer(StatusCode::OK, response::TEXT, "ok\n".into()),
            true => answer(
                StatusCode::SERVICE_UNAVAILABLE,
                response::TEXT,
                "no credentials\n".into(),
            ),
        }
    }
}
