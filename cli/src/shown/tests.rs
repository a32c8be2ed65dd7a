use super::*;

#[test]
fn a_secret_in_the_place_of_a_path_is_not_shown() {
    let long_name = "x".repeat(256);
    for text in [
        "{\"type\": \"service_account\"",
        " \u{feff}{}",
        "[default]\naws_secret_access_key = x",
        "Bearer abc",
        "eyJhbGciOiJSUzI1NiJ9.e30.AAAA",
        "/run/eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.AAAAAAAAAA",
        "ewogICJ0eXBlIjogInNlcnZpY2VfYWNjb3VudCIsCiAgInByb2plY3QiOiAiZGVtbyIK",
        "-----BEGIN PRIVATE KEY-----",
        "BEGIN PRIVATE KEY",
        "ya29.an-access-token",
        "1//0refresh-token",
        "GOCSPX-a-clients-secret",
        &long_name,
        // Keys: base64 as openssl prints it, without padding, for URLs; hexadecimal.
        "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=",
        "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA",
        "__79_Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eA=",
        "__79_Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eA\n",
        "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0efeeedecebeae9e8e7e6e5e4e3e2e1e0",
    ] {
        let shown = shown_path(Path::new(text));
        assert_eq!(shown, "<not shown: it does not look like a path>", "{text}");
    }
}

#[test]
fn a_path_is_shown() {
    for text in [
        "/etc/aws/session-cache.key",
        "key",
        "./a b/{x}",
        "/home/somebody/.config/gcloud/application_default_credentials.json",
        "C:\\keys\\cache",
    ] {
        assert_eq!(shown_path(Path::new(text)), format!("{text:?}"));
    }
}

#[test]
fn a_token_in_a_text_is_not_shown() {
    let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.AAAAAAAAAAAAAAAA";
    let text = format!("http://{jwt}:80 answers, \"{jwt}\" and ya29.abc, GOCSPX-abc or 1//0abc");
    let hidden = "<not shown> answers, \"<not shown>\" and <not shown>, <not shown> or <not shown>";
    assert_eq!(without_tokens(&text), hidden);
    let harmless = "https://sts.us-east-1.amazonaws.com \"a, b\"\n  accounts.google.com:sub";
    assert_eq!(without_tokens(harmless), harmless);
}
