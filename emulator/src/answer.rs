//! HTTP answers in place of the healthy ones.

use crate::service::reply::{Reply, ReplyBody};
use crate::service::{metadata, sts};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode};
use std::fmt;

/// A chosen HTTP answer; see [`Emulator::answer_next`](crate::Emulator::answer_next). A connection
/// that fails is a [`Fault`](crate::Fault).
///
/// ```
/// # use aws_google_web_identity_emulator::Answer;
/// Answer::status(429).header("retry-after", "2").body("slow down");
/// Answer::genuine().header("metadata-flavor", "Other");
/// ```
#[derive(Clone)]
#[must_use]
pub struct Answer {
    content: Content,
    set: HeaderMap,
    remove: Vec<HeaderName>,
}

#[derive(Clone)]
enum Content {
    Genuine,
    Chosen(StatusCode, ReplyBody),
}

impl Answer {
    fn new(content: Content) -> Self {
        Self {
            content,
            set: HeaderMap::new(),
            remove: Vec::new(),
        }
    }

    fn of(reply: Reply) -> Self {
        Self {
            set: *reply.headers,
            ..Self::new(Content::Chosen(reply.status, reply.body))
        }
    }

    /// This status, 200 to 999, with an empty body. Any other number becomes 500.
    pub fn status(status: u16) -> Self {
        let body = ReplyBody::Bytes(Bytes::new());
        Self::new(Content::Chosen(final_status(status), body))
    }

    /// An error of the token endpoint ([RFC 6749,
    /// 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)), e.g. 400 with `invalid_grant`.
    pub fn oauth_error(status: u16, error: &str, description: &str) -> Self {
        Self::of(Reply::oauth_error(final_status(status), error, description))
    }

    /// An error of one of [Google's APIs](https://cloud.google.com/apis/design/errors), such as
    /// IAM, e.g. 403 with `PERMISSION_DENIED`.
    pub fn api_error(status: u16, code: &str, message: &str) -> Self {
        Self::of(Reply::api_error(final_status(status), code, message))
    }

    /// An error of [AWS
    /// STS](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html#API_AssumeRoleWithWebIdentity_Errors),
    /// e.g. 400 with `IDPCommunicationError`.
    pub fn sts_error(status: u16, code: &str, message: &str) -> Self {
        Self::of(sts::error(final_status(status), code, message))
    }

    /// The refusal of GKE's metadata server to issue an ID token to a pod whose Kubernetes service
    /// account is not linked to a Google service account. It belongs to
    /// [`Call::MetadataIdentity`](crate::Call::MetadataIdentity).
    ///
    /// For a linked account see [`EmulatorBuilder::gke`](crate::EmulatorBuilder::gke).
    pub fn gke_not_annotated(namespace: &str, name: &str) -> Self {
        Self::of(metadata::not_annotated(namespace, name))
    }

    /// The answer of a web server that is not Google's metadata server: an HTML page with status
    /// 404, without `Metadata-Flavor`. A client receives it if DNS resolves the metadata server's
    /// name to another machine.
    pub fn stranger() -> Self {
        Self::of(metadata::stranger()).without_header("metadata-flavor")
    }

    /// The healthy answer, to be changed with [`header`](Self::header),
    /// [`without_header`](Self::without_header) or [`body`](Self::body).
    pub fn genuine() -> Self {
        Self::new(Content::Genuine)
    }

    /// Sets a header, in place of a healthy one of the same name.
    ///
    /// Ignores names and values that HTTP does not allow, and `Content-Length` and
    /// `Transfer-Encoding`, which follow from the body.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value))
            && ![CONTENT_LENGTH, TRANSFER_ENCODING].contains(&name)
        {
            self.set.insert(name, value);
        }
        self
    }

    /// Removes a header of the healthy answer.
    pub fn without_header(mut self, name: &str) -> Self {
        self.remove.extend(name.parse::<HeaderName>());
        self
    }

    /// Sets the body. [`genuine`](Self::genuine) then has status 200.
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        self.with_body(ReplyBody::Bytes(Bytes::from(body.into())))
    }

    /// Sets a body of `length` spaces, generated while it is sent: for tests of a client's size
    /// limit.
    pub fn blank_body(self, length: u64) -> Self {
        self.with_body(ReplyBody::Blank(length))
    }

    fn with_body(mut self, body: ReplyBody) -> Self {
        let status = match self.content {
            Content::Chosen(status, _) => status,
            Content::Genuine => StatusCode::OK,
        };
        self.content = Content::Chosen(status, body);
        self
    }

    pub(crate) fn reply(&self, genuine: impl FnOnce() -> Reply) -> Reply {
        let mut reply = match &self.content {
            Content::Genuine => genuine(),
            Content::Chosen(status, body) => Reply {
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

    /// Whether the server must not add this header.
    pub(crate) fn removes(&self, name: &HeaderName) -> bool {
        self.remove.contains(name)
    }
}

/// Excludes 1xx: HTTP expects a final answer after one.
fn final_status(status: u16) -> StatusCode {
    StatusCode::from_u16(status)
        .ok()
        .filter(|status| !status.is_informational())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Shows no body and no header: they may hold tokens.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Answer");
        match &self.content {
            Content::Genuine => debug.field("content", &"genuine"),
            Content::Chosen(status, _) => debug.field("status", status),
        };
        debug.finish_non_exhaustive()
    }
}
