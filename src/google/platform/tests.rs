use super::*;

fn platform(variables: &[(&str, &str)], product_name: Option<&str>) -> Platform {
    let mut environment = Environment::default();
    environment.set_variables(
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    );
    environment.set_product_name(product_name.map(str::to_owned));
    Platform::in_environment(&environment)
}

#[test]
fn the_most_explicit_sign_decides() {
    let google = Some("Google Compute Engine");
    let pod = ("KUBERNETES_SERVICE_HOST", "10.0.0.1");
    for (variables, product_name, expected) in [
        (
            vec![],
            google,
            "on Google's infrastructure: the firmware calls the machine \"Google Compute Engine\"",
        ),
        (
            vec![],
            Some("m5.large"),
            "not on Google's infrastructure: the firmware calls the machine \"m5.large\"",
        ),
        (
            vec![("NO_GCE_CHECK", "true")],
            google,
            "not on Google's infrastructure: NO_GCE_CHECK is set",
        ),
        (
            vec![("NO_GCE_CHECK", "false")],
            google,
            "on Google's infrastructure: the firmware",
        ),
        (
            vec![("GCE_METADATA_HOST", "h")],
            Some("m5.large"),
            "on Google's infrastructure: GCE_METADATA_HOST is set",
        ),
        (
            vec![("K_SERVICE", "s")],
            None,
            "on Google's infrastructure: K_SERVICE is set",
        ),
        (
            vec![("CLOUD_RUN_WORKER_POOL", "w")],
            None,
            "on Google's infrastructure: CLOUD_RUN_WORKER_POOL is set",
        ),
        (
            vec![("GAE_ENV", "standard")],
            None,
            "on Google's infrastructure: GAE_ENV is set",
        ),
        (
            vec![pod, ("K_SERVICE", "s")],
            Some("m5.large"),
            "not on Google's infrastructure: the firmware",
        ),
        (
            vec![pod, ("K_SERVICE", "s")],
            google,
            "on Google's infrastructure: the firmware",
        ),
        (vec![pod], None, "a Kubernetes pod that can't read"),
        (
            vec![],
            None,
            "the firmware's name of the machine can't be read",
        ),
    ] {
        let said = platform(&variables, product_name).to_string();
        assert!(
            said.starts_with(expected),
            "{variables:?} {product_name:?}: {said}"
        );
    }
}
