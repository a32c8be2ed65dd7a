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
fn a_part_of_a_token_is_blanked_out_and_other_text_is_not() {
    let mut body = b"ignature-part ayload-par signature-par".to_vec();
    blank_out(&mut body, b"header-part.payload-part.signature-part");
    assert_eq!(body, b"[token]       ayload-par [token]      ");
}

#[test]
fn what_looks_like_a_token_is_left_out() {
    assert_eq!(
        without_tokens(" got eyJhbGciOiJSUzI1NiJ9.e30.c2ln, ya29.a0Af_x-1 and eyeJ\n"),
        "got <token>, <token> and eyeJ"
    );
}
