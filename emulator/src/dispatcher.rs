//! The path of every request: recorded, held, then answered as a test wants or as the service
//! would.

use crate::answer::Answer;
use crate::call::Call;
use crate::hold::{Gate, Hold};
use crate::lock::lock;
use crate::request::RecordedRequest;
use crate::service::Service;
use crate::service::reply::{Reply, ReplyBytes};
use crate::socket::Fault;
use crate::socket::port::Handler;
use crate::state::{State, system_time};
use aws_smithy_types::date_time::{DateTime, Format};
use bytes::Bytes;
use http::StatusCode;
use http::header::{DATE, HeaderName};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// Refuses larger requests. The library's own requests stay below a tenth of this.
const MAX_BODY: usize = 1 << 20;

/// What a request gets in place of the healthy answer.
#[derive(Clone)]
pub(crate) enum Override {
    Answer(Answer),
    Fault(Fault),
}

/// Shared by all connections of an emulator.
pub(crate) struct Dispatcher {
    pub(crate) state: State,
    requests: watch::Sender<Vec<RecordedRequest>>,
    /// In the order in which they apply, each with the number of requests left.
    overrides: Mutex<HashMap<Call, VecDeque<(usize, Override)>>>,
    holds: Mutex<HashMap<Call, Vec<Gate>>>,
}

impl Dispatcher {
    pub(crate) fn new(state: State) -> Self {
        Self {
            state,
            requests: watch::Sender::new(Vec::new()),
            overrides: Mutex::default(),
            holds: Mutex::default(),
        }
    }

    pub(crate) fn requests(&self, wanted: impl Fn(Call) -> bool) -> Vec<RecordedRequest> {
        let requests = self.requests.borrow();
        let wanted = requests.iter().filter(|request| wanted(request.call()));
        wanted.cloned().collect()
    }

    pub(crate) fn forget_requests(&self) {
        self.requests.send_modify(Vec::clear);
    }

    pub(crate) async fn reached(&self, call: Call, count: usize) {
        let recorded = |requests: &Vec<RecordedRequest>| {
            let same = requests.iter().filter(|request| request.call() == call);
            same.count()
        };
        // The sender lives as long as `self`.
        let _ = self
            .requests
            .subscribe()
            .wait_for(|requests| recorded(requests) >= count)
            .await;
    }

    pub(crate) fn override_next(&self, call: Call, count: usize, instead: Override) {
        let mut overrides = lock(&self.overrides);
        let queue = overrides.entry(call).or_default();
        queue.push_back((count, instead));
    }

    pub(crate) fn clear_overrides(&self) {
        lock(&self.overrides).clear();
    }

    pub(crate) fn hold(&self, call: Call) -> Hold {
        let (hold, gate) = Hold::new();
        lock(&self.holds).entry(call).or_default().push(gate);
        hold
    }

    async fn pass_holds(&self, call: Call) {
        let gates = match lock(&self.holds).get_mut(&call) {
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

    fn next_override(&self, call: Call) -> Option<Override> {
        let mut overrides = lock(&self.overrides);
        let queue = overrides.get_mut(&call)?;
        while let Some((left, instead)) = queue.front_mut() {
            if *left == 0 {
                queue.pop_front();
                continue;
            }
            *left -= 1;
            return Some(instead.clone());
        }
        None
    }

    async fn respond(
        &self,
        service: &Service,
        request: http::Request<Incoming>,
    ) -> (Reply, Option<Fault>) {
        let (head, body) = request.into_parts();
        let call = (service.call)(&head);
        let (body, is_whole) = match Limited::new(body, MAX_BODY).collect().await {
            Ok(body) => (body.to_bytes(), true),
            Err(_) => (Bytes::new(), false),
        };
        let request = RecordedRequest::new(call, head, body);
        for secret in request.secrets() {
            self.state.secrets.add(&secret);
        }
        self.requests
            .send_modify(|requests| requests.push(request.clone()));
        self.pass_holds(call).await;
        let (answer, fault) = match self.next_override(call) {
            None => (Answer::genuine(), None),
            Some(Override::Answer(answer)) => (answer, None),
            Some(Override::Fault(fault)) => (Answer::genuine(), Some(fault)),
        };
        let reply = answer.reply(|| match is_whole {
            true => (service.answer)(&self.state, &request),
            false => Reply::new(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", ""),
        });
        (self.with_standard_headers(service, &answer, reply), fault)
    }

    /// Adds `Date` and the service's own headers, unless the answer sets or removes them.
    fn with_standard_headers(&self, service: &Service, answer: &Answer, mut reply: Reply) -> Reply {
        let date = DateTime::from(system_time(self.state.now())).fmt(Format::HttpDate);
        let date = date.ok().map(|date| (DATE, date));
        let own = service.headers.iter();
        let own = own.map(|(name, value)| (HeaderName::from_static(name), (*value).to_owned()));
        for (name, value) in date.into_iter().chain(own) {
            if !answer.removes(&name) && !reply.headers.contains_key(&name) {
                reply = reply.header(name, &value);
            }
        }
        reply
    }
}

/// Dispatches the requests of one service's port.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) service: &'static Service,
    pub(crate) dispatcher: Arc<Dispatcher>,
}

impl Handler for Endpoint {
    type Body = ReplyBytes;

    async fn handle(
        &self,
        request: http::Request<Incoming>,
    ) -> (http::Response<ReplyBytes>, Option<Fault>) {
        let (reply, fault) = self.dispatcher.respond(self.service, request).await;
        (reply.into_response(), fault)
    }
}
