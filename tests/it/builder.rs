//! What `build` says of a configuration.

#[cfg(unix)]
mod process;

use crate::support::{AUDIENCE, ROLE, builder, sdk_config};
use aws_google_web_identity::{
    Builder, Context, GoogleWebIdentityProvider, IamIdToken, IamSignJwt, JwtBearer, LocalKey,
    MetadataServer,
};
use aws_types::SdkConfig;
use aws_types::region::Region;
use std::time::Duration;

async fn refusal(builder: Builder) -> String {
    builder
        .build()
        .await
        .expect_err("build should refuse this")
        .to_string()
}

#[tokio::test]
async fn all_problems_are_reported_at_once() {
    let error = GoogleWebIdentityProvider::builder("arn:aws:iam::12:role/demo")
        .audience("")
        .session_name("my session")
        .session_length(Duration::from_secs(60))
        .policy("not json")
        .policy_arns(["nonsense"])
        .token_source(MetadataServer::new().endpoint("metadata"))
        .configure(&sdk_config().into_builder().region(None).build())
        .environment([] as [(&str, &str); 0])
        .build()
        .await
        .unwrap_err();
    let settings: Vec<_> = error
        .problems()
        .iter()
        .map(|problem| problem.setting())
        .collect();
    assert_eq!(
        settings,
        [
            "role_arn",
            "audience",
            "session_name",
            "session_length",
            "policy",
            "policy_arns",
            "region",
            "MetadataServer::endpoint",
        ]
    );
    let text = error.to_string();
    for says in [
        "8 problems in the configuration:",
        "role_arn: \"arn:aws:iam::12:role/demo\" is not a role ARN: arn:aws:iam::<12 digits>:role/<name> is expected",
        "audience: \"\" is empty",
        "session_name: \"my session\" holds ' '; a session name is made of",
        "session_length: 60 s is out of range; STS accepts 900 s to 43200 s",
        "policy: is not a JSON object (line 1, column 2)",
        "policy_arns: \"nonsense\" is not the ARN of a policy",
        "region: is not set; call region(…), set AWS_REGION",
    ] {
        assert!(text.contains(says), "{says:?} is not in {text}");
    }
    for problem in error.problems() {
        assert_eq!(
            problem.to_string(),
            format!("{}: {}", problem.setting(), problem.message())
        );
        assert!(problem.source().is_none());
    }
}

#[tokio::test]
async fn a_problem_has_its_source() {
    let missing = builder().environment([("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere")]);
    let error = missing.build().await.unwrap_err();
    let [problem] = error.problems() else {
        panic!("{error}");
    };
    let source = problem.source().unwrap();
    assert!(source.is::<std::io::Error>(), "{source}");
    let of_all = std::error::Error::source(&error).unwrap();
    assert_eq!(of_all.to_string(), source.to_string());
}

#[tokio::test]
async fn role_and_audience_have_no_default_and_say_what_they_are() {
    let without = GoogleWebIdentityProvider::builder(ROLE)
        .configure(&sdk_config())
        .environment([("TARGET_AUDIENCE", AUDIENCE)]);
    let text = refusal(without).await;
    let audience = "audience: is not set; it is the text that the role's trust policy tests as accounts.google.com:oaud";
    assert_eq!(text, audience);
    let nothing = Builder::default()
        .configure(&sdk_config())
        .environment([] as [(&str, &str); 0]);
    let text = refusal(nothing).await;
    let role =
        "role_arn: is not set; it is the role to assume, arn:aws:iam::<12 digits>:role/<name>";
    assert!(text.contains(role) && text.contains(audience), "{text}");
    let text = refusal(GoogleWebIdentityProvider::builder("").configure(&sdk_config())).await;
    let form = "role_arn: \"\" is not a role ARN: arn:aws:iam::<12 digits>:role/<name> is expected";
    assert!(text.contains(form), "{text}");
}

#[tokio::test]
async fn a_role_without_an_account_needs_an_endpoint_for_sts() {
    let own = || {
        let config = sdk_config().into_builder();
        config.endpoint_url("http://127.0.0.1:1").build()
    };
    for arn in ["arn:aws:iam:::role/demo", "arn:minio:iam:::role/idp-demo"] {
        let builder = || {
            GoogleWebIdentityProvider::builder(arn)
                .audience(AUDIENCE)
                .environment([] as [(&str, &str); 0])
        };
        assert!(builder().configure(&own()).build().await.is_ok());
        let text = refusal(builder().configure(&sdk_config())).await;
        assert!(
            text.starts_with(&format!("role_arn: {arn:?} has no account id"))
                && text.contains("AWS_ENDPOINT_URL_STS"),
            "{text}"
        );
        let variables = [("AWS_ROLE_ARN", arn), ("TARGET_AUDIENCE", AUDIENCE)];
        let from_env = GoogleWebIdentityProvider::from_env()
            .configure(&sdk_config())
            .environment(variables);
        let text = refusal(from_env).await;
        assert!(text.starts_with("AWS_ROLE_ARN: "), "{text}");
    }
}

#[tokio::test]
async fn an_sdk_config_that_the_sdk_would_panic_on_is_a_problem() {
    let text = refusal(builder().configure(&SdkConfig::builder().build())).await;
    assert!(
        text.contains("configure: the SdkConfig has no behavior version"),
        "{text}"
    );
    assert!(
        text.contains("configure: the SdkConfig has no sleep implementation"),
        "{text}"
    );
    assert!(Context::new(&SdkConfig::builder().build()).is_err());
    assert!(Context::new(&sdk_config()).is_ok());
}

#[tokio::test]
async fn a_region_or_an_endpoint_is_enough() {
    let without = sdk_config().into_builder().region(None).build();
    assert!(
        refusal(builder().configure(&without))
            .await
            .contains("region: is not set")
    );
    let set = builder()
        .configure(&without)
        .region(Region::new("eu-west-1"));
    assert!(set.build().await.is_ok());
    let endpoint = without
        .into_builder()
        .endpoint_url("http://127.0.0.1:1")
        .build();
    assert!(builder().configure(&endpoint).build().await.is_ok());
}

#[tokio::test]
async fn a_region_or_endpoint_that_is_not_valid_is_refused() {
    for region in ["", "us_east_1", "us-east-1/x", "-us"] {
        let text = refusal(builder().region(Region::new(region))).await;
        let says = format!("region: {region:?} is not a Region; a name such as us-east-1");
        assert!(text.contains(&says), "{text}");
    }
    for (endpoint, says) in [
        ("localhost:4566", "\"localhost:4566\" has no scheme"),
        ("sts.example.com", "\"sts.example.com\" has no scheme"),
        ("/sts", "\"/sts\" has no scheme"),
        (
            "https://me:hunter2@sts.example.com",
            "\"https://…@sts.example.com\" names no host, or a user",
        ),
    ] {
        let config = sdk_config().into_builder().endpoint_url(endpoint).build();
        let text = refusal(builder().configure(&config)).await;
        let says = format!("endpoint_url of the profile, or the SdkConfig): {says}");
        assert!(text.contains(&says), "{text}");
    }
}

#[tokio::test]
async fn fips_and_dual_stack_exclude_an_endpoint() {
    let with = |config: aws_types::sdk_config::Builder| builder().configure(&config.build());
    let own = || {
        let uri = "http://127.0.0.1:1";
        sdk_config().into_builder().endpoint_url(uri)
    };
    for (config, name) in [
        (own().use_fips(true), "FIPS"),
        (own().use_dual_stack(true), "dual-stack"),
    ] {
        let text = refusal(with(config)).await;
        let says = format!(
            "configure: asks for {name} and sets the endpoint \"http://127.0.0.1:1\" for STS"
        );
        assert!(text.contains(&says), "{text}");
    }
    let fips = with(sdk_config().into_builder().use_fips(true));
    assert!(fips.build().await.is_ok());
    assert!(with(own().use_fips(false)).build().await.is_ok());
}

#[tokio::test]
async fn only_from_env_reads_variables_and_setters_take_precedence() {
    let variables = [
        ("AWS_ROLE_ARN", ROLE),
        ("TARGET_AUDIENCE", AUDIENCE),
        ("AWS_ROLE_SESSION_NAME", "no spaces!"),
        ("AWS_ROLE_DURATION_SECONDS", "soon"),
    ];
    let from_env = || {
        GoogleWebIdentityProvider::from_env()
            .configure(&sdk_config())
            .environment(variables)
    };
    let text = refusal(from_env()).await;
    assert!(
        text.contains("AWS_ROLE_SESSION_NAME: \"no spaces!\" holds ' '"),
        "{text}"
    );
    assert!(
        text.contains("AWS_ROLE_DURATION_SECONDS: \"soon\" is not a number"),
        "{text}"
    );
    let set = from_env()
        .session_name("me")
        .session_length(Duration::from_secs(900));
    assert!(set.build().await.is_ok());
    assert!(builder().environment(variables).build().await.is_ok());

    let nothing = GoogleWebIdentityProvider::from_env()
        .configure(&sdk_config())
        .environment([("AWS_ROLE_DURATION_SECONDS", "43201")]);
    let text = refusal(nothing).await;
    assert!(text.contains("AWS_ROLE_ARN: is not set"), "{text}");
    assert!(text.contains("TARGET_AUDIENCE: is not set"), "{text}");
    assert!(
        text.contains("AWS_ROLE_DURATION_SECONDS: 43201 s is out of range"),
        "{text}"
    );
}

#[tokio::test]
async fn session_lengths_and_policies_follow_the_rules_of_sts() {
    for seconds in [900, 43_200] {
        assert!(
            builder()
                .session_length(Duration::from_secs(seconds))
                .build()
                .await
                .is_ok()
        );
    }
    for length in [
        Duration::from_secs(899),
        Duration::from_secs(43_201),
        Duration::MAX,
    ] {
        assert!(
            refusal(builder().session_length(length))
                .await
                .contains("session_length")
        );
    }
    let odd = refusal(builder().session_length(Duration::from_millis(900_500))).await;
    assert!(
        odd.contains("900.5s is not a whole number of seconds"),
        "{odd}"
    );
    let spaces = format!("{{ {} }}", " ".repeat(5000));
    assert!(
        builder().policy(spaces).build().await.is_ok(),
        "white space does not count"
    );
    let long = format!("{{\"Id\":\"{}\"}}", "a".repeat(2048));
    assert!(
        refusal(builder().policy(long))
            .await
            .contains("has 2057 characters")
    );
    let arn = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
    assert!(builder().policy_arns([arn; 10]).build().await.is_ok());
    assert!(
        refusal(builder().policy_arns([arn; 11]))
            .await
            .contains("has 11 policies")
    );
}

#[tokio::test]
async fn a_metadata_host_is_a_host_with_or_without_a_port() {
    for (host, shown) in [
        ("http://metadata.google.internal", "http://metadata.google"),
        ("metadata/computeMetadata", "metadata/computeMetadata"),
        ("a b", "a b"),
        ("user@host", "…@host"),
    ] {
        let text = refusal(
            builder()
                .token_source(MetadataServer::new())
                .environment([("GCE_METADATA_HOST", host)]),
        )
        .await;
        assert!(
            text.contains("GCE_METADATA_HOST") && text.contains(shown),
            "{text}"
        );
    }
    for host in ["metadata", "127.0.0.1:8080", "[::1]:80"] {
        let fine = builder()
            .token_source(MetadataServer::new())
            .environment([("GCE_METADATA_HOST", host)]);
        assert!(fine.build().await.is_ok(), "{host}");
    }
}

#[tokio::test]
async fn a_source_is_checked_before_it_is_used() {
    let metadata = MetadataServer::new;
    let text = refusal(builder().signer(IamSignJwt::new("robot", metadata()))).await;
    assert!(
        text.contains("IamSignJwt::new: \"robot\" is not a service account"),
        "{text}"
    );
    let signer = IamSignJwt::attached(metadata())
        .endpoint("http://iam.example.com")
        .delegates(["x"]);
    let text = refusal(builder().signer(signer)).await;
    assert!(
        text.contains("endpoint: \"http://iam.example.com\" would send secrets in clear"),
        "{text}"
    );
    assert!(
        text.contains("delegates: \"x\" is not a service account"),
        "{text}"
    );
    let text = refusal(builder().token_source(IamIdToken::new("", metadata()))).await;
    assert!(
        text.contains("IamIdToken::new: \"\" is not a service account"),
        "{text}"
    );
    let source = JwtBearer::new(IamSignJwt::attached(metadata())).token_uri("ftp://x/y");
    assert!(
        refusal(builder().token_source(source))
            .await
            .contains("token_uri: \"ftp://x/y\"")
    );
    let text =
        refusal(builder().environment([("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere")])).await;
    assert!(
        text.contains("\"/nowhere\" (named by GOOGLE_APPLICATION_CREDENTIALS): can't be read"),
        "{text}"
    );
    assert!(LocalKey::from_file("/nowhere").is_err());
}
