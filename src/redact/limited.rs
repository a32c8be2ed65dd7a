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
mod tests;
