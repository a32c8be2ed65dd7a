//! What happens to every request: it is recorded, held, and answered as ordered or as the service would.

use super::answer::{Answer, Fault};
use super::hold::{Gate, Hold};
use super::records::{Call, RecordedRequest};
use super::reply::Reply;
use super::server::Site;
use super::socket::{Handle, WritePlan};
use super::world::{World, system_time};
use super::{google_metadata, iam, jwks, sts, token_endpoint};
use aws_smithy_types::date_time::{DateTime, Format};
use bytes::Bytes;
use http::StatusCode;
use http::header::DATE;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use tokio::sync::watch;

/// Larger requests are refused: no client of ours sends the tenth of it.
const MAX_BODY: usize = 1 << 20;

/// What all connections of an emulator share.
pub(super) struct Desk {
    pub(super) world: World,
    requests: watch::Sender<Vec<RecordedRequest>>,
    answers: Mutex<HashMap<Call, VecDeque<(usize, Answer)>>>,
    holds: Mutex<HashMap<Call, Vec<Gate>>>,
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

    pub(super) fn requests(&self, wanted: impl Fn(Call) -> bool) -> Vec<RecordedRequest> {
        let requests = self.requests.borrow();
        let wanted = requests.iter().filter(|request| wanted(request.hop()));
        wanted.cloned().collect()
    }

    pub(super) fn forget_requests(&self) {
        self.requests.send_modify(Vec::clear);
    }

    pub(super) async fn reached(&self, hop: Call, count: usize) {
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

    pub(super) fn order(&self, hop: Call, count: usize, answer: Answer) {
        let mut answers = super::lock(&self.answers);
        answers.entry(hop).or_default().push_back((count, answer));
    }

    pub(super) fn cancel_orders(&self) {
        super::lock(&self.answers).clear();
    }

    pub(super) fn hold(&self, hop: Call) -> Hold {
        let (hold, gate) = Hold::new();
        super::lock(&self.holds).entry(hop).or_default().push(gate);
        hold
    }

    async fn pass_holds(&self, hop: Call) {
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

    fn next_order(&self, hop: Call) -> Option<Answer> {
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

    pub(super) async fn answer(
        &self,
        site: Site,
        request: http::Request<Incoming>,
        wire: &Handle,
    ) -> Reply {
        let (head, body) = request.into_parts();
        let hop = site.hop(&head);
        let (body, is_whole) = match Limited::new(body, MAX_BODY).collect().await {
            Ok(body) => (body.to_bytes(), true),
            Err(_) => (Bytes::new(), false),
        };
        let request = RecordedRequest::new(hop, head, body);
        self.world.secrets.add_request(&request);
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
        if site != Site::Metadata && request.hop() == Call::Other {
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
