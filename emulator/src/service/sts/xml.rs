//! The XML of awsQuery: success and error.

use crate::service::reply::Reply;
use crate::state::issued::IssuedCredentials;
use crate::state::keys::{hex, random};
use aws_smithy_types::date_time::{DateTime, Format};
use http::StatusCode;
use http::header::HeaderName;

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The fields of a successful answer.
pub(crate) struct Success {
    pub(crate) credentials: IssuedCredentials,
    pub(crate) assumed_arn: String,
    pub(crate) assumed_id: String,
    pub(crate) subject: String,
    pub(crate) audience: String,
    pub(crate) packed_policy_size: Option<usize>,
}

impl Success {
    pub(crate) fn into_reply(self) -> Reply {
        let expiration = DateTime::from(self.credentials.expires_at())
            .fmt(Format::DateTime)
            .unwrap_or_default();
        let credentials = Element::new("Credentials")
            .text("AccessKeyId", self.credentials.access_key_id())
            .text("SecretAccessKey", self.credentials.secret_access_key())
            .text("SessionToken", self.credentials.session_token())
            .text("Expiration", &expiration);
        let user = Element::new("AssumedRoleUser")
            .text("AssumedRoleId", &self.assumed_id)
            .text("Arn", &self.assumed_arn);
        let mut result = Element::new("AssumeRoleWithWebIdentityResult")
            .text("Audience", &self.audience)
            .child(user)
            .text("Provider", "accounts.google.com")
            .child(credentials)
            .text("SubjectFromWebIdentityToken", &self.subject);
        if let Some(size) = self.packed_policy_size {
            result = result.text("PackedPolicySize", &size.to_string());
        }
        let id = request_id();
        let metadata = Element::new("ResponseMetadata").text("RequestId", &id);
        let document = Element::new("AssumeRoleWithWebIdentityResponse")
            .child(result)
            .child(metadata);
        reply(StatusCode::OK, document, &id)
    }
}

/// An error answer.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: u16,
    code: String,
    message: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
        }
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationError", message)
    }

    pub(crate) fn invalid_token(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidIdentityToken", message)
    }

    pub(crate) fn into_reply(self) -> Reply {
        let error = Element::new("Error")
            .text("Type", "Sender")
            .text("Code", &self.code)
            .text("Message", &self.message);
        let id = request_id();
        let document = Element::new("ErrorResponse")
            .child(error)
            .text("RequestId", &id);
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        reply(status, document, &id)
    }
}

fn reply(status: StatusCode, document: Element, request_id: &str) -> Reply {
    Reply::new(status, "text/xml", document.into_document())
        .header(HeaderName::from_static("x-amzn-requestid"), request_id)
}

/// A random UUID, version 4.
fn request_id() -> String {
    let mut bytes = random(16);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex(&bytes);
    [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ]
    .join("-")
}

struct Element {
    name: &'static str,
    content: String,
}

impl Element {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            content: String::from("\n"),
        }
    }

    fn text(mut self, name: &str, text: &str) -> Self {
        let text = escaped(text);
        self.content.push_str(&format!("<{name}>{text}</{name}>\n"));
        self
    }

    fn child(mut self, child: Self) -> Self {
        let Self { name, content } = child;
        self.content
            .push_str(&format!("<{name}>{content}</{name}>\n"));
        self
    }

    fn into_document(self) -> String {
        let Self { name, content } = self;
        format!("<{name} xmlns=\"{NAMESPACE}\">{content}</{name}>\n")
    }
}

fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, character| {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            // XML 1.0 cannot represent most control characters.
            character if character.is_control() => escaped.push('\u{fffd}'),
            character => escaped.push(character),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        assert_eq!(
            escaped("<a b=\"&\">\u{1}"),
            "&lt;a b=&quot;&amp;&quot;&gt;\u{fffd}"
        );
    }

    #[test]
    fn a_request_id_is_a_uuid() {
        let id = request_id();
        let lengths: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
    }
}
