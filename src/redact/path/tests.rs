use super::*;

#[test]
fn a_path_is_shown_quoted_escaped_and_bounded() {
    for (path, shown) in [
        ("/run/key.json", "\"/run/key.json\"".to_owned()),
        ("/run/key.json\r", "\"/run/key.json\\r\"".to_owned()),
        ("./eyJ", "\"./eyJ\"".to_owned()),
        ("bearer.json", "\"bearer.json\"".to_owned()),
        (
            &"/abcdefghi".repeat(30),
            format!("\"{}/abcdefgh…\" (300 bytes)", "/abcdefghi".repeat(19)),
        ),
    ] {
        assert_eq!(ShownPath::new(path).to_string(), shown);
    }
}

#[test]
fn a_secret_in_place_of_a_path_is_not_shown() {
    for (text, kind) in [
        (r#"{"type":"service_account","private_key":"hush"}"#, "JSON"),
        ("\u{feff} {\n\"hush\"", "JSON"),
        ("'{\"type\":\"hush\"}'", "JSON"),
        ("[\"hush\"]", "JSON"),
        ("-----BEGIN PRIVATE KEY-----\nhush", "a PEM"),
        ("'-----BEGIN RSA PRIVATE KEY-----\\nhush'", "a PEM"),
        ("eyJhbGciOiJSUzI1NiJ9.hush.hush", "a JWT"),
        ("eyJ0eXBlIjoi-hush", "JSON in base64"),
        (
            "/run/eyJhbGciOiJSUzI1NiJ9.hush-hush-hush-hush.hush",
            "a JWT",
        ),
        (
            "ewogICJ0eXBlIjogInNlcnZpY2VfYWNjb3VudCIsCiAg-hush",
            "JSON in base64",
        ),
        ("Bearer hush", "a token"),
        ("ya29.hush", "a token"),
        ("1//0hush", "a token"),
        (
            "/hush9/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4=",
            "a key in base64",
        ),
        ("GOCSPX-hush", "a client's secret"),
        (&"hush".repeat(64), "a text too long for one"),
    ] {
        let path = ShownPath::new(text);
        assert_eq!(path.secret_kind(), Some(kind), "{text}");
        assert_eq!(format!("{path} {path:?}").matches("hush").count(), 0);
    }
}
