//! The cap on an answer's body.

use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;

/// An ID token, a signed JWT or credentials have a few KiB. The SDK buffers an answer whole.
const MAX_BODY: usize = 64 * 1024;

/// The body, which becomes an error once it is longer than any that we expect.
pub(super) fn limited(body: SdkBody) -> SdkBody {
    SdkBody::from_body_1_x(Limited::new(body, MAX_BODY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::scrubbed;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn a_body_has_at_most_64_kib() {
        for (length, taken) in [(MAX_BODY, true), (MAX_BODY + 1, false)] {
            for make in [limited as fn(_) -> _, |body| {
                scrubbed(limited(body), "a.b.c")
            }] {
                let body = make(SdkBody::from(vec![b'x'; length]));
                assert_eq!(body.collect().await.is_ok(), taken, "{length}");
            }
        }
    }
}
