use aws_google_web_identity::trust_policy::{
    ConditionKeys, PolicyError, Reason, TrustPolicy, Verdict,
};
use aws_google_web_identity::*;

fn assert_send_sync<T: Send + Sync + 'static>() {}
fn assert_debug<T: std::fmt::Debug>() {}
fn assert_error<T: std::error::Error + Clone>() {}

macro_rules! all {
    ($($type:ty),* $(,)?) => {$(
        assert_send_sync::<$type>();
        assert_debug::<$type>();
    )*};
}

#[test]
fn every_public_type_crosses_threads_and_has_a_debug() {
    all!(
        AccessToken,
        ApplicationDefault,
        Assertion,
        Audience,
        BuildError,
        Builder,
        Claims,
        ConditionKeys,
        Context,
        Error,
        ErrorKind,
        GoogleWebIdentityProvider,
        IamIdToken,
        IamSignJwt,
        IdToken,
        JwtBearer<LocalKey>,
        LocalKey,
        MetadataServer,
        Problem,
        RefreshPolicy,
        RoleArn,
        ServiceAccountEmail,
        TrustPolicy,
        Verdict,
        Reason,
        PolicyError,
        Session,
        SessionName,
        SharedIdToken,
        SignedJwt,
        Stage,
        TokenCommand,
        TokenFile,
        TokenFn,
        Box<dyn ProvideIdToken>,
        Box<dyn SignJwt>,
        Box<dyn ProvideAccessToken>,
    );
    #[cfg(feature = "gcp-auth")]
    all!(GcpAuth);
    assert_error::<Error>();
    assert_error::<BuildError>();
}

#[test]
fn pointers_to_sources_and_signers_are_sources_and_signers() {
    fn source(_: impl ProvideIdToken) {}
    fn signer(_: impl SignJwt) {}
    fn access(_: impl ProvideAccessToken) {}
    use std::sync::Arc;
    source(Arc::new(MetadataServer::new()) as Arc<dyn ProvideIdToken>);
    source(Box::new(MetadataServer::new()) as Box<dyn ProvideIdToken>);
    access(Arc::new(MetadataServer::new()) as Arc<dyn ProvideAccessToken>);
    access(Box::new(MetadataServer::new()) as Box<dyn ProvideAccessToken>);
    let attached = || IamSignJwt::attached(MetadataServer::new());
    signer(Arc::new(attached()) as Arc<dyn SignJwt>);
    signer(Box::new(attached()) as Box<dyn SignJwt>);
}

/// Setters take text; a parsed name is taken in place of it, owned or borrowed.
#[test]
fn every_name_is_accepted_where_text_is() {
    fn name<T: std::str::FromStr<Err = BuildError>>(text: &str) -> T {
        text.parse().unwrap()
    }
    let email: ServiceAccountEmail = name("robot@demo.iam.gserviceaccount.com");
    let role: RoleArn = name("arn:aws:iam::123456789012:role/demo");
    let audience: Audience = name("https://myservice.example.com");
    let session: SessionName = name("demo");
    let _ = GoogleWebIdentityProvider::builder(role)
        .audience(&audience)
        .session_name(session);
    let metadata = || MetadataServer::new().service_account(&email);
    let _ = IamSignJwt::new(&email, metadata()).delegates([&email]);
    let _ = IamIdToken::new(email.clone(), metadata()).delegates(vec![email.clone()]);
    let _ = ApplicationDefault::new().impersonate(&email);
    assert_eq!(String::from(audience), "https://myservice.example.com");
}
