//! Blanks out the parts of a secret that a text repeats.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_types::body::SdkBody;
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use std::collections::HashSet;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use zeroize::Zeroizing;

/// The fields of a form whose values are secrets.
pub(crate) const SECRET_FIELDS: [&str; 4] = [
    "assertion",
    "refresh_token",
    "client_secret",
    "subject_token",
];

const BLANK: &[u8] = b"[token]";

/// Fewer bytes of a secret than this are of no use to anybody, and may be there by chance.
const STRETCH: usize = 12;

/// Blanks out every stretch of the body that also occurs in the secret: a server may repeat a
/// part of it. The length stays the same, so that a Content-Length stays true.
pub(crate) fn blank_out(body: &mut [u8], secret: &[u8]) {
    // Marking each window of STRETCH bytes finds overlapping and cut-off repetitions without a
    // search for the longest match. STRETCH is longer than BLANK, so that BLANK always fits.
    let stretches: HashSet<&[u8]> = secret.windows(STRETCH).collect();
    let mut blank = vec![false; body.len()];
    for (at, window) in body.windows(STRETCH).enumerate() {
        if stretches.contains(window) {
            blank[at..at + STRETCH].fill(true);
        }
    }
    let mut at = 0;
    while at < body.len() {
        let length = blank[at..].iter().take_while(|blank| **blank).count();
        if length > 0 {
            let found = &mut body[at..at + length];
            found.fill(b' ');
            found[..BLANK.len()].copy_from_slice(BLANK);
        }
        at += length.max(1);
    }
}

/// A server's text without what it repeats of a secret.
pub(crate) fn without(text: &str, secret: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    blank_out(&mut bytes, secret.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A text without what looks like a Google token, for the output of a program whose secrets are not
/// known: JWTs (`eyJ…`) and access tokens (`ya29.…`).
pub(crate) fn without_tokens(text: &str) -> String {
    let is_of_a_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '=');
    let mut kept = String::new();
    let mut rest = text.trim();
    while let Some(at) = ["eyJ", "ya29."].iter().filter_map(|it| rest.find(it)).min() {
        kept += &rest[..at];
        kept += "<token>";
        rest = rest[at..].trim_start_matches(is_of_a_token);
    }
    kept + rest
}

/// A body with this secret blanked out before anybody reads it: the SDK logs, at TRACE, the message
/// of the error that it parsed.
pub(crate) fn scrubbed(body: SdkBody, secret: &str) -> SdkBody {
    SdkBody::from_body_1_x(Scrubbed {
        inner: body,
        secret: Zeroizing::new(secret.to_owned()),
        collected: BytesMut::new(),
        done: false,
    })
}

/// Collects the whole body and passes it on in one piece: a repetition may cross frames.
struct Scrubbed {
    inner: SdkBody,
    secret: Zeroizing<String>,
    collected: BytesMut,
    done: bool,
}

impl Body for Scrubbed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        while !self.done {
            match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.collected.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => {
                    self.done = true;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    self.done = true;
                    let mut body = std::mem::take(&mut self.collected);
                    blank_out(&mut body, self.secret.as_bytes());
                    return Poll::Ready(Some(Ok(Frame::data(body.freeze()))));
                }
            }
        }
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests;
