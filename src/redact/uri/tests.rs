use super::*;

#[test]
fn a_proxys_user_and_password_are_not_shown() {
    for uri in [
        "http://robot:pass@word@proxy.example.com:3128/",
        "http://robot:pa/ss://word@proxy.example.com:3128",
        "robot:secret@proxy.example.com:3128",
        "proxy.example.com:3128",
    ] {
        assert_eq!(host_and_port(uri), "proxy.example.com:3128");
    }
}
