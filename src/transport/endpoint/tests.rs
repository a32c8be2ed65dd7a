use super::*;

#[test]
fn a_refused_uri_hides_its_user_and_query() {
    for (uri, shows) in [
        (
            "https://svc:hunter2@idp.example.com/token",
            "\"https://…@idp.example.com/token\" names no host, or a user before it",
        ),
        (
            "https://svc:hun?ter2@idp/x?key=hunter2@y",
            "\"https://…@y\" has a query",
        ),
        (
            "https://idp.example.com/token?code=hunter2",
            "\"https://idp.example.com/token?…\" has a query",
        ),
        (
            "http://idp.example.com/token",
            "\"http://idp.example.com/token\" would send secrets in clear text",
        ),
        ("svc:hunter2@idp", "\"…@idp\" has no scheme"),
    ] {
        let refused = Endpoint::secure("token_url", uri).err().unwrap();
        let message = refused.to_string();
        assert!(
            message.contains(shows) && !message.contains("hunter"),
            "{message}"
        );
    }
}

#[test]
fn a_path_is_appended_to_the_endpoints_own() {
    for (endpoint, path, request) in [
        ("https://a", "", "/"),
        ("https://a/", "", "/"),
        ("https://a", "?b=c", "/?b=c"),
        ("https://a/token/", "", "/token/"),
        ("https://a/token", "?b=c", "/token?b=c"),
        ("https://a", "/v1/x", "/v1/x"),
        ("https://a/base/", "/v1/x", "/base/v1/x"),
    ] {
        let parsed = Endpoint::secure("endpoint", endpoint).unwrap();
        assert_eq!(parsed.with(path), request, "{endpoint} {path}");
    }
}
