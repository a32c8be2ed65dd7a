use super::*;
use http::HeaderValue;

fn own(name: Option<&str>, hosts: &[&str]) -> bool {
    let mut headers = HeaderMap::new();
    for host in hosts {
        headers.append(header::HOST, HeaderValue::from_str(host).unwrap());
    }
    let name = name.map(str::to_owned);
    Host { port: 9911, name }.is_own(&headers)
}

#[test]
fn only_its_own_addresses_on_loopback() {
    for host in [
        "127.0.0.1:9911",
        "127.0.0.2:9911",
        "[::1]:9911",
        "localhost:9911",
        "LocalHost:9911",
    ] {
        assert!(own(None, &[host]), "{host}");
    }
    for host in [
        "127.0.0.1",
        "127.0.0.1:80",
        "evil.example:9911",
        "localhost.evil.example:9911",
        "127.0.0.1.evil.example:9911",
        "10.0.0.1:9911",
        "evil@127.0.0.1:9911",
        "",
        "127.0.0.1:9911/",
    ] {
        assert!(!own(None, &[host]), "{host}");
    }
}

#[test]
fn exactly_one_host() {
    assert!(!own(None, &[]));
    assert!(!own(None, &["127.0.0.1:9911", "127.0.0.1:9911"]));
}

#[test]
fn remote_clients_use_an_address_or_the_name_listened_on() {
    for host in ["10.0.0.1:9911", "[fd00::1]:9911", "sidecar:9911"] {
        assert!(own(Some("sidecar"), &[host]), "{host}");
    }
    for host in ["evil.example:9911", "10.0.0.1:80"] {
        assert!(!own(Some("sidecar"), &[host]), "{host}");
    }
}
