//! Bodies that the SDK can't look into, and answers without the secret that they repeat.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_types::body::SdkBody;
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use http_body_util::Full;
use std::collections::HashSet;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use zeroize::Zeroizing;

const SCRUBBED: &[u8] = b"[token]";

/// Less of a signature than this is of no use to anybody.
const STRETCH: usize = 12;

/// A request's body of a type that the SDK can't look into, and made by a function: it prints others, at TRACE and when an
/// endpoint doesn't fit.
pub(crate) fn opaque(bytes: Bytes) -> SdkBody {
    SdkBody::retryable(move || SdkBody::from_body_1_x(Full::new(bytes.clone())))
}

/// The body with this JWT, and what is long of it, blanked out: the SDK logs, at TRACE, the message of an error that it
/// read.
pub(crate) fn scrubbed(body: SdkBody, jwt: &str) -> SdkBody {
    SdkBody::from_body_1_x(Scrubbed {
        inner: body,
        jwt: Zeroizing::new(jwt.to_owned()),
        collected: BytesMut::new(),
        done: false,
    })
}

/// Passes the body on in one piece, at its end.
struct Scrubbed {
    inner: SdkBody,
    jwt: Zeroizing<String>,
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
                    blank_out(&mut body, self.jwt.as_bytes());
                    return Poll::Ready(Some(Ok(Frame::data(body.freeze()))));
                }
            }
        }
        Poll::Ready(None)
    }
}

/// A server's text without what it repeats of a secret.
pub(crate) fn without(text: &str, secret: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    blank_out(&mut bytes, secret.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Every stretch of the body that is one of the secret's too: a server may repeat a part of it. Of the same length, so
/// that a Content-Length stays true.
pub(crate) fn blank_out(body: &mut [u8], secret: &[u8]) {
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
            found[..SCRUBBED.len()].copy_from_slice(SCRUBBED);
        }
        at += length.max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn a_token_and_each_of_its_parts_are_blanked_out_at_the_same_length() {
        let jwt = "header-part.payload-part.signature-part";
        let text = format!("a {jwt} b signature-part c payload-part{jwt}");
        let body = scrubbed(SdkBody::from(text.as_str()), jwt);
        let body = body.collect().await.unwrap().to_bytes();
        assert_eq!(body.len(), text.len());
        let body = String::from_utf8(body.to_vec()).unwrap();
        let words: Vec<_> = body.split_whitespace().collect();
        assert_eq!(words, ["a", "[token]", "b", "[token]", "c", "[token]"]);
    }

    #[test]
    fn a_part_of_a_token_is_blanked_out_as_well_and_other_text_is_not() {
        let mut body = b"ignature-part ayload-par signature-par".to_vec();
        blank_out(&mut body, b"header-part.payload-part.signature-part");
        assert_eq!(body, b"[token]       ayload-par [token]      ");
    }
}
