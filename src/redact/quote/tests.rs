use super::*;

#[test]
fn only_sentences_are_prose() {
    let token = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIn0";
    assert_eq!(prose(" Not found \n"), Some("Not found"));
    for text in [
        "",
        "<html>",
        "{}",
        "say \"x\"",
        token,
        &format!("no {token}"),
    ] {
        assert_eq!(prose(text), None, "{text}");
    }
}
