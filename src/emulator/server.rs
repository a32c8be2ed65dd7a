//! The servers on loopback: what comes in is recorded, held, and answered as ordered or as the service would.

use super::answer::{Answer, Fault};
use super::hold::{Gate, Hold};
use super::records::{Hop, RecordedRequest, decoded_path};
use super::reply::Reply;
use super::socket::{FaultyStream, Handle, WritePlan};
use super::world::{World, system_time};
use super::{google_metadata, iam, jwks, sts, token_endpoint};
use aws_smithy_types::date_time::{DateTime, Format};
use bytes::Bytes;
use http::StatusCode;
use http::header::DATE;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Larger requests are refused: no client of ours sends the tenth of it.
const MAX_BODY: usize = 1 << 20;

/// A server with a port of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Site {
    Metadata,
    Token,
    Iam,
    Jwks,
    Sts,
}

impl Site {
    pub(super) const ALL: [Self; 5] = [
        Self::Metadata,
        Self::Token,
        Self::Iam,
        Self::Jwks,
        Self::Sts,
    ];

    /// The server of a hop; none for [`Hop::Other`].
    pub(super) fn of(hop: Hop) -> Option<Self> {
        match hop {
            Hop::MetadataIdentity | Hop::MetadataToken | Hop::MetadataEmail => Some(Self::Metadata),
            Hop::TokenEndpoint => Some(Self::Token),
            Hop::SignJwt | Hop::GenerateIdToken | Hop::GenerateAccessToken => Some(Self::Iam),
            Hop::Jwks => Some(Self::Jwks),
            Hop::Sts => Some(Self::Sts),
            Hop::Other => None,
        }
    }

    fn hop(self, head: &http::request::Parts) -> Hop {
        let path = decoded_path(&head.uri);
        match self {
            Self::Metadata => {
                let query = head.uri.query().unwrap_or_default();
                google_metadata::hop(&path, query.contains("recursive="))
            }
            Self::Token if path == "/token" => Hop::TokenEndpoint,
            Self::Iam => iam::hop(&path),
            Self::Jwks => jwks::hop(&path),
            Self::Sts if path == "/" => Hop::Sts,
            Self::Token | Self::Sts => Hop::Other,
        }
    }
}

/// What all connections of an emulator share.
pub(super) struct Desk {
    pub(super) world: World,
    requests: watch::Sender<Vec<RecordedRequest>>,
    answers: Mutex<HashMap<Hop, VecDeque<(usize, Answer)>>>,
    holds: Mutex<HashMap<Hop, Vec<Gate>>>,
}

impl Desk {
    pub(super) fn new(world: World) -> Self {
        Self {
            world,
            requests: watch::Sender::new(Vec::new()),
            answers: Mutex::default(),
            holds: Mutex::default(),
        }
    }

    pub(super) fn requests(&self, wanted: impl Fn(Hop) -> bool) -> Vec<RecordedRequest> {
        let requests = self.requests.borrow();
        let wanted = requests.iter().filter(|request| wanted(request.hop()));
        wanted.cloned().collect()
    }

    pub(super) fn forget_requests(&self) {
        self.requests.send_modify(Vec::clear);
    }

    pub(super) async fn reached(&self, hop: Hop, count: usize) {
        let of_hop = |requests: &Vec<RecordedRequest>| {
            requests
                .iter()
                .filter(|request| request.hop() == hop)
                .count()
        };
        // The sender lives as long as the desk.
        let _ = self
            .requests
            .subscribe()
            .wait_for(|requests| of_hop(requests) >= count)
            .await;
    }

    pub(super) fn order(&self, hop: Hop, count: usize, answer: Answer) {
        let mut answers = super::lock(&self.answers);
        answers.entry(hop).or_default().push_back((count, answer));
    }

    pub(super) fn cancel_orders(&self) {
        super::lock(&self.answers).clear();
    }

    pub(super) fn hold(&self, hop: Hop) -> Hold {
        let (hold, gate) = Hold::new();
        super::lock(&self.holds).entry(hop).or_default().push(gate);
        hold
    }

    async fn pass_holds(&self, hop: Hop) {
        let gates = match super::lock(&self.holds).get_mut(&hop) {
            Some(gates) => {
                gates.retain(|gate| !gate.is_open());
                gates.clone()
            }
            None => return,
        };
        for gate in gates {
            gate.pass().await;
        }
    }

    fn next_order(&self, hop: Hop) -> Option<Answer> {
        let mut answers = super::lock(&self.answers);
        let queue = answers.get_mut(&hop)?;
        while let Some((left, answer)) = queue.front_mut() {
            if *left == 0 {
                queue.pop_front();
                continue;
            }
            *left -= 1;
            return Some(answer.clone());
        }
        None
    }

    async fn answer(&self, site: Site, request: http::Request<Incoming>, wire: &Handle) -> Reply {
        let (head, body) = request.into_parts();
        let hop = site.hop(&head);
        let (body, is_whole) = match Limited::new(body, MAX_BODY).collect().await {
            Ok(body) => (body.to_bytes(), true),
            Err(_) => (Bytes::new(), false),
        };
        let request = RecordedRequest::new(hop, head, body);
        self.requests
            .send_modify(|requests| requests.push(request.clone()));
        self.pass_holds(hop).await;
        let order = self.next_order(hop).unwrap_or_else(Answer::genuine);
        let reply = order.reply(|| match is_whole {
            true => self.genuine(site, &request),
            false => Reply::new(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", ""),
        });
        match order.fault() {
            Fault::None => wire.plan(WritePlan::healthy()),
            Fault::Hang => std::future::pending().await,
            Fault::Write(plan) => wire.plan(plan.clone()),
        }
        self.with_standard_headers(site, &order, reply)
    }

    fn genuine(&self, site: Site, request: &RecordedRequest) -> Reply {
        if site != Site::Metadata && request.hop() == Hop::Other {
            return Reply::not_found();
        }
        match site {
            Site::Metadata => google_metadata::answer(&self.world, request),
            Site::Token => token_endpoint::answer(&self.world, request),
            Site::Iam => iam::answer(&self.world, request),
            Site::Jwks => jwks::answer(&self.world, request),
            Site::Sts => sts::answer(&self.world, request),
        }
    }

    /// `Date`, and the flavor of the metadata server, on ordered answers as well unless they say otherwise.
    fn with_standard_headers(&self, site: Site, order: &Answer, mut reply: Reply) -> Reply {
        let date = DateTime::from(system_time(self.world.now())).fmt(Format::HttpDate);
        let flavor =
            (site == Site::Metadata).then(|| (google_metadata::FLAVOR, "Google".to_owned()));
        for (name, value) in date.ok().map(|date| (DATE, date)).into_iter().chain(flavor) {
            if !order.removes(&name) && !reply.headers.contains_key(&name) {
                reply = reply.header(name, &value);
            }
        }
        reply
    }
}

/// A port on loopback and the tasks that serve it, which end when this is dropped.
pub(super) struct Port {
    address: SocketAddr,
    tasks: JoinSet<()>,
    /// Bound but not listening: connections are refused, and nobody else takes the port.
    reserved: Option<TcpSocket>,
}

impl Port {
    /// A free port, refusing connections until [`open`](Self::open).
    pub(super) fn reserve() -> io::Result<Self> {
        let socket = bound(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        Ok(Self {
            address: socket.local_addr()?,
            tasks: JoinSet::new(),
            reserved: Some(socket),
        })
    }

    pub(super) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn open(&mut self, site: Site, desk: &Arc<Desk>) -> io::Result<()> {
        if let Some(socket) = self.reserved.take() {
            let listener = socket.listen(1024)?;
            self.tasks.spawn(serve(listener, site, desk.clone()));
        }
        Ok(())
    }

    /// Ends all connections, and refuses new ones.
    pub(super) async fn close(&mut self) -> io::Result<()> {
        if self.reserved.is_none() {
            self.tasks.shutdown().await;
            self.reserved = Some(bound(self.address)?);
        }
        Ok(())
    }
}

fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Without it, connections that have just ended would keep the port taken for a minute.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn serve(listener: TcpListener, site: Site, desk: Arc<Desk>) {
    // Dropped with this task, and the connections with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let _ = stream.set_nodelay(true);
                    connections.spawn(converse(stream, site, desk.clone()));
                }
                // Out of file descriptors, or a connection gone before it was accepted.
                Err(_) => tokio::task::yield_now().await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn converse(stream: tokio::net::TcpStream, site: Site, desk: Arc<Desk>) {
    let (stream, wire) = FaultyStream::new(stream);
    let service = service_fn(|request| async {
        let reply = desk.answer(site, request, &wire).await;
        Ok::<_, Infallible>(reply.into_response())
    });
    // A connection that ends in an error is a fault that was ordered, or a client that went away.
    let _ = hyper::server::conn::http1::Builder::new()
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
