//! Answers other than the healthy one: a status and a body, or a fault at the socket.

use super::reply::{Reply, ReplyBody};
use super::socket::{End, WritePlan};
use super::trickle::Trickle;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode};
use std::fmt;

/// What a request gets instead of the healthy answer; see [`Emulator::answer_next`](super::Emulator::answer_next).
///
/// ```
/// # use aws_google_web_identity_emulator::Answer;
/// Answer::status(429).header("retry-after", "2").body("slow down");
/// Answer::genuine().header("metadata-flavor", "Other");
/// Answer::reset();
/// ```
#[derive(Clone)]
#[must_use]
pub struct Answer {
    content: Content,
    set: HeaderMap,
    remove: Vec<HeaderName>,
    fault: Fault,
}

#[derive(Clone)]
enum Content {
    Genuine,
    Made(StatusCode, ReplyBody),
}

#[derive(Clone)]
pub(super) enum Fault {
    None,
    Hang,
    Write(WritePlan),
}

impl Answer {
    fn new(content: Content, fault: Fault) -> Self {
        Self {
            content,
            set: HeaderMap::new(),
            remove: Vec::new(),
            fault,
        }
    }

    fn faulty(plan: WritePlan) -> Self {
        Self::new(Content::Genuine, Fault::Write(plan))
    }

    fn made(reply: Reply) -> Self {
        Self {
            set: *reply.headers,
            ..Self::new(Content::Made(reply.status, reply.body), Fault::None)
        }
    }

    /// This status, 200 to 999, with an empty body. Any other number becomes 500.
    pub fn status(status: u16) -> Self {
        let content = Content::Made(final_status(status), ReplyBody::Bytes(Bytes::new()));
        Self::new(content, Fault::None)
    }

    /// An error as the token endpoint writes it ([RFC 6749, 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)), e.g. 400 with `invalid_grant`.
    pub fn oauth_error(status: u16, error: &str, description: &str) -> Self {
        Self::made(Reply::oauth_error(final_status(status), error, description))
    }

    /// An error as [Google's APIs](https://cloud.google.com/apis/design/errors) write it, IAM among them, e.g. 403 with `PERMISSION_DENIED`.
    pub fn api_error(status: u16, code: &str, message: &str) -> Self {
        Self::made(Reply::api_error(final_status(status), code, message))
    }

    /// An error as [AWS STS](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html#API_AssumeRoleWithWebIdentity_Errors)
    /// writes it, e.g. 400 with `IDPCommunicationError`.
    pub fn sts_error(status: u16, code: &str, message: &str) -> Self {
        Self::made(super::sts::error(final_status(status), code, message))
    }

    /// What the server would have answered, to be changed with [`header`](Self::header), [`without_header`](Self::without_header) or
    /// [`body`](Self::body).
    pub fn genuine() -> Self {
        Self::new(Content::Genuine, Fault::None)
    }

    /// The connection is reset (TCP RST) in place of an answer.
    pub fn reset() -> Self {
        Self::faulty(WritePlan::after(0, End::Reset))
    }

    /// The connection is closed in order, without an answer.
    pub fn close() -> Self {
        Self::faulty(WritePlan::after(0, End::Close))
    }

    /// Nothing comes, and the connection stays open, until the client gives up or the emulator is dropped.
    pub fn hang() -> Self {
        Self::new(Content::Genuine, Fault::Hang)
    }

    /// The healthy answer, cut in the middle of its status line; then the connection is closed.
    pub fn truncated_head() -> Self {
        Self::faulty(WritePlan::after("HTTP/1.1 2".len(), End::Close))
    }

    /// The healthy answer, cut after the first byte of its body; then the connection is closed.
    pub fn truncated_body() -> Self {
        Self::faulty(WritePlan::after_head(1, End::Close))
    }

    /// The healthy answer's head and the first byte of its body; then nothing, with the connection open.
    pub fn stalled_body() -> Self {
        Self::faulty(WritePlan::after_head(1, End::Stall))
    }

    /// The healthy answer, byte by byte, as `trickle` lets them through.
    pub fn trickle(trickle: &Trickle) -> Self {
        Self::faulty(WritePlan::gated(trickle.clone()))
    }

    /// Bytes that are not HTTP, the greeting of another protocol; then the connection is closed.
    pub fn not_http() -> Self {
        Self::faulty(WritePlan::instead("SSH-2.0-emulator\r\n"))
    }

    /// Sets a header, in place of a healthy one of the same name. Names and values that HTTP does not allow are left out, and so are
    /// `Content-Length` and `Transfer-Encoding`, which follow from the body.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value))
            && ![CONTENT_LENGTH, TRANSFER_ENCODING].contains(&name)
        {
            self.set.insert(name, value);
        }
        self
    }

    /// Leaves a header of the healthy answer out.
    pub fn without_header(mut self, name: &str) -> Self {
        self.remove.extend(name.parse::<HeaderName>());
        self
    }

    /// The body; that of [`genuine`](Self::genuine) becomes one of status 200.
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        self.with_body(ReplyBody::Bytes(Bytes::from(body.into())))
    }

    /// A body of `length` bytes, all spaces, made while it is sent: for limits on what a client takes in.
    pub fn blank_body(self, length: u64) -> Self {
        self.with_body(ReplyBody::Blank(length))
    }

    fn with_body(mut self, body: ReplyBody) -> Self {
        let status = match self.content {
            Content::Made(status, _) => status,
            Content::Genuine => StatusCode::OK,
        };
        self.content = Content::Made(status, body);
        self
    }

    pub(super) fn fault(&self) -> &Fault {
        &self.fault
    }

    pub(super) fn reply(&self, genuine: impl FnOnce() -> Reply) -> Reply {
        let mut reply = match &self.content {
            Content::Genuine => genuine(),
            Content::Made(status, body) => Reply {
                status: *status,
                headers: Box::default(),
                body: body.clone(),
            },
        };
        for name in self.remove.iter().chain(self.set.keys()) {
            reply.headers.remove(name);
        }
        for (name, value) in &self.set {
            reply.headers.append(name, value.clone());
        }
        reply
    }

    /// Whether the healthy `Date` and `Metadata-Flavor` are to be left off.
    pub(super) fn removes(&self, name: &HeaderName) -> bool {
        self.remove.contains(name)
    }
}

/// Answers of 1xx are none: another one has to follow.
fn final_status(status: u16) -> StatusCode {
    StatusCode::from_u16(status)
        .ok()
        .filter(|status| !status.is_informational())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Answer");
        match &self.content {
            Content::Genuine => debug.field("content", &"genuine"),
            Content::Made(status, _) => debug.field("status", status),
        };
        match &self.fault {
            Fault::None => {}
            Fault::Hang => {
                debug.field("fault", &"hang");
            }
            Fault::Write(plan) => {
                debug.field("fault", plan);
            }
        }
        debug.finish_non_exhaustive()
    }
}
