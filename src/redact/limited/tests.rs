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
