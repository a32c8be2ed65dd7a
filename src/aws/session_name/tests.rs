use super::*;

#[test]
fn a_default_name_shows_place_and_identity() {
    let name = session_name(Some("web-00042-abc"), "117291390000000000001");
    assert_eq!(name.as_str(), "web-00042-abc-117291390000000000001");
    assert_eq!(session_name(None, "1").as_str(), "google-1");
}

#[test]
fn a_default_name_is_valid_and_long_ones_stay_different() {
    let long = |end: &str| format!("{}{end}", "pod/ä ".repeat(30));
    let (a, b) = (
        session_name(Some(&long("a")), "7"),
        session_name(Some(&long("b")), "7"),
    );
    assert_ne!(a, b);
    for name in [
        a,
        b,
        session_name(Some(""), ""),
        session_name(Some("\u{0}"), "日本"),
    ] {
        assert!(name.as_str().parse::<SessionName>().is_ok(), "{name}");
    }
    assert_eq!(session_name(Some(&long("a")), "7").as_str().len(), 64);
}
