use super::*;

fn location(host: &str, ip: &str) -> Result<String, String> {
    let mut environment = Environment::default();
    environment.set_variables(
        [("GCE_METADATA_HOST", host), ("GCE_METADATA_IP", ip)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    );
    let location = Location::of(&environment).map_err(|error| error.to_string())?;
    let address = location.address.map(|address| address.origin());
    Ok([location.server.origin()]
        .into_iter()
        .chain(address)
        .collect::<Vec<_>>()
        .join(" "))
}

#[test]
fn the_environment_overrides_name_and_address() {
    for (host, ip, expected) in [
        (
            "",
            "",
            "http://metadata.google.internal. http://169.254.169.254",
        ),
        (
            "",
            "10.0.0.1",
            "http://metadata.google.internal. http://10.0.0.1:80",
        ),
        (
            "",
            "127.0.0.1:81",
            "http://metadata.google.internal. http://127.0.0.1:81",
        ),
        (
            "",
            "fd20:ce::254",
            "http://metadata.google.internal. http://[fd20:ce::254]:80",
        ),
        ("mds:81", "", "http://mds:81"),
        // Not used, so not an error.
        ("mds", "nonsense", "http://mds"),
    ] {
        assert_eq!(location(host, ip).as_deref(), Ok(expected));
    }
    for (host, ip, says) in [
        (
            "http://mds",
            "",
            "GCE_METADATA_HOST: \"http://mds\" has a scheme",
        ),
        ("m d s", "", "GCE_METADATA_HOST: "),
        (
            "",
            "metadata",
            "GCE_METADATA_IP: \"metadata\" is no address",
        ),
        (
            "",
            "http://10.0.0.1",
            "GCE_METADATA_IP: \"http://10.0.0.1\" is no address",
        ),
        ("", "10.0.0.1/", "is no address"),
        ("", "10.0.0.256", "is no address"),
        ("", "10.0.0.1:port", "is no address"),
        ("", "fd20:ce::254:80:1::", "is no address"),
        ("", "10.0.0.1\r", "\"10.0.0.1\\r\" is no address"),
    ] {
        let error = location(host, ip).unwrap_err();
        assert!(error.contains(says), "{host:?} {ip:?}: {error}");
    }
}
